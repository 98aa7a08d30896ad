//! Connections on both sides: kept, replaced, cut, drained, handed over.

use tokio::io::AsyncReadExt;

use super::{PATIENCE, PATIENT, Proxy, Upstream, eventually, free_port, service};
use crate::{
    table::{Limits, Timeouts},
    worker::watchdog::TICK,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn both_sides_are_kept_open_and_pipelined_requests_answered_in_order() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let mut server = upstream.accept().await;
    for path in ["GET /1 ", "GET /2 "] {
        assert!(server.head().await.starts_with(path));
        server.send(OK).await;
        assert_eq!(client.head().await.lines().next(), Some("HTTP/1.1 200 OK"));
        client.exactly(2).await;
    }
}

#[tokio::test]
async fn a_pooled_connection_that_died_costs_no_client_an_error() {
    for request in [GET, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi"] {
        let upstream = Upstream::start().await;
        let proxy = Proxy::start(&[upstream.address]).await;
        let mut client = proxy.connect().await;
        client.send(GET).await;
        let mut server = upstream.accept().await;
        server.head().await;
        server.send(OK).await;
        client.until("ok").await;
        drop(server);
        client.send(request).await;
        let mut server = upstream.accept().await;
        server.head().await;
        server.send(OK).await;
        assert!(client.until("ok").await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn a_request_that_may_have_been_processed_is_sent_again_only_if_that_is_harmless() {
    for (request, again) in [(GET, true), ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi", false)] {
        let upstream = Upstream::start().await;
        let proxy = Proxy::start(&[upstream.address]).await;
        let mut client = proxy.connect().await;
        client.send(GET).await;
        let mut server = upstream.accept().await;
        server.head().await;
        server.send(OK).await;
        client.until("ok").await;
        // The pooled connection takes the request, and ends without a word.
        client.send(request).await;
        server.head().await;
        drop(server);
        if again {
            let mut server = upstream.accept().await;
            server.head().await;
            server.send(OK).await;
            assert!(client.until("ok").await.starts_with("HTTP/1.1 200 "));
        } else {
            assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_takes_no_connection_is_passed_over() {
    let dead = Upstream::start().await.address;
    let alive = Upstream::start().await.always(OK);
    let proxy = Proxy::start(&[dead, alive]).await;
    for _ in 0..20 {
        let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
        assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
    }
}

#[tokio::test]
async fn an_endpoint_that_ends_without_an_answer_is_passed_over_if_twice_is_as_good_as_once() {
    for (request, again) in [
        ("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n", true),
        ("DELETE / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false),
    ] {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let proxy = Proxy::start(&[first.address, second.address]).await;
        let mut client = proxy.connect().await;
        client.send(request).await;
        let (mut dying, other) = tokio::select! {
            server = first.accept() => (server, second),
            server = second.accept() => (server, first),
        };
        dying.head().await;
        drop(dying);
        if again {
            let mut server = other.accept().await;
            server.head().await;
            server.send(OK).await;
        }
        let status = if again { "200" } else { "502" };
        let got = client.rest().await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {got}");
    }
}

#[tokio::test]
async fn endpoints_are_not_tried_for_ever() {
    let endpoints =
        [Upstream::start().await, Upstream::start().await, Upstream::start().await, Upstream::start().await];
    let addresses = endpoints.each_ref().map(|endpoint| endpoint.address);
    let (tried, mut tries) = tokio::sync::mpsc::unbounded_channel();
    for endpoint in endpoints {
        let tried = tried.clone();
        tokio::spawn(async move {
            loop {
                endpoint.accept_forever().await.head().await;
                tried.send(endpoint.address).unwrap();
            }
        });
    }
    let proxy = Proxy::start(&addresses).await;
    let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 502 ") && got.contains("upstream_reset"), "{got}");
    let mut seen = std::collections::HashSet::new();
    while let Ok(address) = tries.try_recv() {
        assert!(seen.insert(address), "the same one twice");
    }
    assert_eq!(seen.len(), 3);
}

/// An endpoint that answers to no attempt to connect: its queue is full, and nobody empties it.
async fn deaf() -> (std::net::SocketAddr, impl Sized) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(TICK * 4, tokio::net::TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    (address, (listener, waiting))
}

#[tokio::test]
async fn an_endpoint_that_does_not_take_a_connection_in_time_is_passed_over() {
    let (deaf, _held) = deaf().await;
    let alive = Upstream::start().await.always(OK);
    let timeouts = Timeouts { connect: TICK, ..PATIENT };
    let proxy = Proxy::start_with(&[deaf, alive], timeouts).await;
    for _ in 0..10 {
        let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
        assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
    }
    let proxy = Proxy::start_with(&[deaf], timeouts).await;
    let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 504 ") && got.contains("upstream_timeout"), "{got}");
}

#[tokio::test]
async fn a_client_that_leaves_while_its_request_has_no_endpoint_yet_is_not_waited_for() {
    let (deaf, _held) = deaf().await;
    let timeouts = Timeouts { connect: PATIENCE * 100, ..PATIENT };
    let service = service(&[deaf], timeouts, Limits::default());
    let proxy = Proxy::start_on(free_port(), service, &["--max-connections=1"]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    drop(client);
    let request = "GET / HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n";
    eventually(async || !proxy.ask(request).await.starts_with("HTTP/1.1 503 ")).await;
}

#[tokio::test]
async fn bytes_behind_an_answer_make_the_connection_useless() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")).await;
    client.until("ok").await;
    client.send(GET).await;
    let mut other = upstream.accept().await;
    other.head().await;
    other.send(OK).await;
    assert!(!client.until("ok").await.contains("evil"));
}

#[tokio::test]
async fn a_client_that_goes_away_stops_the_upstream_request() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    drop(client);
    assert_eq!(server.rest().await, "");

    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n").await;
    client.until("x").await;
    drop(client);
    assert_eq!(server.rest().await, "");
}

#[tokio::test]
async fn a_client_that_goes_away_behind_another_request_stops_the_upstream_request_too() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    // The second one is read together with the first.
    client.send(GET.repeat(2)).await;
    let mut server = upstream.accept().await;
    server.head().await;
    drop(client);
    assert_eq!(server.rest().await, "");
}

#[tokio::test]
async fn an_endpoint_that_takes_too_long_is_given_up() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts { connect: PATIENCE, response: TICK, idle: PATIENCE, total: None };
    let proxy = Proxy::start_with(&[upstream.address], timeouts).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    assert!(client.head().await.starts_with("HTTP/1.1 504 "));
    assert!(client.until("}}\n").await.contains("upstream_timeout"));
    assert_eq!(server.rest().await, "");

    let timeouts = Timeouts { connect: PATIENCE, response: PATIENCE, idle: TICK, total: None };
    let proxy = Proxy::start_with(&[upstream.address], timeouts).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel").await;
    let got = client.rest().await;
    assert!(got.ends_with("hel"), "cut, as it stands still: {got}");
}

#[tokio::test]
async fn an_upgrade_becomes_a_tunnel_if_the_endpoint_agrees() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly").await;
    let mut server = upstream.accept().await;
    let head = server.head().await;
    assert!(head.contains("Connection: upgrade\r\n") && head.contains("Upgrade: websocket\r\n"), "{head}");
    server.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi").await;
    let head = client.head().await;
    assert!(head.contains("Connection: upgrade\r\n") && head.contains("Upgrade: websocket\r\n"), "{head}");
    assert_eq!(client.exactly(2).await, b"hi");
    assert_eq!(server.exactly(5).await, b"early");
    client.send("ping").await;
    assert_eq!(server.exactly(4).await, b"ping");
    drop(server);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn an_upgrade_to_something_else_is_no_answer() {
    for answer in ["Upgrade: other\r\n", "", "Upgrade: websocket\r\nUpgrade: other\r\n"] {
        let upstream = Upstream::start().await;
        let proxy = Proxy::start(&[upstream.address]).await;
        let mut client = proxy.connect().await;
        client.send("GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
        let mut server = upstream.accept().await;
        server.head().await;
        server.send(format!("HTTP/1.1 101 Switching Protocols\r\n{answer}Connection: Upgrade\r\n\r\n")).await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    }
}

#[tokio::test]
async fn an_upgrade_to_http2_is_not_passed_on() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client
        .send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n")
        .await;
    let head = upstream.accept().await.head().await.to_lowercase();
    assert!(!head.contains("upgrade") && !head.contains("http2-settings"), "{head}");
}

#[tokio::test]
async fn a_drain_ends_what_is_under_way_and_turns_nobody_away() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut busy = proxy.connect().await;
    busy.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    let mut idle = proxy.connect().await;
    proxy.shutdown.cancel();
    // A request that was on its way when the drain began is answered, and is the last one.
    idle.send(GET).await;
    let mut other = upstream.accept().await;
    other.head().await;
    other.send(OK).await;
    let got = idle.rest().await;
    assert!(got.starts_with("HTTP/1.1 200 ") && got.contains("Connection: close\r\n"), "{got}");
    server.send(OK).await;
    let got = busy.rest().await;
    assert!(got.starts_with("HTTP/1.1 200 ") && got.contains("Connection: close\r\n"), "{got}");
}

#[tokio::test]
async fn a_request_that_does_not_end_is_given_up() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts { connect: PATIENCE, response: PATIENCE, idle: TICK, total: None };
    let proxy = Proxy::start_with(&[upstream.address], timeouts).await;
    let mut client = proxy.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhel").await;
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 408 ") && got.contains("request_timeout"), "{got}");
    let mut byte = [0];
    assert!(matches!(client.stream.read(&mut byte).await, Ok(0) | Err(_)));
}
