//! Routes outlive what serves them: control planes that die, data planes that start without one.

use serde_json::json;

use crate::harness::{Gateway, Upstream, eventually};

/// A service and three routes, of each action one.
fn document(shop: &Upstream) -> String {
    format!(
        r#"services:
- name: shop
  hosts: [shop.test]
  endpoints: [{{address: "{}"}}]
  health_check: {{disabled: true}}
  response_headers: {{set: [{{name: x-from, value: service}}]}}
routes:
- name: api
  title: The API
  hosts: [shop.test]
  match: {{path: {{prefix: /api}}, methods: [GET], headers: [{{name: x-a, present: true}}]}}
  priority: 5
  forward: {{services: [{{name: shop}}], sticky: {{cookie: id}}, rewrite: {{prefix: /v2}}}}
  timeouts: {{response: 5s}}
  limits: {{request_body: 1KiB}}
  response_headers: {{set: [{{name: x-from, value: route}}]}}
  ambiguous_paths: refuse
- {{name: down, hosts: ["*.shop.test"], respond: {{status: 503, body: "back at noon"}}}}
- {{name: moved, hosts: [old.test], redirect: {{scheme: https, host: shop.test}}}}
"#,
        shop.address
    )
}

/// Every route of the document does its work.
async fn is_served(gateway: &Gateway) {
    for data_plane in &gateway.data_planes {
        let answer = data_plane.get("shop.test", "/other").await;
        assert_eq!((answer.text(), answer.field("x-from")), ("shop", "service"));
        assert_eq!(data_plane.get("eu.shop.test", "/").await.text(), "back at noon");
        let moved = data_plane.get("old.test", "/a?b").await;
        assert_eq!((moved.status, moved.field("location")), (308, "https://shop.test/a?b"));
    }
}

#[tokio::test]
async fn routes_are_there_again_after_the_control_plane_was_killed() {
    let mut gateway = Gateway::builder().data_planes(2).start().await;
    let shop = Upstream::start("shop").await;
    gateway.apply(&document(&shop)).await.ok();
    is_served(&gateway).await;
    let before = gateway.ctl(&["-o", "json", "route", "list"]).await.ok().json();
    let exported = gateway.ctl(&["export"]).await.ok().stdout;

    gateway.control_plane.kill().await;
    is_served(&gateway).await;
    gateway.control_plane.restart().await;
    assert_eq!(gateway.ctl(&["-o", "json", "route", "list"]).await.ok().json(), before);
    gateway.until_connected(2).await;
    is_served(&gateway).await;

    let again = gateway.apply(&document(&shop)).await.ok();
    assert!(again.stdout.contains("nothing changed: 1 service and 3 routes already so"), "{}", again.stdout);
    let again = gateway.apply(&exported).await.ok();
    assert!(
        again.stdout.contains("nothing changed: 1 service and 3 routes already so"),
        "{}\n{exported}",
        again.stdout
    );
    let twin = Gateway::builder().data_planes(0).start().await;
    twin.ctl(&["apply", "-f", "/dev/null"]).await.exits(1);
    let file = gateway.dir().join("export.yaml");
    std::fs::write(&file, &exported).unwrap();
    twin.ctl(&["apply", "-f", file.to_str().unwrap()]).await.ok();
    assert_eq!(twin.ctl(&["export"]).await.ok().stdout, exported);
}

#[tokio::test]
async fn a_data_plane_boots_with_the_routes_of_its_cache() {
    let mut gateway = Gateway::builder().data_planes(0).start().await;
    let shop = Upstream::start("shop").await;
    let cache = gateway.dir().join("cache");
    let args = ["--cache-dir", cache.to_str().unwrap()];
    let url = gateway.control_plane.url();
    gateway.data_planes.push(crate::harness::DataPlane::ready("cached", &url, &args).await);
    gateway.until_connected(1).await;
    gateway.apply(&document(&shop)).await.ok();
    is_served(&gateway).await;
    // The routes are in the cache once the data plane has ended.
    gateway.control_plane.kill().await;
    let exit = gateway.data_planes[0].drain().exit().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    gateway.data_planes[0].restart().await;
    gateway.data_planes[0].until_ready().await;
    is_served(&gateway).await;
    // And it takes up what changes when the control plane is back.
    gateway.control_plane.restart().await;
    gateway.ctl(&["route", "delete", "moved"]).await.ok();
    eventually("the route is gone", async || (gateway.get("old.test", "/").await.status == 404).then_some(())).await;
}

#[tokio::test]
async fn policies_of_services_are_shown_as_in_files() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let shop = Upstream::start("shop").await;
    gateway.apply(&document(&shop)).await.exits(0);
    let service = gateway.ctl(&["-o", "json", "service", "get", "shop"]).await.ok().json();
    assert_eq!(service["response_headers"], json!({"set": [{"name": "x-from", "value": "service"}]}));
    let route = gateway.ctl(&["-o", "json", "route", "get", "api"]).await.ok().json();
    assert_eq!(route["match"]["headers"], json!([{"name": "x-a", "present": true}]));
    assert_eq!(route["forward"]["services"], json!([{"name": "shop", "weight": 1000}]));
    assert_eq!((&route["priority"], &route["ambiguous_paths"]), (&json!(5), &json!("refuse")));
    // Every mistake has its place, whoever finds it.
    let wrong = document(&shop).replace("cookie: id", "cookie: \"a b\"").replace("prefix: /v2", "path: \"/{id}\"");
    let refused = gateway.apply(&wrong).await.exits(1);
    refused.says(&["stdin:13:56: routes[0].forward.sticky.cookie", "routes[0].forward.rewrite.path"]);
}
