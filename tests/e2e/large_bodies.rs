//! However large a body is, and however slowly it is taken: the data plane's memory stays where it was.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::{Response, request::Builder};
use hyper::body::Incoming;

use crate::harness::{
    Answer, Gateway,
    body::{Checksum, Pattern, outgoing},
    client,
    eventually::standstill,
    usage::mib,
};

/// More than the buffers of all sockets on the way hold.
const LARGE: usize = 64 << 20;
/// What the data plane's memory may grow by: its buffers are a few hundred KiB, but the allocator
/// goes through up to 4 MiB for each of their sizes before it takes what was given back.
const MARGIN: u64 = 16 << 20;

#[tokio::test]
async fn large_bodies_pass_in_constant_memory() {
    pass(LARGE).await;
}

#[tokio::test]
#[ignore = "a long run; see tests/README.md"]
async fn gibibytes_pass_in_constant_memory() {
    pass(1 << 30).await;
}

/// Up and down, of known length and in chunks.
async fn pass(length: usize) {
    let (gateway, upstream) = Gateway::with_shop(Answer::Checksum).await;
    let before = warm(&gateway).await;
    let expected = Pattern::new(length).checksum();
    for upload in [post().header("content-length", length), post()] {
        let what = format!("{upload:?}");
        let answer = stream(&gateway, upload, Pattern::new(length)).await;
        assert_eq!(client::text(answer).await, expected, "{what}");
    }
    for download in [Answer::Pattern(length), Answer::PatternInChunks(length)] {
        let what = format!("{download:?}");
        upstream.answer(download);
        let answer = stream(&gateway, get(), Pattern::new(0)).await;
        assert_eq!(Checksum::of(answer.into_body()).await, expected, "{what}");
    }
    let grown = growth(&gateway, before);
    println!("{} each, twice up and twice down: {} more memory", mib(length as u64), mib(grown));
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_the_upstream_back() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::Checksum).await;
    let before = warm(&gateway).await;
    upstream.answer(Answer::ByHand);
    for chunked in [true, false] {
        let (answer, mut exchange) = tokio::join!(stream(&gateway, get(), Pattern::new(0)), async {
            let mut exchange = upstream.exchange().await;
            let framing =
                if chunked { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {LARGE}") };
            exchange.write(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")).await.unwrap();
            exchange
        });
        let (written, pieces) = counted(LARGE);
        let writer = tokio::spawn(async move {
            for piece in pieces {
                if chunked { exchange.write_chunk(&piece).await? } else { exchange.write(&piece).await? }
            }
            if chunked { exchange.write("0\r\n\r\n").await } else { Ok(()) }
        });
        let held = standstill("the upstream is stuck", || written.load(Relaxed)).await;
        assert!(held < LARGE / 2, "{held} bytes were taken, and nobody reads");
        growth(&gateway, before);
        // What was held back is not lost.
        assert_eq!(Checksum::of(answer.into_body()).await, Pattern::new(LARGE).checksum());
        writer.await.unwrap().unwrap();
        growth(&gateway, before);
    }
}

#[tokio::test]
async fn an_upstream_that_reads_nothing_holds_the_client_back() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::Checksum).await;
    let before = warm(&gateway).await;
    upstream.answer(Answer::ByHand);
    for upload in [post(), post().header("content-length", LARGE)] {
        let (written, pieces) = counted(LARGE);
        let answered = client::stream(gateway.data_planes[0].proxy, upload, outgoing(pieces));
        let answered = tokio::spawn(answered);
        let mut exchange = upstream.exchange().await;
        let held = standstill("the client is stuck", || written.load(Relaxed)).await;
        assert!(held < LARGE / 2, "{held} bytes were taken, and nobody reads");
        growth(&gateway, before);
        let mut checksum = Checksum::default();
        while let Some(piece) = exchange.piece().await.unwrap() {
            checksum.add(&piece);
        }
        assert_eq!(checksum.to_string(), Pattern::new(LARGE).checksum());
        exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmade").await.unwrap();
        assert_eq!(client::text(answered.await.unwrap()).await, "made");
        growth(&gateway, before);
    }
}

fn get() -> Builder {
    client::request("GET", "shop.test", "/")
}

fn post() -> Builder {
    client::request("POST", "shop.test", "/")
}

async fn stream(gateway: &Gateway, request: Builder, pieces: Pattern) -> Response<Incoming> {
    client::stream(gateway.data_planes[0].proxy, request, outgoing(pieces)).await
}

/// The pieces of a body, and how many bytes of them were asked for.
fn counted(length: usize) -> (Arc<AtomicUsize>, impl Iterator<Item = Vec<u8>> + Send) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let pieces = Pattern::new(length).inspect(move |piece| {
        counter.fetch_add(piece.len(), Relaxed);
    });
    (count, pieces)
}

/// The data plane's memory once it has served a request: what every first request costs is not the body's.
async fn warm(gateway: &Gateway) -> u64 {
    assert_eq!(gateway.get("shop.test", "/").await.status, 200);
    gateway.data_planes[0].process().memory_from_here()
}

/// How much more the data plane has needed at any time since, which must be little.
fn growth(gateway: &Gateway, before: u64) -> u64 {
    let grown = gateway.data_planes[0].process().peak_memory().saturating_sub(before);
    assert!(grown < MARGIN, "the data plane holds bodies: {} more memory", mib(grown));
    grown
}
