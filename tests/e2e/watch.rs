//! `gatewayctl watch` shows changes and health transitions as they happen, in order.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Answer, Gateway, Process, Signal, Upstream, ctl::GATEWAYCTL, eventually};

async fn watch(gateway: &Gateway, args: &[&str]) -> Process {
    let mut command = Command::new(GATEWAYCTL);
    command.args(["--server", &gateway.control_plane.url(), "watch"]).args(args);
    let process = Process::spawn("gatewayctl watch", command);
    eventually("the watch has begun", async || process.stderr().contains("watching").then_some(())).await;
    process
}

async fn next(watch: &mut Process) -> (String, Value) {
    let event = watch.json_line().await;
    (format!("{} {}", event["kind"].as_str().unwrap(), event["name"].as_str().unwrap_or("-")), event)
}

#[tokio::test]
async fn changes_and_health_transitions_come_in_order() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register_unchecked("before", "before.test", &[&shop]).await;
    let mut watch = watch(&gateway, &["-o", "json"]).await;

    gateway.register_probed_often("shop", "shop.test", &[&shop]).await;
    let (kind, created) = next(&mut watch).await;
    assert_eq!(kind, "service_created shop", "{created}");
    assert_eq!(created["service"]["hosts"], json!(["shop.test"]));
    // The endpoint is pending until its first probe has passed.
    let mut seen = next(&mut watch).await;
    if seen.0 == "endpoint_pending shop" {
        seen = next(&mut watch).await;
    }
    assert_eq!(seen.0, "endpoint_healthy shop", "{}", seen.1);
    assert_eq!(seen.1["endpoint"]["address"], shop.address.to_string());

    shop.health(Answer::Status(500));
    let (kind, fallen) = next(&mut watch).await;
    assert_eq!(kind, "endpoint_unhealthy shop", "{fallen}");
    assert!(fallen["endpoint"]["reason"].as_str().is_some_and(|reason| reason.contains("500")), "{fallen}");
    shop.health(Answer::Status(200));
    assert_eq!(next(&mut watch).await.0, "endpoint_healthy shop");

    gateway.ctl(&["service", "register", "shop", "--host", "shop-2.test"]).await.ok();
    let (kind, updated) = next(&mut watch).await;
    assert_eq!(kind, "service_updated shop", "{updated}");
    assert_eq!(updated["service"]["hosts"], json!(["shop.test", "shop-2.test"]));
    gateway.ctl(&["service", "delete", "shop"]).await.ok();
    let (kind, deleted) = next(&mut watch).await;
    assert_eq!(kind, "service_deleted shop", "{deleted}");
    let revisions = [&created, &updated, &deleted].map(|event| event["revision"].as_u64().unwrap());
    assert!(revisions.is_sorted() && revisions[0] < revisions[2], "{revisions:?}");

    watch.signal(Signal::INT);
    assert_eq!(watch.exit().await.code(), 0);
}

#[tokio::test]
async fn routes_are_watched_as_services_are() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let create = ["route", "create", "r", "--host", "shop.test", "--path-prefix", "/a", "--respond"];
    gateway.ctl(&[&create[..], &["200"]].concat()).await.ok();
    let mut watch = watch(&gateway, &["-o", "json", "--current"]).await;
    let (kind, current) = next(&mut watch).await;
    assert_eq!(kind, "route_current r", "{current}");
    assert_eq!(next(&mut watch).await.0, "synced -");
    gateway.apply("routes: [{name: r, hosts: [shop.test], redirect: {scheme: https}}]").await.ok();
    let (kind, updated) = next(&mut watch).await;
    assert_eq!(kind, "route_updated r", "{updated}");
    assert_eq!(updated["route"]["redirect"]["scheme"], "https", "{updated}");
    gateway.ctl(&["route", "delete", "r"]).await.ok();
    let (kind, deleted) = next(&mut watch).await;
    assert_eq!(kind, "route_deleted r", "{deleted}");
    gateway.ctl(&[&create[..], &["200"]].concat()).await.ok();
    assert_eq!(next(&mut watch).await.0, "route_created r");
}

#[tokio::test]
async fn the_current_state_comes_first_where_it_is_asked_for() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    let mut watch = watch(&gateway, &["-o", "json", "--current"]).await;
    let mut kinds = Vec::new();
    loop {
        let (kind, _) = next(&mut watch).await;
        if kind == "synced -" {
            break;
        }
        kinds.push(kind);
    }
    assert_eq!(kinds, ["service_current shop", "endpoint_healthy shop"]);
    gateway.ctl(&["service", "delete", "shop"]).await.ok();
    assert_eq!(next(&mut watch).await.0, "service_deleted shop");
}

#[tokio::test]
async fn changes_after_a_revision_are_told_again() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    for name in ["a", "b", "c"] {
        gateway.register_unchecked(name, &format!("{name}.test"), &[&shop]).await;
    }
    let second = gateway.ctl(&["-o", "json", "service", "get", "b"]).await.ok().json()["revision"].to_string();
    let mut watch = watch(&gateway, &["-o", "json", "--after-revision", &second]).await;
    assert_eq!(next(&mut watch).await.0, "service_created c");
    gateway.ctl(&["service", "delete", "a"]).await.ok();
    loop {
        let (kind, event) = next(&mut watch).await;
        if kind == "service_deleted a" {
            break;
        }
        assert!(kind.starts_with("endpoint_"), "{event}");
    }
}

#[tokio::test]
async fn people_get_a_line_each_and_hear_when_it_ends() {
    let mut gateway = Gateway::start().await;
    let mut watch = watch(&gateway, &[]).await;
    let register =
        ["service", "register", "shop", "--host", "shop.test", "--endpoint", "192.0.2.1:80", "--no-health-check"];
    gateway.ctl(&register).await.ok();
    let line = watch.line().await.unwrap();
    assert!(line.contains("service_created") && line.contains("shop.test"), "{line}");
    gateway.control_plane.kill().await;
    let exit = watch.exit().await;
    assert_eq!(exit.code(), 5, "{}", exit.stderr);
}
