//! After an upgrade: how a tunnel ends.

use super::{PATIENT, Peer, Proxy, Upstream, free_port, service};
use crate::{
    table::{Limits, Timeouts},
    worker::watchdog::TICK,
};

/// A tunnel through the gateway: its two ends.
async fn open(proxy: &Proxy, upstream: &Upstream) -> (Peer, Peer) {
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    (client, server)
}

#[tokio::test]
async fn who_has_said_his_last_still_hears_the_other() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    for client_first in [true, false] {
        let (client, server) = open(&proxy, &upstream).await;
        let (mut first, mut second) = if client_first { (client, server) } else { (server, client) };
        first.send("last").await;
        first.end().await;
        assert_eq!(second.rest().await, "last");
        second.send("answer").await;
        second.end().await;
        assert_eq!(first.rest().await, "answer");
    }
}

#[tokio::test]
async fn a_tunnel_that_is_silent_for_too_long_is_closed() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start_limited(&[upstream.address], &["--tunnel-idle-timeout=50ms"]).await;
    let (mut client, mut server) = open(&proxy, &upstream).await;
    assert_eq!((client.rest().await, server.rest().await), (String::new(), String::new()));
}

#[tokio::test]
async fn the_total_time_of_a_request_is_not_that_of_its_tunnel() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts { total: Some(TICK * 6), ..PATIENT };
    let proxy = Proxy::start_on(free_port(), service(&[upstream.address], timeouts, Limits::default()), &[]).await;
    let (mut client, mut server) = open(&proxy, &upstream).await;
    let mut pace = tokio::time::interval(TICK * 2);
    for _ in 0..6 {
        pace.tick().await;
        client.send("x").await;
        assert_eq!(server.exactly(1).await, b"x");
    }
}

#[tokio::test]
async fn the_end_of_a_drain_closes_a_tunnel_and_its_beginning_does_not() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start_draining(&[upstream.address], TICK * 20).await;
    let (mut client, mut server) = open(&proxy, &upstream).await;
    proxy.shutdown.cancel();
    let mut pace = tokio::time::interval(TICK);
    for _ in 0..4 {
        pace.tick().await;
        client.send("ping").await;
        assert_eq!(server.exactly(4).await, b"ping");
    }
    assert_eq!((client.rest().await, server.rest().await), (String::new(), String::new()));
}
