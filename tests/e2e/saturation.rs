//! Endpoints come and go while there is more to do than can be done, and no request fails.

use std::time::{Duration, Instant};

use crate::harness::{Answer, Gateway, Upstream, eventually, load::Load};

/// Enough that the machine is never idle.
const CLIENTS: usize = 64;

#[tokio::test]
async fn endpoints_come_and_go_at_saturation() {
    saturate(Duration::from_secs(8)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a long run; see tests/README.md"]
async fn endpoints_come_and_go_at_saturation_for_five_minutes() {
    saturate(Duration::from_secs(300)).await;
}

async fn saturate(length: Duration) {
    let gateway = Gateway::start().await;
    let mut old = Upstream::start("old").await;
    gateway.register_probed_often("shop", "shop.test", &[&old]).await;
    let load = Load::saturate([gateway.data_planes[0].proxy], "shop.test", CLIENTS);
    let (began, spent) = (Instant::now(), gateway.data_planes[0].process().cpu_time());
    let mut replaced = 0;
    while began.elapsed() < length {
        let new = replacement(&gateway, replaced).await;
        gateway.ctl(&["endpoint", "remove", "shop", &old.address.to_string(), "--wait"]).await.ok();
        // Nothing new reaches it from here on; what is under way, it answers.
        old.drain().await;
        // A service beside this one is none of its business.
        let (name, host) = (format!("fair-{replaced}"), format!("fair-{replaced}.test"));
        gateway.register_unchecked(&name, &host, &[&new]).await;
        gateway.ctl(&["service", "delete", &name, "--wait"]).await.ok();
        old = new;
        replaced += 1;
    }
    let spent = gateway.data_planes[0].process().cpu_time() - spent;
    let length = began.elapsed();
    let tally = load.stop().await;
    println!(
        "{replaced} endpoints replaced, {} requests in {length:.1?} ({spent:.1?} of processor time), {} failed",
        tally.answered,
        tally.failures.len()
    );
    tally.is_flawless();
    assert!(replaced > 1, "the endpoints stayed");
}

/// Another endpoint that serves; every other one is healthy only a while after it was added.
async fn replacement(gateway: &Gateway, number: usize) -> Upstream {
    let new = Upstream::start("new").await;
    let is_late = number.is_multiple_of(2);
    if is_late {
        new.health(Answer::Status(503));
    }
    gateway.ctl(&["endpoint", "add", "shop", &new.address.to_string(), "--wait"]).await.ok();
    if is_late {
        gateway.until_health("shop", &new, "unhealthy").await;
        assert_eq!(new.requests(), 0, "requests before it was healthy");
        new.health(Answer::Status(200));
    }
    eventually("the new endpoint gets requests", async || (new.requests() > 0).then_some(())).await;
    new
}
