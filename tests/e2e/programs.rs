//! What every program promises whoever starts it.

use std::net::TcpListener;

use tokio::process::Command;

use crate::harness::{
    Answer, Gateway, Process, Signal, Upstream, client,
    ctl::{self, GATEWAYCTL},
    loopback,
    planes::{CONTROL_PLANE, DATA_PLANE, listener},
    process::Exit,
};

async fn exit_of(program: &str, args: &[&str]) -> Exit {
    let mut command = Command::new(program);
    command.args(args);
    Process::spawn(format!("{program} {}", args.join(" ")), command).exit().await
}

#[tokio::test]
async fn help_and_version_are_there() {
    for program in [CONTROL_PLANE, DATA_PLANE, GATEWAYCTL] {
        let help = exit_of(program, &["--help"]).await;
        assert_eq!((help.code(), help.stderr.as_str()), (0, ""));
        let version = exit_of(program, &["--version"]).await;
        assert_eq!(version.code(), 0);
        assert!(version.stdout.contains(gateway_proto::BUILD), "{}", version.stdout);
    }
    for (program, flags) in [
        (CONTROL_PLANE, &["--listen", "--http-listen", "--data-dir", "--insecure", "--allow-plaintext"][..]),
        (CONTROL_PLANE, &["--tls-cert", "--tls-key", "--tls-client-ca", "--data-plane-token-file"]),
        (DATA_PLANE, &["--token-file", "--control-plane-ca", "--client-cert", "--client-key", "--allow-plaintext"]),
        (DATA_PLANE, &["--listen", "--admin-listen", "--control-plane", "--workers", "--node-id", "--cache-dir"]),
        (DATA_PLANE, &["--cache-memory", "--cache-disk-dir", "--cache-disk"]),
        (DATA_PLANE, &["--access-log", "--access-log-sample", "--access-log-file"]),
    ] {
        let help = exit_of(program, &["--help"]).await.stdout;
        for flag in flags.iter().chain(&["--drain-timeout", "--log-format", "--log-level"]) {
            let variable = format!("GATEWAY_{}", flag.trim_start_matches('-').to_uppercase().replace('-', "_"));
            assert!(help.contains(flag) && help.contains(&variable), "{flag}: {help}");
        }
    }
}

#[tokio::test]
async fn a_mistake_in_the_configuration_exits_2_and_names_the_flag() {
    for (program, flag, value) in [
        (CONTROL_PLANE, "--listen", "nowhere"),
        (CONTROL_PLANE, "--http-listen", "127.0.0.1"),
        (CONTROL_PLANE, "--drain-timeout", "later"),
        (CONTROL_PLANE, "--log-format", "xml"),
        (CONTROL_PLANE, "--log-level", "=,="),
        (CONTROL_PLANE, "--no-such-flag", "1"),
        (DATA_PLANE, "--listen", "nowhere"),
        (DATA_PLANE, "--admin-listen", "127.0.0.1:99999"),
        (DATA_PLANE, "--control-plane", "not a url"),
        (DATA_PLANE, "--control-plane", "ftp://127.0.0.1:7000"),
        (DATA_PLANE, "--workers", "0"),
        (DATA_PLANE, "--workers", "many"),
        (DATA_PLANE, "--node-id", ""),
        (DATA_PLANE, "--access-log", "xml"),
        (DATA_PLANE, "--access-log-sample", "0"),
        (GATEWAYCTL, "--server", "not a url"),
        (GATEWAYCTL, "--timeout", "soon"),
        (GATEWAYCTL, "--output", "xml"),
    ] {
        let exit = exit_of(program, &[flag, value]).await;
        assert_eq!(exit.code(), 2, "{flag} {value}: {}", exit.stderr);
        assert!(exit.stderr.contains(flag), "{flag} {value}: {}", exit.stderr);
        assert_eq!(exit.stdout, "", "{flag} {value}");
    }
}

