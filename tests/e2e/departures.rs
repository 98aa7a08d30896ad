//! Who goes away halfway, and who hears of it.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};

use crate::harness::{
    Answer, Gateway,
    client::{self, Wire},
    exchange::Exchange,
    within,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";

/// How a side goes away.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Leaves {
    /// It closes its connection.
    Orderly,
    /// It resets it.
    WithReset,
}

const WAYS: [Leaves; 2] = [Leaves::Orderly, Leaves::WithReset];

impl Leaves {
    fn client(self, client: Wire) {
        if self == Self::WithReset {
            client.reset();
        }
    }

    fn upstream(self, exchange: Exchange) {
        if self == Self::WithReset {
            exchange.reset();
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_is_told_to_the_upstream() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
    for leaves in WAYS {
        let client = Wire::open(gateway.data_planes[0].proxy, GET).await;
        let mut exchange = upstream.exchange().await;
        leaves.client(client);
        within("the upstream's connection is closed too", exchange.closed()).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_download_is_told_to_the_upstream() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
    for (leaves, head) in WAYS.into_iter().flat_map(|leaves| HEADS.map(|head| (leaves, head))) {
        let mut client = Wire::open(gateway.data_planes[0].proxy, GET).await;
        let mut exchange = upstream.exchange().await;
        exchange.write(head).await.unwrap();
        client.read_until("only this").await;
        leaves.client(client);
        // It has nothing to write, as between two events, and hears of it all the same.
        within("the upstream's connection is closed too", exchange.closed()).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_without_having_read_stops_the_upstream() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
    for leaves in WAYS {
        let client = Wire::open(gateway.data_planes[0].proxy, GET).await;
        let mut exchange = upstream.exchange().await;
        let piece = vec![b'x'; 64 << 10];
        exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n").await.unwrap();
        exchange.write(&piece).await.unwrap();
        leaves.client(client);
        within("the upstream is stopped", async { while exchange.write(&piece).await.is_ok() {} }).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_an_upload_is_told_to_the_upstream() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
    let uploads = ["Content-Length: 100\r\n\r\nonly this", "Transfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n"];
    for (leaves, upload) in WAYS.into_iter().flat_map(|leaves| uploads.map(|upload| (leaves, upload))) {
        let head = format!("POST / HTTP/1.1\r\nHost: shop.test\r\n{upload}");
        let client = Wire::open(gateway.data_planes[0].proxy, head).await;
        let mut exchange = upstream.exchange().await;
        assert_eq!(exchange.piece().await.unwrap().as_deref(), Some(&b"only this"[..]));
        leaves.client(client);
        let rest = within("the upstream's connection is closed too", exchange.body()).await;
        assert!(rest.is_err(), "the upload looked whole");
    }
}

/// Answers that go on, in every framing that says where the end is.
const HEADS: [&str; 2] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
];
/// An answer that ends with its connection.
const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\nonly this";

#[tokio::test]
async fn an_upstream_that_leaves_in_the_middle_of_its_answer_cuts_it() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
    let cuts = WAYS.into_iter().flat_map(|leaves| HEADS.map(|head| (leaves, head)));
    for (leaves, head) in cuts.chain([(Leaves::WithReset, UNTIL_CLOSE)]) {
        let (answer, exchange) = tokio::join!(begun(gateway.data_planes[0].proxy), async {
            let mut exchange = upstream.exchange().await;
            exchange.write(head).await.unwrap();
            exchange
        });
        let mut body = answer.into_body();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.data_ref().unwrap(), "only this");
        leaves.upstream(exchange);
        let next = within("the end of the answer", body.frame()).await;
        assert!(matches!(next, Some(Err(_))), "{head:?} was taken for whole: {next:?}");
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let (gateway, upstream) = Gateway::with_shop(Answer::BytesAndClose(UNTIL_CLOSE.into())).await;
    assert_eq!(gateway.get("shop.test", "/").await.text(), "only this");
    upstream.answer(Answer::BytesAndClose("HTTP/1.0 200 OK\r\n\r\nto the end".into()));
    assert_eq!(gateway.get("shop.test", "/").await.text(), "to the end");
}

/// A client that closes its sending side counts as gone: a gateway cannot tell it from one that
/// closed both, and an answer that nobody waits for is not worth the upstream's work.
#[tokio::test]
async fn a_half_closed_client_counts_as_gone() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
    let proxy = gateway.data_planes[0].proxy;
    // Before the answer,
    let mut client = Wire::open(proxy, GET).await;
    let mut exchange = upstream.exchange().await;
    client.end().await;
    within("the upstream's connection is closed too", exchange.closed()).await;
    assert_eq!(client.read_to_end().await, "");
    // in the middle of it,
    let mut client = Wire::open(proxy, GET).await;
    let mut exchange = upstream.exchange().await;
    exchange.write(HEADS[0]).await.unwrap();
    client.read_until("only this").await;
    client.end().await;
    within("the upstream's connection is closed too", exchange.closed()).await;
    assert_eq!(client.read_to_end().await, "");
    // and behind it.
    upstream.answer(Answer::Text("all of it".into()));
    let mut client = Wire::open(proxy, GET).await;
    client.read_until("all of it").await;
    client.end().await;
    assert_eq!(client.read_to_end().await, "");
}

/// An answer whose head has come.
async fn begun(proxy: SocketAddr) -> http::Response<hyper::body::Incoming> {
    client::stream(proxy, client::request("GET", "shop.test", "/"), Empty::<Bytes>::new()).await
}
