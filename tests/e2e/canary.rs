//! A new version gets its share, a step at a time, and no request fails on the way.

use std::net::SocketAddr;

use crate::harness::{Answer, Gateway, Upstream, client, load::Load};

/// Requests that a share is judged by.
const REQUESTS: usize = 1_000;

/// A route for shop.test to an old and a new version.
async fn canary(data_planes: usize, flags: &[&str]) -> (Gateway, Upstream, Upstream) {
    let gateway = Gateway::builder().data_planes(data_planes).start().await;
    let (old, new) = (Upstream::start("old").await, Upstream::start("new").await);
    gateway.register_for_routes("old", &[&old]).await;
    gateway.register_for_routes("new", &[&new]).await;
    let create =
        ["route", "create", "shop", "--host", "shop.test", "--service", "old=1000", "--service", "new=0", "--wait"];
    gateway.ctl(&[&create, flags].concat()).await.ok();
    (gateway, old, new)
}

async fn shift(gateway: &Gateway, new: usize) {
    let (old, new) = (format!("old={}", 1000 - new), format!("new={new}"));
    gateway.ctl(&["route", "weights", "shop", &old, &new, "--wait"]).await.ok();
}

/// How many of so many requests, on one connection for each address, the new version answered.
async fn answered_by_new(proxies: &[SocketAddr], requests: usize) -> usize {
    let mut count = 0;
    for proxy in proxies {
        let mut connection = client::connect(*proxy).await.unwrap();
        for _ in 0..requests / proxies.len() {
            let request = client::request("GET", "shop.test", "/");
            let answer = client::exchange(&mut connection, request, "").await.unwrap();
            assert_eq!(answer.status, 200);
            count += usize::from(answer.text() == "new");
        }
    }
    count
}

/// Within six standard deviations of a binomial: one run in 500 million is outside by chance.
fn is_the_share(count: usize, per_mille: usize, requests: usize) {
    let expected = requests * per_mille / 1000;
    let millionth_variance = requests * per_mille * (1000 - per_mille);
    let distance = 1_000_000 * count.abs_diff(expected).pow(2);
    assert!(distance <= 36 * millionth_variance, "{count} of {requests} instead of {expected}");
}

#[tokio::test]
async fn a_canary_goes_from_nothing_to_everything_under_load_without_an_error() {
    let (gateway, old, new) = canary(1, &[]).await;
    let proxies: Vec<_> = gateway.data_planes.iter().map(|data_plane| data_plane.proxy).collect();
    let load = Load::start(proxies.clone(), "shop.test", 4);
    load.advance(100).await;
    assert_eq!(new.requests(), 0, "a share of nothing got something");
    for per_mille in [1, 50, 250, 500, 750, 999, 1000] {
        shift(&gateway, per_mille).await;
        let count = answered_by_new(&proxies, REQUESTS).await;
        is_the_share(count, per_mille, REQUESTS);
    }
    // What is under way when the last shift is served may still end at the old one.
    load.advance(20).await;
    let before = old.requests();
    load.advance(100).await;
    assert_eq!(old.requests(), before, "the old version still gets something");
    let tally = load.stop().await;
    println!("{} requests, {} failed", tally.answered, tally.failures.len());
    tally.is_flawless();
}

#[tokio::test]
async fn shares_hold_on_many_data_planes() {
    let (gateway, _old, _new) = canary(3, &[]).await;
    let proxies: Vec<_> = gateway.data_planes.iter().map(|data_plane| data_plane.proxy).collect();
    for per_mille in [100, 500] {
        shift(&gateway, per_mille).await;
        // On each of them, and so on all.
        for proxy in &proxies {
            is_the_share(answered_by_new(&[*proxy], REQUESTS).await, per_mille, REQUESTS);
        }
    }
}

#[tokio::test]
async fn a_client_stays_with_its_version_on_every_data_plane_and_moves_only_forward() {
    const CLIENTS: usize = 200;
    let (gateway, _old, _new) = canary(2, &["--sticky", "cookie:session"]).await;
    let versions = async || {
        let mut versions = Vec::new();
        for data_plane in &gateway.data_planes {
            let mut connection = client::connect(data_plane.proxy).await.unwrap();
            let mut here = Vec::new();
            for number in 0..CLIENTS {
                let request =
                    client::request("GET", "shop.test", "/").header("cookie", format!("a=b; session=c{number}"));
                here.push(client::exchange(&mut connection, request, "").await.unwrap().text() == "new");
            }
            versions.push(here);
        }
        let [one, other] = versions.try_into().expect("there are two data planes");
        assert_eq!(one, other, "two data planes disagree on a client");
        one
    };
    let mut before = versions().await;
    assert!(!before.contains(&true));
    for per_mille in [100, 300, 700, 1000] {
        shift(&gateway, per_mille).await;
        let after = versions().await;
        is_the_share(after.iter().filter(|new| **new).count(), per_mille, CLIENTS);
        assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "a client went back");
        before = after;
    }
}

#[tokio::test]
async fn a_version_without_a_healthy_endpoint_leaves_its_share_to_the_other() {
    let gateway = Gateway::start().await;
    let (old, new) = (Upstream::start("old").await, Upstream::start("new").await);
    gateway.register_for_routes("old", &[&old]).await;
    let address = new.address.to_string();
    let probed = ["service", "register", "new", "--endpoint", &address, "--health-interval", "100ms", "--wait"];
    gateway.ctl(&probed).await.ok();
    let create =
        ["route", "create", "shop", "--host", "shop.test", "--service", "old=100", "--service", "new=900", "--wait"];
    gateway.ctl(&create).await.ok();
    new.health(Answer::Status(500));
    gateway.until_health("new", &new, "unhealthy").await;
    gateway.ctl(&["node", "wait"]).await.ok();
    for _ in 0..50 {
        assert_eq!(gateway.get("shop.test", "/").await.text(), "old");
    }
}
