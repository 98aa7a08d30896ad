//! What a client may take up, and for how long.

use std::time::Duration;

use super::{PATIENT, Peer, Proxy, Upstream, eventually, free_port, service};
use crate::{
    table::{Limits, Timeouts},
    worker::watchdog::TICK,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const EMPTY: &str = "HTTP/1.1 204 No Content\r\n\r\n";

async fn served(client: &mut Peer) -> bool {
    client.send(GET).await;
    client.head().await.starts_with("HTTP/1.1 204 ")
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_by_what_is_too_large() {
    let upstream = Upstream::start().await.always(EMPTY);
    let flags = ["--max-request-line=600B", "--max-request-head=1KiB", "--max-request-fields=3"];
    let proxy = Proxy::start_limited(&[upstream], &flags).await;
    let end = "Host: a.test\r\nConnection: close\r\n\r\n";
    for (request, status) in [
        (format!("GET /{} HTTP/1.1\r\n{end}", "x".repeat(580)), "204 "),
        (format!("GET /{} HTTP/1.1\r\n{end}", "x".repeat(600)), "414 "),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n{end}", "x".repeat(900)), "204 "),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n{end}", "x".repeat(1024)), "431 "),
        (format!("GET / HTTP/1.1\r\nX: 1\r\nY: 2\r\n{end}"), "431 "),
    ] {
        let got = proxy.ask(&request).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status}")), "{got}");
    }
}

#[tokio::test]
async fn an_answer_whose_head_is_too_large_is_refused() {
    let field = |length| format!("X: {}\r\n", "x".repeat(length));
    let many = "X: 1\r\n".repeat(300);
    for (fields, status) in [(field(2000), "204 "), (field(4096), "502 "), (many, "502 ")] {
        let answer = format!("HTTP/1.1 204 No Content\r\n{fields}\r\n").leak();
        let upstream = Upstream::start().await.always(answer);
        let proxy = Proxy::start_limited(&[upstream], &["--max-response-head=4KiB"]).await;
        let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status}")), "{got}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_a_byte_goes_upstream() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start_limited(&[upstream.address], &["--max-request-body=4B"]).await;
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 413 ") && got.contains("body_too_large"), "{got}");
    // The next connection that comes is of a body that is small enough.
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nfour").await;
    let mut server = upstream.accept().await;
    assert!(server.head().await.contains("Content-Length: 4\r\n"));
    server.send(OK).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_chunked_body_that_grows_too_large_is_cut() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start_limited(&[upstream.address], &["--max-request-body=4B"]).await;
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n").await;
    let mut server = upstream.accept().await;
    server.until("four").await;
    client.send("1\r\n5\r\n0\r\n\r\n").await;
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 413 ") && got.contains("body_too_large"), "{got}");
    let rest = server.rest().await;
    assert!(!rest.contains('5') && !rest.contains("0\r\n\r\n"), "no end of a body that was cut: {rest}");
}

