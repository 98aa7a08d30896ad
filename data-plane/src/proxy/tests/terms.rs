//! Times, limits and policies of a route beside those of its service.

use std::time::Duration;

use gateway_routing::route::{Action, AmbiguousPaths, Limits, Respond, Route, TimeoutOverrides};
use http::StatusCode;

use super::{
    PATIENT, Proxy, Upstream,
    site::{Site, below, named, route, to},
};
use crate::table::{Service, Timeouts};

const EMPTY: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const SHORT: Option<Duration> = Some(Duration::from_millis(50));

fn to_a(path: &str) -> Route {
    route(&path[1..], below(path), Action::Forward(to("a")))
}

#[tokio::test]
async fn a_route_has_its_own_times_each_by_itself() {
    for timeouts in [
        TimeoutOverrides { response: SHORT, ..TimeoutOverrides::default() },
        TimeoutOverrides { total: SHORT, ..TimeoutOverrides::default() },
    ] {
        let upstream = Upstream::start().await;
        let quick = Route { timeouts, ..to_a("/quick") };
        let proxy = Site::of(&[upstream.address]).route(quick).start().await;
        let (mut patient, mut hurried) = (proxy.connect().await, proxy.connect().await);
        patient.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let mut server = upstream.accept().await;
        server.head().await;
        hurried.send("GET /quick HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let head = hurried.head().await;
        assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
        assert!(hurried.until("}}\n").await.contains("upstream_timeout"));
        // The service's time still runs.
        server.send(EMPTY).await;
        assert!(patient.head().await.starts_with("HTTP/1.1 204 "));
    }
}

#[tokio::test]
async fn a_route_may_take_longer_than_its_service() {
    let upstream = Upstream::start().await;
    let hurried = Timeouts { response: Duration::from_millis(50), ..PATIENT };
    let owner = Service { timeouts: hurried, ..named("a", &[upstream.address]) };
    let timeouts = TimeoutOverrides { response: Some(PATIENT.response), ..TimeoutOverrides::default() };
    let patient = Route { timeouts, ..to_a("/patient") };
    let proxy = Site::owned_by(owner).route(patient).start().await;
    let (mut patient, mut hurried) = (proxy.connect().await, proxy.connect().await);
    patient.send("GET /patient HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let mut server = upstream.accept().await;
    server.head().await;
    hurried.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(hurried.head().await.starts_with("HTTP/1.1 504 "));
    server.send(EMPTY).await;
    assert!(patient.head().await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn the_largest_body_is_the_routes_else_the_services_and_never_more_than_the_data_planes() {
    let upstream = Upstream::start().await.always(EMPTY);
    let owner = Service { limits: Limits { request_body: Some(3) }, ..named("a", &[upstream]) };
    let with = |path, max| Route { limits: Limits { request_body: Some(max) }, ..to_a(path) };
    let site = Site::owned_by(owner).route(with("/less", 2)).route(with("/more", 9)).route(with("/none", 0));
    let proxy = site.route(to_a("/same")).start_limited(&["--max-request-body=5B"]).await;
    for (path, most) in [("/", 3), ("/same", 3), ("/less", 2), ("/more", 5), ("/none", 0)] {
        for (length, status) in [(most, "204 "), (most + 1, "413 ")] {
            let body = "x".repeat(length);
            let head = format!("PUT {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n");
            let plain = proxy.ask(&format!("{head}Content-Length: {length}\r\n\r\n{body}")).await;
            assert!(plain.starts_with(&format!("HTTP/1.1 {status}")), "{path} {length}: {plain}");
        }
    }
    let chunked = "PUT /less HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert!(proxy.ask(chunked).await.starts_with("HTTP/1.1 413 "));
}

async fn told(proxy: &Proxy, path: &str) -> String {
    proxy.ask(&format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn ambiguous_paths_are_refused_where_the_policy_says_so_before_anything_is_forwarded() {
    let upstream = Upstream::start().await;
    let refusing = |mut route: Route| {
        route.policies.ambiguous_paths = Some(AmbiguousPaths::Refuse);
        route
    };
    let hello = Respond { status: StatusCode::OK, body: "hello".into(), content_type: "text/plain".into() };
    let hello = refusing(route("hello", below("/hello"), Action::Respond(hello)));
    let proxy =
        Site::of(&[upstream.address]).route(refusing(to_a("/api"))).route(to_a("/open")).route(hello).start().await;
    for (path, why) in [
        ("/api/a%2Fb", "the path holds an encoded slash"),
        ("/api//b", "the path holds an empty segment"),
        ("/api/%2e/b", "the path holds a dot segment"),
        ("/x/../api/b", "the path holds a dot segment"),
        ("/api/a%00", "the path holds an encoded control character"),
        ("/hello/..;/x", "the path holds a dot segment with a parameter"),
    ] {
        let got = told(&proxy, path).await;
        assert!(got.starts_with("HTTP/1.1 400 "), "{path}: {got}");
        assert!(got.contains("\"bad_request\"") && got.contains(&format!("\"message\":\"{why}\"")), "{path}: {got}");
    }
    proxy.until_told(&["gateway_errors_total{service=\"a\",route=\"api\",code=\"bad_request\"} 5"]).await;
    // What was never forwarded has opened no connection: these are the first. A query may hold anything.
    let mut client = proxy.connect().await;
    client.send("GET /api/a?b=%2F&c=//.. HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let mut server = upstream.accept().await;
    assert!(server.head().await.starts_with("GET /api/a?b=%2F&c=//.. "));
    server.send(EMPTY).await;
    client.head().await;
    client.send("GET /open/a%2Fb HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(server.head().await.starts_with("GET /open/a%2Fb "));
}

#[tokio::test]
async fn a_route_may_allow_what_its_service_refuses() {
    let upstream = Upstream::start().await.always(EMPTY);
    let mut owner = named("a", &[upstream]);
    owner.policies.ambiguous_paths = Some(AmbiguousPaths::Refuse);
    let mut open = to_a("/open");
    open.policies.ambiguous_paths = Some(AmbiguousPaths::Allow);
    let proxy = Site::owned_by(owner).route(open).route(to_a("/same")).start().await;
    for (path, status) in [("/a%2Fb", "400 "), ("/same/a%2Fb", "400 "), ("/open/a%2Fb", "204 "), ("/a", "204 ")] {
        let got = told(&proxy, path).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {got}");
    }
}