#[tokio::test]
async fn an_address_in_use_exits_1_and_is_named() {
    let taken = TcpListener::bind((loopback::fresh(), 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let free = format!("{}:0", loopback::fresh());
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("store");
    let data_dir = data_dir.to_str().unwrap();
    for (program, flag, args) in [
        (CONTROL_PLANE, "--listen", vec!["--listen", &address, "--http-listen", &free, "--data-dir", data_dir]),
        (CONTROL_PLANE, "--http-listen", vec!["--listen", &free, "--http-listen", &address, "--data-dir", data_dir]),
        (DATA_PLANE, "--listen", vec!["--listen", &address, "--admin-listen", &free]),
        (DATA_PLANE, "--admin-listen", vec!["--listen", &free, "--admin-listen", &address]),
    ] {
        let exit = exit_of(program, &args).await;
        assert_eq!(exit.code(), 1, "{flag}: {}", exit.stderr);
        assert!(exit.stderr.contains(flag) && exit.stderr.contains(&address), "{flag}: {}", exit.stderr);
        assert_eq!(exit.stdout, "", "{flag}");
    }
}

#[tokio::test]
async fn the_address_of_another_data_plane_is_in_use() {
    // Workers share their port among themselves, and with nobody else.
    let gateway = Gateway::start().await;
    let (address, free) = (gateway.data_planes[0].proxy.to_string(), format!("{}:0", loopback::fresh()));
    let exit = exit_of(DATA_PLANE, &["--listen", &address, "--admin-listen", &free]).await;
    assert_eq!(exit.code(), 1, "{}", exit.stderr);
    assert!(exit.stderr.contains("--listen") && exit.stderr.contains(&address), "{}", exit.stderr);
}

#[tokio::test]
async fn flags_can_come_from_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let address = || format!("{}:0", loopback::fresh());
    let mut command = Command::new(CONTROL_PLANE);
    command.env("GATEWAY_LISTEN", address()).env("GATEWAY_HTTP_LISTEN", address());
    command.env("GATEWAY_DATA_DIR", dir.path().join("store")).env("GATEWAY_LOG_FORMAT", "json");
    let mut control_plane = Process::spawn("the control plane", command);
    let grpc = listener(&control_plane.event("listening").await, "grpc");
    control_plane.event("ready").await;

    let mut command = Command::new(DATA_PLANE);
    command.env("GATEWAY_LISTEN", address()).env("GATEWAY_ADMIN_LISTEN", address());
    command.env("GATEWAY_CONTROL_PLANE", format!("http://{grpc}")).env("GATEWAY_NODE_ID", "from-the-environment");
    command.env("GATEWAY_WORKERS", "2").env("GATEWAY_LOG_FORMAT", "json");
    let mut data_plane = Process::spawn("the data plane", command);
    data_plane.event("listening").await;
    data_plane.event("ready").await;

    let server = format!("http://{grpc}");
    let mut command = Command::new(GATEWAYCTL);
    command.env("GATEWAY_SERVER", &server).env("GATEWAY_OUTPUT", "json").args(["node", "wait"]);
    ctl::run(&mut command, "").await.ok();
    let mut command = Command::new(GATEWAYCTL);
    command.env("GATEWAY_SERVER", &server).env("GATEWAY_OUTPUT", "json").args(["node", "list"]);
    let nodes = ctl::run(&mut command, "").await.ok().json();
    assert_eq!(nodes[0]["id"], "from-the-environment", "{nodes}");
    for process in [data_plane, control_plane] {
        let exit = process.terminate().await;
        assert_eq!((exit.code(), exit.stdout.as_str()), (0, ""));
        for line in exit.stderr.lines() {
            let logged = serde_json::from_str::<serde_json::Value>(line);
            assert!(logged.is_ok_and(|log| log["level"].is_string()), "no JSON in the log: {line}");
        }
    }
}

#[tokio::test]
async fn servers_say_how_they_are() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    gateway.get("shop.test", "/").await;
    let data_plane = &gateway.data_planes[0];
    for server in [gateway.control_plane.http, data_plane.admin] {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(client::get(server, "admin", path).await.status, 200, "{path}");
        }
        let metrics = client::get(server, "admin", "/metrics").await;
        assert_eq!(metrics.status, 200);
        assert!(metrics.text().lines().any(|line| line.starts_with("# TYPE ")), "{}", metrics.text());
        assert_eq!(client::get(server, "admin", "/nothing").await.status, 404);
    }
    let config = client::get(data_plane.admin, "admin", "/config").await;
    let config: serde_json::Value = serde_json::from_slice(&config.body).unwrap();
    let text = config.to_string();
    assert!(text.contains("shop.test") && text.contains(&upstream.address.to_string()), "{text}");
}

#[tokio::test]
async fn both_signals_end_both_servers_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let gateway = Gateway::start().await;
        let upstream = Upstream::answering(Answer::Text("shop".into())).await;
        gateway.register("shop", "shop.test", &[&upstream]).await;
        let Gateway { control_plane, mut data_planes, .. } = gateway;
        for process in [data_planes.remove(0).into_process(), control_plane.into_process()] {
            process.signal(signal);
            let exit = process.exit().await;
            assert_eq!(exit.code(), 0, "{signal:?}: {}", exit.stderr);
            assert!(!exit.stderr.contains("panicked"), "{}", exit.stderr);
        }
    }
}
