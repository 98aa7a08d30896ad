//! What is stored and stale: validated, served while that happens, or where it cannot happen.

use super::*;

const ONE: [&str; 2] = ["Cache-Control: max-age=10", "ETag: \"1\""];

#[tokio::test]
async fn what_is_stale_is_validated_and_updated() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &[ONE[0], ONE[1], "X-Old: 1"], "one");
    gateway.get("/x").await;
    gateway.pass(20);
    gateway.origin.says_once("304 Not Modified", &["Cache-Control: max-age=30", "ETag: \"1\"", "X-New: 1"], "");
    let valid = gateway.get("/x").await;
    assert_eq!((valid.status(), &*valid.body, valid.age()), (200, "one", Some(0)), "{valid:?}");
    assert_eq!(valid.cache(), "fwd=stale; fwd-status=304; stored; ttl=30");
    assert!(valid.field("X-Old").is_some() && valid.field("X-New").is_some(), "{valid:?}");
    assert!(gateway.origin.last().contains("If-None-Match: \"1\"\r\n"), "{}", gateway.origin.last());
    gateway.pass(29);
    let hit = gateway.get("/x").await;
    assert!(hit.is_hit() && hit.field("X-New").is_some(), "{hit:?}");
    gateway.pass(2);
    gateway.origin.says("200 OK", &["Cache-Control: max-age=10", "ETag: \"2\""], "two");
    let changed = gateway.get("/x").await;
    assert_eq!((&*changed.body, &*changed.cache()), ("two", "fwd=stale; stored; ttl=10"));
    assert_eq!(gateway.get("/x").await.body, "two");
}

#[tokio::test]
async fn a_client_with_a_condition_of_its_own_gets_its_own_answer() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &ONE, "one");
    gateway.get("/x").await;
    gateway.pass(20);
    gateway.origin.says("304 Not Modified", &ONE, "");
    let known = gateway.get_with("/x", &["If-None-Match: \"1\""]).await;
    assert_eq!((known.status(), &*known.body), (304, ""), "{known:?}");
    gateway.pass(20);
    let other = gateway.get_with("/x", &["If-None-Match: \"0\""]).await;
    assert_eq!((other.status(), &*other.body), (200, "one"), "{other:?}");
}

#[tokio::test]
async fn a_304_about_something_else_is_asked_again_without_conditions() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &ONE, "one");
    gateway.get("/x").await;
    gateway.pass(20);
    gateway.origin.says_once("304 Not Modified", &["ETag: \"other\""], "");
    gateway.origin.says("200 OK", &["Cache-Control: max-age=10", "ETag: \"2\""], "two");
    assert_eq!(gateway.get("/x").await.body, "two");
    assert!(!gateway.origin.last().contains("If-None-Match"));
    assert_eq!(gateway.origin.count(), 3);
}

#[tokio::test]
async fn a_304_that_forbids_storing_takes_out_what_is_stored() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &ONE, "one");
    gateway.get("/x").await;
    gateway.pass(20);
    gateway.origin.says_once("304 Not Modified", &["Cache-Control: no-store", "ETag: \"1\""], "");
    let last = gateway.get("/x").await;
    assert_eq!((&*last.body, &*last.cache()), ("one", "fwd=stale; fwd-status=304; ttl=0; detail=no-store"));
    gateway.origin.says("200 OK", &ONE, "two");
    assert_eq!(gateway.get("/x").await.body, "two");
    assert!(!gateway.origin.last().contains("If-None-Match"));
}

/// What may be used by nobody without being validated is validated by all at once, not one by one.
#[tokio::test]
async fn what_has_to_be_validated_each_time_is() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: no-cache", "ETag: \"1\""], "one");
    gateway.get("/x").await;
    gateway.origin.says("304 Not Modified", &["ETag: \"1\"", "Cache-Control: no-cache"], "");
    for count in 2..5 {
        let answer = gateway.get("/x").await;
        assert_eq!((&*answer.body, gateway.origin.count()), ("one", count), "{answer:?}");
        assert!(answer.cache().starts_with("fwd=stale; fwd-status=304; stored"), "{answer:?}");
    }
}

