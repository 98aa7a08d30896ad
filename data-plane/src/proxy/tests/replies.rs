//! What the gateway answers by itself because a route says so.

use gateway_routing::route::{Action, PathRewrite, Policies, Redirect, Respond, Route, Scheme};
use http::StatusCode;

use super::{
    Proxy, Upstream,
    site::{Site, below, route, rules},
    telemetry::Log,
};
use crate::telemetry::access_log::Form;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HOST: &str = "Host: a.test\r\n";

fn moved() -> Route {
    let redirect = Redirect {
        status: StatusCode::PERMANENT_REDIRECT,
        scheme: Some(Scheme::Https),
        host: None,
        port: Some(8443),
        path: Some(PathRewrite::Prefix("/new".into())),
        strip_query: false,
    };
    route("moved", below("/old"), Action::Redirect(redirect))
}

fn says(path: &str, status: u16, body: &str) -> Route {
    let status = StatusCode::from_u16(status).unwrap();
    let respond = Respond { status, body: body.into(), content_type: "text/plain".into() };
    route(&path[1..], below(path), Action::Respond(respond))
}

/// Nothing that this test asks for has an endpoint.
async fn proxy(routes: impl IntoIterator<Item = Route>) -> Proxy {
    routes.into_iter().fold(Site::of(&[]), Site::route).start().await
}

#[tokio::test]
async fn a_redirect_says_where_to_and_keeps_the_connection() {
    let upstream = Upstream::start().await;
    let proxy = Site::of(&[upstream.address]).route(moved()).start().await;
    let mut client = proxy.connect().await;
    client.send("GET /x/../old/%61?b=%2F HTTP/1.1\r\nHost: A.test:80\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 308 Permanent Redirect\r\nDate: "), "{head}");
    assert!(head.contains("\r\nLocation: https://a.test:8443/new/a?b=%2F\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 0\r\n") && head.contains("\r\nX-Request-Id: "), "{head}");
    assert!(!head.contains("Connection: "), "{head}");
    client.send(format!("HEAD /old HTTP/1.1\r\n{HOST}\r\n")).await;
    assert!(client.head().await.contains("\r\nLocation: https://a.test:8443/new\r\n"));
    // The next one is for the endpoint, on the same connection.
    client.send(format!("GET /olden HTTP/1.1\r\n{HOST}\r\n")).await;
    let mut server = upstream.accept().await;
    assert!(server.head().await.starts_with("GET /olden "));
    server.send(OK).await;
    client.until("ok").await;
}

#[tokio::test]
async fn a_redirect_keeps_the_scheme_that_a_trusted_proxy_tells() {
    let Action::Redirect(redirect) = moved().action else { panic!() };
    let redirect = Redirect { scheme: None, port: None, host: Some("b.test".into()), ..redirect };
    let site = Site::of(&[]).route(Route { action: Action::Redirect(redirect), ..moved() });
    let trusting = site.start_limited(&["--trusted-proxies=127.0.0.0/8"]).await;
    let location = async |proxy: &Proxy, fields: &str| {
        let head = proxy.ask(&format!("GET /old HTTP/1.1\r\n{HOST}Connection: close\r\n{fields}\r\n")).await;
        let (_, location) = head.split_once("\r\nLocation: ").unwrap();
        location.split_once("\r\n").unwrap().0.to_owned()
    };
    for (fields, expected) in [
        ("X-Forwarded-Proto: https\r\n", "https://b.test/new"),
        ("x-forwarded-proto: HTTPS\r\n", "https://b.test/new"),
        ("X-Forwarded-Proto: http\r\n", "http://b.test/new"),
        ("X-Forwarded-Proto: wss\r\n", "http://b.test/new"),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", "http://b.test/new"),
        ("", "http://b.test/new"),
    ] {
        assert_eq!(location(&trusting, fields).await, expected, "{fields}");
    }
    let wary = site.start().await;
    assert_eq!(location(&wary, "X-Forwarded-Proto: https\r\n").await, "http://b.test/new");
}

#[tokio::test]
async fn a_fixed_answer_is_what_the_route_says() {
    let proxy = proxy([says("/robots", 200, "all of them\n"), says("/teapot", 418, "")]).await;
    let mut client = proxy.connect().await;
    client.send(format!("GET /robots HTTP/1.1\r\n{HOST}\r\nHEAD /robots HTTP/1.1\r\n{HOST}\r\n")).await;
    let head = client.head().await;
    let fields = "\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n";
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with(fields), "{head}");
    assert_eq!(client.exactly(12).await, b"all of them\n");
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with(fields), "{head}");
    // What comes next is no body.
    client.send(format!("GET /teapot HTTP/1.1\r\n{HOST}\r\n")).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 418 ") && head.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{head}");
    assert!(!head.contains("Content-Type"), "{head}");
    client.send("GET /robots HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    let last = client.rest().await;
    assert!(last.contains("Connection: close\r\n") && last.ends_with("\r\n\r\nall of them\n"), "{last}");
}

