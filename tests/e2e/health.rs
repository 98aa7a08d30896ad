//! Only endpoints that pass their probes get traffic.

use crate::harness::{Answer, Gateway, Upstream, eventually};

#[tokio::test]
async fn traffic_follows_health() {
    let gateway = Gateway::builder().data_planes(2).start().await;
    let (one, two) = (Upstream::start("one").await, Upstream::start("two").await);
    gateway.register_probed_often("shop", "shop.test", &[&one, &two]).await;

    one.health(Answer::Status(503));
    gateway.until_health("shop", &one, "unhealthy").await;
    gateway.ctl(&["node", "wait"]).await.ok();
    let before = one.requests();
    for data_plane in &gateway.data_planes {
        for _ in 0..20 {
            assert_eq!(data_plane.get("shop.test", "/").await.text(), "two");
        }
    }
    assert_eq!(one.requests(), before);

    two.health(Answer::Status(500));
    gateway.until_status("shop.test", 503).await;
    gateway.get("shop.test", "/").await.is_error(503, "no_healthy_endpoint");

    one.health(Answer::Status(200));
    gateway.until_status("shop.test", 200).await;
    assert_eq!(gateway.get("shop.test", "/").await.text(), "one");
}

#[tokio::test]
async fn a_killed_endpoint_stops_getting_traffic() {
    let gateway = Gateway::start().await;
    let (mut one, two) = (Upstream::start("one").await, Upstream::start("two").await);
    gateway.register_probed_often("shop", "shop.test", &[&one, &two]).await;
    one.kill().await;
    gateway.until_health("shop", &one, "unhealthy").await;
    gateway.ctl(&["node", "wait"]).await.ok();
    for _ in 0..40 {
        let response = gateway.get("shop.test", "/").await;
        assert_eq!((response.status, response.text()), (200, "two"));
    }
    one.revive().await;
    gateway.until_health("shop", &one, "healthy").await;
    let requests = one.requests();
    eventually("the revived endpoint gets traffic", async || {
        gateway.get("shop.test", "/").await;
        (one.requests() > requests).then_some(())
    })
    .await;
}

#[tokio::test]
async fn no_traffic_comes_before_the_first_probe_has_passed() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    shop.health(Answer::ByHand);
    let address = shop.address.to_string();
    // The default interval is five seconds, and the first probe does not wait for it.
    let register = ["service", "register", "shop", "--host", "shop.test", "--endpoint", &address];
    gateway.ctl(&register).await.ok();
    let mut shop = shop;
    let mut probe = shop.exchange().await;
    assert_eq!((probe.head.method(), probe.head.target()), ("GET", "/healthcheck"));
    gateway.ctl(&["node", "wait"]).await.ok();
    assert_eq!(gateway.health("shop", &shop).await, "pending");
    gateway.get("shop.test", "/").await.is_error(503, "no_healthy_endpoint");

    probe.write("HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    gateway.until_status("shop.test", 200).await;
    assert_eq!(gateway.health("shop", &shop).await, "healthy");
}

#[tokio::test]
async fn an_endpoint_that_fails_its_first_probe_gets_no_traffic_and_says_why() {
    let gateway = Gateway::start().await;
    let (mut dead, sick) = (Upstream::dead().await, Upstream::start("sick").await);
    sick.health(Answer::Status(418));
    let (dead_address, sick_address) = (dead.address.to_string(), sick.address.to_string());
    let register = ["service", "register", "shop", "--host", "shop.test", "--health-interval", "100ms", "--wait"];
    let endpoints = ["--endpoint", &dead_address, "--endpoint", &sick_address];
    gateway.ctl(&[&register[..], &endpoints].concat()).await.ok();
    gateway.get("shop.test", "/").await.is_error(503, "no_healthy_endpoint");
    let listed = gateway.ctl(&["-o", "json", "endpoint", "list", "shop"]).await.ok().json();
    for endpoint in listed.as_array().unwrap() {
        assert_eq!(endpoint["health"], "unhealthy", "{listed}");
        let reason = endpoint["reason"].as_str().unwrap();
        let why = if endpoint["address"] == *sick_address { "418" } else { "refused" };
        assert!(reason.contains(why), "{reason}");
    }
    dead.revive().await;
    gateway.until_status("shop.test", 200).await;
    assert_eq!(sick.requests(), 0);
}

