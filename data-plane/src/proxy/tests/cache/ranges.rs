//! Parts of what is stored, or is coming.

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
