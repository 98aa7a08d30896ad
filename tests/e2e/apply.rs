//! The declarative file: applied as one, exported as it was, every mistake with its place.

use serde_json::{Value, json};

use crate::harness::{Gateway, Upstream, client, ctl};

fn document(mail: &Upstream, shop: &Upstream) -> String {
    format!(
        r#"
services:
  - name: mail
    title: Mail service
    tags: [mail-service]
    hosts: [mail.test, "*.mail.test"]
    endpoints:
      - {{address: "{}"}}
      - {{address: "192.0.2.1:3001", weight: 2}}
    load_balancing: random
    health_check: {{http: {{path: /healthcheck}}, interval: 5s, timeout: 2s, rise: 1, fall: 2}}
    timeouts: {{connect: 2s, response: 250ms, idle: 10m, total: 1h}}
    limits: {{request_body: 1536KiB}}
  - name: shop
    hosts: [shop.test]
    endpoints: [{{address: "{}"}}]
    health_check: {{disabled: true}}
consumers: []
"#,
        mail.address, shop.address
    )
}

#[tokio::test]
async fn a_file_is_applied_and_twice_changes_nothing() {
    let gateway = Gateway::start().await;
    let (mail, shop) = (Upstream::start("mail").await, Upstream::start("shop").await);
    let document = document(&mail, &shop);
    gateway.apply(&document).await.ok();
    for host in ["mail.test", "eu.mail.test", "shop.test"] {
        assert_eq!(gateway.get(host, "/").await.status, 200, "{host}");
    }
    let service = gateway.ctl(&["-o", "json", "service", "get", "mail"]).await.ok().json();
    assert_eq!(service["title"], "Mail service");
    assert_eq!(service["timeouts"]["response"], "250ms");
    assert_eq!(
        (&service["timeouts"]["total"], &service["limits"]),
        (&json!("1h"), &json!({"request_body": "1536KiB"}))
    );
    assert_eq!(service["endpoints"][1]["weight"], 2);

    let revision = gateway.ctl(&["-o", "json", "status"]).await.ok().json()["store"]["revision"].clone();
    let again = gateway.apply(&document).await.ok();
    let said = format!("{}{}", again.stdout, again.stderr);
    assert!(said.contains("unchanged"), "{said}");
    assert_eq!(gateway.ctl(&["-o", "json", "status"]).await.ok().json()["store"]["revision"], revision);
}

#[tokio::test]
async fn what_is_exported_can_be_applied_elsewhere() {
    let gateway = Gateway::start().await;
    let (mail, shop) = (Upstream::start("mail").await, Upstream::start("shop").await);
    gateway.apply(&document(&mail, &shop)).await.ok();
    let yaml = gateway.dir().join("export.yaml");
    gateway.ctl(&["export", yaml.to_str().unwrap()]).await.ok();
    let json = gateway.dir().join("export.json");
    let exported = gateway.ctl(&["export", "-o", "json"]).await.ok();
    std::fs::write(&json, &exported.stdout).unwrap();
    let text = gateway.ctl(&["export"]).await.ok().stdout;
    assert_eq!(std::fs::read_to_string(&yaml).unwrap().trim_end(), text.trim_end());

    for file in [yaml, json] {
        let twin = Gateway::builder().data_planes(0).start().await;
        twin.ctl(&["apply", "-f", file.to_str().unwrap()]).await.ok();
        assert_eq!(twin.ctl(&["export"]).await.ok().stdout, text, "{}", file.display());
        // Also where it came from it changes nothing.
        let again = gateway.ctl(&["apply", "-f", file.to_str().unwrap()]).await.ok();
        assert!(format!("{}{}", again.stdout, again.stderr).contains("unchanged"));
    }
}

/// A service's time limits and other limits as the first data plane holds them.
async fn held_limits(gateway: &Gateway) -> [Value; 2] {
    let config = client::get(gateway.data_planes[0].admin, "admin", "/config").await;
    let config: Value = serde_json::from_slice(&config.body).unwrap();
    ["timeouts", "limits"].map(|field| config["services"][0][field].clone())
}

#[tokio::test]
async fn limits_reach_data_planes_outlive_a_restart_and_go_when_they_are_left_away() {
    let mut gateway = Gateway::start().await;
    let file = |limits: &str| {
        format!("services: [{{name: shop, hosts: [shop.test], endpoints: [{{address: \"192.0.2.1:80\"}}]{limits}}}]")
    };
    let default = json!({"connect": "2s", "response": "30s", "idle": "1m"});
    let mut limited = default.clone();
    limited["total"] = "1m 30s".into();
    let limits = ", timeouts: {total: 90s}, limits: {request_body: 0B}";
    gateway.apply(&file(limits)).await.ok();
    assert_eq!(held_limits(&gateway).await, [limited, json!({"request_body": "0B"})]);

    gateway.control_plane.kill().await;
    gateway.control_plane.restart().await;
    gateway.until_connected(1).await;
    let again = gateway.apply(&file(limits)).await.ok();
    assert!(format!("{}{}", again.stdout, again.stderr).contains("unchanged shop"), "{}", again.stdout);
    gateway.apply(&file("")).await.ok();
    assert_eq!(held_limits(&gateway).await, [default, json!({})]);
}

