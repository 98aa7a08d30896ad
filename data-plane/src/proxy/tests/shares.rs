//! Requests of one route that are split among services.

use gateway_routing::route::{Action, Forward, Sticky};

use super::{
    Peer, Proxy, Upstream,
    site::{Site, below, named, route, split},
};

/// Three services that say their name.
async fn endpoints() -> [(&'static str, std::net::SocketAddr); 3] {
    let start = async |name, answer| (name, Upstream::start().await.forever(answer));
    [
        start("b", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb").await,
        start("c", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc").await,
        start("d", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nd").await,
    ]
}

/// All of `a.test` goes to these services by weight; those without an endpoint have none.
async fn proxy(weights: &[(&str, u32)], endpoints: &[(&str, std::net::SocketAddr)], sticky: Option<Sticky>) -> Proxy {
    let action = Action::Forward(Forward { sticky, ..split(weights) });
    let of = |name: &str| endpoints.iter().filter(|(of, _)| *of == name).map(|(_, at)| *at).collect::<Vec<_>>();
    let site = Site::of(&[]).route(route("split", below("/"), action));
    weights.iter().fold(site, |site, (name, _)| site.put(named(name, &of(name)), &[])).start().await
}

/// Who answers.
async fn asked(client: &mut Peer, fields: &str) -> char {
    client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    client.exactly(1).await[0].into()
}

async fn counts(proxy: &Proxy, requests: u32) -> [u32; 3] {
    let mut client = proxy.connect().await;
    let mut counts = [0; 3];
    for _ in 0..requests {
        counts[asked(&mut client, "").await as usize - 'b' as usize] += 1;
    }
    counts
}

#[tokio::test]
async fn requests_follow_the_weights() {
    let proxy = proxy(&[("b", 700), ("c", 290), ("d", 10)], &endpoints().await, None).await;
    let counts = counts(&proxy, 3000).await;
    let parts = counts.iter().zip([2100.0, 870.0, 30.0]);
    let chi_square: f64 = parts.map(|(count, expected)| (f64::from(*count) - expected).powi(2) / expected).sum();
    // Two degrees of freedom: passed once in a million tests.
    assert!(chi_square < 27.7, "{counts:?}");
}

#[tokio::test]
async fn a_service_without_a_healthy_endpoint_leaves_its_share_to_the_others() {
    let all = endpoints().await;
    let proxy = proxy(&[("b", 500), ("c", 500), ("d", 0)], &all[1..], None).await;
    assert_eq!(counts(&proxy, 200).await, [0, 200, 0]);
}

#[tokio::test]
async fn where_no_service_with_a_weight_has_an_endpoint_nobody_answers() {
    let all = endpoints().await;
    let proxy = proxy(&[("b", 900), ("c", 100), ("d", 0)], &all[2..], None).await;
    let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 503 ") && got.contains("no_healthy_endpoint"), "{got}");
}

#[tokio::test]
async fn a_client_keeps_its_service_on_every_data_plane_and_moves_only_to_the_one_that_grows() {
    let all = endpoints().await;
    let sticky = || Some(Sticky::Cookie("id".into()));
    let one = proxy(&[("b", 900), ("c", 100)], &all, sticky()).await;
    let other = proxy(&[("b", 900), ("c", 100)], &all, sticky()).await;
    let grown = proxy(&[("b", 500), ("c", 500)], &all, sticky()).await;
    let (mut one, mut other, mut grown) = (one.connect().await, other.connect().await, grown.connect().await);
    let (mut canaries, mut moved) = (0, 0);
    for number in 0..300 {
        let fields = format!("Cookie: a=b; id=client-{number}\r\n");
        let first = asked(&mut one, &fields).await;
        assert_eq!(asked(&mut one, &fields).await, first);
        assert_eq!(asked(&mut other, &fields).await, first);
        let last = asked(&mut grown, &fields).await;
        assert!(last == first || (first, last) == ('b', 'c'), "{number}: {first} {last}");
        canaries += u32::from(first == 'c');
        moved += u32::from(first != last);
    }
    // 30 and 120 of 300 are expected; these clients are always the same.
    assert!((15..50).contains(&canaries) && (90..150).contains(&moved), "{canaries} {moved}");
}
