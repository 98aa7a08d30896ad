//! Who may speak with the control plane: tokens from their making to their end.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;
use tokio::process::Command;

use crate::harness::{
    ControlPlane, DataPlane, Gateway, Process, Upstream,
    ctl::{self, GATEWAYCTL, Output},
    eventually, loopback,
    planes::{CONTROL_PLANE, DATA_PLANE, listener},
};

/// Runs `gatewayctl` with the token in a variable, or with one that is empty.
async fn ctl_as(server: &str, token: &str, args: &[&str]) -> Output {
    let mut command = Command::new(GATEWAYCTL);
    ctl::run(command.args(["--server", server]).args(args).env("GATEWAY_TOKEN", token), "").await
}

/// A server that has no note of this control plane: nobody has told it a token.
fn elsewhere(control_plane: &ControlPlane) -> String {
    format!("http://localhost.localdomain.test:{}", control_plane.grpc.port())
}

fn write(path: &Path, content: &str, mode: u32) {
    // Never open to others, not even for a moment.
    let _ = fs::remove_file(path);
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

async fn create(gateway: &Gateway, args: &[&str]) -> Value {
    let args = [&["-o", "json", "token", "create"], args].concat();
    gateway.ctl(&args).await.ok().json()
}

#[tokio::test]
async fn the_first_start_makes_two_tokens_and_says_where_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut control_plane = ControlPlane::start(&dir.path().join("store"), &[]).await;
    let mut secrets = Vec::new();
    for name in ["admin.token", "data-plane.token"] {
        let path = control_plane.data_dir.join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        secrets.push(fs::read_to_string(&path).unwrap().trim().to_owned());
        assert!(control_plane.log().contains(path.to_str().unwrap()), "{}", control_plane.log());
    }
    for secret in &secrets {
        assert!(!control_plane.log().contains(&secret[17..]), "{}", control_plane.log());
    }
    // They are the same after a restart, and of no other control plane.
    control_plane.kill().await;
    control_plane.restart().await;
    ctl_as(&control_plane.url(), &secrets[0], &["status"]).await.ok();
    let other = ControlPlane::start(&dir.path().join("other"), &[]).await;
    ctl_as(&other.url(), &secrets[0], &["status"]).await.exits(1).says(&["needs a valid token", "admin.token"]);
    ctl_as(&other.url(), &secrets[1], &["service", "list"]).await.exits(1);
    ctl_as(&control_plane.url(), &secrets[1], &["service", "list"]).await.exits(1).says(&["role", "viewer"]);
}

#[tokio::test]
async fn a_token_is_made_used_seen_in_the_audit_and_revoked() {
    let gateway = Gateway::start().await;
    let url = gateway.control_plane.url();
    let made = create(&gateway, &["--role", "operator", "--expires", "30d", "--name", "ci"]).await;
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert_eq!((&made["role"], &made["name"]), (&"operator".into(), &"ci".into()));
    assert!(made["expires"].is_string() && token.starts_with(&format!("gwt_{id}_")), "{made}");

    let shop =
        ["service", "register", "shop", "--host", "shop.test", "--endpoint", "192.0.2.1:80", "--no-health-check"];
    ctl_as(&url, token, &shop).await.ok();
    ctl_as(&url, token, &["token", "list"]).await.exits(1).says(&["role", "admin"]);
    let listed = gateway.ctl(&["-o", "json", "token", "list"]).await.ok();
    assert_eq!(listed.json().as_array().unwrap().len(), 3);
    assert!(!listed.stdout.contains(&token[17..]));
    let audit = ctl_as(&url, token, &["-o", "json", "audit"]).await.ok();
    let entries = audit.json();
    let by = format!("token:{id} (ci)");
    assert_eq!((&entries[0]["by"], &entries[0]["actions"][0]), (&by.as_str().into(), &"put service \"shop\"".into()));
    assert_eq!(entries[1]["actions"][0], format!("create token {id} (operator, ci)"));
    assert!(entries[1]["by"].as_str().unwrap().ends_with("(first start)"), "{entries}");
    assert_eq!(
        ctl_as(&url, token, &["-o", "json", "audit", "--since", "2100-01-01T00:00:00Z"]).await.ok().json(),
        Value::Array(vec![])
    );

    // Whoever watches sees who it was, and is gone with his token.
    let mut command = Command::new(GATEWAYCTL);
    command.args(["--server", &url, "-o", "json", "watch", "--after-revision", "1"]).env("GATEWAY_TOKEN", token);
    let mut watch = Process::spawn("gatewayctl watch", command);
    let seen = watch.json_line().await;
    assert_eq!((&seen["kind"], &seen["by"]), (&"service_created".into(), &by.as_str().into()), "{seen}");
    gateway.ctl(&["token", "revoke", id]).await.ok();
    let end = watch.exit().await;
    assert!(end.code() == 1 && end.stderr.contains("needs a valid token"), "{}", end.stderr);
    ctl_as(&url, token, &["status"]).await.exits(1);
    gateway.ctl(&["token", "revoke", id]).await.exits(3).says(&["no token"]);
    for output in [&audit.stdout, &gateway.control_plane.log(), &gateway.data_planes[0].log()] {
        assert!(!output.contains(&token[17..]), "{output}");
    }
    let metrics = crate::harness::client::get(gateway.control_plane.http, "x", "/metrics").await;
    assert!(metrics.text().contains("calls_refused_total{reason=\"role\"} 1"), "{}", metrics.text());
    assert!(!metrics.text().contains(id), "{}", metrics.text());
}