#[tokio::test]
async fn without_health_checks_traffic_comes_at_once() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    shop.health(Answer::Status(500));
    gateway.register_unchecked("shop", "shop.test", &[&shop]).await;
    assert_eq!(gateway.get("shop.test", "/").await.text(), "shop");
    assert_eq!(shop.probes(), 0);
    assert_eq!(gateway.health("shop", &shop).await, "healthy");
}

#[tokio::test]
async fn a_hanging_endpoint_delays_no_other() {
    let gateway = Gateway::start().await;
    let (hanging, quick) = (Upstream::start("hanging").await, Upstream::start("quick").await);
    hanging.health(Answer::Hang);
    let (hanging_address, quick_address) = (hanging.address.to_string(), quick.address.to_string());
    let register = ["service", "register", "shop", "--host", "shop.test", "--health-interval", "10s"];
    let endpoints = ["--endpoint", &hanging_address, "--endpoint", &quick_address];
    gateway.ctl(&[&register[..], &endpoints].concat()).await.ok();
    gateway.until_status("shop.test", 200).await;
    assert_eq!(gateway.health("shop", &hanging).await, "pending");
    assert_eq!(gateway.get("shop.test", "/").await.text(), "quick");
    // The time-out is two seconds.
    gateway.until_health("shop", &hanging, "unhealthy").await;
}

#[tokio::test]
async fn the_path_and_the_statuses_of_probes_are_the_services_own() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    shop.health(Answer::Status(500));
    let address = shop.address.to_string();
    let register = ["service", "register", "shop", "--host", "shop.test", "--endpoint", &address];
    let health = ["--health-path", "/ready?deep=1", "--health-interval", "100ms", "--wait"];
    gateway.ctl(&[&register[..], &health].concat()).await.ok();
    assert_eq!(gateway.get("shop.test", "/").await.text(), "shop");
    let heads = shop.heads();
    let probe = heads.iter().find(|head| head.target() == "/ready?deep=1").expect("a probe of that path");
    assert_eq!(probe.field("host"), address);
    assert_eq!(shop.probes(), 0);
}

#[tokio::test]
async fn rise_and_fall_count_probes() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    let document = format!(
        "services: [{{name: shop, hosts: [shop.test], endpoints: [{{address: \"{}\"}}],
           health_check: {{http: {{path: /healthcheck}}, interval: 100ms, timeout: 100ms, rise: 3, fall: 3}}}}]",
        shop.address
    );
    gateway.apply(&document).await.ok();
    assert_eq!(gateway.get("shop.test", "/").await.status, 200, "the very first verdict needs one probe");

    let before = shop.probes();
    shop.health(Answer::Status(500));
    gateway.until_status("shop.test", 503).await;
    assert!(shop.probes() - before >= 3, "fell after {} probes", shop.probes() - before);
    let before = shop.probes();
    shop.health(Answer::Status(200));
    gateway.until_status("shop.test", 200).await;
    assert!(shop.probes() - before >= 3, "rose after {} probes", shop.probes() - before);
}

#[tokio::test]
async fn a_tcp_probe_needs_a_connection_and_nothing_else() {
    let gateway = Gateway::start().await;
    let (up, down) = (Upstream::start("up").await, Upstream::dead().await);
    up.health(Answer::Reset);
    let document = format!(
        "services: [{{name: shop, hosts: [shop.test], endpoints: [{{address: \"{}\"}}, {{address: \"{}\"}}],
           health_check: {{tcp: {{}}, interval: 100ms}}}}]",
        up.address, down.address
    );
    gateway.apply(&document).await.ok();
    assert_eq!(gateway.health("shop", &up).await, "healthy");
    assert_eq!(gateway.health("shop", &down).await, "unhealthy");
    assert_eq!(up.probes(), 0);
}

#[tokio::test]
async fn a_host_name_is_resolved() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::on("127.0.0.1:0".parse().unwrap(), Answer::Text("by name".into())).await;
    let endpoint = format!("localhost:{}", upstream.address.port());
    let register = ["service", "register", "shop", "--host", "shop.test", "--endpoint", &endpoint, "--wait"];
    gateway.ctl(&register).await.ok();
    assert_eq!(gateway.get("shop.test", "/").await.text(), "by name");
    let listed = gateway.ctl(&["endpoint", "list", "shop"]).await.ok().stdout;
    assert!(listed.contains(&endpoint) && listed.contains(&upstream.address.to_string()), "{listed}");
}
