//! Every command of `gatewayctl` on a real cluster: what it prints in each form, and how it ends.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{
    Gateway, Signal, Upstream, client,
    ctl::{self, bare},
    loopback,
};

/// Runs a command in all three forms; JSON and YAML must say the same.
async fn in_every_form(gateway: &Gateway, args: &[&str]) -> (String, Value) {
    let table = gateway.ctl(args).await.ok().stdout;
    let json = gateway.ctl(&[&["-o", "json"], args].concat()).await.ok().json();
    let yaml = gateway.ctl(&[args, &["--output", "yaml"]].concat()).await.ok().stdout;
    let yaml: Value = serde_saphyr::from_str(&yaml).unwrap_or_else(|err| panic!("{args:?}: {err} in:\n{yaml}"));
    assert_eq!(lasting(json.clone()), lasting(yaml), "{args:?}");
    (table, json)
}

/// Without what changes from one moment to the next.
fn lasting(mut value: Value) -> Value {
    for item in value.as_array_mut().into_iter().flatten() {
        item.as_object_mut().map(|object| object.remove("last_probe"));
    }
    value
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap_or_else(|| panic!("no object: {object}")).keys().map(String::as_str).collect()
}

/// Columns begin where their headings begin.
fn is_aligned(table: &str, headings: &[&str]) {
    let mut lines = table.lines();
    let head = lines.next().expect("a heading");
    let starts: Vec<_> =
        headings.iter().map(|word| head.find(word).unwrap_or_else(|| panic!("no {word} in:\n{table}"))).collect();
    for line in lines {
        for start in starts.iter().copied().filter(|start| *start > 0) {
            assert_eq!(line.as_bytes().get(start - 1), Some(&b' '), "not aligned:\n{table}");
            assert_ne!(line.as_bytes().get(start), Some(&b' '), "not aligned:\n{table}");
        }
    }
}

#[tokio::test]
async fn services_are_shown_in_every_form() {
    let gateway = Gateway::start().await;
    assert_eq!(in_every_form(&gateway, &["service", "list"]).await.1, json!([]));
    let (mail, shop) = (Upstream::start("mail").await, Upstream::start("shop").await);
    let (mail_address, shop_address) = (mail.address.to_string(), format!("{},weight=3", shop.address));
    let registered = gateway
        .ctl(&[
            "service",
            "register",
            "mail",
            "--host",
            "mail.test",
            "--host",
            "*.mail.test",
            "--endpoint",
            &mail_address,
            "--tag",
            "mail-service",
            "--tag",
            "eu",
            "--title",
            "Mail service",
            "--health-path",
            "/healthcheck",
            "--health-interval",
            "1s",
            "--wait",
            "-o",
            "json",
        ])
        .await
        .ok()
        .json();
    assert_eq!((&registered["name"], &registered["change"]), (&json!("mail"), &json!("created")));
    assert_eq!(registered["served_by"], json!(["dp-0"]));
    let args = ["service", "register", "shop", "--host", "shop.test", "--endpoint", &shop_address, "--no-health-check"];
    let said = gateway.ctl(&args).await.ok().stdout;
    assert!(said.contains("shop") && said.contains("created"), "{said}");
    let said = gateway.ctl(&args).await.ok().stdout;
    assert!(said.contains("unchanged"), "{said}");

    let (table, list) = in_every_form(&gateway, &["service", "list"]).await;
    is_aligned(&table, &["NAME", "HOSTS"]);
    for word in ["mail", "shop", "*.mail.test", "1/1"] {
        assert!(table.contains(word), "{word} is missing:\n{table}");
    }
    let names: Vec<_> = list.as_array().unwrap().iter().map(|service| &service["name"]).collect();
    assert_eq!(names, ["mail", "shop"]);

    let (table, mail) = in_every_form(&gateway, &["service", "get", "mail"]).await;
    assert!(table.contains("Mail service") && table.contains(&mail_address), "{table}");
    assert_eq!(mail["tags"], json!(["eu", "mail-service"]));
    assert_eq!(mail["hosts"], json!(["mail.test", "*.mail.test"]));
    assert_eq!(mail["load_balancing"], "random");
    assert_eq!(mail["health_check"]["interval"], "1s");
    assert_eq!(mail["timeouts"], json!({"connect": "2s", "response": "30s", "idle": "60s"}));
    let endpoint = &mail["endpoints"][0];
    assert_eq!((&endpoint["address"], &endpoint["health"]), (&json!(mail_address), &json!("healthy")));
    let fields = ["name", "title", "tags", "hosts", "endpoints", "load_balancing", "health_check", "timeouts"];
    assert!(fields.iter().all(|field| keys(&mail).contains(field)), "{mail}");
    assert_eq!(gateway.ctl(&["-o", "json", "service", "get", "shop"]).await.ok().json()["endpoints"][0]["weight"], 3);

    let said = gateway.ctl(&["service", "delete", "mail", "--wait"]).await.ok().stdout;
    assert!(said.contains("mail") && said.contains("deleted"), "{said}");
    gateway.ctl(&["service", "get", "mail"]).await.exits(3).says(&["mail"]);
}

