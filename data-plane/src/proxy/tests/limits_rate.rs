//! How often anyone may call.

mod cluster;

use std::{net::SocketAddr, time::Duration};

use gateway_routing::{
    Match, Test,
    route::{Action, Exemption, KeyPart, Policies, Policy, Quota, RateLimit, Respond, Route, Scope},
};
use http::StatusCode;

use super::{
    Proxy, Upstream, eventually,
    site::{Site, below, named, route, to},
};
use crate::{telemetry::rate_limits::LimitTotals, worker::stats::WorkerStats};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HOUR: Duration = Duration::from_hours(1);

/// So many in an hour and at once, for each value of the field `Key`.
fn hourly(name: &str, count: u64) -> RateLimit {
    limit(name, Quota::Requests { count, per: HOUR, burst: count })
}

fn limit(name: &str, quota: Quota) -> RateLimit {
    RateLimit {
        name: name.into(),
        quota,
        key: [KeyPart::Header("key".into())].into(),
        scope: Scope::Node,
        exempt: Exemption::default(),
        shadow: false,
    }
}

fn limited(limits: impl Into<Box<[RateLimit]>>) -> Policies {
    Policies { rate_limits: Policy::On(limits.into()), ..Policies::default() }
}

fn site(endpoint: SocketAddr, limits: impl Into<Box<[RateLimit]>>) -> Site {
    let mut service = named("a", &[endpoint]);
    service.policies = limited(limits);
    Site::owned_by(service)
}

async fn start(limits: impl Into<Box<[RateLimit]>>) -> Proxy {
    site(Upstream::start().await.forever(OK), limits).start().await
}

/// The answer to a request with these fields, each of which ends its line.
async fn asked(proxy: &Proxy, path: &str, fields: &str) -> String {
    proxy.ask(&format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{fields}Connection: close\r\n\r\n")).await
}

async fn ask(proxy: &Proxy, key: &str) -> String {
    asked(proxy, "/", &format!("Key: {key}\r\n")).await
}

fn is_ok(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200 ")
}

fn is_refused(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n") && answer.contains("\"code\":\"rate_limited\"")
}

/// What the limits of the worker have counted: admitted, refused, and refused in shadow mode, by name.
fn counted(stats: &WorkerStats) -> Vec<(String, [u64; 3])> {
    let mut totals = LimitTotals::default();
    stats.rate_limits.add_to(&mut totals);
    totals.into_iter().map(|(labels, counts)| (labels.limit.to_string(), counts)).collect()
}

