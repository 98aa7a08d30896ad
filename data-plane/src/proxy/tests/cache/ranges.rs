//! Parts of what is stored, or is coming.

use gateway_caching::{Policy as Rules, policy::Partial};

use super::*;

#[tokio::test]
async fn parts_are_cut_out_of_what_is_stored() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "ETag: \"a\""], "0123456789");
    let first = gateway.get_with("/x", &["Range: bytes=2-4"]).await;
    assert!(!gateway.origin.last().contains("Range"), "the whole is asked for: {}", gateway.origin.last());
    assert_eq!((first.status(), &*first.body), (206, "234"), "{first:?}");
    super::super::eventually(async || gateway.bench.store.stats().stored == 1).await;
    for (range, status, content_range, body) in [
        ("bytes=0-0", 206, Some("bytes 0-0/10"), "0"),
        ("bytes=7-", 206, Some("bytes 7-9/10"), "789"),
        ("bytes=-2", 206, Some("bytes 8-9/10"), "89"),
        ("bytes=5-99", 206, Some("bytes 5-9/10"), "56789"),
        ("bytes=10-", 416, Some("bytes */10"), ""),
        ("bytes=0-1,4-5", 200, None, "0123456789"),
        ("lines=1-2", 200, None, "0123456789"),
    ] {
        let part = gateway.get_with("/x", &[&format!("Range: {range}")]).await;
        assert_eq!((part.status(), &*part.body), (status, body), "{range}: {part:?}");
        assert_eq!(part.field("Content-Range").as_deref(), content_range);
        assert_eq!(part.field("Content-Length"), Some(body.len().to_string()));
        assert!(part.is_hit());
    }
    for (condition, status) in [("\"a\"", 206), ("\"b\"", 200), ("W/\"a\"", 200)] {
        let part = gateway.get_with("/x", &["Range: bytes=1-2", &format!("If-Range: {condition}")]).await;
        assert_eq!(part.status(), status, "{condition}");
    }
    assert_eq!(gateway.origin.count(), 1);
}

/// Otherwise each part of what cannot be stored would cost the whole.
#[tokio::test]
async fn a_part_of_what_is_not_stored_is_the_origins_to_give() {
    let gateway = Gateway::start_with(Cache { max_object_size: 5, ..plain() }).await;
    gateway.origin.says_once("200 OK", &["Cache-Control: max-age=60"], "0123456789");
    let part = ["Cache-Control: max-age=60", "Content-Range: bytes 2-4/10"];
    gateway.origin.says("206 Partial Content", &part, "234");
    for _ in 0..2 {
        let answer = gateway.get_with("/x", &["Range: bytes=2-4"]).await;
        assert_eq!((answer.status(), &*answer.body), (206, "234"), "{answer:?}");
        assert!(gateway.origin.last().contains("Range: bytes=2-4\r\n"));
    }
    assert_eq!(gateway.origin.count(), 3, "the first one only asks for the whole");
}

fn storing_parts() -> Cache {
    Cache { rules: Rules { partial: Partial::Store, ..Rules::default() }, ..plain() }
}

/// RFC 9111 sections 3.3 and 3.4.
#[tokio::test]
async fn parts_are_stored_and_put_together() {
    let gateway = Gateway::start_with(storing_parts()).await;
    let part = |range: &str| format!("Content-Range: bytes {range}/10");
    let says = |range: &str, body: &str| {
        gateway.origin.says("206 Partial Content", &["Cache-Control: max-age=60", "ETag: \"a\"", &part(range)], body);
    };
    let get = async |range: &str| gateway.get_with("/x", &[&format!("Range: bytes={range}")]).await;
    says("2-4", "234");
    let first = get("2-4").await;
    assert_eq!((first.status(), &*first.body, &*first.cache()), (206, "234", "fwd=uri-miss; stored; ttl=60"));
    assert!(gateway.origin.last().contains("Range: bytes=2-4\r\n"));
    let inner = get("3-3").await;
    assert!(inner.is_hit() && inner.status() == 206 && inner.body == "3", "{inner:?}");
    assert_eq!(inner.field("Content-Range").as_deref(), Some("bytes 3-3/10"));
    // What is in front, and then what is behind: at last, it is whole.
    says("0-2", "012");
    let front = get("0-2").await;
    assert_eq!((&*front.body, &*front.cache()), ("012", "fwd=partial; stored; ttl=60"), "{front:?}");
    let both = get("1-4").await;
    assert!(both.is_hit() && both.body == "1234", "{both:?}");
    says("5-9", "56789");
    assert_eq!(get("5-").await.body, "56789");
    let whole = gateway.get("/x").await;
    assert!(whole.is_hit() && whole.status() == 200 && whole.body == "0123456789", "{whole:?}");
    assert_eq!((whole.field("Content-Range"), whole.field("Content-Length").as_deref()), (None, Some("10")));
    assert_eq!(gateway.origin.count(), 3);
}

#[tokio::test]
async fn parts_of_different_contents_are_not_put_together() {
    let gateway = Gateway::start_with(storing_parts()).await;
    for (tag, range, body) in [("\"a\"", "0-4", "01234"), ("\"b\"", "5-9", "fghij"), ("W/\"b\"", "3-4", "de")] {
        let fields =
            ["Cache-Control: max-age=60", &format!("ETag: {tag}"), &format!("Content-Range: bytes {range}/10")];
        gateway.origin.says("206 Partial Content", &fields, body);
        let part = gateway.get_with("/x", &[&format!("Range: bytes={range}")]).await;
        assert_eq!(part.body, body);
    }
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "ETag: \"b\""], "abcdefghij");
    let whole = gateway.get("/x").await;
    assert_eq!((whole.status(), &*whole.body, &*whole.cache()), (200, "abcdefghij", "fwd=partial; stored; ttl=60"));
    // Now that the whole is there, everything is cut out of it.
    let part = gateway.get_with("/x", &["Range: bytes=0-4"]).await;
    assert!(part.is_hit() && part.body == "abcde", "{part:?}");
}
