//! What is stored, and what never is.

use gateway_caching::{
    Policy as Rules,
    policy::{Assumed, SetCookie},
};

use super::*;

#[tokio::test]
async fn a_response_that_is_fresh_answers_the_next_request() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 Fine", &["Cache-Control: max-age=60", "X-Own: 1", "Via: 1.1 x"], "hello");
    let first = gateway.get("/x?a=1").await;
    assert_eq!((first.status(), &*first.body, first.age()), (200, "hello", Some(0)), "{first:?}");
    assert_eq!(first.cache(), "fwd=uri-miss; stored; ttl=60");
    gateway.pass(7);
    let second = gateway.get("/x?a=1").await;
    assert_eq!((second.status(), &*second.body, second.age()), (200, "hello", Some(7)), "{second:?}");
    assert_eq!(second.cache(), "hit; ttl=53");
    assert!(second.head.starts_with("HTTP/1.1 200 Fine\r\n"), "{second:?}");
    assert_eq!(second.field("X-Own").as_deref(), Some("1"));
    assert_eq!(second.field("Via").as_deref(), Some("1.1 x, 1.1 gateway"));
    assert_eq!(second.field("Date"), first.field("Date"), "{second:?}");
    assert!(second.field("X-Request-Id").is_some() && second.field("X-Request-Id") != first.field("X-Request-Id"));
    assert_eq!(gateway.origin.count(), 1);
    gateway.pass(53);
    let third = gateway.get("/x?a=1").await;
    assert_eq!(third.cache(), "fwd=stale; stored; ttl=60", "{third:?}");
}

/// What the origin project's cache did: a POST was answered with what a GET had stored.
#[tokio::test]
async fn a_post_is_never_answered_with_what_a_get_has_stored() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "got");
    gateway.get("/x").await;
    gateway.origin.says("400 Bad", &["Cache-Control: max-age=60"], "posted");
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "OTHER"] {
        let answer = gateway.send(method, "/x", &["Content-Length: 0"]).await;
        assert_eq!((answer.status(), &*answer.body), (400, "posted"), "{method}: {answer:?}");
        assert_eq!(answer.cache(), "fwd=method", "{method}");
    }
    assert_eq!(gateway.get("/x").await.body, "got", "nothing was changed, as it failed");
}

/// What the origin project's cache did: `Vary` was ignored.
#[tokio::test]
async fn each_variant_is_for_those_who_ask_for_it() {
    let gateway = Gateway::start().await;
    let fields = ["Cache-Control: max-age=60", "Vary: Accept-Language"];
    gateway.origin.says("200 OK", &fields, "hello");
    assert_eq!(gateway.get_with("/x", &["Accept-Language: en"]).await.body, "hello");
    gateway.origin.says("200 OK", &fields, "hallo");
    let german = gateway.get_with("/x", &["Accept-Language: de"]).await;
    assert_eq!((&*german.body, &*german.cache()), ("hallo", "fwd=vary-miss; stored; ttl=60"));
    for (language, body) in [("en", "hello"), ("de", "hallo"), ("EN", "hello")] {
        let hit = gateway.get_with("/x", &[&format!("Accept-Language: {language}")]).await;
        assert!(hit.is_hit() && hit.body == body, "{language}: {hit:?}");
    }
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Vary: *"], "nobody's");
    assert_eq!(gateway.get("/any").await.cache(), "fwd=uri-miss; detail=vary");
    assert!(!gateway.get("/any").await.is_hit());
}

/// RFC 9111 section 4.1: the latest of those with a `Vary`, even if the origin has forgotten it since.
#[tokio::test]
async fn a_response_for_some_requests_goes_before_a_newer_one_for_all() {
    let gateway = Gateway::start().await;
    let german = ["Accept-Language: de"];
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Vary: Accept-Language"], "hallo");
    gateway.get_with("/x", &german).await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "hello");
    assert_eq!(gateway.get("/x").await.body, "hello");
    assert_eq!(gateway.get_with("/x", &german).await.body, "hallo");
    assert_eq!(gateway.get_with("/x", &["Accept-Language: fr"]).await.body, "hello");
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Vary: Accept-Language"], "servus");
    gateway.get_with("/x", &["Accept-Language: de", "Cache-Control: no-cache"]).await;
    assert_eq!(gateway.get_with("/x", &german).await.body, "servus");
    assert_eq!(gateway.origin.count(), 3);
}

/// What the origin project's cache did: answers to credentials went to everyone (RFC 9111 section 3.5).
#[tokio::test]
async fn what_credentials_were_needed_for_is_shared_only_if_the_origin_says_so() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "mine");
    let own = gateway.get_with("/x", &["Authorization: Basic bWU6bWU="]).await;
    assert_eq!(own.cache(), "fwd=uri-miss; detail=authorization");
    gateway.origin.says("401 Unauthorized", &["Cache-Control: no-store"], "who?");
    assert_eq!(gateway.get("/x").await.status(), 401);
    gateway.origin.says("200 OK", &["Cache-Control: public, max-age=60"], "all's");
    gateway.get_with("/y", &["Authorization: Basic bWU6bWU="]).await;
    assert!(gateway.get("/y").await.is_hit());
}

