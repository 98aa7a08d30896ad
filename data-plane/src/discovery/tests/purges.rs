//! Purges as they come with the snapshots, and questions about the cache.

use gateway_proto::{
    discovery::v1::{self as pb, query::Query, query_reply::Reply},
    registry::v1::cache_purge::What,
};
use tokio::time::timeout;

use super::{
    control_plane::{ControlPlane, SOON},
    data_plane::DataPlane,
    sample::{delta, full, purge, resource, soft},
    stored::Stored,
};
use crate::discovery::Source;

const SHOP: [&str; 3] = ["http://shop.test/", "http://shop.test/a", "http://shop.test:81/a?b"];
const OTHER: [&str; 2] = ["http://other.test/a", "https://shop.test.other.test/"];

fn stored() -> Stored {
    let stored = Stored::new();
    stored.fill(&SHOP, &["shop", "page"]);
    stored.fill(&OTHER, &["page"]);
    stored
}

/// A response that leads to this revision.
fn at(revision: u64, response: pb::DiscoveryResponse) -> pb::DiscoveryResponse {
    pb::DiscoveryResponse { revision, ..response }
}

#[tokio::test]
async fn what_is_purged_is_gone_when_the_purge_is_acknowledged() {
    for (what, left) in [
        (What::Url("http://shop.test/a".into()), vec![SHOP[0], SHOP[2], OTHER[0], OTHER[1]]),
        (What::Host("shop.test".into()), OTHER.to_vec()),
        (What::Prefix("http://shop.test/".into()), vec![SHOP[2], OTHER[0], OTHER[1]]),
        (What::Tag("shop".into()), OTHER.to_vec()),
        (What::Tag("page".into()), vec![]),
    ] {
        let stored = stored();
        let all = [&SHOP[..], &OTHER].concat();
        let mut control_plane = ControlPlane::start().await;
        let data_plane = DataPlane::start_caching(&[control_plane.uri()], stored.responses(0, 0));
        let (mut stream, _) = control_plane.accept().await;
        let a = resource("a", &["shop.test"], 1);
        stream.accepted(full(1, std::slice::from_ref(&a))).await;
        let purge = purge(2, what.clone(), 0);
        stream.accepted(delta(2, std::slice::from_ref(&purge), &[], &[a, purge.clone()])).await;
        assert_eq!(stored.fresh(&all), left, "{what:?}");
        assert!(data_plane.serves("shop.test"), "the table is as it was");
        let swept = async {
            while stored.entries() > left.len() as u64 {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, swept).await.expect("what is gone is taken out of memory");
    }
}

#[tokio::test]
async fn a_soft_purge_leaves_what_can_be_validated() {
    let stored = stored();
    let mut control_plane = ControlPlane::start().await;
    let _data_plane = DataPlane::start_caching(&[control_plane.uri()], stored.responses(0, 0));
    let (mut stream, _) = control_plane.accept().await;
    stream.accepted(full(1, &[])).await;
    let stale = soft(purge(2, What::Host("shop.test".into()), 0));
    stream.accepted(delta(2, std::slice::from_ref(&stale), &[], std::slice::from_ref(&stale))).await;
    assert_eq!(stored.fresh(&SHOP), [""; 0]);
    assert_eq!(stored.known(&SHOP), SHOP);
}

#[tokio::test]
async fn what_came_before_is_not_carried_out_again_and_what_was_missed_is() {
    let stored = stored();
    let mut control_plane = ControlPlane::start().await;
    let data_plane = DataPlane::start_caching(&[control_plane.uri()], stored.responses(0, 0));
    let (mut stream, _) = control_plane.accept().await;
    // Nothing that is stored is older than the first snapshot.
    let first = purge(7, What::Host("shop.test".into()), 0);
    stream.accepted(at(9, full(1, std::slice::from_ref(&first)))).await;
    assert_eq!(stored.fresh(&SHOP), SHOP);

    stream.fail(tonic::Status::unavailable("cut")).await;
    let (mut stream, subscribe) = control_plane.accept().await;
    assert_eq!(subscribe.revision, 9);
    // A full snapshot, with all that was missed.
    let missed = [10, 11].map(|revision| purge(revision, What::Url(SHOP[usize::from(revision == 11)].into()), 0));
    let all = [first, missed[0].clone(), missed[1].clone()];
    stream.accepted(at(12, full(2, &all))).await;
    assert_eq!(stored.fresh(&SHOP), [SHOP[2]]);

    // What is not kept any more is no purge, and what is told to be held already is none either.
    stored.fill(&SHOP[..2], &[]);
    stream.accepted(at(13, full(3, &all[2..]))).await;
    assert_eq!(stored.fresh(&SHOP), SHOP);

    // It was away for longer than purges are kept.
    let late = purge(99, What::Tag("nobody's".into()), 14);
    stream.accepted(at(99, full(4, std::slice::from_ref(&late)))).await;
    assert_eq!(stored.fresh(&[&SHOP[..], &OTHER].concat()), [""; 0]);
    assert_eq!(data_plane.status.borrow().refused, 0);
}

#[tokio::test]
async fn what_is_on_disk_is_found_once_every_purge_that_is_kept_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let all = [&SHOP[..], &OTHER].concat();
    let stored = Stored::on_disk(dir.path()).await;
    let mut control_plane = ControlPlane::start().await;
    let first = DataPlane::start_caching(&[control_plane.uri()], stored.responses(0, 0));
    let (mut stream, _) = control_plane.accept().await;
    let old = purge(3, What::Host("shop.test".into()), 2);
    stream.accepted(at(4, full(1, std::slice::from_ref(&old)))).await;
    stored.fill_disk(&SHOP, &["shop", "page"]);
    stored.fill_disk(&OTHER, &["page"]);
    assert_eq!(stored.on_disk_fresh(&all).await, all, "it is stored behind the purge");
    let tag = soft(purge(5, What::Tag("shop".into()), 2));
    stream.accepted(at(5, delta(2, std::slice::from_ref(&tag), &[], &[old.clone(), tag.clone()]))).await;
    assert_eq!(stored.on_disk_fresh(&all).await, OTHER);
    first.stop().await.unwrap();
    stored.close().await;

    // There was another purge, before anything is served.
    let stored = Stored::on_disk(dir.path()).await;
    let second = DataPlane::start_caching(&[control_plane.uri()], stored.responses(0, 0));
    let (mut stream, _) = control_plane.accept().await;
    assert_eq!(stored.on_disk_fresh(&all).await, [""; 0], "nothing is known yet");
    let missed = purge(6, What::Url(OTHER[0].into()), 2);
    stream.accepted(at(6, full(1, &[old, tag, missed.clone()]))).await;
    assert_eq!(stored.on_disk_fresh(&all).await, OTHER[1..]);
    stored.fill_disk(&OTHER[..1], &[]);
    second.stop().await.unwrap();
    stored.close().await;

    // It was away for longer than purges are kept: what has heard of the sixth may have missed the eighth.
    let stored = Stored::on_disk(dir.path()).await;
    let _third = DataPlane::start_caching(&[control_plane.uri()], stored.responses(0, 0));
    let (mut stream, _) = control_plane.accept().await;
    let late = purge(99, What::Tag("nobody's".into()), 8);
    stream.accepted(at(99, full(1, std::slice::from_ref(&late)))).await;
    assert_eq!(stored.on_disk_fresh(&all).await, [""; 0]);
}

