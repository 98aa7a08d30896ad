//! What is ambiguous goes no further, in either direction.

use super::{Proxy, Upstream};
use crate::http1::head::MAX_FIELDS;

#[tokio::test]
async fn an_ambiguous_request_reaches_no_endpoint() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    for request in [
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: five\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\nHost: a.test\n\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n",
        "GET /\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = proxy.ask(request).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.contains("Connection: close\r\n"),
            "{request:?}: {answer}"
        );
        assert_eq!(answer.matches("X-Request-Id: ").count(), 1, "nothing behind it is served: {answer}");
    }
    // Had any of them gone on, this would not be the first that the endpoint sees.
    let mut client = proxy.connect().await;
    client.send("\r\nGET /good HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(upstream.accept().await.head().await.starts_with("GET /good "));
}

#[tokio::test]
async fn a_malformed_chunk_ends_both_sides() {
    for chunk in ["x\r\nhello\r\n", "5\r\nhelloX\r\n", "5;\0\r\nhello\r\n", "fffffffffffffffff\r\n", "5\nhello\r\n"] {
        let upstream = Upstream::start().await;
        let proxy = Proxy::start(&[upstream.address]).await;
        let mut client = proxy.connect().await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunk:?}: {answer}");
    }
}

#[tokio::test]
async fn an_ambiguous_answer_is_not_passed_on() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 204 No Content\r\n\r\nhello",
        "HTTP/1.1 304 Not Modified\r\n\r\nhello",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 999 What\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
    ] {
        let proxy = Proxy::start(&[Upstream::start().await.always(answer)]).await;
        let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
        assert!(got.starts_with("HTTP/1.1 502 ") && got.contains("upstream_protocol"), "{answer:?}: {got}");
        assert!(!got.contains("hello"), "{answer:?}: {got}");
    }
    let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50).leak();
    let proxy = Proxy::start(&[Upstream::start().await.always(flood)]).await;
    let got = proxy.ask("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() {
    for behind in ["hello", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{behind}").leak();
        let proxy = Proxy::start(&[Upstream::start().await.always(answer)]).await;
        let got = proxy.ask("HEAD / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
        assert!(got.starts_with("HTTP/1.1 502 ") && got.ends_with("\r\n\r\n"), "{behind:?}: {got}");
    }
}

#[tokio::test]
async fn an_endpoint_that_answers_wrongly_is_not_asked_again_on_the_same_connection() {
    for (answer, status) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "502"),
        ("HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok", "502"),
        ("garbage\r\n\r\n", "502"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", "502"),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "502"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "502"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!", "200"),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "200"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "200"),
    ] {
        let upstream = Upstream::start().await;
        let proxy = Proxy::start(&[upstream.address]).await;
        let mut client = proxy.connect().await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let mut server = upstream.accept().await;
        server.head().await;
        // The endpoint itself would keep the connection.
        server.send(answer).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}: {head}");
        assert_eq!(server.rest().await, "", "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_for_the_client_too() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let proxy = Proxy::start(&[Upstream::start().await.always(answer)]).await;
        let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        // Without the last chunk, or with fewer bytes than were promised, nobody takes it for whole.
        assert!(got.starts_with("HTTP/1.1 200 ") && got.matches("HTTP/1.1 ").count() == 1, "{answer:?}: {got}");
        assert!(!got.ends_with("0\r\n\r\n"), "{answer:?}: {got}");
    }
}

#[tokio::test]
async fn who_nominates_more_fields_than_a_head_can_have_is_refused() {
    // Each name is compared with each field: without a bound, one head of 64 KiB costs milliseconds.
    let many = format!("Connection: {}x\r\n", "x,".repeat(MAX_FIELDS));
    let answer = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n").leak();
    let proxy = Proxy::start(&[Upstream::start().await.always(answer)]).await;
    let got = proxy.ask(&format!("GET / HTTP/1.1\r\nHost: a.test\r\n{many}\r\n")).await;
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
    let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 502 ") && got.contains("upstream_protocol"), "{got}");
}

#[tokio::test]
async fn who_speaks_tls_is_told_at_once() {
    let proxy = Proxy::start(&[]).await;
    let mut client = proxy.connect().await;
    client.send("\u{16}\u{3}\u{1}\u{1}").await;
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 400 ") && got.contains("TLS"), "{got}");
}