#[tokio::test]
async fn endpoints_are_added_shown_and_removed() {
    let gateway = Gateway::start().await;
    let (one, two) = (Upstream::start("one").await, Upstream::dead().await);
    gateway.register("shop", "shop.test", &[&one]).await;
    let (one, two) = (one.address.to_string(), two.address.to_string());
    let heavy = format!("{two},weight=9");
    gateway.ctl(&["endpoint", "add", "shop", &heavy, "--wait"]).await.ok();
    let (table, list) = in_every_form(&gateway, &["endpoint", "list", "shop"]).await;
    is_aligned(&table, &["ADDRESS", "WEIGHT", "HEALTH"]);
    let found: Vec<_> = list.as_array().unwrap().iter().collect();
    let of = |address: &str| *found.iter().find(|endpoint| endpoint["address"] == address).unwrap();
    assert_eq!((&of(&one)["health"], &of(&two)["health"]), (&json!("healthy"), &json!("unhealthy")));
    assert_eq!((&of(&two)["weight"], &of(&two)["resolved"]), (&json!(9), &json!(two)));
    assert!(of(&two)["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{list}");

    gateway.ctl(&["endpoint", "remove", "shop", &two]).await.ok();
    assert_eq!(
        gateway.ctl(&["-o", "json", "endpoint", "list", "shop"]).await.ok().json().as_array().map(Vec::len),
        Some(1)
    );
    gateway.ctl(&["endpoint", "remove", "shop", &two]).await.exits(3).says(&[&two]);
    gateway.ctl(&["endpoint", "add", "nobody", &two]).await.exits(3).says(&["nobody"]);
    gateway.ctl(&["endpoint", "list", "nobody"]).await.exits(3).says(&["nobody"]);
    gateway.ctl(&["endpoint", "add", "shop", "nonsense"]).await.exits(1).says(&["nonsense"]);
    gateway.ctl(&["endpoint", "add", "shop"]).await.exits(2);
}

#[tokio::test]
async fn data_planes_are_shown() {
    let gateway = Gateway::builder().data_planes(2).start().await;
    let (table, list) = in_every_form(&gateway, &["node", "list"]).await;
    is_aligned(&table, &["ID", "STATE", "REVISION"]);
    for (node, data_plane) in list.as_array().unwrap().iter().zip(&gateway.data_planes) {
        assert_eq!(node["id"], *data_plane.id);
        assert_eq!((&node["connected"], &node["in_sync"]), (&json!(true), &json!(true)));
        assert_eq!(node["proxy_address"], data_plane.proxy.to_string());
        assert_eq!(node["build"], gateway_proto::BUILD);
    }
    let (table, node) = in_every_form(&gateway, &["node", "get", "dp-1"]).await;
    assert!(table.contains("dp-1"), "{table}");
    assert_eq!(node["id"], "dp-1");
    gateway.ctl(&["node", "get", "dp-9"]).await.exits(3).says(&["dp-9"]);
    let (said, waited) = in_every_form(&gateway, &["node", "wait"]).await;
    assert!(said.contains("dp-0") && said.contains("dp-1"), "{said}");
    assert_eq!((&waited["done"], &waited["served_by"]), (&json!(true), &json!(["dp-0", "dp-1"])));
}

#[tokio::test]
async fn the_status_is_one_screen() {
    let gateway = Gateway::builder().data_planes(2).start().await;
    let (up, down) = (Upstream::start("up").await, Upstream::dead().await);
    gateway.register("shop", "shop.test", &[&up, &down]).await;
    gateway.until_health("shop", &down, "unhealthy").await;
    let (screen, status) = in_every_form(&gateway, &["status"]).await;
    for word in [gateway_proto::BUILD, "dp-0", "dp-1", "in sync", &down.address.to_string()] {
        assert!(screen.contains(word), "{word} is missing:\n{screen}");
    }
    assert!(screen.lines().count() < 40, "more than a screen:\n{screen}");
    assert_eq!((&status["services"], &status["endpoints"]["healthy"]), (&json!(1), &json!(1)));
    assert_eq!((&status["endpoints"]["unhealthy"], &status["data_planes"]["in_sync"]), (&json!(1), &json!(2)));
    assert!(status["store"]["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{status}");
    assert!(status["control_plane"]["cluster_id"].as_str().is_some_and(|id| !id.is_empty()), "{status}");
}

#[tokio::test]
async fn a_data_plane_that_does_not_follow_is_named() {
    let gateway = Gateway::builder().data_planes(2).start().await;
    gateway.data_planes[1].signal(Signal::STOP);
    let register =
        ["service", "register", "shop", "--host", "shop.test", "--endpoint", "192.0.2.1:80", "--no-health-check"];
    let wait = ["--wait", "--timeout", "500ms"];
    gateway.ctl(&[&register[..], &wait].concat()).await.exits(6).says(&["dp-1"]);
    gateway.ctl(&["node", "wait", "--timeout", "300ms"]).await.exits(6).says(&["dp-1"]);
    // The change is made all the same, and the other one serves it.
    gateway.get("shop.test", "/readyz").await.is_error(502, "upstream_connect");
    gateway.data_planes[1].signal(Signal::CONT);
    gateway.ctl(&["node", "wait", "--timeout", "20s"]).await.ok();
    gateway.ctl(&["node", "wait", "--revision", "999", "--timeout", "300ms"]).await.exits(6);
}

#[tokio::test]
async fn an_unreachable_control_plane_exits_5_and_is_named() {
    let nowhere = format!("http://{}:9", loopback::fresh());
    for args in [
        &["service", "list"][..],
        &["service", "register", "a", "--host", "a.test", "--endpoint", "192.0.2.1:80"],
        &["endpoint", "list", "a"],
        &["node", "list"],
        &["node", "wait"],
        &["status"],
        &["export"],
        &["watch"],
    ] {
        ctl::ctl(&nowhere, args).await.exits(5).says(&[&nowhere]);
    }
    // Several servers are tried in turn.
    let gateway = Gateway::builder().data_planes(0).start().await;
    let servers = ["--server", &nowhere, "--server", &gateway.control_plane.url(), "status"];
    bare(&servers).await.ok();
    // One that accepts and says nothing is given up in time.
    let silent = std::net::TcpListener::bind((loopback::fresh(), 0)).unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    ctl::ctl(&silent, &["--timeout", "500ms", "status"]).await.exits(5);
}

#[tokio::test]
async fn wrong_usage_exits_2() {
    for args in [
        &[][..],
        &["service"],
        &["service", "explode"],
        &["service", "get"],
        &["service", "register"],
        &["node", "wait", "--revision", "latest"],
        &["completion", "tcsh"],
        &["apply", "-f", "-", "--dry-run", "--wait"],
        &["--no-such-flag"],
    ] {
        let output = bare(args).await.exits(2);
        assert_eq!(output.stdout, "", "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}

#[tokio::test]
async fn completions_are_printed_for_three_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let script = bare(&["completion", shell]).await.ok().stdout;
        assert!(script.contains("gatewayctl") && script.contains("register"), "{shell}");
    }
}

#[tokio::test]
async fn a_thousand_services_are_listed_whole() {
    use gateway_proto::registry::v1::{ApplyRequest, Service};
    let gateway = Gateway::start().await;
    let name = |number: usize| format!("service-{number:04}");
    let service = |number| Service { name: name(number), hosts: vec![format!("{number}.test")], ..Service::default() };
    let services = (0..1_500).map(service).collect();
    gateway.control_plane.registry().await.apply(ApplyRequest { services, ..ApplyRequest::default() }).await.unwrap();
    gateway.ctl(&["node", "wait"]).await.ok();
    let list = gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json();
    let names: Vec<_> =
        list.as_array().unwrap().iter().map(|service| service["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, (0..1_500).map(name).collect::<Vec<_>>());
    // A service without endpoints is known, and has nobody behind it.
    client::get(gateway.data_planes[0].proxy, "1499.test", "/").await.is_error(503, "no_healthy_endpoint");
}