#[tokio::test]
async fn the_smaller_limit_of_a_body_holds() {
    for (of_service, of_data_plane) in [(2, "9B"), (9, "2B")] {
        let upstream = Upstream::start().await.always(EMPTY);
        let limits = Limits { request_body: Some(of_service) };
        let flag = format!("--max-request-body={of_data_plane}");
        let proxy = Proxy::start_for(&[upstream], limits, &[&flag]).await;
        let put = |body: &str| {
            let length = body.len();
            format!("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        };
        assert!(proxy.ask(&put("ab")).await.starts_with("HTTP/1.1 204 "));
        assert!(proxy.ask(&put("abc")).await.starts_with("HTTP/1.1 413 "));
    }
}

#[tokio::test]
async fn a_head_that_comes_slowly_is_answered_with_408_even_while_it_comes() {
    let proxy = Proxy::start_limited(&[], &["--request-head-timeout=1200ms"]).await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.te").await;
    // Byte for byte, and longer than buffers are kept: the time counts from the first one.
    let mut drip = tokio::time::interval(Duration::from_millis(150));
    let (mut reader, mut writer) = client.stream.split();
    let mut got = Vec::new();
    tokio::select! {
        _ = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut got) => {}
        () = async {
            loop {
                drip.tick().await;
                if tokio::io::AsyncWriteExt::write_all(&mut writer, b"s").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        } => {}
    }
    let got = String::from_utf8(got).unwrap();
    assert!(got.starts_with("HTTP/1.1 408 ") && got.contains("request_timeout"), "{got}");
}

#[tokio::test]
async fn a_head_that_pauses_is_still_one_head() {
    let upstream = Upstream::start().await.always(EMPTY);
    let proxy = Proxy::start_limited(&[upstream], &["--connection-idle-timeout=400ms"]).await;
    let mut client = proxy.connect().await;
    client.send("GET /a HTTP/1.1\r\nHost: a.").await;
    // By the gateway's own clock, it pauses for longer than buffers are kept, and than an idle client may.
    assert_eq!(proxy.connect().await.rest().await, "");
    client.send("test\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn a_body_that_stops_is_answered_with_408() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start_limited(&[upstream.address], &["--request-body-timeout=50ms"]).await;
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhel").await;
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 408 ") && got.contains("request_timeout"), "{got}");
}

#[tokio::test]
async fn who_waits_to_be_told_to_go_on_is_not_slow_until_then() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start_limited(&[upstream.address], &["--request-body-timeout=50ms"]).await;
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n").await;
    let mut server = upstream.accept().await;
    server.head().await;
    // The endpoint thinks about it for longer than a client may pause: another one is told that it did.
    let mut slow = proxy.connect().await;
    slow.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhel").await;
    assert!(slow.rest().await.starts_with("HTTP/1.1 408 "));
    server.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    // From here on, it is the client's turn.
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 408 ") && got.contains("request_timeout"), "{got}");
}

#[tokio::test]
async fn an_exchange_takes_no_longer_than_it_may_in_all() {
    let of_service = Timeouts { total: Some(TICK), ..PATIENT };
    for (timeouts, flags) in [(of_service, &[][..]), (PATIENT, &["--request-timeout=50ms"])] {
        let upstream = Upstream::start().await;
        let proxy =
            Proxy::start_on(free_port(), service(&[upstream.address], timeouts, Limits::default()), flags).await;
        let mut client = proxy.connect().await;
        client.send(GET).await;
        let mut server = upstream.accept().await;
        server.head().await;
        let got = client.head().await;
        assert!(got.starts_with("HTTP/1.1 504 "), "{got}");
        // The connection goes on, and the next request has its own time.
        client.until("}}\n").await;
        client.send(GET).await;
        let mut server = upstream.accept().await;
        server.head().await;
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel").await;
        assert!(client.rest().await.ends_with("hel"), "cut, as its time is up");
    }
}

#[tokio::test]
async fn a_connection_serves_as_many_requests_as_it_may() {
    let upstream = Upstream::start().await.always(EMPTY);
    let proxy = Proxy::start_limited(&[upstream], &["--max-requests-per-connection=2"]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    assert!(!client.head().await.contains("Connection: close"));
    client.send(GET).await;
    assert!(client.rest().await.contains("Connection: close"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let proxy = Proxy::start_limited(&[], &["--connection-idle-timeout=50ms"]).await;
    assert_eq!(proxy.connect().await.rest().await, "");
}

#[tokio::test]
async fn beyond_the_limit_idle_clients_make_room_for_new_ones() {
    let upstream = Upstream::start().await.always(EMPTY);
    let proxy = Proxy::start_limited(&[upstream], &["--max-connections=1"]).await;
    let mut first = proxy.connect().await;
    assert!(served(&mut first).await);
    // It counts as idle before long.
    let mut second = None;
    eventually(async || {
        let mut client = proxy.connect().await;
        client.send(GET).await;
        let head = client.head().await;
        let has_place = head.starts_with("HTTP/1.1 204 ");
        if has_place {
            second = Some(client);
        } else {
            assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
            assert!(client.rest().await.contains("overloaded"));
        }
        has_place
    })
    .await;
    assert_eq!(first.rest().await, "");
    assert!(served(&mut second.unwrap()).await);
}

#[tokio::test]
async fn beyond_the_limit_busy_clients_are_not_disturbed() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start_limited(&[upstream.address], &["--max-connections=1"]).await;
    let mut busy = proxy.connect().await;
    busy.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    let got = proxy.ask(GET).await;
    assert!(got.starts_with("HTTP/1.1 503 ") && got.contains("Connection: close\r\n"), "{got}");
    server.send(OK).await;
    assert!(busy.until("ok").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn one_client_has_no_more_connections_than_it_may() {
    let upstream = Upstream::start().await.always(EMPTY);
    let proxy = Proxy::start_limited(&[upstream], &["--max-connections-per-client=1"]).await;
    let mut first = proxy.connect().await;
    assert!(served(&mut first).await);
    assert!(proxy.ask(GET).await.starts_with("HTTP/1.1 503 "));
    drop(first);
    // The place is free as soon as the gateway has seen the end.
    eventually(async || served(&mut proxy.connect().await).await).await;
}
