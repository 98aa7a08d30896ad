//! What a client gets of what is stored: conditions, HEAD, its own directives.

use gateway_caching::{Policy as Rules, policy::Reloads};
use gateway_routing::route::{Compression, CompressionAlgorithm, MediaRange};

use super::*;

#[tokio::test]
async fn conditions_are_answered_from_what_is_stored() {
    let gateway = Gateway::start().await;
    let modified = format!("Last-Modified: {}", date(-1000));
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "ETag: \"a\"", &modified], "hello");
    // The very first request is asked without its condition, and answered all the same.
    let first = gateway.get_with("/x", &["If-None-Match: \"a\""]).await;
    assert_eq!((first.status(), first.field("ETag").as_deref()), (304, Some("\"a\"")), "{first:?}");
    assert!(!gateway.origin.last().contains("If-None-Match"), "{}", gateway.origin.last());
    super::super::eventually(async || gateway.bench.store.stats().stored == 1).await;
    for (field, status) in [
        ("If-None-Match: \"b\", W/\"a\"".to_owned(), 304),
        ("If-None-Match: *".into(), 304),
        ("If-None-Match: \"b\"".into(), 200),
        (format!("If-Modified-Since: {}", date(-1000)), 304),
        (format!("If-Modified-Since: {}", date(-1001)), 200),
    ] {
        let answer = gateway.get_with("/x", &[&field]).await;
        assert_eq!(answer.status(), status, "{field}");
        assert!(answer.is_hit() && answer.field("Content-Length").is_none_or(|_| status == 200), "{answer:?}");
    }
    assert_eq!(gateway.origin.count(), 1);
    for field in ["If-Match: \"a\"", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT"] {
        assert_eq!(gateway.get_with("/x", &[field]).await.cache(), "fwd=bypass");
        assert!(gateway.origin.last().contains(field));
    }
}

#[tokio::test]
async fn head_is_answered_from_what_get_has_stored() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "ETag: \"a\""], "hello");
    let missed = gateway.send("HEAD", "/x", &[]).await;
    assert_eq!((missed.status(), &*missed.cache()), (200, "fwd=uri-miss"), "{missed:?}");
    assert!(gateway.origin.last().starts_with("HEAD /x "), "{}", gateway.origin.last());
    gateway.get("/x").await;
    let hit = gateway.send("HEAD", "/x", &[]).await;
    assert!(hit.is_hit() && hit.field("Content-Length").as_deref() == Some("5"), "{hit:?}");
    let gateway = Gateway::start_with(Cache { answers_head: false, ..plain() }).await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "hello");
    gateway.get("/x").await;
    assert_eq!(gateway.send("HEAD", "/x", &[]).await.cache(), "fwd=bypass");
}

/// RFC 9111 section 4.3.5.
#[tokio::test]
async fn a_head_tells_whether_what_is_stored_is_still_the_one() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=10", "ETag: \"a\""], "hello");
    gateway.get("/x").await;
    gateway.pass(20);
    gateway.origin.says("200 OK", &["Cache-Control: max-age=100", "ETag: \"a\"", "X-New: 1"], "hello");
    gateway.send("HEAD", "/x", &[]).await;
    let updated = gateway.get("/x").await;
    assert!(updated.is_hit() && updated.field("X-New").is_some(), "{updated:?}");
    gateway.origin.says("200 OK", &["Cache-Control: max-age=100", "ETag: \"b\""], "other");
    gateway.send("HEAD", "/x", &["Cache-Control: no-cache"]).await;
    assert_eq!(gateway.get("/x").await.body, "other");
}

#[tokio::test]
async fn clients_may_want_better_and_may_want_nobody_to_be_asked() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "one");
    assert_eq!(gateway.get_with("/x", &["Cache-Control: only-if-cached"]).await.status(), 504);
    let refused = gateway.get_with("/x", &["Cache-Control: only-if-cached"]).await;
    assert!(refused.body.contains("\"not_cached\"") && refused.field("Cache-Status").is_none(), "{refused:?}");
    assert_eq!(gateway.origin.count(), 0);
    gateway.get("/x").await;
    gateway.pass(10);
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "two");
    assert!(gateway.get_with("/x", &["Cache-Control: only-if-cached"]).await.is_hit());
    let newer = gateway.get_with("/x", &["Cache-Control: max-age=5"]).await;
    assert_eq!((&*newer.body, &*newer.cache()), ("two", "fwd=request; stored; ttl=60"));
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "three");
    assert_eq!(gateway.get_with("/x", &["Cache-Control: no-cache"]).await.body, "three");
    assert_eq!(gateway.get("/x").await.body, "three", "it takes the place of the other one");
    // no-store: it may be answered from what is stored, and leaves nothing.
    assert!(gateway.get_with("/x", &["Cache-Control: no-store"]).await.is_hit());
    gateway.get_with("/y", &["Cache-Control: no-store"]).await;
    assert!(!gateway.get("/y").await.is_hit());

    let rules = Rules { reloads: Reloads::Ignore, ..Rules::default() };
    let gateway = Gateway::start_with(Cache { rules, ..plain() }).await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "one");
    gateway.get("/x").await;
    assert!(gateway.get_with("/x", &["Cache-Control: no-cache", "Pragma: no-cache"]).await.is_hit());
}

#[tokio::test]
async fn what_is_stored_is_compressed_for_those_who_want_it_so() {
    let (bench, origin) = (Bench::new(), Origin::start().await);
    let any = MediaRange { kind: None, subtype: None };
    let compression =
        Compression { algorithms: [CompressionAlgorithm::Gzip].into(), min_size: 1, content_types: [any].into() };
    let mut service = caching("a", &[origin.address], plain());
    service.policies.compression = Policy::On(compression);
    let proxy = bench.start(&Site::owned_by(service)).await;
    let gateway = Gateway { bench, proxy, origin };
    let body = "hello ".repeat(40_000);
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Content-Type: text/plain", "ETag: \"a\""], &body);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut client = gateway.client().await;
        client.ask("GET", "/x", &["Accept-Encoding: gzip"]).await;
        let head = client.0.head().await;
        assert!(head.contains("Content-Encoding: gzip\r\n") && head.contains("ETag: W/\"a\"\r\n"), "{head}");
        let mut pressed = Vec::new();
        loop {
            let size = usize::from_str_radix(client.0.until("\r\n").await.trim_end(), 16).unwrap();
            pressed.extend(client.0.exactly(size).await);
            client.0.exactly(2).await;
            if size == 0 {
                break;
            }
        }
        seen.push(crate::doors::decode(CompressionAlgorithm::Gzip, &pressed).0);
        let plain = gateway.get("/x").await;
        assert!(plain.is_hit() && plain.body == body && plain.field("Vary").as_deref() == Some("Accept-Encoding"));
    }
    assert!(seen.iter().all(|seen| *seen == body.as_bytes()));
    let known = gateway.get_with("/x", &["Accept-Encoding: gzip", "If-None-Match: W/\"a\""]).await;
    assert_eq!((known.status(), known.field("ETag").as_deref()), (304, Some("W/\"a\"")));
    assert_eq!(gateway.origin.count(), 1);
}
