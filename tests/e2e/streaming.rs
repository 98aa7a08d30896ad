//! Bodies flow as they come, in both directions.

use std::time::Duration;

use crate::harness::{Answer, Gateway, Upstream, client::Wire, eventually::a_moment, within};

#[tokio::test]
async fn an_upload_reaches_the_upstream_piece_by_piece() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
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
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
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
async fn an_event_leaves_as_soon_as_it_came() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
    for framing in ["Transfer-Encoding: chunked", "Content-Length: 1000", "Connection: close"] {
        let request = "GET /events HTTP/1.1\r\nHost: shop.test\r\n\r\n";
        let mut client = Wire::open(gateway.data_planes[0].proxy, request).await;
        let mut exchange = upstream.exchange().await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n\r\n");
        exchange.write(head).await.unwrap();
        assert!(client.read_until("\r\n\r\n").await.contains("text/event-stream"));
        for number in 0..20 {
            let event = format!("data: {number}\n\n");
            match framing {
                "Transfer-Encoding: chunked" => exchange.write_chunk(event.as_bytes()).await.unwrap(),
                _ => exchange.write(&event).await.unwrap(),
            }
            // The next one is written only when this one has arrived.
            client.read_until(&event).await;
        }
    }
}

#[tokio::test]
async fn an_answer_may_come_before_the_upload_ends() {
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
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
