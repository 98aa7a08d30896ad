//! Nothing that the control plane dies of fails a request, and it comes back with everything that
//! it had acknowledged.

use crate::harness::{Answer, ControlPlane, Gateway, Upstream, eventually, load::Load};

#[tokio::test]
async fn a_killed_control_plane_fails_no_request_and_forgets_nothing() {
    let mut gateway = Gateway::builder().data_planes(2).start().await;
    let (one, two) = (Upstream::start("one").await, Upstream::start("two").await);
    gateway.register("shop", "shop.test", &[&one, &two]).await;
    let before = gateway.ctl(&["-o", "json", "service", "list"]).await.ok().stdout;
    let load = Load::start(gateway.data_planes.iter().map(|data_plane| data_plane.proxy), "shop.test", 2);
    load.advance(200).await;

    gateway.control_plane.kill().await;
    load.advance(500).await;
    gateway.ctl(&["status"]).await.exits(5);

    gateway.control_plane.restart().await;
    assert_eq!(gateway.ctl(&["-o", "json", "service", "list"]).await.ok().stdout, before);
    gateway.until_connected(2).await;
    load.advance(200).await;
    load.stop().await.is_flawless();
    // What it knew of health it knows again: no endpoint was taken out meanwhile.
    assert_eq!(gateway.health("shop", &one).await, "healthy");
}

#[tokio::test]
async fn data_planes_take_up_changes_after_the_control_plane_returned() {
    let mut gateway = Gateway::builder().data_planes(2).start().await;
    let (old, new) = (Upstream::start("old").await, Upstream::start("new").await);
    gateway.register("old", "old.test", &[&old]).await;
    gateway.control_plane.kill().await;
    gateway.control_plane.restart().await;
    // Before any data plane may be back: what is registered now they get when they return.
    let address = new.address.to_string();
    let register = ["service", "register", "new", "--host", "new.test", "--endpoint", &address];
    gateway.ctl(&register).await.ok();
    gateway.ctl(&["service", "delete", "old"]).await.ok();
    gateway.until_connected(2).await;
    gateway.until_status("new.test", 200).await;
    for data_plane in &gateway.data_planes {
        assert_eq!(data_plane.get("new.test", "/").await.text(), "new");
        data_plane.get("old.test", "/").await.is_error(404, "no_route");
    }
}

#[tokio::test]
async fn what_was_served_before_a_kill_is_served_after_it() {
    let mut gateway = Gateway::start().await;
    for round in 0..5 {
        let shop = Upstream::start("shop").await;
        let (name, host) = (format!("shop-{round}"), format!("{round}.shop.test"));
        // By default two probes in a row must fail, five seconds apart: none of it in this test.
        gateway.register(&name, &host, &[&shop]).await;
        // At once: what `--wait` has promised must not hang on a write that is still to come.
        gateway.control_plane.kill().await;
        assert_eq!(gateway.get(&host, "/").await.text(), "shop");
        // No probe gets an answer any more, so that only what was known before can count.
        shop.health(Answer::Hang);
        gateway.control_plane.restart().await;
        gateway.until_connected(1).await;
        let answer = gateway.get(&host, "/").await;
        assert_eq!(answer.status, 200, "round {round}: taken out by the restart: {}", answer.text());
        gateway.ctl(&["service", "delete", &name, "--wait"]).await.ok();
    }
}

#[tokio::test]
async fn health_that_changed_while_nobody_looked_is_found_out() {
    let mut gateway = Gateway::start().await;
    let (one, mut two) = (Upstream::start("one").await, Upstream::start("two").await);
    gateway.register_probed_often("shop", "shop.test", &[&one, &two]).await;
    gateway.control_plane.kill().await;
    two.kill().await;
    one.health(Answer::Status(200));
    gateway.control_plane.restart().await;
    gateway.until_health("shop", &two, "unhealthy").await;
    gateway.until_connected(1).await;
    for _ in 0..20 {
        assert_eq!(gateway.get("shop.test", "/").await.text(), "one");
    }
}

#[tokio::test]
async fn a_control_plane_that_is_asked_to_end_ends_cleanly() {
    let mut gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    let exit = gateway.control_plane.terminate().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    assert_eq!(gateway.get("shop.test", "/").await.text(), "shop");
    gateway.control_plane.restart().await;
    gateway.until_connected(1).await;
    assert_eq!(gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_data_plane_refuses_the_control_plane_of_another_cluster() {
    let mut gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    gateway.control_plane.kill().await;
    // An empty store takes the place of the old one, at the same address.
    let another = gateway.dir().join("another");
    let right = std::mem::replace(&mut gateway.control_plane.data_dir, another);
    gateway.control_plane.restart().await;
    eventually("the data plane says that this is another cluster", async || {
        gateway.data_planes[0].log().contains("cluster").then_some(())
    })
    .await;
    assert_eq!(gateway.get("shop.test", "/").await.text(), "shop");

    gateway.control_plane.kill().await;
    gateway.control_plane.data_dir = right;
    gateway.control_plane.restart().await;
    gateway.until_connected(1).await;
}

#[tokio::test]
async fn a_data_plane_refuses_a_stale_copy_of_the_store() {
    let mut gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&shop]).await;
    gateway.control_plane.terminate().await;
    let (store, copy) = (gateway.control_plane.data_dir.clone(), gateway.dir().join("copy"));
    copy_tree(&store, &copy);
    gateway.control_plane.restart().await;
    gateway.until_connected(1).await;
    gateway.register_unchecked("late", "late.test", &[&shop]).await;

    gateway.control_plane.kill().await;
    gateway.control_plane.data_dir = copy;
    gateway.control_plane.restart().await;
    let refused = eventually("the data plane is refused", async || {
        let log = gateway.data_planes[0].log();
        (log.contains("stale") || log.contains("behind") || log.contains("older")).then_some(log)
    });
    refused.await;
    assert_eq!(gateway.get("late.test", "/").await.text(), "shop", "the newer state was lost");
}

#[tokio::test]
async fn a_data_plane_fails_over_to_another_control_plane() {
    // Two control planes in turn on one store, as a standby would take it over.
    let mut gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&shop]).await;
    let mut standby = ControlPlane::start(&gateway.dir().join("elsewhere"), &[]).await;
    standby.kill().await;
    let urls = format!("{},{}", gateway.control_plane.url(), standby.url());
    let data_plane = crate::harness::DataPlane::ready("fail-over", &urls, &[]).await;
    assert_eq!(data_plane.get("shop.test", "/").await.text(), "shop");

    gateway.control_plane.terminate().await;
    standby.data_dir = gateway.control_plane.data_dir.clone();
    standby.restart().await;
    let ctl = async |args: &[&str]| crate::harness::ctl::ctl(&standby.url(), args).await;
    eventually("the data plane is connected to the standby", async || {
        let nodes = ctl(&["-o", "json", "node", "list"]).await.ok().json();
        let found = nodes.as_array().unwrap().iter().any(|node| node["id"] == "fail-over" && node["connected"] == true);
        found.then_some(())
    })
    .await;
    let address = shop.address.to_string();
    let register = ["service", "register", "late", "--host", "late.test", "--endpoint", &address, "--wait"];
    ctl(&register).await.ok();
    assert_eq!(data_plane.get("late.test", "/").await.text(), "shop");
}

fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
