//! Answers that are compressed on their way.

use std::mem;

use gateway_routing::route::{
    Compression,
    CompressionAlgorithm::{self, Brotli, Gzip, Zstd},
    MediaRange, Policies, Policy,
};

use super::{
    Peer, Proxy, Upstream,
    cache::{Bench, plain},
    cors::app,
    site::{Site, named, rules},
};
use crate::{
    doors::decode,
    http1::chunked::{Decoder, Piece},
    table::Service,
};

/// Text, and of every type, from 100 bytes on.
fn text() -> Compression {
    let range = MediaRange { kind: Some("text".into()), subtype: None };
    Compression { algorithms: [Zstd, Brotli, Gzip].into(), min_size: 100, content_types: [range].into() }
}

fn service(upstream: &Upstream) -> Service {
    let policies = Policies { compression: Policy::On(text()), ..Policies::default() };
    Service { policies, ..named("a", &[upstream.address]) }
}

/// An upstream, and a proxy that compresses what it says.
async fn start() -> (Upstream, Proxy) {
    let upstream = Upstream::start().await;
    let proxy = Site::owned_by(service(&upstream)).start().await;
    (upstream, proxy)
}

/// 200 bytes of text.
fn prose() -> String {
    "It was the best of times. ".repeat(8)[..200].to_owned()
}

/// An answer with this body, and these fields beside its length.
fn answer(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

impl Peer {
    /// The bytes that come until the connection ends.
    async fn bytes(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        mem::take(&mut self.read)
    }

    /// The content of chunks, up to and with the last one, and the trailers.
    async fn chunks(&mut self) -> (Vec<u8>, String) {
        let (mut decoder, mut content) = (Decoder::new(), Vec::new());
        loop {
            let (framing, piece) = decoder.advance(&self.read).unwrap();
            self.read.drain(..framing);
            match piece {
                Piece::Data(count) => content.extend(self.read.drain(..count)),
                Piece::More => assert!(self.more().await > 0, "the connection ended in a chunk"),
                Piece::End => return (content, String::from_utf8(decoder.take_trailers()).unwrap()),
            }
        }
    }
}

/// Asks with these fields, has the upstream answer, and returns the client behind the head, and the head.
async fn ask(upstream: &Upstream, proxy: &Proxy, line: &str, fields: &str, answer: &str) -> (Peer, String) {
    let mut client = proxy.connect().await;
    client.send(format!("{line}\r\nHost: a.test\r\n{fields}\r\n")).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(answer).await;
    let head = client.head().await;
    (client, head)
}

fn decoded(algorithm: CompressionAlgorithm, coded: &[u8]) -> String {
    let (content, has_ended) = decode(algorithm, coded);
    assert!(has_ended, "the end is missing");
    String::from_utf8(content).unwrap()
}

/// The values of the fields of a name, in lower case.
fn values<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let named = |line: &'h str| line.split_once(": ").filter(|(of, _)| of.eq_ignore_ascii_case(name));
    head.lines().filter_map(named).map(|(_, value)| value).collect()
}

#[tokio::test]
async fn a_client_gets_what_it_likes_best() {
    let (upstream, proxy) = start().await;
    let plain = answer("200 OK", "Content-Type: text/plain\r\n", &prose());
    for (accepted, coding, algorithm) in [
        ("gzip", "gzip", Gzip),
        ("gzip, deflate, br", "br", Brotli),
        ("gzip, deflate, br, zstd", "zstd", Zstd),
        ("zstd;q=0.5, gzip;q=0.7", "gzip", Gzip),
    ] {
        let fields = format!("Accept-Encoding: {accepted}\r\n");
        let (mut client, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", &fields, &plain).await;
        assert_eq!(values(&head, "Content-Encoding"), [coding], "{accepted}");
        assert_eq!(values(&head, "Transfer-Encoding"), ["chunked"]);
        assert_eq!(values(&head, "Vary"), ["Accept-Encoding"]);
        assert!(values(&head, "Content-Length").is_empty(), "{head}");
        let (coded, _) = client.chunks().await;
        assert!(coded.len() < 100);
        assert_eq!(decoded(algorithm, &coded), prose());
        // The connection goes on.
        client.send("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 404 "));
    }
}

