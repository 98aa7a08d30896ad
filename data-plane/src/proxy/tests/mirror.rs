//! Copies for a shadow service: what it gets, and that nobody else notices.

use std::time::Duration;

use gateway_routing::route::{Action, Forward, Mirror};
use tokio::time::timeout;

use super::{
    PATIENCE, Peer, Proxy, Upstream,
    site::{Site, below, mirrored, named, route, to},
};
use crate::{
    table::{Service, Timeouts},
    worker::watchdog::TICK,
};

const GET: &str = "GET /x?y HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// `a` answers, and `shadow` gets a copy of everything.
fn site(a: &[std::net::SocketAddr], shadow: &[std::net::SocketAddr]) -> Site {
    Site::of(a).service("shadow", shadow).route(route("all", below("/"), mirrored("a", "shadow")))
}

async fn until_counted(proxy: &Proxy, [sent, failed, dropped]: [u32; 3]) {
    let line = |result, count| format!("gateway_mirror_requests_total{{result=\"{result}\"}} {count}");
    let lines = [line("sent", sent), line("failed", failed), line("dropped", dropped)];
    proxy.until_told(&lines.each_ref().map(String::as_str)).await;
}

/// The client's request is answered by `server`, as if nothing else were there.
async fn served(client: &mut Peer, server: &mut Peer, request: &str) -> String {
    client.send(request).await;
    let head = server.head().await;
    server.send(OK).await;
    assert!(client.until("ok").await.starts_with("HTTP/1.1 200 OK\r\n"));
    head
}

#[tokio::test]
async fn the_shadow_gets_what_the_endpoint_gets_and_its_answer_is_nobodys() {
    let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
    let proxy = site(&[upstream.address], &[shadow.address]).start().await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    let head = server.head().await;
    let mut copy = shadow.accept().await;
    assert_eq!(copy.head().await, head);
    copy.send("HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n").await;
    server.send(OK).await;
    assert!(client.until("ok").await.starts_with("HTTP/1.1 200 OK\r\n"));
    until_counted(&proxy, [1, 0, 0]).await;

    // Bodies too, framed as they are for the endpoint; on the connection that is there already.
    for (framing, body) in [
        ("Content-Length: 5", "hello".to_owned()),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nX-Last: 1\r\n\r\n".to_owned()),
        ("Content-Length: 60000", "x".repeat(60_000)),
    ] {
        client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n{body}")).await;
        let head = server.head().await;
        assert_eq!(server.exactly(body.len()).await, body.as_bytes());
        assert_eq!(copy.head().await, head);
        assert_eq!(copy.exactly(body.len()).await, body.as_bytes());
        copy.send(OK).await;
        server.send(OK).await;
        client.until("ok").await;
    }
    until_counted(&proxy, [4, 0, 0]).await;
}

#[tokio::test]
async fn a_copy_has_the_host_that_the_route_gives_the_request() {
    let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
    let Action::Forward(forward) = mirrored("a", "shadow") else { unreachable!() };
    let action = Action::Forward(Forward { host: Some("in.test".into()), ..forward });
    let site = Site::of(&[upstream.address]).service("shadow", &[shadow.address]);
    let proxy = site.route(route("all", below("/"), action)).start().await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    assert!(shadow.accept().await.head().await.starts_with("GET /x?y HTTP/1.1\r\nHost: in.test\r\n"));
}

#[tokio::test]
async fn a_share_is_copied() {
    let (upstream, shadow) = (Upstream::start().await.forever(OK), Upstream::start().await.forever(OK));
    let action =
        Action::Forward(Forward { mirror: Some(Mirror { service: "shadow".into(), per_mille: 200 }), ..to("a") });
    let site = Site::of(&[upstream]).service("shadow", &[shadow]).route(route("all", below("/"), action));
    let proxy = site.start().await;
    let mut client = proxy.connect().await;
    for _ in 0..1000 {
        client.send(GET).await;
        client.until("ok").await;
    }
    let sent = || -> u32 {
        let metrics = proxy.metrics();
        let line = metrics.lines().find(|line| line.starts_with("gateway_mirror_requests_total{result=\"sent\"}"));
        line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    };
    // Five standard deviations of a binomial.
    super::eventually(async || sent() >= 137).await;
    assert!(sent() <= 263, "{}", sent());
}

#[tokio::test]
async fn a_shadow_that_is_silent_costs_the_client_nothing_and_is_not_asked_without_end() {
    let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
    let proxy = site(&[upstream.address], &[shadow.address]).start().await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(OK).await;
    client.until("ok").await;
    for _ in 1..100 {
        served(&mut client, &mut server, GET).await;
    }
    // 64 wait for an answer; the others were not made.
    until_counted(&proxy, [0, 0, 36]).await;
    // As soon as one has been answered, there is room for another.
    let mut copy = shadow.accept().await;
    copy.head().await;
    copy.send(OK).await;
    until_counted(&proxy, [1, 0, 36]).await;
    served(&mut client, &mut server, GET).await;
    copy.head().await;
    until_counted(&proxy, [1, 0, 36]).await;
}

