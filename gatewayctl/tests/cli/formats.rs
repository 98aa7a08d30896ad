//! JSON and YAML that scripts rely on.

use gateway_proto::{
    admin::v1::{self as admin, ListEndpointsResponse},
    registry::v1 as pb,
};
use serde_json::json;

use crate::{
    program::run,
    server::{Server, node, service, statuses, time},
};

fn mail() -> serde_json::Value {
    json!({
        "name": "mail",
        "title": "A title",
        "tags": ["web"],
        "hosts": ["mail.test", "*.mail.test"],
        "endpoints": [
            {"address": "127.0.0.1:3001", "weight": 1, "health": "healthy"},
            {"address": "mail-2.internal:3001", "weight": 2, "health": "unhealthy"},
        ],
        "load_balancing": "random",
        "health_check": {
            "http": {"path": "/healthcheck", "expected_statuses": ["200-299"]},
            "interval": "5s", "timeout": "2s", "rise": 1, "fall": 2, "jitter_percent": 10,
        },
        "timeouts": {"connect": "2s", "response": "30s", "idle": "60s"},
        "revision": 7,
        "created_at": "2023-11-14T22:13:20.000Z",
        "updated_at": "2023-11-14T22:14:20.000Z",
    })
}

fn server() -> Server {
    let server = Server::start();
    let page = pb::ListServicesResponse { services: vec![service("mail")], revision: 7, ..Default::default() };
    server.answer("list_services", page);
    server.answer("get_service", pb::GetServiceResponse { service: Some(service("mail")) });
    server.answer("list_endpoints", ListEndpointsResponse { endpoints: statuses("mail") });
    server.answer("list_nodes", admin::ListNodesResponse { nodes: vec![node("dp-1", 7, true)] });
    server.answer("get_node", admin::GetNodeResponse { node: Some(node("dp-1", 7, true)) });
    let status = admin::GetStatusResponse {
        build: "0.1.0 (abc)".into(),
        cluster_id: "c-1".into(),
        started_at: time(0),
        revision: 7,
        version: Some(gateway_proto::discovery::v1::Version { epoch: 0xfeed_0000_0000_0001, sequence: 3 }),
        services: 1,
        endpoints_healthy: 1,
        endpoints_unhealthy: 1,
        endpoints_pending: 0,
        nodes_connected: 1,
        nodes_in_sync: 1,
        store_bytes: 524_288,
        routes: 3,
        insecure: false,
        consumers: 2,
    };
    server.answer("get_status", status);
    server
}

#[test]
fn a_list_is_an_array_and_a_thing_is_an_object() {
    let server = server();
    let json = |args: &[&str]| run(&server.url, &[args, &["-o", "json"]].concat()).json();
    assert_eq!(json(&["service", "list"]), json!([mail()]));
    assert_eq!(json(&["service", "get", "mail"]), mail());
    let endpoint = json!({
        "service": "mail", "address": "mail-2.internal:3001", "resolved": "10.0.0.2:3001", "weight": 2,
        "health": "unhealthy", "reason": "connection refused", "since": "2023-11-14T22:13:25.000Z",
        "last_probe": "2023-11-14T22:13:30.000Z",
    });
    assert_eq!(json(&["endpoint", "list", "mail"])[1], endpoint);
    let node = json!({
        "id": "dp-1", "connected": true, "in_sync": true, "revision": 7, "version": "feed000000000001.3",
        "proxy_address": "0.0.0.0:8080", "peer_address": "127.0.0.1:50000", "since": "2023-11-14T22:13:21.000Z",
        "build": "0.1.0", "violations": [],
    });
    assert_eq!(json(&["node", "list"]), json!([node]));
    assert_eq!(json(&["node", "get", "dp-1"]), node);
    let status = json!({
        "control_plane": {
            "server": server.url, "build": "0.1.0 (abc)", "cluster_id": "c-1",
            "started_at": "2023-11-14T22:13:20.000Z", "version": "feed000000000001.3", "authentication": true,
        },
        "store": {"revision": 7, "bytes": 524_288},
        "services": 1,
        "routes": 3,
        "consumers": 2,
        "endpoints": {"healthy": 1, "unhealthy": 1, "pending": 0},
        "data_planes": {"connected": 1, "in_sync": 1, "nodes": [node]},
    });
    assert_eq!(json(&["status"]), status);
}

#[test]
fn yaml_says_the_same() {
    let server = server();
    let expected = r#"name: mail
title: A title
tags:
- web
hosts:
- mail.test
- "*.mail.test"
endpoints:
- address: 127.0.0.1:3001
  weight: 1
  health: healthy
- address: mail-2.internal:3001
  weight: 2
  health: unhealthy
load_balancing: random
health_check:
  http:
    path: /healthcheck
    expected_statuses:
    - 200-299
  interval: 5s
  timeout: 2s
  rise: 1
  fall: 2
  jitter_percent: 10
timeouts:
  connect: 2s
  response: 30s
  idle: 60s
revision: 7
created_at: "2023-11-14T22:13:20.000Z"
updated_at: "2023-11-14T22:14:20.000Z"
"#;
    assert_eq!(run(&server.url, &["-o", "yaml", "service", "get", "mail"]).quiet(), expected);
    let list = run(&server.url, &["service", "list", "--output", "yaml"]).quiet();
    assert!(list.starts_with("- name: mail\n  title: A title\n"), "{list}");
}

#[test]
fn the_status_is_one_screen() {
    let server = server();
    let expected = format!(
        "\
Control plane:   {} (0.1.0 (abc))
Authentication:  by token
Started:         2023-11-14T22:13:20.000Z
Cluster:         c-1
Store:           revision 7, 512.0 KiB on disk
Services:        1
Routes:          3
Consumers:       2
Endpoints:       1 healthy, 1 unhealthy, 0 pending
Data planes:     1 connected, 1 in sync

ID    STATE    REVISION  PROXY         SINCE
dp-1  in sync  7         0.0.0.0:8080  2023-11-14T22:13:21Z

SERVICE  UNHEALTHY             REASON
mail     mail-2.internal:3001  connection refused
",
        server.url
    );
    assert_eq!(run(&server.url, &["status"]).quiet(), expected);
}

#[test]
fn the_version_is_the_build() {
    let out = run("http://127.0.0.1:1", &["--version"]).quiet();
    assert_eq!(out, format!("gatewayctl {}\n", gateway_proto::BUILD));
}

#[test]
fn completion_scripts_know_the_commands() {
    for (shell, sign) in [("bash", "complete -F"), ("zsh", "#compdef gatewayctl"), ("fish", "complete -c gatewayctl")] {
        let script = run("http://127.0.0.1:1", &["completion", shell]).quiet();
        assert!(script.contains(sign) && script.contains("register"), "{shell}");
    }
}
