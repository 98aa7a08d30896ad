//! The control plane dies again and again under load, and no client notices.

use std::time::{Duration, Instant};

use crate::harness::{Gateway, Upstream, load::Load};

#[tokio::test]
async fn restarts_of_the_control_plane_fail_no_request() {
    restarts_under_load(Duration::from_secs(3)).await;
}

#[tokio::test]
#[ignore = "a long run; see tests/README.md"]
async fn restarts_of_the_control_plane_fail_no_request_for_a_minute() {
    restarts_under_load(Duration::from_secs(60)).await;
}

async fn restarts_under_load(length: Duration) {
    let mut gateway = Gateway::builder().data_planes(3).start().await;
    let (one, two) = (Upstream::start("one").await, Upstream::start("two").await);
    gateway.register("shop", "shop.test", &[&one, &two]).await;
    let load = Load::start(gateway.data_planes.iter().map(|data_plane| data_plane.proxy), "shop.test", 2);
    let began = Instant::now();
    let mut restarts = 0;
    while began.elapsed() < length {
        gateway.control_plane.kill().await;
        load.advance(200).await;
        gateway.control_plane.restart().await;
        restarts += 1;
        // Every other time it dies again before anybody could have returned to it.
        if restarts % 2 == 0 {
            gateway.until_connected(3).await;
        }
        load.advance(50).await;
    }
    gateway.until_connected(3).await;
    let tally = load.stop().await;
    println!("{restarts} restarts, {} requests, {} failed", tally.answered, tally.failures.len());
    tally.is_flawless();
}
