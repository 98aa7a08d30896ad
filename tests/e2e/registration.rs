//! A service that is registered is served, by every data plane, as soon as the command returns.

use crate::harness::{Gateway, Upstream, client};

#[tokio::test]
async fn a_registered_service_is_served_by_every_data_plane_at_once() {
    let gateway = Gateway::builder().data_planes(3).start().await;
    let mail = Upstream::start("mail").await;
    gateway.register("mail", "mail.test", &[&mail]).await;
    for data_plane in &gateway.data_planes {
        assert_eq!(data_plane.get("mail.test", "/").await.text(), "mail", "{}", data_plane.id);
    }
    assert_eq!(mail.requests(), 3);
}

#[tokio::test]
async fn every_instance_registers_itself() {
    let gateway = Gateway::start().await;
    let (one, two) = (Upstream::start("one").await, Upstream::start("two").await);
    gateway.register("shop", "shop.test", &[&one]).await;
    gateway.register("shop", "shop-2.test", &[&two]).await;

    let service = gateway.ctl(&["-o", "json", "service", "get", "shop"]).await.ok().json();
    assert_eq!(service["hosts"], serde_json::json!(["shop.test", "shop-2.test"]));
    assert_eq!(service["endpoints"].as_array().map(Vec::len), Some(2));
    for host in ["shop.test", "shop-2.test"] {
        let mut seen: Vec<String> = Vec::new();
        for _ in 0..60 {
            seen.push(gateway.get(host, "/").await.text().into());
        }
        // Neither is missed by chance: 2^-60.
        assert!(seen.contains(&"one".into()) && seen.contains(&"two".into()), "{host}: {seen:?}");
    }
}

#[tokio::test]
async fn registering_twice_changes_nothing() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    let before = gateway.ctl(&["-o", "json", "service", "get", "shop"]).await.ok().stdout;
    gateway.register("shop", "shop.test", &[&shop]).await;
    let after = gateway.ctl(&["-o", "json", "service", "get", "shop"]).await.ok().stdout;
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_deleted_service_is_gone_everywhere_at_once() {
    let gateway = Gateway::builder().data_planes(2).start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    gateway.ctl(&["service", "delete", "shop", "--wait"]).await.ok();
    for data_plane in &gateway.data_planes {
        data_plane.get("shop.test", "/").await.is_error(404, "no_route");
    }
    // Its host is free again.
    let other = Upstream::start("other").await;
    gateway.register("other", "shop.test", &[&other]).await;
    assert_eq!(gateway.get("shop.test", "/").await.text(), "other");
}

#[tokio::test]
async fn an_open_connection_sees_every_change() {
    let gateway = Gateway::start().await;
    let (old, new) = (Upstream::start("old").await, Upstream::start("new").await);
    let mut connection = client::connect(gateway.data_planes[0].proxy).await.unwrap();
    let mut ask =
        async || client::exchange(&mut connection, client::request("GET", "shop.test", "/"), "").await.unwrap();
    ask().await.is_error(404, "no_route");
    gateway.register("shop", "shop.test", &[&old]).await;
    assert_eq!(ask().await.text(), "old");
    gateway.ctl(&["endpoint", "add", "shop", &new.address.to_string()]).await.ok();
    gateway.until_health("shop", &new, "healthy").await;
    gateway.ctl(&["endpoint", "remove", "shop", &old.address.to_string()]).await.ok();
    gateway.ctl(&["node", "wait"]).await.ok();
    assert_eq!(ask().await.text(), "new");
}
