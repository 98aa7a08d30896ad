//! `gatewayctl service register … --wait && curl` works at once, every time.

use tokio::process::Command;

use crate::harness::{Gateway, Upstream, ctl};

#[tokio::test]
async fn what_is_registered_is_served_at_once() {
    register_and_curl(20).await;
}

#[tokio::test]
#[ignore = "a long run; see tests/README.md"]
async fn what_is_registered_is_served_at_once_200_times() {
    register_and_curl(200).await;
}

async fn register_and_curl(times: usize) {
    let gateway = Gateway::builder().data_planes(3).start().await;
    for number in 0..times {
        let text = format!("upstream {number}");
        let upstream = Upstream::start(&text).await;
        let (name, host) = (format!("service-{number}"), format!("{number}.shop.test"));
        let endpoint = upstream.address.to_string();
        // Every default: the endpoint is probed, and the probe's verdict is waited for.
        gateway.ctl(&["service", "register", &name, "--host", &host, "--endpoint", &endpoint, "--wait"]).await.ok();
        let data_plane = &gateway.data_planes[number % 3];
        let (field, url) = (format!("Host: {host}"), format!("http://{}/", data_plane.proxy));
        let curl = ctl::run(Command::new("curl").args(["-sS", "--fail-with-body", "-H", &field, &url]), "").await.ok();
        assert_eq!(curl.stdout, text, "time {number} at {}", data_plane.id);
    }
    println!("{times} times registered and served at once");
}
