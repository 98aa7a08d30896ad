//! What an endpoint gets where a route rewrites requests.

use gateway_routing::{
    Match, PathMatcher,
    route::{Action, Forward, PathRewrite, Piece},
};

use super::{
    Upstream,
    site::{Site, below, route, to},
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_route_rewrites_paths_and_leaves_the_query() {
    let upstream = Upstream::start().await;
    let orders = Match::new(PathMatcher::template("/users/{id}/orders/{order}").unwrap());
    let literal = |text: &str| Piece::Literal(text.into());
    let parameter = |name: &str| Piece::Parameter(name.into());
    let whole = [literal("/orders/"), parameter("order"), literal("/of/"), parameter("id")];
    let rewritten = |path| Action::Forward(Forward { path: Some(path), ..to("a") });
    let proxy = Site::of(&[upstream.address])
        .route(route("api", below("/api"), rewritten(PathRewrite::Prefix("/v2".into()))))
        .route(route("root", below("/strip"), rewritten(PathRewrite::Prefix("".into()))))
        .route(route("orders", orders, rewritten(PathRewrite::Whole(whole.into()))))
        .start()
        .await;
    let mut client = proxy.connect().await;
    client.send("GET /first HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(OK).await;
    client.until("ok").await;
    for (sent, expected) in [
        ("GET /api/a/b?x=%2F..&y", "GET /v2/a/b?x=%2F..&y "),
        ("GET /api", "GET /v2 "),
        ("GET /api/", "GET /v2/ "),
        // In the form in which the route was chosen.
        ("GET /x/../%61pi/%7Euser/./a%2fb", "GET /v2/~user/a%2Fb "),
        ("POST http://a.test/api?", "POST /v2? "),
        ("GET /strip", "GET / "),
        ("GET /strip//other.test/", "GET /other.test/ "),
        ("GET /users/m%65/orders/7%2f8?x", "GET /orders/7%2F8/of/me?x "),
        // Not rewritten, and so byte for byte.
        ("GET /x/../%7Eapi/?a", "GET /x/../%7Eapi/?a "),
        ("OPTIONS *", "OPTIONS * "),
    ] {
        client.send(format!("{sent} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        let head = server.head().await;
        assert!(head.starts_with(expected), "{sent}: {head}");
        server.send(OK).await;
        client.until("ok").await;
    }
}

#[tokio::test]
async fn a_route_rewrites_the_host_and_the_endpoint_still_learns_the_clients() {
    let upstream = Upstream::start().await;
    let action = Action::Forward(Forward { host: Some("internal.example.com:81".into()), ..to("a") });
    let proxy = Site::of(&[upstream.address]).route(route("api", below("/api"), action)).start().await;
    let mut client = proxy.connect().await;
    client.send("GET /api HTTP/1.1\r\nHost: A.test:80\r\n\r\n").await;
    let head = upstream.accept().await.head().await;
    assert!(head.starts_with("GET /api HTTP/1.1\r\nHost: internal.example.com:81\r\n"), "{head}");
    assert_eq!(head.matches("\r\nHost: ").count(), 1, "{head}");
    assert!(head.contains("\r\nX-Forwarded-Host: A.test:80\r\n"), "{head}");
    assert!(head.contains(";host=\"A.test:80\";"), "{head}");
}