#[tokio::test]
async fn some_answers_have_no_content_whatever_the_route_says() {
    let proxy = proxy([says("/a", 204, "x"), says("/b", 205, "x"), says("/c", 304, "x")]).await;
    let mut client = proxy.connect().await;
    for (path, status, length) in [("/a", "204 ", false), ("/b", "205 ", true), ("/c", "304 ", false)] {
        client.send(format!("GET {path} HTTP/1.1\r\n{HOST}\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")) && !head.contains("Content-Type"), "{head}");
        assert_eq!(head.contains("\r\nContent-Length: 0\r\n"), length, "{head}");
    }
}

#[tokio::test]
async fn what_is_left_of_a_request_is_not_taken_for_another() {
    let proxy = proxy([moved(), says("/robots", 200, "none\n"), says("/secret", 200, "SECRET")]).await;
    for path in ["/old", "/robots"] {
        let mut client = proxy.connect().await;
        // What follows looks like a request, and is the body of one.
        let hidden = format!("GET /secret HTTP/1.1\r\n{HOST}\r\n");
        client.send(format!("POST {path} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n{hidden}", hidden.len())).await;
        let got = client.rest().await;
        assert!(got.contains("\r\nConnection: close\r\n") && !got.contains("SECRET"), "{got}");
        // With none left, the connection goes on.
        let mut client = proxy.connect().await;
        client.send(format!("POST {path} HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n{hidden}")).await;
        client.until("SECRET").await;
    }
}

#[tokio::test]
async fn answers_of_routes_have_the_fields_that_the_route_wants_and_failures_do_not() {
    let response_headers = rules(&["Content-Type"], &[("X-Set", "1"), ("Location", "/else")], &[("Set-Cookie", "a")]);
    let policies = Policies { response_headers, ..Policies::default() };
    let robots = Route { policies: policies.clone(), ..says("/robots", 200, "none\n") };
    let moved = Route { policies: policies.clone(), ..moved() };
    let mut owner = super::site::named("a", &[]);
    owner.policies = policies;
    let proxy = Site::owned_by(owner).route(robots).route(moved).start().await;
    for path in ["/robots", "/old"] {
        let head = proxy.ask(&format!("GET {path} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")).await;
        assert!(head.contains("\r\nx-set: 1\r\nlocation: /else\r\nset-cookie: a\r\n"), "{head}");
        assert!(!head.contains("Content-Type") && !head.contains("a.test"), "{head}");
    }
    let failed = proxy.ask(&format!("GET / HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")).await;
    assert!(failed.starts_with("HTTP/1.1 503 ") && failed.contains("Content-Type"), "{failed}");
    assert!(!failed.contains("x-set"), "{failed}");
}

#[tokio::test]
async fn answers_of_routes_are_counted_and_logged() {
    let log = Log::start(Form::Json, 1);
    let proxy = Site::of(&[]).route(moved()).start_logged(log.log.for_worker()).await;
    let got = proxy.ask(&format!("GET /old?x HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")).await;
    let lines = log.lines(1).await;
    let line = &lines[0];
    assert_eq!((&line["status"], &line["route"], &line["path"]), (&308.into(), &"moved".into(), &"/old".into()));
    assert_eq!((&line["bytes_out"], &line["attempts"]), (&got.len().into(), &0.into()), "{line}");
    assert!(line.get("error").is_none() && line.get("service").is_none(), "{line}");
    let counted = "gateway_requests_total{service=\"-\",route=\"moved\",class=\"3xx\"} 1";
    proxy.until_told(&["gateway_responses_total{class=\"3xx\"} 1", counted]).await;
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_not_waited_for() {
    let mut slow = says("/large", 200, &"x".repeat(64 * 1024));
    slow.timeouts.idle = Some(std::time::Duration::from_millis(50));
    let proxy = proxy([slow]).await;
    let mut client = proxy.connect().await;
    // More than the socket's buffers on both sides hold.
    let asks = format!("GET /large HTTP/1.1\r\n{HOST}\r\n").repeat(400);
    client.send(asks).await;
    proxy.until_told(&["gateway_errors_total{service=\"-\",route=\"large\",code=\"client_gone\"} 1"]).await;
}
