//! Clients that take their time cost the others nothing.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::harness::{
    Answer, Gateway, Upstream,
    client::{self, Wire},
    eventually,
    eventually::a_moment,
    usage::{allow_many_files, mib},
    within,
};

/// How many clients there are of each kind.
const CROWD: usize = 200;
/// What one of them may hold of the data plane's memory: its buffers.
const EACH: u64 = 256 << 10;

#[tokio::test]
async fn slow_clients_hold_up_nobody() {
    allow_many_files();
    let flags = ["--request-head-timeout", "5s", "--request-body-timeout", "5s"];
    let gateway = Gateway::builder().data_plane_args(&flags).start().await;
    let (shop, sink) = (Upstream::start("served").await, Upstream::answering(Answer::Checksum).await);
    let films = Upstream::answering(Answer::Pattern(16 << 20)).await;
    for (name, upstream) in [("shop", &shop), ("sink", &sink), ("films", &films)] {
        gateway.register_unchecked(name, &format!("{name}.test"), &[upstream]).await;
    }
    let data_plane = &gateway.data_planes[0];
    assert_eq!(data_plane.get("shop.test", "/").await.status, 200);
    let before = data_plane.process().memory_from_here();

    let mut writers = JoinSet::new();
    let mut readers = Vec::new();
    for _ in 0..CROWD {
        let proxy = data_plane.proxy;
        // A head that goes on and on,
        writers.spawn(async move {
            let mut client = Wire::open(proxy, "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Slow: ").await;
            loop {
                tokio::select! {
                    answer = client.response() => return answer.is_error(408, "request_timeout"),
                    () = a_moment(Duration::from_millis(100)) => {}
                }
                client.write_what_is_taken("x").await;
            }
        });
        // a body that stops in the middle,
        let upload = "POST / HTTP/1.1\r\nHost: sink.test\r\nContent-Length: 100\r\n\r\nonly this";
        writers.spawn(async move { client::raw(proxy, upload).await.is_error(408, "request_timeout") });
        // an answer that is not read.
        readers.push(Wire::open(proxy, "GET / HTTP/1.1\r\nHost: films.test\r\n\r\n").await);
    }
    eventually("all are there", async || {
        let all = sink.requests() == CROWD && films.requests() == CROWD;
        (all && data_plane.metric("client_connections_total").await >= 3 * CROWD as u64).then_some(())
    })
    .await;
    for _ in 0..100 {
        assert_eq!(data_plane.get("shop.test", "/").await.text(), "served");
    }
    let all_told = async {
        while let Some(told) = writers.join_next().await {
            told.unwrap();
        }
    };
    within("every slow writer is told so", all_told).await;
    drop(readers);
    data_plane.until_clients(0).await;
    let grown = data_plane.process().peak_memory().saturating_sub(before);
    println!("{} slow clients: {} more memory", 3 * CROWD, mib(grown));
    assert!(grown < 3 * CROWD as u64 * EACH, "{} more memory", mib(grown));
}