#[tokio::test]
async fn the_last_admin_cannot_be_locked_out_and_insecure_is_a_way_back_in() {
    let mut gateway = Gateway::builder().data_planes(0).start().await;
    let admin = fs::read_to_string(gateway.control_plane.data_dir.join("admin.token")).unwrap();
    let id = admin[4..16].to_owned();
    gateway.ctl(&["token", "revoke", &id]).await.exits(1).says(&["no other valid token", "--role admin"]);
    let other = create(&gateway, &["--role", "admin"]).await;
    gateway.ctl(&["token", "revoke", &id]).await.ok();
    // What lies in the file is not taken over again.
    gateway.control_plane.kill().await;
    gateway.control_plane.restart().await;
    gateway.ctl(&["token", "list"]).await.exits(1);
    ctl_as(&gateway.control_plane.url(), other["token"].as_str().unwrap(), &["token", "list"]).await.ok();

    gateway.control_plane.kill().await;
    let insecure = ControlPlane::start(&gateway.control_plane.data_dir, &["--insecure"]).await;
    assert!(insecure.log().contains("authentication is off"), "{}", insecure.log());
    let made = ctl::ctl(&insecure.url(), &["-o", "json", "token", "create", "--role", "admin"]).await.ok().json();
    let status = ctl::ctl(&insecure.url(), &["status"]).await.ok().stdout;
    assert!(status.contains("OFF"), "{status}");
    let audit = ctl::ctl(&insecure.url(), &["-o", "json", "audit"]).await.ok().json();
    assert_eq!(audit[0]["by"], "insecure");
    insecure.into_process().terminate().await;
    gateway.control_plane.restart().await;
    ctl_as(&gateway.control_plane.url(), made["token"].as_str().unwrap(), &["token", "list"]).await.ok();
}

#[tokio::test]
async fn a_data_plane_goes_on_without_its_token_and_takes_a_new_one_up() {
    let mut gateway = Gateway::builder().data_planes(0).start().await;
    let shop = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&shop]).await;
    let made = create(&gateway, &["--role", "data-plane"]).await;
    let file = gateway.dir().join("own.token");
    write(&file, made["token"].as_str().unwrap(), 0o600);
    let args = ["--token-file", file.to_str().unwrap()];
    gateway.data_planes.push(DataPlane::ready("own", &gateway.control_plane.url(), &args).await);
    gateway.until_connected(1).await;
    gateway.ctl(&["token", "revoke", made["id"].as_str().unwrap()]).await.ok();
    eventually("the data plane says what it lacks", async || {
        gateway.data_planes[0].log().contains("needs a valid token; give one by --token-file").then_some(())
    })
    .await;
    assert_eq!(gateway.get("shop.test", "/").await.text(), "shop");
    assert!(gateway.nodes().await.iter().all(|node| node["connected"] == false));
    let next = create(&gateway, &["--role", "data-plane"]).await;
    write(&file, next["token"].as_str().unwrap(), 0o600);
    gateway.until_connected(1).await;
    for secret in [&made, &next].map(|made| made["token"].as_str().unwrap()[17..].to_owned()) {
        assert!(!gateway.data_planes[0].log().contains(&secret));
        let config = crate::harness::client::get(gateway.data_planes[0].admin, "x", "/config").await;
        assert!(!config.text().contains(&secret));
    }
}

