//! Bodies pass through as they come.

use super::{Proxy, Upstream};

#[tokio::test]
async fn each_piece_leaves_before_the_next_one_comes() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let mut server = upstream.accept().await;
    assert!(server.head().await.contains("Transfer-Encoding: chunked\r\n"));
    for piece in ["one", "two"] {
        client.send(format!("3;x=y\r\n{piece}\r\n")).await;
        assert_eq!(server.until("\r\n").await, "3\r\n");
        assert_eq!(server.until("\r\n").await, format!("{piece}\r\n"));
    }
    client.send("0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n").await;
    assert_eq!(server.until("\r\n\r\n").await, "0\r\nX-Sum: 1\r\n\r\n", "a trailer frames nothing");
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.head().await;
    for piece in ["one", "two"] {
        server.send(format!("3\r\n{piece}\r\n")).await;
        assert_eq!(client.until(piece).await, format!("3\r\n{piece}"));
        client.until("\r\n").await;
    }
    server.send("0\r\nX-End: 1\r\n\r\n").await;
    assert_eq!(client.until("\r\n\r\n").await, "0\r\nX-End: 1\r\n\r\n");
}

#[tokio::test]
async fn large_bodies_pass_both_ways_unchanged() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sent = body.clone();
    let server = tokio::spawn(async move {
        let mut server = upstream.accept().await;
        server.head().await;
        let got = server.exactly(sent.len()).await;
        assert!(got == sent);
        server.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", got.len())).await;
        server.send(&got).await;
    });
    client.send(format!("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    client.send(&body).await;
    client.head().await;
    assert!(client.exactly(body.len()).await == body);
    server.await.unwrap();
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_chunked_for_the_client() {
    let proxy = Proxy::start(&[Upstream::start().await.always("HTTP/1.0 200 OK\r\n\r\nhello")]).await;
    let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert!(
        got.contains("Transfer-Encoding: chunked\r\n") && got.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        "{got}"
    );
    let got = proxy.ask("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    assert!(
        !got.contains("chunked") && got.contains("Connection: close\r\n") && got.ends_with("\r\n\r\nhello"),
        "{got}"
    );
}

#[tokio::test]
async fn http_10_gets_a_chunked_body_without_chunks() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let proxy = Proxy::start(&[Upstream::start().await.always(answer)]).await;
    let got = proxy.ask("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n").await;
    assert!(!got.contains("chunked") && got.ends_with("\r\n\r\nhello"), "{got}");
}

#[tokio::test]
async fn a_head_answer_has_a_length_and_no_body() {
    let proxy = Proxy::start(&[Upstream::start().await.always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")]).await;
    let mut client = proxy.connect().await;
    client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\nHEAD / HTTP/1.1\r\nHost: b.test\r\n\r\n").await;
    assert!(client.head().await.contains("Content-Length: 5\r\n"));
    assert!(client.head().await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn expect_100_continue_is_between_client_and_endpoint() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    let mut server = upstream.accept().await;
    assert!(server.head().await.contains("Expect: 100-continue\r\n"));
    server.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n").await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.head().await, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    client.send("hello").await;
    assert_eq!(server.exactly(5).await, b"hello");
    server.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 201 "));
}

#[tokio::test]
async fn http_10_expects_nothing() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello").await;
    let mut server = upstream.accept().await;
    let head = server.head().await;
    assert!(!head.contains("Expect"), "{head}");
    server.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(server.exactly(5).await, b"hello");
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 201 "), "and hears of nothing but the answer: {got}");
}

#[tokio::test]
async fn an_early_answer_arrives_and_ends_the_connection() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 500\r\n\r\nhello").await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig").await;
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 413 ") && got.contains("Connection: close") && got.ends_with("big"), "{got}");
}