/// What the origin project's cache did: errors were stored like everything else.
#[tokio::test]
async fn an_error_is_not_stored_unless_the_origin_says_so() {
    let rules = Rules { assumed: Assumed::Fixed(Duration::from_secs(10)), ..Rules::default() };
    let gateway = Gateway::start_with(Cache { rules, ..plain() }).await;
    gateway.origin.says("500 Oh", &[], "oh");
    assert_eq!(gateway.get("/x").await.cache(), "fwd=uri-miss; detail=no-lifetime");
    gateway.origin.says("200 OK", &[], "well");
    let first = gateway.get("/x").await;
    assert_eq!((&*first.body, &*first.cache()), ("well", "fwd=uri-miss; stored; ttl=10"));
    assert!(gateway.get("/x").await.is_hit(), "ten seconds are assumed");
    gateway.origin.says("503 Busy", &["Cache-Control: max-age=5"], "busy");
    gateway.get("/y").await;
    assert_eq!(gateway.get("/y").await.status(), 503);
    assert_eq!(gateway.origin.count(), 3);
}

/// What the origin project's cache did: cookies were lost, or went to everyone.
#[tokio::test]
async fn answers_with_cookies_pass_as_they_are_unless_the_policy_stores_them() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Set-Cookie: id=1", "Set-Cookie: b=2"], "hi");
    assert_eq!(gateway.get("/x").await.cache(), "fwd=uri-miss; detail=set-cookie");
    for _ in 0..2 {
        let answer = gateway.get("/x").await;
        assert!(!answer.is_hit() && answer.field("Set-Cookie").as_deref() == Some("id=1, b=2"), "{answer:?}");
    }
    assert_eq!(gateway.origin.count(), 3);
    let rules = Rules { set_cookie: SetCookie::Store, ..Rules::default() };
    let gateway = Gateway::start_with(Cache { rules, ..plain() }).await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Set-Cookie: id=1"], "hi");
    gateway.get("/x").await;
    let hit = gateway.get("/x").await;
    assert!(hit.is_hit() && hit.field("Set-Cookie").as_deref() == Some("id=1"), "{hit:?}");
}

#[tokio::test]
async fn a_service_without_the_policy_stores_nothing_and_says_nothing() {
    let (bench, origin) = (Bench::new(), Origin::start().await);
    let proxy = bench.start(&Site::of(&[origin.address])).await;
    origin.says("200 OK", &["Cache-Control: max-age=60"], "hello");
    let gateway = Gateway { bench, proxy, origin };
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.field("Cache-Status"), None);
    }
    assert_eq!((gateway.origin.count(), gateway.bench.store.stats().entries), (2, 0));
}

#[tokio::test]
async fn what_is_longer_than_the_policy_allows_passes_and_is_not_stored() {
    let gateway = Gateway::start_with(Cache { max_object_size: 10, ..plain() }).await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "0123456789+");
    let answer = gateway.get("/long").await;
    assert_eq!((&*answer.body, &*answer.cache()), ("0123456789+", "fwd=uri-miss; detail=too-large"));
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "0123456789");
    gateway.get("/short").await;
    assert!(gateway.get("/short").await.is_hit());
    // Its length shows only as it comes.
    let chunked = ["Cache-Control: max-age=60", "Transfer-Encoding: chunked"];
    gateway.origin.says("200 OK", &chunked, "b\r\n0123456789+\r\n0\r\n\r\n");
    assert_eq!(gateway.get("/chunked").await.body, "0123456789+");
    assert!(!gateway.get("/chunked").await.is_hit());
    gateway.origin.says("200 OK", &chunked, "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n");
    assert_eq!(gateway.get("/small").await.body, "0123456789");
    let hit = gateway.get("/small").await;
    assert!(
        hit.is_hit() && hit.body == "0123456789" && hit.field("Content-Length").as_deref() == Some("10"),
        "{hit:?}"
    );
}

#[tokio::test]
async fn fields_of_the_connection_and_of_one_client_are_not_stored() {
    let gateway = Gateway::start().await;
    let fields = [
        "Cache-Control: max-age=60, private=\"X-Mine\"",
        "Connection: X-Hop",
        "X-Hop: 1",
        "X-Mine: 1",
        "X-All: 1",
        "Age: 5",
        "X-Request-Id: theirs",
    ];
    gateway.origin.says("200 OK", &fields, "hi");
    gateway.get("/x").await;
    let hit = gateway.get("/x").await;
    let names = ["X-Hop", "X-Mine", "X-All", "Age"];
    assert_eq!(names.map(|name| hit.field(name)), [None, None, Some("1".into()), Some("5".into())], "{hit:?}");
    assert_ne!(hit.field("X-Request-Id").as_deref(), Some("theirs"));
}