#[tokio::test]
async fn a_token_that_nobody_named_goes_to_loopback_alone() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    // Nothing was typed, and it works; the same server by a name that is not loopback's gets none.
    gateway.ctl(&["status"]).await.ok();
    let mut command = Command::new(GATEWAYCTL);
    command.args(["--server", &elsewhere(&gateway.control_plane), "--timeout", "2s", "status"]);
    ctl::run(&mut command, "").await.exits(5);
    let data_dir = gateway.control_plane.data_dir.clone();
    let mut command = Command::new(GATEWAYCTL);
    command.args(["--server", &gateway.control_plane.url(), "status"]).env("GATEWAY_DATA_DIR", data_dir);
    ctl::run(&mut command, "").await.ok();
}

#[tokio::test]
async fn mistakes_with_tokens_exit_2_and_name_the_flag() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let path = file.to_str().unwrap();
    let good = format!("gwt_{}_{}", "0".repeat(12), "1".repeat(64));
    for (content, mode, says) in [
        (None, 0, "cannot be read"),
        (Some(""), 0o600, "is empty"),
        (Some("hunter2"), 0o600, "holds no token"),
        (Some(good.as_str()), 0o644, "chmod 600"),
        (Some(good.as_str()), 0o660, "chmod 600"),
    ] {
        match content {
            Some(content) => write(&file, content, mode),
            None => assert!(!file.exists()),
        }
        for (program, args) in
            [(GATEWAYCTL, vec!["--token-file", path, "status"]), (DATA_PLANE, vec!["--token-file", path])]
        {
            let mut command = Command::new(program);
            command.args(args);
            if program == DATA_PLANE {
                let ip = loopback::fresh();
                command.args(["--listen", &format!("{ip}:0"), "--admin-listen", &format!("{ip}:0")]);
            }
            let exit = Process::spawn(program, command).exit().await;
            assert_eq!(exit.code(), 2, "{program}: {}", exit.stderr);
            assert!(exit.stderr.contains("--token-file") && exit.stderr.contains(says), "{program}: {}", exit.stderr);
            assert!(!exit.stderr.contains("hunter2") && !exit.stderr.contains(&good), "{}", exit.stderr);
        }
    }
    // A good one, on its way through a network where everybody can read it.
    write(&file, &good, 0o600);
    let url = "http://cp.internal.test:7000";
    for (program, args) in [
        (GATEWAYCTL, ["--token-file", path, "--server", url, "status"].as_slice()),
        (DATA_PLANE, &["--token-file", path, "--control-plane", url]),
    ] {
        let mut command = Command::new(program);
        command.args(args);
        let exit = Process::spawn(program, command).exit().await;
        assert_eq!((exit.code(), exit.stdout.as_str()), (2, ""), "{program}: {}", exit.stderr);
        assert!(exit.stderr.contains(url) && exit.stderr.contains("--allow-plaintext"), "{program}: {}", exit.stderr);
    }
    ctl_as("http://127.0.0.1:9", "hunter2", &["status"]).await.exits(2).says(&["GATEWAY_TOKEN"]);
    ctl::bare(&["token", "create", "--role", "king"]).await.exits(2).says(&["--role"]);
}

#[tokio::test]
async fn a_listener_of_the_network_wants_encryption_or_to_be_told_that_it_needs_none() {
    let dir = tempfile::tempdir().unwrap();
    let start = |flags: &[&str]| {
        let mut command = Command::new(CONTROL_PLANE);
        command.args(["--listen", "0.0.0.0:0", "--http-listen", &format!("{}:0", loopback::fresh())]);
        command.arg("--data-dir").arg(dir.path().join("store")).args(flags);
        Process::spawn("a control plane", command)
    };
    let exit = start(&[]).exit().await;
    assert_eq!((exit.code(), exit.stdout.as_str()), (2, ""));
    for word in ["--listen", "--tls-cert", "--allow-plaintext"] {
        assert!(exit.stderr.contains(word), "{}", exit.stderr);
    }
    for (flags, refused) in [(&["--allow-plaintext"][..], true), (&["--insecure"], false)] {
        let mut process = start(flags);
        let address = listener(&process.event("listening").await, "grpc");
        process.event("ready").await;
        let url = format!("http://127.0.0.1:{}", address.port());
        let mut command = Command::new(GATEWAYCTL);
        command
            .args(["--server", &url, "service", "list"])
            .env("GATEWAY_TOKEN", format!("gwt_{}_{}", "0".repeat(12), "1".repeat(64)));
        ctl::run(&mut command, "").await.exits(i32::from(refused));
        // By its note, which says that it listens everywhere.
        ctl::ctl(&url, &["service", "list"]).await.ok();
        let exit = process.terminate().await;
        assert_eq!(exit.stderr.contains("authentication is off"), !refused, "{}", exit.stderr);
        assert_eq!(exit.stderr.matches("--allow-plaintext").count(), usize::from(refused), "{}", exit.stderr);
    }
}