#[tokio::test]
async fn a_shadow_that_does_not_answer_in_time_is_given_up() {
    let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
    let timeouts = Timeouts { connect: TICK, response: TICK, idle: PATIENCE, total: None };
    let shadow_service = Service { timeouts, ..named("shadow", &[shadow.address]) };
    let all = route("all", below("/"), mirrored("a", "shadow"));
    let proxy = Site::of(&[upstream.address]).put(shadow_service, &[]).route(all).start().await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    upstream.accept().await.send(OK).await;
    client.until("ok").await;
    let mut copy = shadow.accept().await;
    until_counted(&proxy, [0, 1, 0]).await;
    assert!(copy.rest().await.starts_with("GET /x?y "), "and its connection is closed");
}

#[tokio::test]
async fn a_shadow_that_refuses_breaks_off_or_talks_nonsense_is_not_noticed() {
    let closed = Upstream::start().await.address;
    let silent = Upstream::start().await.always("");
    let nonsense = Upstream::start().await.always("SSH-2.0-OpenSSH\r\n\r\n");
    let switching = Upstream::start().await.always("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
    for shadow in [&[][..], &[closed], &[silent], &[nonsense], &[switching]] {
        let upstream = Upstream::start().await;
        let proxy = site(&[upstream.address], shadow).start().await;
        let mut client = proxy.connect().await;
        client.send(GET).await;
        let mut server = upstream.accept().await;
        server.head().await;
        server.send(OK).await;
        client.until("ok").await;
        until_counted(&proxy, [0, 1, 0]).await;
        served(&mut client, &mut server, GET).await;
        until_counted(&proxy, [0, 2, 0]).await;
    }
}

#[tokio::test]
async fn an_endless_answer_of_a_shadow_is_not_read_to_its_end() {
    let (upstream, shadow) = (Upstream::start().await.forever(OK), Upstream::start().await);
    let proxy = site(&[upstream], &[shadow.address]).start().await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    client.until("ok").await;
    let mut copy = shadow.accept().await;
    copy.head().await;
    copy.send("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n").await;
    let piece = vec![b'x'; 64 * 1024];
    let endless = async { while tokio::io::AsyncWriteExt::write_all(&mut copy.stream, &piece).await.is_ok() {} };
    timeout(PATIENCE, endless).await.expect("the gateway closes the connection");
    until_counted(&proxy, [1, 0, 0]).await;
}

#[tokio::test]
async fn bodies_that_are_too_long_and_upgrades_are_not_copied() {
    let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
    let proxy = site(&[upstream.address], &[shadow.address]).start().await;
    let mut client = proxy.connect().await;
    client
        .send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 65537\r\n\r\n{}", "x".repeat(65_537)))
        .await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.exactly(65_537).await;
    server.send(OK).await;
    client.until("ok").await;
    until_counted(&proxy, [0, 0, 1]).await;

    // One that does not say so beforehand is given up on the way, and goes on to the endpoint.
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for _ in 0..3 {
        client.send(format!("7530\r\n{}\r\n", "x".repeat(30_000))).await;
    }
    until_counted(&proxy, [0, 0, 2]).await;
    client.send("0\r\n\r\n").await;
    server.until("0\r\n\r\n").await;
    server.send(OK).await;
    client.until("ok").await;

    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
    server.head().await;
    until_counted(&proxy, [0, 0, 3]).await;

    // The shadow's first connection is that of the first copy.
    let mut other = proxy.connect().await;
    other.send("GET /last HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(shadow.accept().await.head().await.starts_with("GET /last "));
}

#[tokio::test]
async fn a_request_that_is_sent_twice_is_copied_once() {
    let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
    let proxy = site(&[upstream.address], &[shadow.address]).start().await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(OK).await;
    client.until("ok").await;
    let mut copy = shadow.accept().await;
    copy.head().await;
    copy.send(OK).await;
    until_counted(&proxy, [1, 0, 0]).await;
    // The pooled connection takes the request, and ends without a word.
    client.send(GET).await;
    server.head().await;
    drop(server);
    let mut server = upstream.accept().await;
    server.head().await;
    copy.head().await;
    copy.send(OK).await;
    server.send(OK).await;
    client.until("ok").await;
    client.send("GET /last HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(copy.head().await.starts_with("GET /last "), "the next copy is of the next request");
    until_counted(&proxy, [2, 0, 0]).await;
}

#[tokio::test]
async fn a_request_that_no_endpoint_takes_whole_is_not_copied() {
    let closed = Upstream::start().await.address;
    let shadow = Upstream::start().await;
    let proxy = site(&[closed], &[shadow.address]).start().await;
    let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
    until_counted(&proxy, [0, 0, 1]).await;

    // Nor one that its client breaks off.
    let upstream = Upstream::start().await;
    let proxy = site(&[upstream.address], &[shadow.address]).start().await;
    let mut client = proxy.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhalf").await;
    upstream.accept().await.until("half").await;
    drop(client);
    until_counted(&proxy, [0, 0, 1]).await;
}

#[tokio::test]
async fn a_silent_shadow_does_not_hold_up_a_drain() {
    let (upstream, shadow) = (Upstream::start().await.forever(OK), Upstream::start().await);
    let proxy = site(&[upstream], &[shadow.address]).start_draining(PATIENCE * 100).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    client.until("ok").await;
    let mut copy = shadow.accept().await;
    copy.head().await;
    proxy.shutdown.cancel();
    drop(client);
    // The worker has ended when it has closed everything, long before the shadow's own time is up.
    let ended = timeout(PATIENCE - Duration::from_secs(1), copy.rest()).await;
    assert_eq!(ended.expect("the worker ends"), "");
}