/// RFC 5861 section 3.
#[tokio::test]
async fn what_is_stale_is_served_while_it_is_validated() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=10, stale-while-revalidate=60", "ETag: \"1\""], "one");
    gateway.get("/x").await;
    gateway.pass(20);
    gateway.origin.says("200 OK", &["Cache-Control: max-age=10, stale-while-revalidate=60"], "two");
    let stale = gateway.get("/x").await;
    assert_eq!((&*stale.body, &*stale.cache()), ("one", "hit; ttl=-10"), "{stale:?}");
    super::super::eventually(async || gateway.get("/x").await.body == "two").await;
    assert_eq!(gateway.origin.count(), 2, "one validation is enough");
    assert!(gateway.origin.last().contains("If-None-Match: \"1\"\r\n"));
    gateway.pass(100);
    gateway.origin.says("200 OK", &ONE, "three");
    assert_eq!(gateway.get("/x").await.body, "three", "too stale");
}

/// RFC 5861 section 4.
#[tokio::test]
async fn what_is_stale_is_served_where_the_origin_fails() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=10, stale-if-error=60", "ETag: \"1\""], "one");
    gateway.get("/x").await;
    gateway.pass(20);
    gateway.origin.says("503 Busy", &[], "busy");
    let rescued = gateway.get("/x").await;
    assert_eq!((&*rescued.body, &*rescued.cache()), ("one", "fwd=stale; fwd-status=503; ttl=-10"), "{rescued:?}");
    gateway.origin.says("404 Gone", &[], "gone");
    assert_eq!(gateway.get("/x").await.status(), 404, "that is no failure");
    gateway.origin.says("503 Busy", &[], "busy");
    assert_eq!(gateway.get("/x").await.status(), 503, "and says that what was stored is not there any more");
}

#[tokio::test]
async fn an_origin_that_is_gone_is_a_failure_too() {
    let bench = Bench::new();
    let origin = Origin::start().await;
    origin.says("200 OK", &["Cache-Control: max-age=10, stale-if-error=60"], "one");
    let proxy = bench.start(&Site::owned_by(caching("a", &[origin.address], plain()))).await;
    let gateway = Gateway { bench, proxy, origin };
    gateway.get("/kept").await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=10, must-revalidate"], "two");
    gateway.get("/strict").await;
    gateway.pass(20);
    let nobody = Site::owned_by(caching("a", &[], plain()));
    gateway.proxy.swap(nobody.table()).await;
    let kept = gateway.get("/kept").await;
    assert_eq!((kept.status(), &*kept.body, &*kept.cache()), (200, "one", "fwd=stale; ttl=-10"), "{kept:?}");
    let strict = gateway.get("/strict").await;
    assert!(strict.status() == 504 && strict.body.contains("not_cached"), "{strict:?}");
    assert_eq!(gateway.get("/other").await.status(), 503);
}

#[tokio::test]
async fn an_origin_that_takes_too_long_is_a_failure_too() {
    let (bench, upstream) = (Bench::new(), Upstream::start().await);
    let mut service = caching("a", &[upstream.address], plain());
    service.timeouts.response = Duration::from_millis(100);
    let proxy = bench.start(&Site::owned_by(service)).await;
    let mut client = Client(proxy.connect().await);
    client.ask("GET", "/x", &[]).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(answer("200 OK", &["Cache-Control: max-age=10, stale-if-error=60"], "one")).await;
    assert_eq!(client.answer("GET").await.body, "one");
    bench.pass(Duration::from_secs(20));
    client.ask("GET", "/x", &[]).await;
    server.head().await;
    let rescued = client.answer("GET").await;
    assert_eq!((&*rescued.body, &*rescued.cache()), ("one", "fwd=stale; ttl=-10"), "{rescued:?}");
}

#[tokio::test]
async fn a_purge_takes_out_or_makes_stale() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "ETag: \"1\"", "Surrogate-Key: x y"], "one");
    gateway.get("/x?a").await;
    gateway.bench.purge("http://a.test/x?a", Mode::Soft);
    gateway.origin.says_once("304 Not Modified", &["ETag: \"1\""], "");
    assert!(gateway.get("/x?a").await.cache().starts_with("fwd=stale; fwd-status=304"), "softly");
    assert!(gateway.get("/x?a").await.is_hit());
    for purge in
        [Purge::Url(b"http://a.test/x?a"), Purge::Prefix(b"http://a.test/x"), Purge::Host(b"a.test"), Purge::Tag(b"y")]
    {
        gateway.bench.store.purge(purge, Mode::Hard);
        assert_eq!(gateway.get("/x?a").await.cache(), "fwd=uri-miss; stored; ttl=60", "{purge:?}");
        assert!(gateway.get("/x?a").await.is_hit());
    }
}
