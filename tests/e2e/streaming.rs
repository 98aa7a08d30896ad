//! Bodies flow as they come, in both directions, and are not kept.

use std::time::Duration;

use http_body_util::BodyExt;

use crate::harness::{
    Answer, Gateway, Upstream,
    client::{self, Wire},
    eventually::a_moment,
    upstream::{checksum, pattern},
    within,
};

const LARGE: usize = 64 << 20;

async fn shop(answer: Answer) -> (Gateway, Upstream) {
    let gateway = Gateway::start().await;
    let upstream = Upstream::answering(answer).await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    (gateway, upstream)
}

#[tokio::test]
async fn an_upload_reaches_the_upstream_piece_by_piece() {
    let (gateway, mut upstream) = shop(Answer::ByHand).await;
    let head = "POST /upload HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    for number in 0..5 {
        client.write(format!("7\r\npiece {number}\r\n")).await;
        // Nothing else comes until this piece has arrived.
        let piece = within("the piece", exchange.piece()).await.unwrap();
        assert_eq!(piece.as_deref(), Some(format!("piece {number}").as_bytes()));
    }
    client.write("0\r\n\r\n").await;
    assert_eq!(exchange.piece().await.unwrap(), None);
    exchange.write("HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\ndone").await.unwrap();
    let answer = client.read_until("done").await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
}

#[tokio::test]
async fn an_upload_of_known_length_keeps_its_length() {
    let (gateway, mut upstream) = shop(Answer::ByHand).await;
    let head = "PUT / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 10\r\n\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    assert_eq!(exchange.head.field("content-length"), "10");
    assert_eq!(exchange.head.fields("transfer-encoding"), [""; 0]);
    for half in ["01234", "56789"] {
        client.write(half).await;
        assert_eq!(exchange.piece().await.unwrap().as_deref(), Some(half.as_bytes()));
    }
    exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    client.read_until("\r\n\r\n").await;
}

#[tokio::test]
async fn a_response_reaches_the_client_piece_by_piece() {
    let (gateway, mut upstream) = shop(Answer::ByHand).await;
    let head = "GET /events HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    exchange.write(answer).await.unwrap();
    let head = client.read_until("\r\n\r\n").await.to_ascii_lowercase();
    assert!(head.contains("text/event-stream") && head.contains("transfer-encoding: chunked"), "{head}");
    for number in 0..5 {
        let event = format!("data: {number}\n\n");
        exchange.write_chunk(event.as_bytes()).await.unwrap();
        // The next one is written only when this one has arrived.
        client.read_until(&event).await;
    }
    exchange.write("0\r\n\r\n").await.unwrap();
    client.read_until("0\r\n\r\n").await;
}

#[tokio::test]
async fn an_answer_may_come_before_the_upload_ends() {
    let (gateway, mut upstream) = shop(Answer::ByHand).await;
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1000000\r\n\r\nfirst";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    assert_eq!(exchange.piece().await.unwrap().as_deref(), Some(&b"first"[..]));
    exchange.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await.unwrap();
    let answer = client.read_until("\r\n\r\nno").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[tokio::test]
async fn a_slow_upload_is_no_slow_upstream() {
    let (gateway, mut upstream) = (Gateway::start().await, Upstream::answering(Answer::ByHand).await);
    let document = format!(
        "services: [{{name: shop, hosts: [shop.test], endpoints: [{{address: \"{}\"}}],
           health_check: {{disabled: true}}, timeouts: {{response: 400ms}}}}]",
        upstream.address
    );
    gateway.apply(&document).await.ok();
    let head = "PUT / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    // The time for the response begins when the request was sent, and that takes the client longer.
    for _ in 0..5 {
        a_moment(Duration::from_millis(150)).await;
        client.write("x").await;
        assert_eq!(exchange.piece().await.unwrap().as_deref(), Some(&b"x"[..]));
    }
    exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmade").await.unwrap();
    let answer = client.read_until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_large_upload_arrives_whole() {
    let (gateway, _upstream) = shop(Answer::Checksum).await;
    let body = pattern(LARGE);
    let expected = checksum(&body);
    let response = client::send(gateway.data_planes[0].proxy, client::request("POST", "shop.test", "/"), body).await;
    assert_eq!(response.text(), expected);
}

#[tokio::test]
async fn a_large_download_arrives_whole() {
    let (gateway, _upstream) = shop(Answer::Pattern(LARGE)).await;
    let response = gateway.get("shop.test", "/").await;
    assert_eq!(checksum(&response.body), checksum(&pattern(LARGE)));
}

#[tokio::test]
async fn a_client_that_reads_slowly_slows_the_upstream_down() {
    let (gateway, mut upstream) = shop(Answer::ByHand).await;
    let stream = tokio::net::TcpStream::connect(gateway.data_planes[0].proxy).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = client::request("GET", "shop.test", "/").body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    let (response, written) = tokio::join!(sender.send_request(request), async {
        let mut exchange = upstream.exchange().await;
        exchange.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n")).await.unwrap();
        // The client reads none of it: the upstream must get stuck long before the end, on what
        // the kernels' buffers on the way and one piece in the proxy hold.
        let piece = vec![b'x'; 64 << 10];
        let mut written = 0;
        while let Ok(result) = tokio::time::timeout(Duration::from_secs(1), exchange.write(&piece)).await {
            result.unwrap();
            written += piece.len();
            assert!(written < LARGE, "the proxy took the whole body");
        }
        written
    });
    assert!(written < LARGE / 2, "the proxy holds up to {written} bytes");
    let mut body = response.unwrap().into_body();
    let mut read = 0;
    while read < written {
        let frame = within("what was written", body.frame()).await.unwrap().unwrap();
        read += frame.data_ref().map_or(0, bytes::Bytes::len);
    }
    driver.abort();
}

#[tokio::test]
async fn a_client_that_leaves_is_told_to_the_upstream() {
    let (gateway, mut upstream) = shop(Answer::ByHand).await;
    let client = Wire::open(gateway.data_planes[0].proxy, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    let mut exchange = upstream.exchange().await;
    drop(client);
    within("the upstream's connection is closed too", exchange.closed()).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_whole() {
    let (gateway, upstream) = shop(Answer::Text(String::new())).await;
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
    ] {
        upstream.answer(Answer::BytesAndClose(answer.into()));
        let mut connection = client::connect(gateway.data_planes[0].proxy).await.unwrap();
        let result = client::exchange(&mut connection, client::request("GET", "shop.test", "/"), "").await;
        assert!(result.is_err(), "taken for whole: {result:?}");
    }
    // An answer that ends with its connection is whole.
    upstream.answer(Answer::BytesAndClose("HTTP/1.0 200 OK\r\n\r\nto the end".into()));
    assert_eq!(gateway.get("shop.test", "/").await.text(), "to the end");
}
