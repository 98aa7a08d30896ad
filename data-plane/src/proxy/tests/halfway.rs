//! What breaks off halfway, on whichever side: nobody is told a lie, and nothing is served that was
//! not sent as a request.

use std::{io::ErrorKind, time::Duration};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::interval,
};

use super::{PATIENCE, PATIENT, Peer, Proxy, Upstream, free_port, service};
use crate::{
    table::{Limits, Timeouts},
    worker::watchdog::TICK,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
/// More than the buffers of all sockets on the way hold.
const HUGE: usize = 16 * 1024 * 1024;

#[tokio::test]
async fn the_rest_of_a_request_that_nobody_wanted_is_not_taken_for_another() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let smuggled = "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n";
    let body = smuggled.repeat(HUGE / smuggled.len());
    // Whether the gateway hears the answer or the reset first is a matter of luck.
    for _ in 0..20 {
        let mut client = proxy.connect().await;
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", body.len());
        client.send(head).await;
        let (mut reader, mut writer) = client.stream.split();
        // The gateway may close before it has taken everything.
        let send = async { drop(writer.write_all(body.as_bytes()).await) };
        let answer = async {
            let mut server = upstream.accept().await;
            server.head().await;
            server.stream.readable().await.unwrap();
            server.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig").await;
            drop(server);
            let mut got = Vec::new();
            let _ = reader.read_to_end(&mut got).await;
            String::from_utf8(got).unwrap()
        };
        let ((), got) = tokio::join!(send, answer);
        assert!(got.matches("HTTP/1.1 ").count() <= 1 && !got.contains("no_route"), "{got:.2000}");
    }
}

#[tokio::test]
async fn an_early_answer_is_not_lost_to_a_reset() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send(format!("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {HUGE}\r\n\r\n")).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig").await;
    // What the client goes on sending is taken, so that it comes to reading.
    client.send(vec![0; HUGE]).await;
    assert!(client.head().await.starts_with("HTTP/1.1 413 "));
    assert_eq!(client.exactly(3).await, b"big");
    assert_eq!(client.stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_answer_may_take_its_time_behind_a_large_request() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts { connect: PATIENCE, response: PATIENCE, idle: TICK * 10, total: None };
    let proxy = Proxy::start_with(&[upstream.address], timeouts).await;
    let mut client = proxy.connect().await;
    client.send(format!("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {HUGE}\r\n\r\n")).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n").await;
    client.head().await;
    let body = vec![0; HUGE];
    tokio::join!(client.send(&body), server.exactly(HUGE));
    let mut pace = interval(TICK);
    for _ in 0..20 {
        pace.tick().await;
        server.send("x").await;
        assert_eq!(client.exactly(1).await, b"x");
    }
}

#[tokio::test]
async fn an_endpoint_that_stops_reading_is_not_the_clients_fault() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts { connect: PATIENCE, response: PATIENCE, idle: TICK * 4, total: None };
    let proxy = Proxy::start_with(&[upstream.address], timeouts).await;
    let mut client = proxy.connect().await;
    client.send(format!("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {HUGE}\r\n\r\n")).await;
    client.send(vec![0; HUGE]).await;
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 504 ") && got.contains("upstream_timeout"), "{got}");
}

#[tokio::test]
async fn an_answer_that_is_malformed_from_the_start_is_told_as_such() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n";
    let proxy = Proxy::start(&[Upstream::start().await.always(answer)]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    assert!(client.until("}}\n").await.contains("upstream_protocol"));
    // The client's connection has nothing to do with it.
    client.send(GET).await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test]
async fn half_an_interim_response_is_followed_by_nothing() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts { response: TICK * 4, ..PATIENT };
    // As little room between gateway and client as the system allows.
    let listener = free_port();
    SockRef::from(&listener).set_send_buffer_size(4096).unwrap();
    let proxy = Proxy::start_on(listener, service(&[upstream.address], timeouts, Limits::default()), &[]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = Peer::new(socket.connect(proxy.address).await.unwrap());
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(60_000))).await;
    // The client reads only when the gateway has given up.
    server.rest().await;
    let got = client.rest().await;
    assert!(got.starts_with("HTTP/1.1 103 ") && got.len() < 60_000 && got.ends_with('x'), "{} bytes", got.len());
}

#[tokio::test]
async fn http_10_can_tell_an_answer_that_broke_off_from_a_whole_one() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    client.until("hello").await;
    drop(server);
    let end = client.stream.read(&mut [0]).await;
    assert_eq!(end.map_err(|err| err.kind()), Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn an_endpoint_may_be_kept_for_ever() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts { connect: PATIENCE, response: PATIENCE, idle: Duration::MAX, total: None };
    let proxy = Proxy::start_with(&[upstream.address], timeouts).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    for _ in 0..2 {
        server.head().await;
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        client.until("ok").await;
        client.send(GET).await;
    }
}

#[tokio::test]
async fn an_agreement_to_switch_has_no_body() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\n";
    let proxy = Proxy::start(&[Upstream::start().await.always(answer)]).await;
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade, close\r\nUpgrade: x\r\n\r\n";
    let got = proxy.ask(request).await;
    assert!(got.starts_with("HTTP/1.1 502 ") && got.contains("upstream_protocol"), "{got}");
}
