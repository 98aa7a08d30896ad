//! What routes do with requests: rewrite, redirect, answer, mirror, change headers, limit.

use crate::harness::{Answer, Gateway, Upstream, client, eventually};

/// A service "shop" without a host, and these routes.
async fn cluster(routes: &str) -> (Gateway, Upstream) {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register_for_routes("shop", &[&shop]).await;
    gateway.apply(&format!("routes:\n{routes}")).await.ok();
    (gateway, shop)
}

#[tokio::test]
async fn paths_and_hosts_are_rewritten() {
    let (gateway, shop) = cluster(
        r#"
  - {name: p, hosts: [a.test], match: {path: {prefix: /api}}, forward: {services: [{name: shop}], rewrite: {prefix: /v2}}}
  - {name: r, hosts: [a.test], match: {path: {prefix: /base}}, forward: {services: [{name: shop}], rewrite: {prefix: /}}}
  - name: t
    hosts: [a.test]
    match: {path: {template: "/users/{id}/orders/{order}"}}
    forward: {services: [{name: shop}], rewrite: {path: "/o/{order}/of/{id}", host: "internal.test:8080"}}
"#,
    )
    .await;
    for (target, sent) in [
        ("/api", "/v2"),
        ("/api/x?a=%2f&b", "/v2/x?a=%2f&b"),
        ("/x/../%61pi/y", "/v2/y"),
        ("/base", "/"),
        ("/base/x/", "/x/"),
        ("/users/7/orders/a%2Fb?c", "/o/a%2Fb/of/7?c"),
    ] {
        assert_eq!(gateway.get("a.test", target).await.text(), "shop", "{target}");
        assert_eq!(shop.last_head().target(), sent, "{target}");
    }
    let head = shop.last_head();
    assert_eq!((head.field("host"), head.field("x-forwarded-host")), ("internal.test:8080", "a.test"));
}

#[tokio::test]
async fn clients_are_redirected() {
    let (gateway, shop) = cluster(
        r#"
  - {name: https, hosts: [a.test], redirect: {scheme: https}}
  - {name: moved, hosts: [a.test], match: {path: {prefix: /old}}, redirect: {status: 301, host: b.test, prefix: /new}}
  - name: item
    hosts: [a.test]
    match: {path: {template: "/item/{id}"}}
    redirect: {status: 302, port: 8443, path: "/i/{id}", strip_query: true}
"#,
    )
    .await;
    for (target, status, location) in [
        ("/x?y=1", 308, "https://a.test/x?y=1"),
        ("/old/x?y", 301, "http://b.test/new/x?y"),
        ("/old", 301, "http://b.test/new"),
        ("/item/7?y", 302, "http://a.test:8443/i/7"),
    ] {
        let answer = gateway.get("a.test", target).await;
        assert_eq!((answer.status, answer.field("location")), (status, location), "{target}");
    }
    assert_eq!(shop.requests(), 0);
}

#[tokio::test]
async fn the_gateway_answers_by_itself() {
    let (gateway, _shop) = cluster(
        r#"
  - {name: down, hosts: [a.test], respond: {status: 503, body: "back at noon", content_type: text/html}}
  - {name: none, hosts: [a.test], match: {path: {exact: /none}}, respond: {status: 204}}
"#,
    )
    .await;
    let answer = gateway.get("a.test", "/").await;
    assert_eq!((answer.status, answer.text(), answer.field("content-type")), (503, "back at noon", "text/html"));
    let proxy = gateway.data_planes[0].proxy;
    let head = client::send(proxy, client::request("HEAD", "a.test", "/"), "").await;
    assert_eq!((head.status, head.text(), head.field("content-length")), (503, "", "12"));
    let answer = gateway.get("a.test", "/none").await;
    assert_eq!((answer.status, answer.text(), answer.headers.get("content-type")), (204, "", None));
}

