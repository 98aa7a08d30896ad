//! More clients than there is room for.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use crate::harness::{
    Answer, DataPlane, Gateway, Upstream,
    client::{self, Wire},
    eventually,
    eventually::a_moment,
    loopback,
    usage::allow_many_files,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";
/// More clients than the data plane may have files.
const CROWD: usize = 200;

async fn shop(args: &[&'static str], answer: Answer) -> (Gateway, Upstream) {
    let gateway = Gateway::builder().data_plane_args(args).start().await;
    let upstream = Upstream::answering(answer).await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    (gateway, upstream)
}

/// A connection that was served once and stays.
async fn served(proxy: SocketAddr) -> Wire {
    let mut client = Wire::open(proxy, GET).await;
    let answer = client.read_until("served").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    client
}

/// A newcomer that is served as soon as there is a place for it, and stays.
async fn served_soon(proxy: SocketAddr) -> Wire {
    eventually("there is room", async || {
        let mut client = Wire::open(proxy, GET).await;
        let answer = client.read_something().await;
        answer.starts_with("HTTP/1.1 200 ").then_some(client)
    })
    .await
}

#[tokio::test]
async fn idle_connections_make_room_for_new_ones() {
    let (gateway, _upstream) = shop(&["--max-connections", "4"], Answer::Text("served".into())).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(served(gateway.data_planes[0].proxy).await);
    }
    // None of them leaves, and their time is not up for a minute.
    clients.push(served_soon(gateway.data_planes[0].proxy).await);
    gateway.data_planes[0].until_clients(4).await;
}

#[tokio::test]
async fn busy_connections_are_not_closed_for_new_ones() {
    let (gateway, mut upstream) = shop(&["--max-connections", "4"], Answer::ByHand).await;
    let proxy = gateway.data_planes[0].proxy;
    let mut busy = Vec::new();
    for _ in 0..4 {
        let client = Wire::open(proxy, GET).await;
        busy.push((client, upstream.exchange().await));
    }
    for _ in 0..4 {
        client::raw(proxy, GET).await.is_error(503, "overloaded");
    }
    assert_eq!(upstream.requests(), 4);
    for (client, exchange) in &mut busy {
        exchange.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nserved").await.unwrap();
        client.read_until("served").await;
    }
    upstream.answer(Answer::Text("served".into()));
    busy.pop();
    served_soon(proxy).await;
}

#[tokio::test]
async fn one_client_cannot_take_every_connection() {
    let (gateway, mut upstream) = shop(&["--max-connections-per-client", "2"], Answer::ByHand).await;
    let proxy = gateway.data_planes[0].proxy;
    let (greedy, modest) = (loopback::fresh(), loopback::fresh());
    let mut busy = Vec::new();
    for client in [greedy, greedy, modest] {
        let client = Wire::open_from(client, proxy, GET).await;
        busy.push((client, upstream.exchange().await));
    }
    client::raw_from(greedy, proxy, GET).await.is_error(503, "overloaded");
    upstream.answer(Answer::Text("served".into()));
    assert_eq!(client::raw_from(modest, proxy, GET).await.text(), "served");
    // One that it gives back, it may open again.
    busy.swap_remove(0);
    eventually("there is room again", async || {
        (client::raw_from(greedy, proxy, GET).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_crowd_that_outnumbers_the_open_files_is_shed() {
    allow_many_files();
    let gateway = Gateway::builder().open_files(128).start().await;
    let upstream = Upstream::start("served").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let data_plane = &gateway.data_planes[0];
    // Those that are idle make room,
    let idle = crowd(data_plane.proxy, CROWD).await;
    served_soon(data_plane.proxy).await;
    // and those that are busy do not: who comes too late is told so.
    upstream.answer(Answer::Hang);
    let before = upstream.requests();
    let (mut busy, refused) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..CROWD {
        let (proxy, refused) = (data_plane.proxy, Arc::clone(&refused));
        busy.spawn(async move {
            let answer = Wire::open(proxy, GET).await.read_something().await;
            // Where even telling it takes too much, the connection is closed.
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
            refused.fetch_add(1, Relaxed);
        });
    }
    eventually("each of the crowd is served or refused", async || {
        let held = upstream.requests() - before;
        (held > 0 && held + refused.load(Relaxed) == CROWD).then_some(())
    })
    .await;
    assert_eq!(client::get(data_plane.admin, "admin", "/healthz").await.status, 200);
    is_calm(data_plane).await;
    drop((idle, busy));
    upstream.answer(Answer::Text("served".into()));
    recovers(data_plane).await;
}

#[tokio::test]
async fn running_out_of_open_files_is_survived() {
    allow_many_files();
    let (gateway, upstream) = shop(&[], Answer::Text("served".into())).await;
    let data_plane = &gateway.data_planes[0];
    served(data_plane.proxy).await;
    // It could not know this when it started.
    let files = data_plane.process().open_files() + 20;
    data_plane.process().limit_open_files(files as u64);
    let mut idle = crowd(data_plane.proxy, 60).await;
    // Nobody is left to wait in the queue, whatever the answer is.
    for client in &mut idle {
        let answer = client.read_something().await;
        let status = answer.get(..13).unwrap_or_default();
        assert!(["", "HTTP/1.1 200 ", "HTTP/1.1 503 "].contains(&status), "{answer}");
    }
    // Where all are busy, the rest has to wait there, and that costs nothing.
    upstream.answer(Answer::Hang);
    let busy = crowd(data_plane.proxy, 60).await;
    eventually("no file is left", async || (data_plane.process().open_files() >= files).then_some(())).await;
    is_calm(data_plane).await;
    drop((idle, busy));
    upstream.answer(Answer::Text("served".into()));
    recovers(data_plane).await;
}

/// Clients that have asked, each on a connection of its own.
async fn crowd(proxy: SocketAddr, count: usize) -> Vec<Wire> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(Wire::open(proxy, GET).await);
    }
    clients
}

/// It has too much to do, and does not do it again and again.
async fn is_calm(data_plane: &DataPlane) {
    let before = data_plane.process().cpu_time();
    a_moment(Duration::from_secs(1)).await;
    let spent = data_plane.process().cpu_time() - before;
    assert!(spent < Duration::from_millis(200), "it spins: {spent:?} of processor time");
}

/// Whoever comes when the crowd has left is served, and so is everybody after.
async fn recovers(data_plane: &DataPlane) {
    served_soon(data_plane.proxy).await;
    for _ in 0..50 {
        assert_eq!(data_plane.get("shop.test", "/").await.text(), "served");
    }
    data_plane.until_clients(0).await;
}
