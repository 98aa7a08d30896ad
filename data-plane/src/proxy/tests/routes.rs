//! Requests that take a route, and what is told of them.

use std::{net::SocketAddr, sync::Arc};

use gateway_proto::host::HostPattern;
use gateway_routing::{Match, Methods, PathMatcher, Test, route::Route};

use super::{
    PATIENT, Proxy, Upstream, service,
    telemetry::{Log, until},
};
use crate::{
    table::{
        Changes, Entry, Limits, RoutingTable, Service,
        tests::{routes::route, stamp},
    },
    telemetry::access_log::Form,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

fn entry(name: &str, hosts: &[&str], upstream: SocketAddr) -> (Arc<str>, Option<Arc<Entry>>) {
    let service = Service { name: name.into(), ..service(&[upstream], PATIENT, Limits::default()) };
    let hosts = hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect();
    (name.into(), Some(Arc::new(Entry { service: Arc::new(service), hosts, endpoints: Box::default() })))
}

fn put(route: Route) -> (Arc<str>, Option<Arc<Route>>) {
    (Arc::clone(&route.name), Some(Arc::new(route)))
}

/// The service `a` owns `a.test`; the routes `api` and `canary` lead a part of it, and `b.test`, to `b`.
async fn table() -> RoutingTable {
    let upstreams = [Upstream::start().await.always(OK), Upstream::start().await.always(OK)];
    let services = [entry("a", &["a.test"], upstreams[0]), entry("b", &[], upstreams[1])];
    let canary = Match::new(PathMatcher::default()).header("X-Canary", Test::Exact("1".into())).unwrap();
    let canary = canary.query("debug", Test::Present).unwrap().methods(Methods::parse(["PUT"]).unwrap());
    let routes = [
        route("api", &["a.test", "b.test"], "/api", "b"),
        Route { rule: canary, ..route("canary", &["a.test"], "/", "b") },
    ];
    let changes = Changes { services: services.into(), routes: routes.map(put).into(), ..Changes::default() };
    RoutingTable::default().amend(stamp(1), &changes).unwrap()
}

/// The status, and what the log says of route and service.
async fn told(proxy: &Proxy, log: &Log, at: usize, line: &str, rest: &str) -> (u16, Option<String>, Option<String>) {
    let answer = proxy.ask(&format!("{line} HTTP/1.1\r\nConnection: close\r\n{rest}\r\n")).await;
    let lines = log.lines(at + 1).await;
    let text = |field| lines[at].get(field).map(|value| value.as_str().unwrap().to_owned());
    (answer[9..12].parse().unwrap(), text("route"), text("service"))
}

#[tokio::test]
async fn a_request_takes_the_route_that_matches_and_is_told_so() {
    let log = Log::start(Form::Json, 1);
    let proxy = Proxy::start_table(table().await, Some(log.log.for_worker())).await;
    let mut at = 0..;
    for (line, rest, status, route, service) in [
        ("GET /api/x", "Host: a.test\r\n", 200, Some("api"), Some("b")),
        ("GET /x/../%61pi", "Host: A.test:80\r\n", 200, Some("api"), Some("b")),
        ("GET http://a.test/api?x", "Host: other.test\r\n", 200, Some("api"), Some("b")),
        ("GET /apis", "Host: a.test\r\n", 200, None, Some("a")),
        ("PUT /x?debug", "Host: a.test\r\nx-canary: 0\r\nX-CANARY:  1 \r\n", 200, Some("canary"), Some("b")),
        ("GET /x?debug", "Host: a.test\r\nx-canary: 1\r\n", 200, None, Some("a")),
        ("PUT /x?debugs", "Host: a.test\r\nx-canary: 1\r\n", 200, None, Some("a")),
        ("GET /api", "Host: b.test\r\n", 200, Some("api"), Some("b")),
        ("GET /", "Host: b.test\r\n", 404, None, None),
        ("GET /api", "Host: c.test\r\n", 404, None, None),
    ] {
        let expected = (status, route.map(str::to_owned), service.map(str::to_owned));
        assert_eq!(told(&proxy, &log, at.next().unwrap(), line, rest).await, expected, "{line} {rest}");
    }
    proxy
        .until_told(&[
            "gateway_requests_total{service=\"b\",route=\"api\",class=\"2xx\"} 4",
            "gateway_requests_total{service=\"b\",route=\"canary\",class=\"2xx\"} 1",
            "gateway_requests_total{service=\"a\",route=\"-\",class=\"2xx\"} 3",
            "gateway_errors_total{service=\"-\",route=\"-\",code=\"no_route\"} 2",
            "gateway_request_duration_seconds_count{service=\"b\",route=\"api\"} 4",
        ])
        .await;
}

#[tokio::test]
async fn what_a_route_leads_to_no_more_leaves_the_metrics() {
    let table = table().await;
    let proxy = Proxy::start_table(table.clone(), None).await;
    for line in ["GET /api HTTP/1.1", "PUT /?debug HTTP/1.1\r\nX-Canary: 1", "GET / HTTP/1.1"] {
        proxy.ask(&format!("{line}\r\nHost: a.test\r\nConnection: close\r\n\r\n")).await;
    }
    let (api, canary, none) =
        ("{service=\"b\",route=\"api\"}", "{service=\"b\",route=\"canary\"}", "{service=\"a\",route=\"-\"}");
    let has = |labels: &str| proxy.metrics().contains(labels);
    until(|| has(api) && has(canary) && has(none), || proxy.metrics()).await;

    let moved = [put(route("api", &["a.test"], "/api", "a")), ("canary".into(), None)];
    let changes = Changes { routes: moved.into(), ..Changes::default() };
    proxy.swap(table.amend(stamp(2), &changes).unwrap()).await;
    until(|| !has(api) && !has(canary), || proxy.metrics()).await;
    assert!(has(none), "what is still there goes on: {}", proxy.metrics());
    proxy.ask("GET /api HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    proxy.until_told(&["gateway_requests_total{service=\"a\",route=\"api\",class=\"2xx\"} 1"]).await;
}
