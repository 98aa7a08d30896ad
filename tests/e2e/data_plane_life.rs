//! Data planes come, go and come back; they are cattle.

use crate::harness::{
    Answer, ControlPlane, DataPlane, Gateway, Signal, Upstream,
    client::{self, Wire},
    eventually, loopback,
};

#[tokio::test]
async fn a_data_plane_that_is_added_serves_everything_at_once() {
    let mut gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    let added = gateway.add_data_plane().await;
    assert_eq!(added.get("shop.test", "/").await.text(), "shop");
}

#[tokio::test]
async fn a_killed_data_plane_comes_back_with_everything() {
    let mut gateway = Gateway::builder().data_planes(2).start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    gateway.data_planes[1].kill().await;
    gateway.until_connected(1).await;
    let gone = gateway.ctl(&["-o", "json", "node", "get", "dp-1"]).await.ok().json();
    assert_eq!(gone["connected"], false, "{gone}");

    // The other one is not disturbed, and a change does not wait for one that is gone.
    let late = Upstream::start("late").await;
    gateway.register("late", "late.test", &[&late]).await;
    assert_eq!(gateway.get("late.test", "/").await.text(), "late");

    gateway.data_planes[1].restart().await;
    gateway.data_planes[1].until_ready().await;
    for (host, text) in [("shop.test", "shop"), ("late.test", "late")] {
        assert_eq!(gateway.data_planes[1].get(host, "/").await.text(), text);
    }
    gateway.until_connected(2).await;
}

