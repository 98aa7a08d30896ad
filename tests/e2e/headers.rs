//! What a request and a response look like after they went through.

use crate::harness::{Answer, Gateway, Upstream, client};

async fn shop(answer: Answer) -> (Gateway, Upstream) {
    let gateway = Gateway::start().await;
    let upstream = Upstream::answering(answer).await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    (gateway, upstream)
}

#[tokio::test]
async fn an_upstream_learns_who_asked_for_what() {
    let (gateway, upstream) = shop(Answer::Text("hello".into())).await;
    let proxy = gateway.data_planes[0].proxy;
    let response = client::get(proxy, "Shop.test:8080", "/a?b=c").await;
    let head = upstream.last_head();
    assert_eq!(head.method(), "GET");
    assert_eq!(head.target(), "/a?b=c");
    assert_eq!(head.field("host").to_ascii_lowercase(), "shop.test:8080");
    assert_eq!(head.field("x-forwarded-for"), "127.0.0.1");
    assert_eq!(head.field("x-forwarded-proto"), "http");
    assert_eq!(head.field("x-forwarded-host").to_ascii_lowercase(), "shop.test:8080");
    let forwarded = head.field("forwarded").to_ascii_lowercase();
    for part in ["for=127.0.0.1", "proto=http", "host=\"shop.test:8080\""] {
        assert!(forwarded.contains(part), "{forwarded}");
    }
    assert!(head.field("via").starts_with("1.1 "), "{}", head.raw);
    assert!(response.field("via").starts_with("1.1 "), "{response:?}");
    assert!(head.field("x-request-id").len() >= 16, "{}", head.raw);
    assert_eq!(response.field("x-request-id"), head.field("x-request-id"));
}

#[tokio::test]
async fn a_chain_of_proxies_is_continued() {
    let (gateway, upstream) = shop(Answer::Text("hello".into())).await;
    let request = client::request("GET", "shop.test", "/")
        .header("x-request-id", "from-the-client-1")
        .header("x-forwarded-for", "203.0.113.9")
        .header("forwarded", "for=203.0.113.9;proto=https")
        .header("via", "1.0 edge");
    client::send(gateway.data_planes[0].proxy, request, "").await;
    let head = upstream.last_head();
    assert_eq!(head.field("x-request-id"), "from-the-client-1");
    let all = |name| head.fields(name).join(", ");
    assert_eq!(all("x-forwarded-for"), "203.0.113.9, 127.0.0.1");
    assert!(all("forwarded").starts_with("for=203.0.113.9;proto=https, for=127.0.0.1"), "{}", head.raw);
    assert!(all("via").starts_with("1.0 edge, 1.1 "), "{}", head.raw);
}

#[tokio::test]
async fn two_requests_never_share_an_id() {
    let (gateway, upstream) = shop(Answer::Text("hello".into())).await;
    for _ in 0..20 {
        gateway.get("shop.test", "/").await;
    }
    let mut ids: Vec<_> = upstream.heads().iter().map(|head| head.field("x-request-id").to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn fields_of_one_hop_end_there() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, x-hop\r\nKeep-Alive: timeout=5\r\n\
                  X-Hop: secret\r\nProxy-Authenticate: Basic\r\nX-End: kept\r\nTrailer: nothing\r\n\r\nok";
    let (gateway, upstream) = shop(Answer::Bytes(answer.into())).await;
    let request = "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: X-Mine, keep-alive\r\nX-Mine: secret\r\n\
                   Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: websocket\r\n\
                   Proxy-Authorization: Basic eDp5\r\nX-End: kept\r\n\r\n";
    let response = client::raw(gateway.data_planes[0].proxy, request).await;
    assert_eq!(response.text(), "ok");
    assert_eq!(response.field("x-end"), "kept");
    for name in ["x-hop", "keep-alive", "proxy-authenticate"] {
        assert!(!response.headers.contains_key(name), "{name}: {response:?}");
    }
    let head = upstream.last_head();
    assert_eq!(head.field("x-end"), "kept");
    for name in ["x-mine", "keep-alive", "proxy-connection", "upgrade", "te", "proxy-authorization"] {
        assert_eq!(head.fields(name), [""; 0], "{name}: {}", head.raw);
    }
    let connection = head.fields("connection").join(",").to_ascii_lowercase();
    assert!(!connection.contains("x-mine"), "{}", head.raw);
}

#[tokio::test]
async fn lines_of_a_field_are_kept_apart_and_in_order() {
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2, c\r\nset-cookie: a=1; Path=/x\r\n\
                  Content-Length: 0\r\n\r\n";
    let (gateway, upstream) = shop(Answer::Bytes(answer.into())).await;
    let request = client::request("GET", "shop.test", "/")
        .header("cookie", "a=1; b=2")
        .header("x-list", "1")
        .header("x-list", "2");
    let response = client::send(gateway.data_planes[0].proxy, request, "").await;
    let cookies: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2, c", "a=1; Path=/x"]);
    let head = upstream.last_head();
    assert_eq!(head.fields("x-list"), ["1", "2"]);
    assert_eq!(head.field("cookie"), "a=1; b=2");
}

#[tokio::test]
async fn redirects_and_errors_of_the_upstream_are_the_clients_to_see() {
    let (gateway, upstream) = shop(Answer::Text(String::new())).await;
    for status in [301, 302, 307, 308, 400, 401, 404, 418, 429, 500, 502, 503, 504] {
        let answer =
            format!("HTTP/1.1 {status} Odd Reason\r\nLocation: http://other.test/\r\nContent-Length: 4\r\n\r\nbody");
        upstream.answer(Answer::Bytes(answer.into()));
        let before = upstream.requests();
        let response = gateway.get("shop.test", "/").await;
        assert_eq!((response.status, response.text()), (status, "body"));
        assert_eq!(response.field("location"), "http://other.test/");
        assert_eq!(upstream.requests() - before, 1, "{status} was asked again");
    }
}

#[tokio::test]
async fn responses_without_a_body_have_none() {
    let (gateway, upstream) = shop(Answer::Text(String::new())).await;
    let proxy = gateway.data_planes[0].proxy;
    let mut connection = client::connect(proxy).await.unwrap();
    for (method, answer, status, length) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: \"x\"\r\n\r\n", 200, Some("1234")),
        ("GET", "HTTP/1.1 204 No Content\r\nETag: \"x\"\r\n\r\n", 204, None),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", 304, None),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n\r\n", 304, Some("99")),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"x\"\r\n\r\n", 200, Some("0")),
    ] {
        upstream.answer(Answer::Bytes(answer.into()));
        // The same connection throughout: a body where none belongs would break the next response.
        let request = client::request(method, "shop.test", "/");
        let response = client::exchange(&mut connection, request, "").await.unwrap();
        assert_eq!((response.status, response.text()), (status, ""), "{method} {answer}");
        assert_eq!(response.field("etag"), "\"x\"");
        let got = response.headers.get("content-length").map(|value| value.to_str().unwrap());
        if let Some(length) = length {
            assert_eq!(got, Some(length), "{method} {answer}");
        }
    }
    assert_eq!(upstream.heads()[0].method(), "HEAD");
    assert_eq!(upstream.connections(), 1, "the upstream's connection was not reused");
}

#[tokio::test]
async fn any_method_goes_through() {
    let (gateway, upstream) = shop(Answer::Text("ok".into())).await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PURGE", "M-SEARCH"] {
        let response = client::send(gateway.data_planes[0].proxy, client::request(method, "shop.test", "/"), "").await;
        assert_eq!(response.status, 200, "{method}");
        assert_eq!(upstream.last_head().method(), method);
    }
}