#[tokio::test]
async fn who_wants_none_of_it_gets_the_content_as_it_is() {
    let (upstream, proxy) = start().await;
    let fields = "Content-Type: text/plain\r\nVary: Cookie\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\n";
    let plain = answer("200 OK", fields, &prose());
    for fields in [
        "",
        "Accept-Encoding:\r\n",
        "Accept-Encoding: identity\r\n",
        "Accept-Encoding: deflate\r\n",
        "Accept-Encoding: gzip;q=0, br;q=0.0, zstd;q=0.000\r\n",
        "Accept-Encoding: gzip;q=0.5, identity\r\n",
        "Accept-Encoding: gzip;q=x\r\n",
        "Accept-Encoding: gzip\r\nCache-Control: no-transform\r\n",
    ] {
        let (mut client, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", fields, &plain).await;
        assert_eq!(client.exactly(200).await, prose().as_bytes());
        assert_eq!(values(&head, "Content-Length"), ["200"], "{fields}");
        assert_eq!(values(&head, "Vary"), ["Cookie, Accept-Encoding"], "another could get it: {fields}");
        assert_eq!((values(&head, "ETag"), values(&head, "Accept-Ranges")), (vec!["\"a\""], vec!["bytes"]));
        assert!(values(&head, "Content-Encoding").is_empty(), "{head}");
    }
}

#[tokio::test]
async fn what_is_not_to_be_compressed_is_not_touched() {
    let (upstream, proxy) = start().await;
    for (status, fields, length) in [
        ("200 OK", "Content-Type: image/png\r\n", 200),
        ("200 OK", "", 200),
        ("200 OK", "Content-Type: text/event-stream\r\n", 200),
        ("200 OK", "Content-Type: text/plain\r\n", 99),
        ("200 OK", "Content-Type: text/plain\r\n", 0),
        ("200 OK", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", 200),
        ("200 OK", "Content-Type: text/plain\r\nCache-Control: public, no-transform\r\n", 200),
        ("206 Partial Content", "Content-Type: image/png\r\nContent-Range: bytes 0-199/300\r\n", 200),
        ("416 Range Not Satisfiable", "Content-Type: text/plain\r\nContent-Range: bytes */300\r\n", 200),
    ] {
        let plain = answer(status, &format!("{fields}ETag: \"a\"\r\n"), &prose()[..length]);
        let (mut client, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\n", &plain).await;
        assert_eq!(values(&head, "Content-Length"), [length.to_string()], "{fields}");
        assert!(values(&head, "Vary").is_empty() && values(&head, "ETag") == ["\"a\""], "{head}");
        assert_eq!(client.exactly(length).await, &prose().as_bytes()[..length]);
    }
    let empty = "HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n";
    let (_, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\n", empty).await;
    assert!(values(&head, "Vary").is_empty() && values(&head, "Content-Encoding").is_empty(), "{head}");
}

#[tokio::test]
async fn no_field_promises_the_bytes_that_were_before() {
    let (upstream, proxy) = start().await;
    let fields = "Content-Type: text/plain\r\nContent-Encoding: identity\r\nAccept-Ranges: bytes\r\nETag: \"a\"\r\n\
        Content-MD5: x\r\nDigest: x\r\nrepr-digest: x\r\nContent-Digest: x\r\nX-Digest: stays\r\nTrailer: X-End\r\n\
        Transfer-Encoding: chunked\r\n";
    let trailers = "Content-Digest: x\r\nRepr-Digest: x\r\nETag: \"b\"\r\nX-End: 1\r\n";
    let chunked = format!("HTTP/1.1 200 OK\r\n{fields}\r\nc8\r\n{}\r\n0\r\n{trailers}\r\n", prose());
    let (mut client, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\n", &chunked).await;
    assert_eq!(values(&head, "Content-Encoding"), ["gzip"]);
    assert_eq!(values(&head, "ETag"), ["W/\"a\""], "RFC 9110 section 8.8.1");
    for name in ["Accept-Ranges", "Content-MD5", "Digest", "Repr-Digest", "Content-Digest", "Content-Length"] {
        assert!(values(&head, name).is_empty(), "{name}: {head}");
    }
    assert_eq!((values(&head, "X-Digest"), values(&head, "Trailer")), (vec!["stays"], vec!["X-End"]));
    let (coded, trailers) = client.chunks().await;
    assert_eq!((decoded(Gzip, &coded), &*trailers), (prose(), "X-End: 1\r\n"));
    for (tag, expected) in [("W/\"a\"", &["W/\"a\""][..]), ("\"\"", &["W/\"\""]), ("a", &[])] {
        let fields = format!("Content-Type: text/plain\r\nETag: {tag}\r\n");
        let plain = answer("200 OK", &fields, &prose());
        let (_, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", "Accept-Encoding: br\r\n", &plain).await;
        assert_eq!(values(&head, "ETag"), expected);
    }
}

#[tokio::test]
async fn head_is_told_what_get_would_be() {
    let (upstream, proxy) = start().await;
    let head_of_it = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nContent-Length: 200\r\n\r\n";
    let fields = "Accept-Encoding: gzip\r\n";
    let (mut client, head) = ask(&upstream, &proxy, "HEAD / HTTP/1.1", fields, head_of_it).await;
    assert_eq!(values(&head, "Content-Encoding"), ["gzip"]);
    assert_eq!((values(&head, "ETag"), values(&head, "Vary")), (vec!["W/\"a\""], vec!["Accept-Encoding"]));
    assert!(values(&head, "Content-Length").is_empty() && values(&head, "Transfer-Encoding").is_empty(), "{head}");
    client.send("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 404 "), "nothing stands between");
    let small = head_of_it.replace("200\r\n\r\n", "99\r\n\r\n");
    let (_, head) = ask(&upstream, &proxy, "HEAD / HTTP/1.1", fields, &small).await;
    assert_eq!(values(&head, "Content-Length"), ["99"]);
}

#[tokio::test]
async fn a_304_confirms_the_variant_that_the_client_has() {
    let (upstream, proxy) = start().await;
    let unchanged = "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n";
    for (accepted, tag) in [("br", "W/\"a\""), ("identity", "\"a\"")] {
        let fields = format!("If-None-Match: {tag}\r\nAccept-Encoding: {accepted}\r\n");
        let (_, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", &fields, unchanged).await;
        assert_eq!((values(&head, "ETag"), values(&head, "Vary")), (vec![tag], vec!["Accept-Encoding"]));
        assert!(values(&head, "Content-Encoding").is_empty(), "{head}");
    }
    // What was never compressed keeps its tag.
    let fields = "If-None-Match: \"a\", W/\"b\"\r\nAccept-Encoding: br\r\n";
    let (_, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", fields, unchanged).await;
    assert_eq!((values(&head, "ETag"), values(&head, "Vary")), (vec!["\"a\""], vec!["Accept-Encoding"]));
    // What it says of bytes is of others than the client has.
    let fields = "Content-Length: 200\r\nRepr-Digest: x\r\nAccept-Ranges: bytes\r\n";
    let unchanged = format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n");
    for (accepted, stays) in [("br", false), ("identity", true)] {
        let accepts = format!("Accept-Encoding: {accepted}\r\n");
        let (_, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", &accepts, &unchanged).await;
        assert!(fields.lines().all(|line| head.contains(line) == stays), "{accepted}: {head}");
    }
}

#[tokio::test]
async fn a_part_says_what_the_whole_varies_by() {
    let (upstream, proxy) = start().await;
    let part =
        answer("206 Partial Content", "Content-Type: text/plain\r\nContent-Range: bytes 0-199/300\r\n", &prose());
    let (mut client, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\n", &part).await;
    assert_eq!((values(&head, "Vary"), values(&head, "Content-Length")), (vec!["Accept-Encoding"], vec!["200"]));
    assert!(values(&head, "Content-Encoding").is_empty(), "{head}");
    assert_eq!(client.exactly(200).await, prose().as_bytes());
}

#[tokio::test]
async fn what_is_stored_is_confirmed_and_cut_as_it_was_sent() {
    let (bench, upstream) = (Bench::new(), Upstream::start().await);
    let mut service = service(&upstream);
    service.policies.cache = Policy::On(plain());
    let proxy = bench.start(&Site::owned_by(service)).await;
    let accepts = "Accept-Encoding: gzip\r\n";
    for (path, media_type, is_text) in [("/text", "text/plain", true), ("/image", "image/png", false)] {
        let fields = format!("Content-Type: {media_type}\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\n");
        let line = format!("GET {path} HTTP/1.1");
        let (mut client, head) = ask(&upstream, &proxy, &line, accepts, &answer("200 OK", &fields, &prose())).await;
        let tag = if is_text { "W/\"a\"" } else { "\"a\"" };
        assert_eq!(values(&head, "ETag"), [tag]);
        if is_text {
            client.chunks().await;
        } else {
            client.exactly(200).await;
        }
        let get = async |fields: &str| {
            let asked = format!("{line}\r\nHost: a.test\r\nConnection: close\r\n{accepts}{fields}\r\n");
            proxy.ask(&asked).await
        };
        let head = get(&format!("If-None-Match: {tag}\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 304 ") && values(&head, "ETag") == [tag], "{head}");
        let part = get("Range: bytes=0-9\r\n").await;
        assert!(part.starts_with("HTTP/1.1 206 ") && part.ends_with(&prose()[..10]), "{part}");
        let vary: &[&str] = if is_text { &["Accept-Encoding"] } else { &[] };
        assert_eq!(values(&part, "Vary"), vary, "{path}");
    }
}

#[tokio::test]
async fn http_10_gets_it_until_the_end_of_its_connection() {
    let (upstream, proxy) = start().await;
    let plain = answer("200 OK", "Content-Type: text/plain\r\n", &prose());
    let fields = "Accept-Encoding: gzip\r\nConnection: keep-alive\r\n";
    let (mut client, head) = ask(&upstream, &proxy, "GET / HTTP/1.0", fields, &plain).await;
    assert_eq!((values(&head, "Content-Encoding"), values(&head, "Connection")), (vec!["gzip"], vec!["close"]));
    assert!(values(&head, "Transfer-Encoding").is_empty() && values(&head, "Content-Length").is_empty(), "{head}");
    assert_eq!(decoded(Gzip, &client.bytes().await), prose());
}

#[tokio::test]
async fn a_piece_can_be_read_before_the_next_one_comes() {
    for (accepted, algorithm) in [("gzip", Gzip), ("br", Brotli), ("zstd", Zstd)] {
        let (upstream, proxy) = start().await;
        let mut client = proxy.connect().await;
        client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: {accepted}\r\n\r\n")).await;
        let mut server = upstream.accept().await;
        server.head().await;
        server.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        assert!(client.head().await.contains(&format!("Content-Encoding: {accepted}\r\n")), "it comes by itself");
        let (mut decoder, mut coded, mut expected) = (Decoder::new(), Vec::new(), String::new());
        for (chunk, piece) in [("3\r\none\r\n", "one"), ("3\r\ntwo\r\n", "two"), ("0\r\n\r\n", "")] {
            server.send(chunk).await;
            expected.push_str(piece);
            while decode(algorithm, &coded) != (expected.as_bytes().to_vec(), piece.is_empty()) {
                let (framing, next) = decoder.advance(&client.read).unwrap();
                client.read.drain(..framing);
                match next {
                    Piece::Data(count) => coded.extend(client.read.drain(..count)),
                    Piece::More => assert!(client.more().await > 0, "the connection ended before {piece:?}"),
                    Piece::End => panic!("it ended before {piece:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_never_taken_for_whole() {
    let (upstream, proxy) = start().await;
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let mut client = proxy.connect().await;
        client.send(format!("GET / {version}\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")).await;
        let mut server = upstream.accept().await;
        server.head().await;
        server.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 500\r\n\r\n").await;
        server.send(prose()).await;
        client.head().await;
        // What came is there before the rest does not come.
        while client.read.is_empty() {
            client.more().await;
        }
        drop(server);
        let mut rest = Vec::new();
        let ended = tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut rest).await;
        let got = [mem::take(&mut client.read), rest].concat();
        if version == "HTTP/1.0" {
            assert!(ended.is_err(), "only a reset tells it from the end");
        } else {
            assert!(!got.ends_with(b"0\r\n\r\n"), "{}", got.escape_ascii());
        }
    }
}

#[tokio::test]
async fn large_bodies_arrive_whole_in_every_coding() {
    let (upstream, proxy) = start().await;
    let body: String = (0..200_000_u32).map(|at| format!("{} ", at.wrapping_mul(2_654_435_761) >> 12)).collect();
    for (accepted, algorithm) in [("gzip", Gzip), ("br", Brotli), ("zstd", Zstd)] {
        let mut client = proxy.connect().await;
        client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: {accepted}\r\n\r\n")).await;
        let mut server = upstream.accept().await;
        server.head().await;
        let plain = answer("200 OK", "Content-Type: text/plain\r\n", &body);
        let sending = tokio::spawn(async move { server.send(plain).await });
        client.head().await;
        let (coded, _) = client.chunks().await;
        assert!(coded.len() < body.len() / 2 && decoded(algorithm, &coded) == body, "{accepted}");
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn an_operators_rules_do_not_undo_it() {
    let upstream = Upstream::start().await;
    let mut service = service(&upstream);
    service.policies.response_headers = rules(&["Vary", "ETag"], &[], &[("X-Added", "1")]);
    let proxy = Site::owned_by(service).start().await;
    let fields = "Content-Type: text/plain\r\nVary: Cookie\r\nETag: \"a\"\r\n";
    let plain = answer("200 OK", fields, &prose());
    let (_, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\n", &plain).await;
    assert_eq!((values(&head, "Vary"), values(&head, "X-Added")), (vec!["Accept-Encoding"], vec!["1"]));
    assert!(values(&head, "ETag").is_empty(), "{head}");
}

#[tokio::test]
async fn an_operator_can_say_that_nothing_is_to_be_done_to_it() {
    let upstream = Upstream::start().await;
    let plain = answer("200 OK", "Content-Type: text/plain\r\nETag: \"a\"\r\n", &prose());
    let value = "max-age=60, No-Transform";
    for rules in [rules(&[], &[("Cache-Control", value)], &[]), rules(&[], &[], &[("Cache-Control", value)])] {
        let mut service = service(&upstream);
        service.policies.response_headers = rules;
        let proxy = Site::owned_by(service).start().await;
        let (mut client, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\n", &plain).await;
        assert_eq!((values(&head, "ETag"), values(&head, "cache-control")), (vec!["\"a\""], vec![value]));
        assert!(values(&head, "Content-Encoding").is_empty() && values(&head, "Vary").is_empty(), "{head}");
        assert_eq!(client.exactly(200).await, prose().as_bytes());
    }
}

#[tokio::test]
async fn an_answer_can_depend_on_the_origin_too() {
    let upstream = Upstream::start().await;
    let mut service = service(&upstream);
    service.policies.cors = Policy::On(app());
    let proxy = Site::owned_by(service).start().await;
    let plain = answer("200 OK", "Content-Type: text/plain\r\nVary: Cookie\r\n", &prose());
    let (_, head) = ask(&upstream, &proxy, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\n", &plain).await;
    assert_eq!(values(&head, "Vary"), ["Cookie, Origin, Accept-Encoding"]);
}