#[tokio::test]
async fn a_directory_is_one_change() {
    let gateway = Gateway::start().await;
    let dir = gateway.dir().join("services");
    std::fs::create_dir(&dir).unwrap();
    let file = |name: &str| {
        format!("services: [{{name: {name}, hosts: [{name}.test], endpoints: [{{address: \"192.0.2.1:80\"}}]}}]")
    };
    for name in ["a", "b"] {
        std::fs::write(dir.join(format!("{name}.yaml")), file(name)).unwrap();
    }
    std::fs::write(dir.join("notes.txt"), "not for apply").unwrap();
    let single = gateway.dir().join("c.json");
    std::fs::write(&single, r#"{"services": [{"name": "c", "hosts": ["c.test"], "endpoints": []}]}"#).unwrap();
    let (dir, single) = (dir.to_str().unwrap().to_owned(), single.to_str().unwrap().to_owned());

    let dry = gateway.ctl(&["apply", "-f", &dir, "-f", &single, "--dry-run"]).await.ok();
    for name in ["a", "b", "c"] {
        assert!(dry.stdout.contains(name), "{}", dry.stdout);
    }
    assert_eq!(gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json(), serde_json::json!([]));
    gateway.ctl(&["apply", "-f", &dir, "-f", &single]).await.ok();
    let listed = gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|service| service["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let revisions: Vec<_> = listed.as_array().unwrap().iter().map(|service| service["revision"].clone()).collect();
    assert!(revisions.iter().all(|revision| *revision == revisions[0]), "not one change: {listed}");

    // It deletes nothing that the files do not name.
    gateway.ctl(&["apply", "-f", &single]).await.ok();
    assert_eq!(gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json().as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn every_mistake_is_told_with_its_place() {
    let gateway = Gateway::start().await;
    let file = gateway.dir().join("wrong.yaml");
    let text = "\
services:
  - name: good
    hosts: [good.test]
    endpoints: [{address: \"192.0.2.1:80\"}]
  - name: Bad Name
    hosts: [a..b]
    endpoint: [{address: \"192.0.2.1:80\"}]
  - name: third
    hosts: [good.test]
    endpoints:
      - {address: \"192.0.2.1\", weight: 5000}
    timeouts: {connect: soon}
";
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let refused = gateway.ctl(&["apply", "-f", path]).await.exits(1);
    let line = |number: usize| format!("{path}:{number}");
    // An unknown field and a duration that is none are seen in the file alone.
    refused.says(&[&line(7), "endpoint", &line(12), "connect"]);
    assert_eq!(gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json(), serde_json::json!([]));

    // With these corrected, the control plane's own judgements come with their places too.
    let text = text.replace("endpoint: [", "endpoints: [").replace("connect: soon", "connect: 1s");
    std::fs::write(&file, text).unwrap();
    let refused = gateway.ctl(&["apply", "-f", path]).await.exits(1);
    refused.says(&[&line(5), "name", &line(6), "hosts", &line(11), "address", "weight"]);
    assert_eq!(gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json(), serde_json::json!([]));
}

#[tokio::test]
async fn what_is_no_declaration_is_refused() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    for (text, word) in [
        ("services: [", "stdin"),
        ("services: 7", "services"),
        ("servces: []", "servces"),
        ("services: [{name: a, hosts: [a.test], health_check: {http: {}, tcp: {}}}]", "health_check"),
        ("services: [{name: a, hosts: [a.test], load_balancing: fastest}]", "load_balancing"),
        ("services: [{name: a}, {name: a}]", "a"),
        ("{\"services\": [}", "stdin"),
    ] {
        let refused = ctl::ctl_with_input(&gateway.control_plane.url(), &["apply", "-f", "-"], text).await;
        refused.exits(1).says(&[word]);
    }
    gateway.ctl(&["apply", "-f", "/no/such/file"]).await.exits(1).says(&["/no/such/file"]);
    gateway.ctl(&["apply"]).await.exits(2);
    assert_eq!(gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json(), serde_json::json!([]));
}

#[tokio::test]
async fn a_conflict_with_what_is_there_names_the_owner() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    gateway.ctl(&["service", "register", "owner", "--host", "shop.test", "--endpoint", "192.0.2.1:80"]).await.ok();
    let text = "services: [{name: thief, hosts: [shop.test], endpoints: []}]";
    let refused = ctl::ctl_with_input(&gateway.control_plane.url(), &["apply", "-f", "-"], text).await;
    refused.exits(4).says(&["shop.test", "owner"]);
}