#[tokio::test]
async fn a_draining_data_plane_finishes_what_it_began() {
    let mut gateway = Gateway::start().await;
    let mut upstream = Upstream::answering(Answer::ByHand).await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let proxy = gateway.data_planes[0].proxy;
    let request = "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    let mut begun = Wire::open(proxy, request).await;
    let mut exchange = upstream.exchange().await;
    exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf").await.unwrap();
    begun.read_until("half").await;

    let draining = gateway.data_planes[0].drain();
    eventually("new connections are refused", async || client::connect(proxy).await.err()).await;
    gateway.until_connected(0).await;
    exchange.write("done").await.unwrap();
    begun.read_until("done").await;
    assert_eq!(begun.read_to_end().await, "", "the connection is closed after its response");
    let exit = draining.exit().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_a_drain() {
    let mut gateway = Gateway::start().await;
    let mut idle = client::connect(gateway.data_planes[0].proxy).await.unwrap();
    client::exchange(&mut idle, client::request("GET", "nobody.test", "/"), "").await.unwrap();
    let _silent = Wire::open(gateway.data_planes[0].proxy, "").await;
    let exit = gateway.data_planes[0].drain().exit().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
}

#[tokio::test]
async fn a_drain_ends_when_its_time_is_up() {
    let mut gateway = Gateway::builder().data_plane_args(&["--drain-timeout", "300ms"]).start().await;
    let mut upstream = Upstream::answering(Answer::ByHand).await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let _stuck = Wire::open(gateway.data_planes[0].proxy, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    let _held = upstream.exchange().await;
    let exit = gateway.data_planes[0].drain().exit().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut gateway = Gateway::start().await;
    let mut upstream = Upstream::answering(Answer::ByHand).await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let proxy = gateway.data_planes[0].proxy;
    let _stuck = Wire::open(proxy, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    let _held = upstream.exchange().await;
    let draining = gateway.data_planes[0].drain();
    eventually("the drain has begun", async || client::connect(proxy).await.err()).await;
    draining.signal(Signal::INT);
    // The drain itself would take thirty seconds, which is the deadline of every wait.
    let _ = draining.exit().await;
}

#[tokio::test]
async fn a_data_plane_boots_from_its_cache() {
    let mut gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    let cache = gateway.dir().join("cache");
    let flags = ["--cache-dir", cache.to_str().unwrap()];
    let mut data_plane = DataPlane::ready("cached", &gateway.control_plane.url(), &flags).await;
    gateway.until_connected(2).await;
    eventually("the snapshot is on disk", async || {
        let files = std::fs::read_dir(&cache).ok()?;
        files.flatten().any(|file| file.metadata().is_ok_and(|data| data.len() > 0)).then_some(())
    })
    .await;
    // A change after the first snapshot is in the cache too once the data plane has ended.
    let late = Upstream::start("late").await;
    gateway.register("late", "late.test", &[&late]).await;
    let exit = data_plane.drain().exit().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    gateway.control_plane.kill().await;

    data_plane.restart().await;
    data_plane.until_ready().await;
    assert_eq!(data_plane.get("shop.test", "/").await.text(), "shop");
    assert_eq!(data_plane.get("late.test", "/").await.text(), "late");

    gateway.control_plane.restart().await;
    gateway.until_connected(2).await;
    let new = Upstream::start("new").await;
    gateway.register("new", "new.test", &[&new]).await;
    assert_eq!(data_plane.get("new.test", "/").await.text(), "new");
}

#[tokio::test]
async fn a_damaged_cache_is_thrown_away() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    let cache = gateway.dir().join("cache");
    let flags = ["--cache-dir", cache.to_str().unwrap()];
    let mut data_plane = DataPlane::ready("cached", &gateway.control_plane.url(), &flags).await;
    let exit = data_plane.drain().exit().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    for file in std::fs::read_dir(&cache).unwrap().flatten().map(|file| file.path()).filter(|path| path.is_file()) {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        std::fs::write(&file, bytes).unwrap();
    }
    // Without a control plane a damaged cache is as good as none.
    let nowhere = format!("http://{}:9", loopback::fresh());
    let orphan = DataPlane::listening("orphan", &nowhere, &flags).await;
    orphan.get("shop.test", "/").await.is_error(503, "not_ready");
    drop(orphan);
    // With one it is replaced.
    data_plane.restart().await;
    data_plane.until_ready().await;
    assert_eq!(data_plane.get("shop.test", "/").await.text(), "shop");
}

#[tokio::test]
async fn a_data_plane_waits_for_its_control_plane() {
    let gateway_dir = tempfile::tempdir().unwrap();
    let mut control_plane = ControlPlane::start(&gateway_dir.path().join("store"), &[]).await;
    control_plane.kill().await;
    let mut data_plane = DataPlane::listening("early", &control_plane.url(), &[]).await;
    data_plane.get("shop.test", "/").await.is_error(503, "not_ready");
    control_plane.restart().await;
    data_plane.until_ready().await;
    data_plane.get("shop.test", "/").await.is_error(404, "no_route");
}

#[tokio::test]
async fn several_workers_serve_the_same() {
    let gateway = Gateway::builder().data_plane_args(&[]).data_planes(0).start().await;
    let shop = Upstream::start("shop").await;
    gateway.register("shop", "shop.test", &[&shop]).await;
    let mut command = tokio::process::Command::new(crate::harness::planes::DATA_PLANE);
    let ip = loopback::fresh();
    command.args(["--listen", &format!("{ip}:0"), "--admin-listen", &format!("{ip}:0"), "--workers", "3"]);
    command.args(["--control-plane", &gateway.control_plane.url()]);
    let mut process = crate::harness::Process::spawn("a data plane of three workers", command);
    let proxy = crate::harness::planes::listener(&process.event("listening").await, "proxy");
    process.event("ready").await;
    for _ in 0..60 {
        assert_eq!(client::get(proxy, "shop.test", "/").await.text(), "shop");
    }
    gateway.ctl(&["service", "delete", "shop", "--wait"]).await.ok();
    // Connections are spread over the workers, and none of them may still have the route.
    for _ in 0..60 {
        client::get(proxy, "shop.test", "/").await.is_error(404, "no_route");
    }
    assert_eq!(process.terminate().await.code(), 0);
}
