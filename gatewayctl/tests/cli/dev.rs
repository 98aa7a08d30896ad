//! `dev`, and the other commands against the real control plane that it runs.

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{command, run, run_with_input};

struct Dev {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    temporary: TempDir,
    started: Value,
}

impl Dev {
    fn start(args: &[&str]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = command("http://127.0.0.1:1", &[&["dev", "-o", "json"], args].concat());
        let mut child = command.env("TMPDIR", temporary.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let started = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        Self { child, lines, temporary, started }
    }

    fn server(&self) -> &str {
        self.started["control_plane"].as_str().unwrap()
    }

    fn proxies(&self) -> Vec<&str> {
        let data_planes = self.started["data_planes"].as_array().unwrap().iter();
        data_planes.map(|one| one["url"].as_str().unwrap().strip_prefix("http://").unwrap()).collect()
    }

    /// Reads events until one is of this kind and name.
    fn until(&mut self, kind: &str, name: &str) -> Value {
        loop {
            let event: Value = serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap();
            if (&event["kind"], &event["name"]) == (&json!(kind), &json!(name)) {
                return event;
            }
        }
    }

    fn end(mut self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert_eq!(fs::read_dir(self.temporary.path()).unwrap().count(), 0, "the store is left behind");
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // For a test that fails; otherwise it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(proxy: &str, host: &str) -> String {
    get_path(proxy, host, "/")
}

fn get_path(proxy: &str, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(proxy).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_whole_cluster_serves_the_sample_at_once_and_ends_well() {
    let mut dev = Dev::start(&[]);
    let curl = dev.started["curl"].as_str().unwrap();
    assert_eq!(curl, format!("curl -H 'Host: hello.localhost' http://{}/", dev.proxies()[0]));
    assert_eq!(dev.proxies().len(), 2);
    for proxy in dev.proxies() {
        let answer = get(proxy, "hello.localhost");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("hello from hello-"), "{answer}");
        assert!(get_path(proxy, "hello.localhost", "/v1/users").contains(": GET /users\n"));
        assert!(get(proxy, "nobody.test").starts_with("HTTP/1.1 404 "));
    }
    let created = dev.until("service_created", "hello");
    assert_eq!(created["service"]["hosts"], json!(["hello.localhost"]));
    assert_eq!(dev.until("route_created", "hello-v1")["route"]["match"]["path"], json!({"prefix": "/v1"}));
    let in_use = run(dev.server(), &["service", "delete", "hello"]);
    assert!(in_use.code == 1 && in_use.err.contains("hello-v1"), "{in_use:#?}");
    run(dev.server(), &["route", "delete", "hello-v1"]).quiet();
    run(dev.server(), &["service", "delete", "hello", "--wait"]).quiet();
    dev.until("service_deleted", "hello");
    for proxy in dev.proxies() {
        assert!(get(proxy, "hello.localhost").starts_with("HTTP/1.1 404 "));
    }
    dev.end("-INT");
}

#[test]
fn every_command_works_on_a_real_cluster() {
    let dev = Dev::start(&["--data-planes", "1"]);
    let server = dev.server().to_owned();
    let run = |args: &[&str]| run(&server, args);
    let address = dev.started["samples"][0].as_str().unwrap();
    let endpoint = format!("{address},weight=3");
    let register =
        ["service", "register", "shop", "--host", "shop.test", "--endpoint", &endpoint, "--tag", "web", "--wait"];
    let out = run(&register).quiet();
    assert!(out.starts_with("service shop created (revision 3)\nrevision 3: served by 1 data plane: dev-1"), "{out}");
    assert!(get(dev.proxies()[0], "shop.test").contains("200 OK"));
    assert!(run(&register).quiet().starts_with("service shop unchanged (revision 3)"));

    let shop = run(&["service", "get", "shop", "-o", "json"]).json();
    assert_eq!(shop["endpoints"], json!([{"address": address, "weight": 3, "health": "healthy"}]));
    assert_eq!(run(&["service", "list", "--tag", "web", "-o", "json"]).json(), json!([shop]));
    assert_eq!(run(&["service", "list", "--host", "SHOP.test:80", "-o", "json"]).json(), json!([shop]));
    assert_eq!(run(&["service", "get", "nobody"]).code, 3);
    let taken = run(&["service", "register", "mail", "--host", "shop.test"]);
    assert_eq!(taken.code, 4, "{taken:#?}");
    assert!(taken.err.contains("gatewayctl service get shop"), "{taken:#?}");
    let wrong = run(&["service", "register", "Bad_Name", "--host", "a b", "--endpoint", "nowhere"]);
    assert_eq!(wrong.code, 1);
    for field in ["name: ", "hosts[0]: ", "endpoints[0].address: "] {
        assert!(wrong.err.contains(&format!("\n  {field}")), "{wrong:#?}");
    }

    let dead = run(&["endpoint", "add", "shop", "127.0.0.1:1", "--wait"]);
    assert_eq!(dead.code, 0, "{dead:#?}");
    assert!(dead.err.contains("warning: endpoint 127.0.0.1:1 of shop is unhealthy"), "{dead:#?}");
    assert_eq!(run(&["endpoint", "list", "shop", "-o", "json"]).json().as_array().unwrap().len(), 2);
    assert!(run(&["status"]).quiet().contains("127.0.0.1:1"));
    run(&["endpoint", "remove", "shop", "127.0.0.1:1", "--wait"]).quiet();
    assert_eq!(run(&["endpoint", "remove", "shop", "127.0.0.1:1"]).code, 3);

    run(&["consumer", "create", "anna", "--group", "staff", "--title", "Of the shop"]).quiet();
    assert_eq!(run(&["key", "create", "anna"]).code, 0);
    let update = ["consumer", "update", "anna", "--no-groups", "--wait"];
    assert!(run(&update).quiet().starts_with("consumer anna updated: groups - (revision "));
    assert!(run(&update).quiet().starts_with("consumer anna unchanged: groups - (revision "));
    let anna = run(&["consumer", "get", "anna", "-o", "json"]).json();
    assert_eq!((&anna["title"], anna["keys"].as_array().unwrap().len()), (&json!("Of the shop"), 1));
    assert_eq!(run(&["consumer", "update", "nobody", "--no-groups"]).code, 3);

    assert_eq!(run(&["node", "get", "dev-1", "-o", "json"]).json()["in_sync"], true);
    assert_eq!(run(&["node", "wait", "--revision", "99", "--timeout", "100ms"]).code, 6);
    assert_eq!(run(&["service", "delete", "shop", "--revision", "1"]).code, 4);
    dev.end("-TERM");
}

#[test]
fn its_data_planes_have_the_directory_of_secrets() {
    let ran = run("http://127.0.0.1:1", &["dev", "--secrets-dir", "/nowhere", "--data-planes", "1"]);
    assert!(ran.code == 2 && ran.err.contains("--secrets-dir /nowhere: "), "{ran:#?}");
}

#[test]
fn routes_work_on_a_real_cluster() {
    let dev = Dev::start(&["--data-planes", "1"]);
    let server = dev.server().to_owned();
    let run = |args: &[&str]| run(&server, args);
    let address = dev.started["samples"][0].as_str().unwrap();
    run(&["service", "register", "v2", "--endpoint", address, "--wait"]).quiet();
    let create = ["route", "create", "canary", "--host", "Hello.localhost", "--path-template", "/u/{id}"];
    let split = ["--service", "hello=90%", "--service", "v2=10%", "--rewrite-path", "/users/{id}", "--wait"];
    let out = run(&[&create[..], &split].concat()).quiet();
    assert!(out.starts_with("route canary created: template /u/{id} -> hello 90%, v2 10% (revision 4)\n"), "{out}");
    assert!(get_path(dev.proxies()[0], "hello.localhost", "/u/7").contains(": GET /users/7\n"));
    let out = run(&["route", "weights", "canary", "v2=1000", "--wait"]).quiet();
    assert!(out.starts_with("route canary updated: hello 0%, v2 100% (revision 5)\n"), "{out}");
    assert!(get_path(dev.proxies()[0], "hello.localhost", "/u/7").contains("hello from hello-1"));
    assert!(run(&["route", "weights", "canary", "v2=1000"]).quiet().starts_with("route canary unchanged: "));

    let listed = run(&["route", "list", "--service", "v2", "-o", "json"]).json();
    assert_eq!(listed, json!([run(&["route", "get", "canary", "-o", "json"]).json()]));
    assert_eq!(run(&["route", "list", "--host", "hello.localhost"]).quiet().lines().count(), 3);
    assert!(run(&["status"]).quiet().contains("Routes:          2\n"));
    let exists = run(&["route", "create", "canary", "--host", "a.test", "--respond", "204"]);
    assert!(exists.code == 4 && exists.err.contains("gatewayctl route get canary"), "{exists:#?}");
    let conflict = run(&[
        "route",
        "create",
        "other",
        "--host",
        "hello.localhost",
        "--path-template",
        "/u/{x}",
        "--respond",
        "204",
    ]);
    assert!(conflict.code == 4 && conflict.err.contains("canary") && conflict.err.contains("other"), "{conflict:#?}");
    let missing = run(&["route", "create", "other", "--host", "a.test", "--service", "nobody"]);
    assert!(missing.code == 1 && missing.err.contains("nobody"), "{missing:#?}");
    let wrong = run(&["route", "create", "Bad_Name", "--host", "a b", "--service", "v2=10", "--path", "a"]);
    for field in ["name: ", "hosts[0]: ", "forward.services: ", "match.path.exact: "] {
        assert!(wrong.err.contains(&format!("\n  {field}")), "{field}: {wrong:#?}");
    }
    assert_eq!(run(&["route", "get", "nobody"]).code, 3);
    assert_eq!(run(&["route", "delete", "canary", "--revision", "1"]).code, 4);
    run(&["route", "delete", "canary", "--wait"]).quiet();
    assert!(get_path(dev.proxies()[0], "hello.localhost", "/u/7").contains(": GET /u/7\n"));
    dev.end("-INT");
}

#[test]
fn files_are_applied_and_exported_on_a_real_cluster() {
    let dev = Dev::start(&["--data-planes", "1"]);
    let server = dev.server();
    let text = "services:
  - name: shop
    hosts: [shop.test, \"*.shop.test\"]
    endpoints: [{address: \"127.0.0.1:1\", weight: 2}]
    health_check: {disabled: true}
  - {name: mail, hosts: [mail.test], timeouts: {idle: 90s}}
";
    let out = run_with_input(server, &["apply", "-f", "-", "--dry-run"], text).quiet();
    assert!(out.contains("dry run, nothing changed: 2 to create"), "{out}");
    let out = run_with_input(server, &["apply", "-f", "-", "--wait"], text).quiet();
    assert!(out.contains("2 created, 0 updated, 0 unchanged (revision 3)\nrevision 3: served by 1"), "{out}");
    let out = run_with_input(server, &["apply", "-f", "-"], text).quiet();
    assert!(out.contains("nothing changed: 2 services already so (revision 3)"), "{out}");
    let exported = run(server, &["export"]).quiet();
    let out = run_with_input(server, &["apply", "-f", "-"], &exported).quiet();
    assert!(out.contains("nothing changed: 3 services and 1 route already so (revision 3)"), "{out}\n{exported}");

    // More mistakes than one answer has room for.
    let mut bad = String::from("services:\n");
    for number in 0..200 {
        bad += &format!("- {{name: s{number}, hosts: [\"bad host {number}\"]}}\n");
    }
    let ran = run_with_input(server, &["apply", "-f", "-"], &bad);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: 200 mistakes; nothing was changed\n"), "{ran:#?}");
    assert!(ran.err.contains("\n  stdin:201:24: services[199].hosts[0]: "), "{ran:#?}");
    let ran = run_with_input(server, &["apply", "-f", "-"], "services: [{name: thief, hosts: [mail.test]}]");
    assert_eq!(ran.code, 4);
    assert!(
        ran.err.contains("stdin:1:34: services[0].hosts[0]: \"mail.test\" belongs to service \"mail\""),
        "{ran:#?}"
    );
    dev.end("-INT");
}
