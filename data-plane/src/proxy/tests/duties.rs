//! What an intermediary owes both sides (RFC 9110 section 7.6), and what nobody can talk it out of.

use super::{Proxy, Upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn fields_of_one_hop_end_here_in_both_directions() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    let fields = "Connection: x-hop, Keep-Alive\r\nConnection: X-Other\r\nX-Hop: 1\r\nx-other: 1\r\n\
                  Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic x\r\n\
                  Proxy-Authenticate: Basic\r\nTE: gzip\r\nUpgrade: websocket\r\nHTTP2-Settings: x\r\n";
    client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}X-Mine: 1\r\n\r\n")).await;
    let mut server = upstream.accept().await;
    let request = server.head().await;
    server.send(format!("HTTP/1.1 200 OK\r\n{fields}X-Mine: 1\r\nContent-Length: 2\r\n\r\nok")).await;
    let answer = client.head().await;
    for head in [&request, &answer] {
        let names: Vec<_> = head.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
        let of_one_hop = fields.lines().map(|line| line.split_once(": ").unwrap().0);
        assert!(of_one_hop.clone().all(|name| !names.contains(&name)) && names.contains(&"X-Mine"), "{head}");
    }
}

#[tokio::test]
async fn nobody_takes_away_by_nomination_what_the_other_side_has_to_see() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    let request = "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: Host, Content-Length, Authorization, Cookie, Via\r\n\
                   Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Forwarded, X-Request-Id\r\n\
                   Authorization: Bearer x\r\nCookie: a=1\r\nX-Forwarded-For: 192.0.2.1\r\nX-Request-Id: mine\r\n\
                   Content-Length: 2\r\n\r\nhi";
    client.send(request).await;
    let mut server = upstream.accept().await;
    let head = server.head().await;
    for field in [
        "Host: a.test\r\n",
        "Content-Length: 2\r\n",
        "Authorization: Bearer x\r\n",
        "Cookie: a=1\r\n",
        "Via: 1.1 gateway\r\n",
        "X-Forwarded-For: 192.0.2.1, 127.0.0.1\r\n",
        "X-Forwarded-Host: a.test\r\n",
        "X-Forwarded-Proto: http\r\n",
        "Forwarded: for=127.0.0.1;",
        "X-Request-Id: mine\r\n",
    ] {
        assert!(head.contains(field), "{field} in {head}");
    }
    assert_eq!(server.exactly(2).await, b"hi");
    let nominated =
        "Connection: Content-Length, Set-Cookie, Cache-Control\r\nSet-Cookie: a=1\r\nCache-Control: private";
    server.send(format!("HTTP/1.1 200 OK\r\n{nominated}\r\nContent-Length: 2\r\n\r\nok")).await;
    let head = client.head().await;
    for field in ["Set-Cookie: a=1\r\n", "Cache-Control: private\r\n", "Content-Length: 2\r\n"] {
        assert!(head.contains(field), "{field} in {head}");
    }
}

#[tokio::test]
async fn what_is_routed_by_is_what_the_endpoint_sees() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 404 "));
    client.until("}}\n").await;
    client.send("GET http://A.test:81/a/../%2e?b HTTP/1.1\r\nHost: b.test\r\n\r\n").await;
    let head = upstream.accept().await.head().await;
    assert!(head.starts_with("GET /a/../%2e?b HTTP/1.1\r\nHost: A.test:81\r\n"), "{head}");
    assert!(!head.contains("b.test") && head.contains("X-Forwarded-Host: A.test:81\r\n"), "{head}");
}

#[tokio::test]
async fn a_tunnel_to_an_authority_is_not_made() {
    let proxy = Proxy::start(&[Upstream::start().await.address]).await;
    let got = proxy.ask("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 400 ") && got.contains("Connection: close\r\n"), "{got}");
}

#[tokio::test]
async fn a_date_that_is_there_stays() {
    let answer = "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n";
    let proxy = Proxy::start(&[Upstream::start().await.always(answer)]).await;
    let got = proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert!(got.contains("\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), "{got}");
    assert_eq!(got.to_lowercase().matches("\r\ndate: ").count(), 1, "{got}");
}

#[tokio::test]
async fn of_te_only_trailers_goes_on_and_as_the_gateways_own_word() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nTE: gzip;q=0.5, Trailers\r\nConnection: TE\r\n\r\n").await;
    let head = upstream.accept().await.head().await;
    assert!(head.contains("\r\nTE: trailers\r\nConnection: TE\r\n") && !head.contains("gzip"), "{head}");
}

#[tokio::test]
async fn get_and_delete_may_have_bodies() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nget").await;
    let mut server = upstream.accept().await;
    assert!(server.head().await.contains("Content-Length: 3\r\n"));
    assert_eq!(server.exactly(3).await, b"get");
    server.send(OK).await;
    client.until("ok").await;
    client.send("DELETE / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndel\r\n0\r\n\r\n").await;
    assert!(server.head().await.contains("Transfer-Encoding: chunked\r\n"));
    assert_eq!(server.until("0\r\n\r\n").await, "3\r\ndel\r\n0\r\n\r\n");
    server.send(OK).await;
    client.until("ok").await;
}

#[tokio::test]
async fn http_10_keeps_its_connection_if_it_asks_to() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: Keep-Alive\r\n\r\n").await;
    let mut server = upstream.accept().await;
    let head = server.head().await;
    assert!(head.starts_with("GET / HTTP/1.1\r\n") && head.contains("Via: 1.0 gateway\r\n"), "{head}");
    server.send(OK).await;
    let head = client.until("ok").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("Connection: keep-alive\r\n"), "{head}");
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    server.head().await;
    server.send(OK).await;
    assert!(client.rest().await.contains("Connection: close\r\n"));
}