#[tokio::test]
async fn an_old_snapshot_alone_is_no_reason_to_trust_what_is_on_disk() {
    let (dir, cache_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stored = Stored::on_disk(dir.path()).await;
    let mut control_plane = ControlPlane::start().await;
    let first = DataPlane::start_over_cache(&[control_plane.uri()], cache_dir.path(), stored.responses(0, 0));
    let (mut stream, _) = control_plane.accept().await;
    let a = resource("a", &["shop.test"], 1);
    stream.accepted(full(1, std::slice::from_ref(&a))).await;
    stored.fill_disk(&SHOP, &[]);
    assert_eq!(stored.on_disk_fresh(&SHOP).await, SHOP);
    first.stop().await.unwrap();
    stored.close().await;

    let stored = Stored::on_disk(dir.path()).await;
    let mut second = DataPlane::start_over_cache(&[control_plane.uri()], cache_dir.path(), stored.responses(0, 0));
    second.status(|status| status.source == Source::Cache).await;
    assert!(second.serves("shop.test"));
    assert_eq!(stored.on_disk_fresh(&SHOP).await, [""; 0], "there may have been a purge");
    let (mut stream, _) = control_plane.accept().await;
    let missed = purge(2, What::Url(SHOP[0].into()), 0);
    stream.accepted(at(2, full(2, &[a, missed]))).await;
    assert_eq!(stored.on_disk_fresh(&SHOP).await, SHOP[1..]);
}

#[tokio::test]
async fn a_purge_that_is_none_is_refused_and_purges_nothing() {
    let stored = stored();
    let mut control_plane = ControlPlane::start().await;
    let _data_plane = DataPlane::start_caching(&[control_plane.uri()], stored.responses(0, 0));
    let (mut stream, _) = control_plane.accept().await;
    stream.accepted(full(1, &[])).await;
    let good = purge(2, What::Host("shop.test".into()), 0);
    let ahead = purge(3, What::Host("shop.test".into()), 0);
    let both = [good.clone(), ahead];
    let violations = stream.refused(delta(2, &both, &[], &both)).await;
    assert_eq!(violations, ["purges/3: is of a revision that is still to come, or of no later one than its floor"]);
    assert_eq!(stored.fresh(&SHOP), SHOP);
    let good = [good];
    stream.accepted(pb::DiscoveryResponse { nonce: 3, ..delta(2, &good, &[], &good) }).await;
    assert_eq!(stored.fresh(&SHOP), [""; 0]);
}

#[tokio::test]
async fn it_says_what_its_cache_holds_and_has_done() {
    let stored = stored();
    let (mut control_plane, mut streams) = ControlPlane::start_asking().await;
    let _caching = DataPlane::start_caching(&[control_plane.uri()], stored.responses(30, 10));
    let _stream = control_plane.accept().await;
    let mut asked = async || {
        let mut questions = timeout(SOON, streams.recv()).await.expect("it can be asked").unwrap();
        questions.reply().await;
        questions.ask(1, Some(Query::CacheStats(pb::CacheStatsQuery {}))).await;
        questions.reply().await.and_then(|reply| reply.reply)
    };
    let Some(Reply::CacheStats(stats)) = asked().await else { panic!() };
    assert_eq!((stats.entries, stats.memory_bytes, stats.hits, stats.misses), (5, 1 << 20, 30, 10));
    assert!(stats.stored_bytes > 0 && stats.held_bytes > 0, "{stats:?}");

    let _without = DataPlane::start(&[control_plane.uri()], None);
    let _stream = control_plane.accept().await;
    assert_eq!(asked().await, Some(Reply::CacheStats(pb::CacheStats::default())));
}
