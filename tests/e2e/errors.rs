//! What a client gets when things go wrong: the table of errors, line by line.

use crate::harness::{
    Answer, DataPlane, Gateway, Upstream,
    client::{self, Wire},
    loopback,
};

#[tokio::test]
async fn an_unknown_host_is_told_so() {
    let gateway = Gateway::start().await;
    gateway.get("nobody.test", "/").await.is_error(404, "no_route");
    // A request id that the client gave is the one it finds again.
    let request = client::request("GET", "nobody.test", "/").header("x-request-id", "mine-42");
    let response = client::send(gateway.data_planes[0].proxy, request, "").await;
    response.is_error(404, "no_route");
    assert_eq!(response.field("x-request-id"), "mine-42");
}

#[tokio::test]
async fn an_error_has_no_body_for_head() {
    let gateway = Gateway::start().await;
    let mut connection = client::connect(gateway.data_planes[0].proxy).await.unwrap();
    for _ in 0..2 {
        let request = client::request("HEAD", "nobody.test", "/");
        let response = client::exchange(&mut connection, request, "").await.unwrap();
        assert_eq!((response.status, response.text()), (404, ""));
    }
}

#[tokio::test]
async fn every_failure_of_an_upstream_has_its_code() {
    let gateway = Gateway::start().await;
    let mut upstream = Upstream::start("fine").await;
    let document = format!(
        "services: [{{name: shop, hosts: [shop.test], endpoints: [{{address: \"{}\"}}],
           health_check: {{disabled: true}}, timeouts: {{connect: 1s, response: 300ms, idle: 60s}}}}]",
        upstream.address
    );
    gateway.apply(&document).await.ok();
    let get = async || gateway.get("shop.test", "/").await;
    assert_eq!(get().await.text(), "fine");

    upstream.answer(Answer::Reset);
    get().await.is_error(502, "upstream_reset");
    upstream.answer(Answer::BytesAndClose(Vec::new()));
    get().await.is_error(502, "upstream_reset");
    // A head that breaks off is malformed, and so is everything that is none.
    for garbage in [
        "HTTP/1.1 200 O",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ] {
        upstream.answer(Answer::BytesAndClose(garbage.into()));
        get().await.is_error(502, "upstream_protocol");
    }
    upstream.answer(Answer::Hang);
    get().await.is_error(504, "upstream_timeout");

    upstream.kill().await;
    get().await.is_error(502, "upstream_connect");
    upstream.revive().await;
    upstream.answer(Answer::Text("fine again".into()));
    assert_eq!(get().await.text(), "fine again");
}

#[tokio::test]
async fn a_pooled_connection_that_died_meanwhile_fails_no_request() {
    let gateway = Gateway::start().await;
    let mut upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    for _ in 0..10 {
        assert_eq!(gateway.get("shop.test", "/").await.status, 200);
        // Idle connections are cut without a word; the next request must not notice.
        upstream.kill().await;
        upstream.revive().await;
    }
}

#[tokio::test]
async fn an_endpoint_that_takes_no_connection_costs_no_request() {
    let gateway = Gateway::start().await;
    // Not probed, so that the dead one stays in the table.
    let (dead, alive) = (Upstream::dead().await, Upstream::start("alive").await);
    gateway.register_unchecked("shop", "shop.test", &[&dead, &alive]).await;
    for _ in 0..30 {
        assert_eq!(gateway.get("shop.test", "/").await.text(), "alive");
    }
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_told_so() {
    let gateway = Gateway::start().await;
    let begun = "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Never";
    client::raw(gateway.data_planes[0].proxy, begun).await.is_error(408, "request_timeout");
}

#[tokio::test]
async fn a_data_plane_without_a_table_says_that_it_is_not_ready() {
    let nowhere = format!("http://{}:9", loopback::fresh());
    let data_plane = DataPlane::listening("lonely", &nowhere, &[]).await;
    data_plane.get("shop.test", "/").await.is_error(503, "not_ready");
    assert_eq!(client::get(data_plane.admin, "admin", "/healthz").await.status, 200);
    assert_eq!(client::get(data_plane.admin, "admin", "/readyz").await.status, 503);
}

#[tokio::test]
async fn requests_that_are_too_large_are_refused() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let proxy = gateway.data_planes[0].proxy;
    let long = "x".repeat(100_000);

    let request = format!("GET /{long} HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    client::raw(proxy, request).await.is_error(414, "uri_too_long");
    let request = format!("GET / HTTP/1.1\r\nHost: shop.test\r\nX-Long: {long}\r\n\r\n");
    client::raw(proxy, request).await.is_error(431, "headers_too_large");
    let many: String = (0..1_000).map(|number| format!("X-{number}: 1\r\n")).collect();
    let request = format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{many}\r\n");
    client::raw(proxy, request).await.is_error(431, "headers_too_large");
    assert_eq!(upstream.requests(), 0);

    // What clients really send goes through.
    let request =
        client::request("GET", "shop.test", &format!("/{}", "x".repeat(7_000))).header("cookie", "c".repeat(7_000));
    assert_eq!(client::send(proxy, request, "").await.status, 200);
}

#[tokio::test]
async fn malformed_and_ambiguous_requests_are_refused() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let proxy = gateway.data_planes[0].proxy;
    for request in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test\r\nHost: shop.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test, other.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@shop.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test/path\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test:notaport\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: *.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test\r\nBad Name: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : shop.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: shop.test\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: shop.test\r\n\r\n",
        // Request smuggling: two readings of where the body ends (RFC 9112 section 6.3).
        "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: +5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let mut wire = Wire::open(proxy, request).await;
        let answer = wire.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?} got {answer:?}");
        client::raw(proxy, request).await.is_error(400, "bad_request");
    }
    assert_eq!(upstream.requests(), 0);
    assert_eq!(gateway.get("shop.test", "/").await.status, 200);
}

#[tokio::test]
async fn tunnels_are_not_made() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let request = "CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n";
    let answer = client::raw(gateway.data_planes[0].proxy, request).await;
    assert!((400..=501).contains(&answer.status), "{answer:?}");
    assert_eq!(upstream.requests(), 0);
}

#[tokio::test]
async fn a_malformed_upload_does_not_reach_the_upstream_as_a_whole_one() {
    let (gateway, mut upstream) = (Gateway::start().await, Upstream::answering(Answer::ByHand).await);
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    assert_eq!(exchange.piece().await.unwrap().as_deref(), Some(&b"hello"[..]));
    client.write("zz\r\n").await;
    assert!(exchange.body().await.is_err(), "the upload looked whole");
    let answer = client.read_to_end().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
