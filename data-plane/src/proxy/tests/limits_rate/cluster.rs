//! What is told of limits of the cluster, and what they are shared out by.

use std::time::Duration;

use gateway_limiting::{Rate, Share, Shares};
use gateway_proto::discovery::v1 as pb;
use gateway_routing::route::{Quota, RateLimit, Scope};

use super::{HOUR, OK, ask, hourly, is_ok, is_refused, limit, site, start};
use crate::{
    discovery::leases::{self, WHOLE},
    limiter::leasing::leasing,
    proxy::tests::Upstream,
};

#[tokio::test]
async fn a_cluster_shares_its_limits_out() {
    let cluster = |count| RateLimit { scope: Scope::Cluster, ..hourly("shared", count) };
    let proxy = start([cluster(8)]).await;
    assert!(ask(&proxy, "alone").await.contains("\"shared\";r=7;"));
    proxy.limiter.share(Shares::new(4, []).unwrap());
    assert!(ask(&proxy, "x").await.contains("\"shared\";r=1;"));
    assert!(is_ok(&ask(&proxy, "x").await) && is_refused(&ask(&proxy, "x").await));
    let asked = proxy.limiter.asked();
    // The first one was not known yet.
    let [of_x] = asked[..] else { panic!("{asked:?}") };
    assert_eq!((of_x.asked, of_x.admitted, of_x.rate), (2, 1, Rate::requests(8, HOUR, 8).unwrap()));
    // Half of it is leased, of which half is used.
    let lease = ((of_x.key.limit(), of_x.shared), Share::of_parts(1 << 31));
    proxy.limiter.share(Shares::new(4, [lease]).unwrap());
    assert!(is_refused(&ask(&proxy, "x").await), "an empty cell is empty whatever its share");
    assert!(ask(&proxy, "y").await.contains("\"shared\";r=1;"));
    assert_eq!(proxy.limiter.asked().len(), 1);
}

#[tokio::test]
async fn what_one_limit_refuses_was_not_asked_of_another() {
    let shared = RateLimit { scope: Scope::Cluster, ..hourly("shared", 8) };
    let shadow = RateLimit { scope: Scope::Cluster, shadow: true, ..hourly("tried", 2) };
    let proxy = start([hourly("own", 3), shared, shadow]).await;
    for _ in 0..9 {
        ask(&proxy, "x").await;
    }
    // The first was not known yet.
    let asked: Vec<_> = proxy.limiter.asked().iter().map(|asked| (asked.rate, asked.asked, asked.admitted)).collect();
    let rate = |count| Rate::requests(count, HOUR, count).unwrap();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.contains(&(rate(8), 2, 2)) && asked.contains(&(rate(2), 2, 1)), "{asked:?}");
}

#[tokio::test]
async fn a_limit_on_bytes_in_shadow_mode_makes_no_debts_that_it_would_not() {
    let quota = Quota::Bytes { count: 100, per: HOUR, burst: 100 };
    let upstream = Upstream::start().await.forever(OK);
    let tried = RateLimit { shadow: true, ..limit("bytes", quota) };
    let proxy = site(upstream, [tried.clone()]).start().await;
    let put = format!(
        "PUT / HTTP/1.1\r\nHost: a.test\r\nKey: x\r\nConnection: close\r\nContent-Length: 198\r\n\r\n{}",
        "x".repeat(198)
    );
    for _ in 0..3 {
        assert!(is_ok(&proxy.ask(&put).await));
    }
    proxy.swap(site(upstream, [RateLimit { shadow: false, ..tried }]).table()).await;
    let got = ask(&proxy, "x").await;
    let retry = got.split("Retry-After: ").nth(1).unwrap().split("\r\n").next().unwrap();
    // Of the first: a hundred, at 36 seconds each.
    assert!((3_590..=3_601).contains(&retry.parse::<u64>().unwrap()), "{got}");
}

#[tokio::test]
async fn what_is_used_is_told_while_nobody_asks() {
    let proxy = start([RateLimit { scope: Scope::Cluster, ..hourly("shared", 8) }]).await;
    let mut leasing = leasing(&proxy.limiter, &[]);
    let mut shares = leases::Shares::default();
    let mut told = |lease| {
        let shifts = shares.take_in(lease).unwrap();
        leasing.sink.apply(&shares, &shifts);
    };
    told(pb::LimitLease { nodes: 4, complete: true, limits: vec![] });
    for _ in 0..3 {
        ask(&proxy, "x").await;
    }
    let [first] = leasing.demand.take(Duration::from_millis(500))[..] else { panic!("it is asked for") };
    assert!(first.asked > WHOLE && first.used > WHOLE / 10 * 9, "{first:?}");
    let leases::Key { limit, hash } = first.key;
    let key = pb::LeaseOfKey { key_high: (hash >> 64) as u64, key_low: hash as u64, share: Some(1 << 31), shift: 0 };
    told(pb::LimitLease { nodes: 4, complete: false, limits: vec![pb::LeaseOfLimit { limit, keys: vec![key] }] });
    for _ in 0..3 {
        let [idle] = leasing.demand.take(Duration::from_millis(500))[..] else { panic!("it is not told") };
        assert_eq!((idle.key, idle.asked, idle.passed), (first.key, 0, 0));
        assert!(idle.used > WHOLE / 10 * 9, "{idle:?}");
    }
    // Where it is leased no more, it is nobody's.
    told(pb::LimitLease { nodes: 4, complete: true, limits: vec![] });
    assert_eq!(leasing.demand.take(Duration::from_millis(500)), []);
}