#[tokio::test]
async fn header_fields_are_added_set_and_removed_both_ways() {
    let (gateway, shop) = cluster(
        r#"
  - name: r
    hosts: [a.test]
    forward: {services: [{name: shop}]}
    request_headers: {remove: [X-Secret], set: [{name: X-Tenant, value: "7"}], add: [{name: X-Many, value: b}]}
    response_headers: {remove: [Server], set: [{name: X-Frame-Options, value: DENY}], add: [{name: X-Seen, value: "1"}]}
"#,
    )
    .await;
    shop.answer(Answer::Bytes(
        b"HTTP/1.1 200 OK\r\nServer: old\r\nX-Frame-Options: ALLOW\r\nX-Seen: 0\r\nContent-Length: 2\r\n\r\nok"
            .to_vec(),
    ));
    let request = client::request("GET", "a.test", "/")
        .header("x-secret", "1")
        .header("x-tenant", "mine")
        .header("X-TENANT", "yours")
        .header("x-many", "a");
    let answer = client::send(gateway.data_planes[0].proxy, request, "").await;
    let head = shop.last_head();
    assert_eq!((head.fields("x-secret").len(), head.field("x-tenant")), (0, "7"));
    assert_eq!(head.fields("x-many"), ["a", "b"]);
    assert_eq!((answer.headers.get("server"), answer.field("x-frame-options")), (None, "DENY"));
    assert_eq!(answer.headers.get_all("x-seen").iter().collect::<Vec<_>>(), ["0", "1"]);
    // What framing and identity rest on is nobody's to change.
    let refused = gateway.apply("routes: [{name: bad, hosts: [b.test], respond: {status: 200}, request_headers: {set: [{name: Host, value: x}]}}]");
    refused.await.exits(1).says(&["routes[0].request_headers.set[0].name", "host"]);
}

#[tokio::test]
async fn a_share_is_mirrored_and_the_shadow_slows_nobody() {
    let gateway = Gateway::start().await;
    let (shop, shadow) = (Upstream::start("shop").await, Upstream::answering(Answer::Hang).await);
    gateway.register_for_routes("shop", &[&shop]).await;
    gateway.register_for_routes("shadow", &[&shadow]).await;
    let create = ["route", "create", "r", "--host", "a.test", "--service", "shop", "--mirror", "shadow", "--wait"];
    gateway.ctl(&create).await.ok();
    let proxy = gateway.data_planes[0].proxy;
    // The shadow never answers, and every client has its answer all the same.
    for _ in 0..10 {
        assert_eq!(client::send(proxy, client::request("POST", "a.test", "/buy?x=1"), "a book").await.text(), "shop");
    }
    eventually("the shadow got copies", async || (shadow.requests() >= 10).then_some(())).await;
    let head = shadow.last_head();
    assert_eq!((head.method(), head.target(), head.field("host")), ("POST", "/buy?x=1", "a.test"));
    assert_eq!(head.field("content-length"), "6");
    // One that fails fails nobody either.
    shadow.answer(Answer::Reset);
    for _ in 0..10 {
        assert_eq!(gateway.get("a.test", "/").await.text(), "shop");
    }
    assert_eq!(shop.requests(), 20);
}

#[tokio::test]
async fn a_route_has_time_and_size_limits_of_its_own() {
    let (gateway, shop) = cluster(
        r#"
  - {name: slow, hosts: [a.test], forward: {services: [{name: shop}]}}
  - {name: quick, hosts: [a.test], match: {path: {prefix: /quick}}, forward: {services: [{name: shop}]}, timeouts: {response: 200ms}}
  - {name: small, hosts: [a.test], match: {path: {prefix: /small}}, forward: {services: [{name: shop}]}, limits: {request_body: 4B}}
"#,
    )
    .await;
    let proxy = gateway.data_planes[0].proxy;
    let post = async |path: &str| client::send(proxy, client::request("POST", "a.test", path), "12345").await;
    assert_eq!(post("/").await.text(), "shop");
    post("/small").await.is_error(413, "body_too_large");
    shop.answer(Answer::Hang);
    gateway.get("a.test", "/quick").await.is_error(504, "upstream_timeout");
}

#[tokio::test]
async fn ambiguous_paths_are_refused_where_they_are_to_be() {
    let (gateway, shop) = cluster(
        r#"
  - {name: all, hosts: [a.test], forward: {services: [{name: shop}]}, ambiguous_paths: refuse}
  - {name: files, hosts: [a.test], match: {path: {prefix: /files}}, forward: {services: [{name: shop}]}}
"#,
    )
    .await;
    let send = async |target: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        client::raw(gateway.data_planes[0].proxy, head).await
    };
    for target in ["/a%2Fb", "/a\\b", "/a//b", "/a/../b", "/a/..;/b", "/%252e", "/%00"] {
        send(target).await.is_error(400, "bad_request");
    }
    assert_eq!(shop.requests(), 0);
    assert_eq!(send("/files/a%2Fb").await.text(), "shop");
    assert_eq!(send("/a/b").await.text(), "shop");
}