#[tokio::test]
async fn each_key_has_so_many_and_is_told_how_many_are_left() {
    let proxy = start([hourly("per-key", 2)]).await;
    for left in [1, 0] {
        let got = ask(&proxy, "x").await;
        assert!(is_ok(&got) && got.ends_with("\r\n\r\nok"), "{got}");
        assert!(got.contains("\r\nRateLimit-Policy: \"per-key\";q=2;w=3600\r\n"), "{got}");
        assert!(got.contains(&format!("\r\nRateLimit: \"per-key\";r={left};t=1800\r\n")), "{got}");
        assert!(!got.contains("Retry-After"), "{got}");
    }
    let got = ask(&proxy, "x").await;
    assert!(is_refused(&got), "{got}");
    assert!(got.contains("\r\nRateLimit: \"per-key\";r=0;t=1800\r\n"), "{got}");
    assert!(got.contains("\r\nRetry-After: 1800\r\n"), "{got}");
    assert!(!got.contains(";pk="), "{got}");
    assert!(is_ok(&ask(&proxy, "y").await));
    assert!(is_ok(&asked(&proxy, "/", "").await), "those without a key are one");
    assert_eq!(counted(&proxy.stats), [("per-key".into(), [4, 1, 0])]);
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refusal() {
    let proxy = start([hourly("all", 1)]).await;
    let mut client = proxy.connect().await;
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\nKey: x\r\n\r\n";
    client.send(get).await;
    client.until("\r\n\r\nok").await;
    client.send(get).await;
    assert!(client.until("}}\n").await.starts_with("HTTP/1.1 429 "));
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nKey: y\r\n\r\n").await;
    assert!(is_ok(&client.until("\r\n\r\nok").await));
}

#[tokio::test]
async fn all_limits_admit_or_none_is_charged() {
    let all = RateLimit { key: [KeyPart::Service].into(), ..hourly("all", 3) };
    let proxy = start([hourly("per-key", 2), all]).await;
    assert!(ask(&proxy, "x").await.contains("RateLimit: \"per-key\";r=1;t=1800, \"all\";r=2;t=1200\r\n"));
    assert!(is_ok(&ask(&proxy, "x").await));
    for _ in 0..5 {
        let got = ask(&proxy, "x").await;
        assert!(is_refused(&got) && got.contains("\"per-key\";r=0;t=1800, \"all\";r=1\r\n"), "{got}");
    }
    assert!(is_ok(&ask(&proxy, "y").await));
    let got = ask(&proxy, "y").await;
    assert!(is_refused(&got) && got.contains("\"per-key\";r=1, \"all\";r=0;t=1200\r\n"), "{got}");
    assert!(got.contains("Retry-After: 1200\r\n"), "{got}");
    assert_eq!(counted(&proxy.stats), [("all".into(), [3, 1, 0]), ("per-key".into(), [3, 5, 0])]);
}

#[tokio::test]
async fn a_limit_in_shadow_mode_counts_and_says_nothing() {
    let proxy = start([RateLimit { shadow: true, ..hourly("tried", 1) }]).await;
    for _ in 0..3 {
        let got = ask(&proxy, "x").await;
        assert!(is_ok(&got) && !got.contains("RateLimit"), "{got}");
    }
    assert_eq!(counted(&proxy.stats), [("tried".into(), [1, 0, 2])]);
}

#[tokio::test]
async fn who_is_exempt_is_not_counted() {
    let friends = Match::default().header("friend", Test::Present).unwrap();
    let headers = Exemption { headers: friends.header_conditions().into(), ..Exemption::default() };
    let local = Exemption { client_networks: ["127.0.0.0/8".parse().unwrap()].into(), ..Exemption::default() };
    let one = |exempt| RateLimit { exempt, ..hourly("one", 1) };
    let proxy = start([one(headers)]).await;
    for _ in 0..3 {
        let got = asked(&proxy, "/", "Key: x\r\nFriend: yes\r\n").await;
        assert!(is_ok(&got) && !got.contains("RateLimit"), "{got}");
    }
    assert!(is_ok(&ask(&proxy, "x").await) && is_refused(&ask(&proxy, "x").await));
    let proxy = start([one(local)]).await;
    assert!(is_ok(&ask(&proxy, "x").await) && is_ok(&ask(&proxy, "x").await));
}

#[tokio::test]
async fn so_many_are_under_way_at_once() {
    let upstream = Upstream::start().await;
    let proxy = site(upstream.address, [limit("at-once", Quota::Concurrent(1))]).start().await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nKey: x\r\n\r\n").await;
    let mut server = upstream.accept().await;
    server.head().await;
    let got = ask(&proxy, "x").await;
    assert!(is_refused(&got) && got.contains("Retry-After: 1\r\n"), "{got}");
    assert!(got.contains("RateLimit-Policy: \"at-once\";q=1;qu=\"concurrent-requests\"\r\n"), "{got}");
    server.send(OK).await;
    let got = client.until("\r\n\r\nok").await;
    assert!(got.contains("RateLimit: \"at-once\";r=0\r\n"), "{got}");
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nKey: x\r\n\r\n").await;
    server.head().await;
    server.send(OK).await;
    assert!(is_ok(&client.until("\r\n\r\nok").await));
}

#[tokio::test]
async fn who_is_refused_is_told_what_is_left_of_the_others() {
    let upstream = Upstream::start().await;
    let limits = [limit("at-once", Quota::Concurrent(2)), hourly("per-key", 3), limit("other", Quota::Concurrent(9))];
    let proxy = site(upstream.address, limits).start().await;
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\nKey: x\r\n\r\n";
    let (mut first, mut second) = (proxy.connect().await, proxy.connect().await);
    first.send(get).await;
    let mut server = upstream.accept().await;
    server.head().await;
    second.send(get).await;
    let mut other = upstream.accept().await;
    other.head().await;
    let got = ask(&proxy, "x").await;
    assert!(is_refused(&got), "{got}");
    assert!(got.contains("RateLimit: \"at-once\";r=0, \"per-key\";r=1, \"other\";r=7\r\n"), "{got}");
    server.send(OK).await;
    first.until("\r\n\r\nok").await;
    first.send(get).await;
    server.head().await;
    server.send(OK).await;
    first.until("\r\n\r\nok").await;
    let got = ask(&proxy, "x").await;
    assert!(is_refused(&got), "{got}");
    assert!(got.contains("RateLimit: \"at-once\";r=1, \"per-key\";r=0;t=1200, \"other\";r=8\r\n"), "{got}");
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_place_back() {
    let upstream = Upstream::start().await;
    let proxy = site(upstream.address, [limit("at-once", Quota::Concurrent(1))]).start().await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nKey: x\r\n\r\n").await;
    let mut server = upstream.accept().await;
    server.head().await;
    upstream.forever(OK);
    assert!(is_refused(&ask(&proxy, "x").await));
    drop(client);
    eventually(async || is_ok(&ask(&proxy, "x").await)).await;
}

#[tokio::test]
async fn bytes_are_charged_when_they_are_known() {
    let quota = Quota::Bytes { count: 100, per: HOUR, burst: 100 };
    let proxy = site(Upstream::start().await.forever(OK), [limit("bytes", quota)]).start().await;
    let put = |length: usize| {
        let body = "x".repeat(length);
        let head = "PUT / HTTP/1.1\r\nHost: a.test\r\nKey: x\r\nConnection: close";
        format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let got = proxy.ask(&put(48)).await;
    assert!(is_ok(&got) && got.contains("RateLimit: \"bytes\";r=100\r\n"), "{got}");
    assert!(got.contains("RateLimit-Policy: \"bytes\";q=100;qu=\"content-bytes\";w=3600\r\n"), "{got}");
    // 48 there and 2 back.
    let got = proxy.ask(&put(998)).await;
    assert!(is_ok(&got) && got.contains("RateLimit: \"bytes\";r=50;t=1\r\n"), "{got}");
    // 950 are owed, at 36 seconds each.
    let got = ask(&proxy, "x").await;
    assert!(is_refused(&got), "{got}");
    let retry = got.split("Retry-After: ").nth(1).unwrap().split("\r\n").next().unwrap();
    assert!((34_190..=34_201).contains(&retry.parse::<u64>().unwrap()), "{got}");
}

#[tokio::test]
async fn counters_outlive_edits_that_keep_the_key() {
    let upstream = Upstream::start().await.forever(OK);
    let proxy = site(upstream, [hourly("per-key", 2)]).start().await;
    assert!(is_ok(&ask(&proxy, "x").await));
    // Another rate: half of the burst is used up still.
    proxy.swap(site(upstream, [hourly("per-key", 4)]).table()).await;
    assert!(ask(&proxy, "x").await.contains("\"per-key\";r=1;"));
    // Another key: everything begins anew.
    let other = [KeyPart::Header("key".into()), KeyPart::Service].into();
    proxy.swap(site(upstream, [RateLimit { key: other, ..hourly("per-key", 4) }]).table()).await;
    assert!(ask(&proxy, "x").await.contains("\"per-key\";r=3;"));
    // Lifted, and set again.
    proxy.swap(Site::of(&[upstream]).table()).await;
    assert!(!ask(&proxy, "x").await.contains("RateLimit"));
    proxy.swap(site(upstream, [hourly("per-key", 4)]).table()).await;
    assert!(ask(&proxy, "x").await.contains("\"per-key\";r=0;"));
}

#[tokio::test]
async fn a_routes_limits_take_the_place_of_its_services() {
    let upstream = Upstream::start().await.forever(OK);
    let own = Route { policies: limited([hourly("own", 1)]), ..route("own", below("/own"), Action::Forward(to("a"))) };
    let off = Policies { rate_limits: Policy::Off, ..Policies::default() };
    let off = Route { policies: off, ..route("off", below("/off"), Action::Forward(to("a"))) };
    let hello = Respond { status: StatusCode::OK, body: "ok".into(), content_type: "text/plain".into() };
    let hello =
        Route { policies: limited([hourly("own", 1)]), ..route("hello", below("/hello"), Action::Respond(hello)) };
    let same = route("same", below("/same"), Action::Forward(to("a")));
    let site = site(upstream, [hourly("all", 1)]).route(own).route(off).route(hello).route(same);
    let proxy = site.start().await;
    for path in ["/own", "/hello", "/"] {
        let got = asked(&proxy, path, "").await;
        assert!(is_ok(&got) && got.contains("RateLimit: "), "{got}");
        assert!(is_refused(&asked(&proxy, path, "").await), "{path}");
    }
    assert!(is_refused(&asked(&proxy, "/same", "").await), "it is the service's");
    assert!(is_ok(&asked(&proxy, "/off", "").await) && is_ok(&asked(&proxy, "/off", "").await));
    let counts = counted(&proxy.stats);
    let own = || ("own".to_owned(), [1, 1, 0]);
    assert_eq!(counts, [own(), own(), ("all".into(), [1, 2, 0])]);
}

#[tokio::test]
async fn a_key_has_many_parts() {
    let address = KeyPart::ClientAddress { ipv4_prefix: 24, ipv6_prefix: 64 };
    let parts = [address, KeyPart::Route, KeyPart::Cookie("id".into()), KeyPart::Consumer];
    let proxy = start([RateLimit { key: parts.into(), ..hourly("one", 1) }]).await;
    assert!(is_ok(&asked(&proxy, "/", "Cookie: a=b; id=1\r\n").await));
    assert!(is_ok(&asked(&proxy, "/", "Cookie: id=2\r\n").await));
    assert!(is_refused(&asked(&proxy, "/", "Cookie: id=1\r\n").await));
    // Of several nobody knows which one the endpoint goes by: they are one client, whatever they add.
    assert!(is_ok(&asked(&proxy, "/", "Cookie: id=1; id=7\r\n").await));
    assert!(is_refused(&asked(&proxy, "/", "Cookie: id=1\r\nCookie: id=8\r\n").await));
}

#[tokio::test]
async fn a_field_that_comes_twice_is_no_key() {
    let proxy = start([hourly("one", 1)]).await;
    assert!(is_ok(&asked(&proxy, "/", "Key: x\r\nKey: 1\r\n").await));
    assert!(is_refused(&asked(&proxy, "/", "Key: x\r\nKey: 2\r\n").await));
    assert!(is_refused(&asked(&proxy, "/", "").await), "they count as having none");
    assert!(is_ok(&ask(&proxy, "x").await));
}

#[tokio::test]
async fn the_client_is_who_a_trusted_proxy_says() {
    let address = KeyPart::ClientAddress { ipv4_prefix: 32, ipv6_prefix: 64 };
    let limits = [RateLimit { key: [address].into(), ..hourly("per-client", 1) }];
    let upstream = Upstream::start().await.forever(OK);
    let trusting = site(upstream, limits.clone()).start_limited(&["--trusted-proxies=127.0.0.0/8,10.0.0.0/8"]).await;
    let from = async |proxy: &Proxy, field: &str| asked(proxy, "/", &format!("{field}\r\n")).await;
    assert!(is_ok(&from(&trusting, "X-Forwarded-For: 192.0.2.1").await));
    assert!(is_ok(&from(&trusting, "X-Forwarded-For: 192.0.2.2, 10.0.0.1").await));
    assert!(is_refused(&from(&trusting, "Forwarded: for=6.6.6.6, for=192.0.2.1").await));
    assert!(is_ok(&from(&trusting, "Forwarded: for=\"[2001:db8::1]\"").await));
    assert!(is_refused(&from(&trusting, "X-Forwarded-For: 2001:db8::2").await), "the same network");
    assert!(is_ok(&from(&trusting, "X-Forwarded-For: nonsense").await));
    assert!(is_refused(&from(&trusting, "Accept: */*").await), "the proxy itself");
    let local = Exemption { client_networks: ["127.0.0.0/8".parse().unwrap()].into(), ..Exemption::default() };
    let exempting = limits.clone().map(|limit| RateLimit { exempt: local.clone(), ..limit });
    let exempting = site(upstream, exempting).start_limited(&["--trusted-proxies=127.0.0.0/8"]).await;
    for _ in 0..2 {
        assert!(is_ok(&from(&exempting, "Accept: */*").await), "the proxy itself is exempt");
    }
    assert!(is_ok(&from(&exempting, "Forwarded: for=unknown").await));
    assert!(is_refused(&from(&exempting, "Forwarded: for=unknown").await), "and nobody is not");
    let both = "Forwarded: for=127.0.0.1\r\nX-Forwarded-For: 192.0.2.1";
    assert!(is_refused(&from(&exempting, both).await), "nor who contradicts the proxy");
    let wary = site(upstream, limits).start().await;
    assert!(is_ok(&from(&wary, "X-Forwarded-For: 192.0.2.1").await));
    assert!(is_refused(&from(&wary, "X-Forwarded-For: 192.0.2.2").await));
}
