//! What every request and answer is due.

use super::{Proxy, Upstream};

#[tokio::test]
async fn a_request_reaches_the_endpoint_and_its_answer_the_client() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("GET /a?b=%2F HTTP/1.1\r\nHost: A.test:80\r\nX-One: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n").await;
    let mut server = upstream.accept().await;
    let head = server.head().await;
    assert!(head.starts_with("GET /a?b=%2F HTTP/1.1\r\nHost: A.test:80\r\nX-One: 1\r\n"), "{head}");
    assert!(!head.to_lowercase().contains("x-hop"), "{head}");
    for field in [
        "X-Forwarded-For: 127.0.0.1\r\n",
        "X-Forwarded-Host: A.test:80\r\n",
        "X-Forwarded-Proto: http\r\n",
        "Forwarded: for=127.0.0.1;host=\"A.test:80\";proto=http\r\n",
        "Via: 1.1 gateway\r\n",
    ] {
        assert!(head.contains(field), "{field} in {head}");
    }
    server
        .send("HTTP/1.0 200 Fine\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nKeep-Alive: 5\r\n\r\nhello")
        .await;
    let head = client.head().await;
    assert!(
        head.starts_with("HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nDate: ") && head.contains("\r\nVia: 1.0 gateway\r\n"), "{head}");
    assert!(!head.contains("Keep-Alive") && !head.contains("Connection"), "{head}");
    assert_eq!(client.exactly(5).await, b"hello");
}

#[tokio::test]
async fn lists_that_are_there_are_continued() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n\
                   Via: 1.0 x\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\n\r\n";
    client.send(request).await;
    let mut server = upstream.accept().await;
    let head = server.head().await;
    for field in [
        "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 127.0.0.1\r\n",
        "Via: 1.0 x, 1.1 gateway\r\n",
        "X-Forwarded-Proto: http\r\n",
        "X-Request-Id: mine\r\n",
    ] {
        assert!(head.contains(field), "{field} in {head}");
    }
    assert_eq!(head.matches("X-Forwarded-Proto").count(), 1);
    server.send("HTTP/1.1 204 No Content\r\nX-Request-Id: theirs\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.contains("X-Request-Id: mine\r\n") && !head.contains("theirs"), "{head}");
}

#[tokio::test]
async fn failures_have_a_status_a_code_and_a_request_id() {
    let reset = Upstream::start().await;
    let closed = Upstream::start().await.address;
    for (endpoints, request, status, code) in [
        (vec![], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "503", "no_healthy_endpoint"),
        (vec![], "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n", "404", "no_route"),
        (vec![], "GET / HTTP/1.1\r\n\r\n", "400", "bad_request"),
        (vec![], "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n", "400", "bad_request"),
        (vec![closed], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "502", "upstream_connect"),
        (vec![reset.always("")], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "502", "upstream_reset"),
    ] {
        let proxy = Proxy::start(&endpoints).await;
        let mut client = proxy.connect().await;
        client.send(request).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {head}");
        assert!(head.contains("Content-Type: application/json\r\n"), "{head}");
        let body = client.until("}}\n").await;
        assert!(body.contains(&format!("\"code\":\"{code}\"")), "{body}");
        let id = head.split("X-Request-Id: ").nth(1).unwrap().split("\r\n").next().unwrap();
        assert!(body.contains(&format!("\"request_id\":\"{id}\"")), "{head} {body}");
    }
}

#[tokio::test]
async fn sizes_are_bounded() {
    let proxy = Proxy::start(&[]).await;
    let long = "a".repeat(20_000);
    let answer = proxy.ask(&format!("GET /{long} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 414 ") && answer.contains("uri_too_long"), "{answer}");
    let many = "X-Long: ".to_owned() + &"a".repeat(70_000);
    let answer = proxy.ask(&format!("GET / HTTP/1.1\r\nHost: a.test\r\n{many}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("headers_too_large"), "{answer}");
    let many = "X: y\r\n".repeat(200);
    let answer = proxy.ask(&format!("GET / HTTP/1.1\r\nHost: a.test\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn redirects_are_the_clients_to_follow() {
    let upstream = Upstream::start().await.always("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
    let proxy = Proxy::start(&[upstream]).await;
    let answer = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 302 Found\r\nLocation: /x\r\n"), "{answer}");
}

#[tokio::test]
async fn max_forwards_counts_hops() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("TRACE / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("Allow: "), "{head}");
    client.until("}}\n").await;
    client.send("OPTIONS /x HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 204 ") && head.contains("Allow: GET, "), "the gateway answers itself: {head}");
    client.send("OPTIONS * HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 3\r\n\r\n").await;
    let head = upstream.accept().await.head().await;
    assert!(head.starts_with("OPTIONS * HTTP/1.1\r\n") && head.contains("Max-Forwards: 2\r\n"), "{head}");
}

#[tokio::test]
async fn what_a_server_could_take_for_the_gateways_word_is_not_passed_on() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client
        .send(
            "GET / HTTP/1.1\r\nHost: a.test\r\nX_Forwarded_For: 6.6.6.6\r\nx-forwarded_proto: https\r\n\
             Content_Length: 3\r\nForwarded: for=\"evil\r\nForwarded: for=192.0.2.1\r\nX_Mine: 1\r\n\r\n",
        )
        .await;
    let head = upstream.accept().await.head().await;
    assert!(!head.contains("6.6.6.6") && !head.contains("https") && !head.contains("Content_Length"), "{head}");
    assert!(head.contains("\r\nForwarded: for=192.0.2.1, for=127.0.0.1;host="), "{head}");
    assert!(head.contains("X_Mine: 1\r\n"), "{head}");
}

#[tokio::test]
async fn a_204_has_no_length() {
    let upstream = Upstream::start().await.always("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nX: y\r\n\r\n");
    let proxy = Proxy::start(&[upstream]).await;
    let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 204 ") && got.contains("X: y\r\n") && !got.contains("Content-Length"), "{got}");
}
