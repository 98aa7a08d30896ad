//! `gatewayctl dev`: a whole cluster in one process, which works at once and leaves nothing behind.

use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use crate::harness::{Gateway, Process, Signal, ctl, ctl::GATEWAYCTL, eventually, loopback, planes::listener};

fn dev(temporary: &Path, args: &[&str]) -> Process {
    let mut command = Command::new(GATEWAYCTL);
    command.arg("dev").args(args).env("TMPDIR", temporary);
    Process::spawn("gatewayctl dev", command)
}

#[tokio::test]
async fn the_curl_line_works_and_the_cluster_ends_cleanly() {
    let temporary = tempfile::tempdir().unwrap();
    let mut cluster = dev(temporary.path(), &["--data-planes", "3", "-o", "json"]);
    let started = cluster.json_line().await;
    assert_eq!(started["data_planes"].as_array().map(Vec::len), Some(3), "{started}");
    assert_eq!(started["samples"].as_array().map(Vec::len), Some(2), "{started}");

    let curl = started["curl"].as_str().unwrap();
    let answer = ctl::run(Command::new("sh").args(["-c", &curl.replace("curl", "curl -sS")]), "").await.ok().stdout;
    assert!(answer.contains("hello"), "{answer}");
    for data_plane in started["data_planes"].as_array().unwrap() {
        let url = data_plane["url"].as_str().unwrap();
        let curl = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: hello.localhost", url];
        assert_eq!(ctl::run(Command::new("curl").args(curl), "").await.ok().stdout, "200", "{url}");
    }
    let server = started["control_plane"].as_str().unwrap();
    let nodes = ctl::ctl(server, &["-o", "json", "node", "list"]).await.ok().json();
    assert_eq!(nodes.as_array().map(Vec::len), Some(3), "{nodes}");

    // What happens is shown: here, that somebody registers something.
    let register =
        ["service", "register", "mine", "--host", "mine.test", "--endpoint", "192.0.2.1:80", "--no-health-check"];
    ctl::ctl(server, &register).await.ok();
    loop {
        let event = cluster.json_line().await;
        if event["kind"] == "service_created" && event["name"] == "mine" {
            break;
        }
    }
    assert!(temporary.path().read_dir().unwrap().next().is_some(), "its store is somewhere else");
    cluster.signal(Signal::INT);
    let exit = cluster.exit().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    assert!(temporary.path().read_dir().unwrap().next().is_none(), "something is left behind");
}

#[tokio::test]
async fn people_are_told_what_runs_and_what_to_try() {
    let temporary = tempfile::tempdir().unwrap();
    let mut cluster = dev(temporary.path(), &[]);
    let mut text = String::new();
    while !text.contains("What happens:") {
        text += &cluster.line().await.expect("it goes on");
        text.push('\n');
    }
    for part in ["Control plane", "Data plane", "curl -H 'Host: hello.localhost' http://", "gatewayctl"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let curl = text.lines().map(str::trim).find(|line| line.starts_with("curl ")).unwrap();
    ctl::run(Command::new("sh").args(["-c", curl]), "").await.ok();
    let exit = cluster.terminate().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
}

#[tokio::test]
async fn two_of_them_run_beside_each_other() {
    let temporary = tempfile::tempdir().unwrap();
    let mut clusters = [&[][..], &[]].map(|args: &[&str]| dev(temporary.path(), &[&["-o", "json"], args].concat()));
    let mut servers = Vec::new();
    for cluster in &mut clusters {
        servers.push(cluster.json_line().await["control_plane"].clone());
    }
    assert_ne!(servers[0], servers[1]);
    for server in servers {
        let server = server.as_str().unwrap().to_owned();
        eventually("its samples are healthy", async || {
            let status = ctl::ctl(&server, &["-o", "json", "status"]).await.ok().json();
            (status["endpoints"]["healthy"] == json!(2)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_sample_is_an_upstream_by_itself() {
    let mut command = Command::new(GATEWAYCTL);
    command.args(["sample", "--listen", &format!("{}:0", loopback::fresh()), "--name", "blue"]);
    let mut sample = Process::spawn("a sample", command);
    let address = listener(&sample.event("listening").await, "sample");
    sample.event("ready").await;
    let gateway = Gateway::start().await;
    let register = ["service", "register", "blue", "--host", "blue.test", "--endpoint", &address.to_string(), "--wait"];
    gateway.ctl(&register).await.ok();
    let answer = gateway.get("blue.test", "/").await;
    assert!(answer.status == 200 && answer.text().contains("blue"), "{answer:?}");
    let exit = sample.terminate().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
}
