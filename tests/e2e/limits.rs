//! Bodies that are larger than the operator allows.

use crate::harness::{
    Answer, Gateway, Upstream,
    body::Pattern,
    client::{self, Response, Wire},
};

const LIMIT: usize = 1024;

async fn shop(answer: Answer) -> (Gateway, Upstream) {
    let gateway = Gateway::builder().data_plane_args(&["--max-request-body", "1KiB"]).start().await;
    let upstream = Upstream::answering(answer).await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    (gateway, upstream)
}

/// Sends only the head of a request whose body would be so long.
async fn declare(gateway: &Gateway, length: usize, field: &str) -> Response {
    let head = format!("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {length}\r\n{field}\r\n");
    client::raw(gateway.data_planes[0].proxy, head).await
}

/// Sends a whole request with a body in one chunk.
async fn send_chunk(gateway: &Gateway, length: usize) -> Response {
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let request = format!("{head}{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length));
    client::raw(gateway.data_planes[0].proxy, request).await
}

#[tokio::test]
async fn a_body_as_long_as_is_allowed_passes() {
    let (gateway, _upstream) = shop(Answer::Checksum).await;
    let body: Vec<u8> = Pattern::new(LIMIT).flatten().collect();
    let request = client::request("POST", "shop.test", "/");
    let response = client::send(gateway.data_planes[0].proxy, request, body).await;
    assert_eq!(response.text(), Pattern::new(LIMIT).checksum());
    assert_eq!(send_chunk(&gateway, LIMIT).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_declared_too_long_reaches_no_upstream() {
    let (gateway, upstream) = shop(Answer::Checksum).await;
    // It is not even waited for, nor asked for.
    for field in ["", "Expect: 100-continue\r\n"] {
        declare(&gateway, LIMIT + 1, field).await.is_error(413, "body_too_large");
    }
    assert_eq!((upstream.connections(), upstream.requests()), (0, 0));
}

#[tokio::test]
async fn a_body_that_turns_out_too_long_is_cut() {
    let (gateway, mut upstream) = shop(Answer::ByHand).await;
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    client.write(format!("{LIMIT:x}\r\n{}\r\n", "x".repeat(LIMIT))).await;
    let mut exchange = upstream.exchange().await;
    let mut passed = 0;
    while passed < LIMIT {
        passed += exchange.piece().await.unwrap().expect("it goes on").len();
    }
    client.write("1\r\nx\r\n").await;
    assert!(exchange.body().await.is_err(), "the upload looked whole");
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"body_too_large\""), "{answer}");
}

#[tokio::test]
async fn the_smaller_limit_holds() {
    let (gateway, upstream) = shop(Answer::Checksum).await;
    // The service's, then the data plane's.
    for (service, allowed) in [("10B", 10), ("1MiB", LIMIT)] {
        let document = format!(
            "services: [{{name: shop, hosts: [shop.test], endpoints: [{{address: \"{}\"}}],
               health_check: {{disabled: true}}, limits: {{request_body: {service}}}}}]",
            upstream.address
        );
        gateway.apply(&document).await.ok();
        assert_eq!(send_chunk(&gateway, allowed).await.status, 200, "{service}");
        send_chunk(&gateway, allowed + 1).await.is_error(413, "body_too_large");
        declare(&gateway, allowed + 1, "").await.is_error(413, "body_too_large");
    }
}
