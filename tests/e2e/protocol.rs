//! The rarer parts of HTTP/1.1, which pass through all the same.

use crate::harness::{
    Answer, Gateway, Upstream,
    client::{self, Wire},
};

async fn shop() -> (Gateway, Upstream) {
    let gateway = Gateway::start().await;
    let upstream = Upstream::answering(Answer::ByHand).await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    (gateway, upstream)
}

#[tokio::test]
async fn an_expectation_is_the_upstreams_to_answer() {
    let (gateway, mut upstream) = shop().await;
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    assert_eq!(exchange.head.field("expect"), "100-continue");
    exchange.write("HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
    let interim = client.read_until("\r\n\r\n").await;
    assert!(interim.starts_with("HTTP/1.1 100 "), "{interim}");
    client.write("hello").await;
    assert_eq!(exchange.body().await.unwrap(), b"hello");
    exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await.unwrap();
    client.read_until("done").await;
    drop(exchange);

    // A refusal before the body was sent saves sending it.
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    exchange.write("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
    let answer = client.read_until("\r\n\r\nno").await;
    assert!(answer.starts_with("HTTP/1.1 417 "), "{answer}");
}

#[tokio::test]
async fn early_hints_come_early() {
    let (gateway, mut upstream) = shop().await;
    let mut client = Wire::open(gateway.data_planes[0].proxy, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    let mut exchange = upstream.exchange().await;
    exchange.write("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n").await.unwrap();
    let hints = client.read_until("\r\n\r\n").await;
    assert!(hints.starts_with("HTTP/1.1 103 ") && hints.contains("</style.css>"), "{hints}");
    exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await.unwrap();
    client.read_until("done").await;
}

#[tokio::test]
async fn trailers_pass_through() {
    let (gateway, mut upstream) = shop().await;
    let head = "GET / HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nConnection: TE\r\n\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    assert_eq!(exchange.head.field("te"), "trailers");
    let answer =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n";
    exchange.write(answer).await.unwrap();
    client.read_until("body\r\n0\r\n").await;
    let trailers = client.read_until("\r\n\r\n").await.to_ascii_lowercase();
    assert!(trailers.contains("x-sum: 42"), "{trailers}");
}

#[tokio::test]
async fn an_upgrade_becomes_a_tunnel() {
    let (gateway, mut upstream) = shop().await;
    let head = "GET /chat HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, head).await;
    let mut exchange = upstream.exchange().await;
    assert_eq!(exchange.head.field("upgrade"), "websocket");
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst";
    exchange.write(switch).await.unwrap();
    let answer = client.read_until("\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 101 ") && answer.to_ascii_lowercase().contains("upgrade: websocket"),
        "{answer}"
    );
    client.read_until("first").await;
    for number in 0..3 {
        client.write(format!("ping {number}")).await;
        assert_eq!(exchange.bytes(6).await, format!("ping {number}").as_bytes());
        exchange.write(format!("pong {number}")).await.unwrap();
        client.read_until(&format!("pong {number}")).await;
    }
    drop(client);
    exchange.closed().await;
}

#[tokio::test]
async fn requests_that_come_together_are_answered_in_order() {
    let (gateway, upstream) = shop().await;
    upstream.answer(Answer::Text("fine".into()));
    let mut requests = String::new();
    for number in 0..20 {
        requests += &format!("GET /{number} HTTP/1.1\r\nHost: shop.test\r\nX-Request-Id: id-{number}\r\n\r\n");
    }
    let mut client = Wire::open(gateway.data_planes[0].proxy, requests).await;
    for number in 0..20 {
        let answer = client.read_until("\r\n\r\nfine").await.to_ascii_lowercase();
        assert!(answer.contains(&format!("x-request-id: id-{number}\r\n")), "{number}: {answer}");
    }
    let targets: Vec<_> = upstream.heads().iter().map(|head| head.target().to_owned()).collect();
    assert_eq!(targets, (0..20).map(|number| format!("/{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_a_head() {
    let (gateway, upstream) = shop().await;
    upstream.answer(Answer::Text("fine".into()));
    let mut client = Wire::open(gateway.data_planes[0].proxy, "").await;
    for byte in b"POST /slow HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" {
        client.write([*byte]).await;
        tokio::task::yield_now().await;
    }
    client.read_until("\r\n\r\nfine").await;
    assert_eq!(upstream.last_head().target(), "/slow");
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_what_it_understands() {
    let (gateway, mut upstream) = shop().await;
    let request = "GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n";
    let mut client = Wire::open(gateway.data_planes[0].proxy, request).await;
    let mut exchange = upstream.exchange().await;
    assert!(exchange.head.raw.starts_with("GET / HTTP/1.1\r\n"), "{}", exchange.head.raw);
    assert_eq!(exchange.head.field("via"), "1.0 gateway");
    exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n").await.unwrap();
    let answer = client.read_to_end().await;
    assert!(answer.ends_with("\r\n\r\nbody") && !answer.to_ascii_lowercase().contains("chunked"), "{answer}");
    // Without a Host there is no route: the oldest clients send none.
    client::raw(gateway.data_planes[0].proxy, "GET / HTTP/1.0\r\n\r\n").await.is_error(400, "bad_request");
}
