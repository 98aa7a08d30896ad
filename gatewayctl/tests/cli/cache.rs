//! `cache`.

use gateway_proto::{
    admin::v1::{self as admin, node_cache_stats::Answer},
    discovery::v1 as discovery,
    registry::v1::{self as pb, cache_purge::What},
};

use crate::{
    program::run,
    server::{Server, node, time},
};

fn purged(what: What, soft: bool) -> pb::PurgeCacheResponse {
    pb::PurgeCacheResponse { purge: Some(pb::CachePurge { revision: 7, what: Some(what), soft, created_at: time(0) }) }
}

#[test]
fn a_purge_asks_for_what_was_typed_and_prints_what_was_stored() {
    for (args, what, line) in [
        (["--url", "http://Shop.test"], What::Url("http://Shop.test".into()), "purged url http://shop.test/"),
        (["--host", "shop.test"], What::Host("shop.test".into()), "purged host shop.test"),
        (["--prefix", "http://a.test/"], What::Prefix("http://a.test/".into()), "purged prefix http://a.test/"),
        (["--tag", "product 7"], What::Tag("product 7".into()), "purged tag product 7"),
    ] {
        let server = Server::start();
        let stored = match what.clone() {
            What::Url(_) => What::Url("http://shop.test/".into()),
            other @ (What::Host(_) | What::Prefix(_) | What::Tag(_)) => other,
        };
        server.answer("purge_cache", purged(stored, false));
        let out = run(&server.url, &[&["cache", "purge"][..], &args].concat()).quiet();
        assert_eq!(out, format!("{line} (revision 7)\n"));
        let asked: Vec<pb::PurgeCacheRequest> = server.asked("purge_cache");
        assert_eq!(asked[0].purge, Some(pb::CachePurge { what: Some(what), ..pb::CachePurge::default() }));
        assert!(server.asked::<admin::WaitForRevisionRequest>("wait_for_revision").is_empty());
    }
}

#[test]
fn a_soft_purge_is_one_object_for_scripts_with_those_who_confirmed_it() {
    let server = Server::start();
    server.answer("purge_cache", purged(What::Tag("t".into()), true));
    let done = admin::WaitForRevisionResponse {
        done: true,
        revision: 7,
        nodes_in_sync: vec!["dp-1".into()],
        ..Default::default()
    };
    server.answer("wait_for_revision", done);
    let json = run(&server.url, &["cache", "purge", "--tag", "t", "--soft", "--wait", "-o", "json"]).json();
    let expected = serde_json::json!({
        "tag": "t", "soft": true, "revision": 7, "created_at": "2023-11-14T22:13:20.000Z", "change": "purged",
        "served_by": ["dp-1"], "behind": [],
    });
    assert_eq!(json, expected);
    assert!(server.asked::<pb::PurgeCacheRequest>("purge_cache")[0].purge.as_ref().unwrap().soft);
    assert_eq!(server.asked::<admin::WaitForRevisionRequest>("wait_for_revision")[0].revision, 7);
    let out = run(&server.url, &["cache", "purge", "--tag", "t", "--soft", "--wait"]).quiet();
    assert_eq!(out, "purged tag t softly (revision 7)\nrevision 7: served by 1 data plane: dp-1\n");
}

#[test]
fn a_data_plane_that_does_not_confirm_in_time_is_named() {
    let server = Server::start();
    server.answer("purge_cache", purged(What::Host("a.test".into()), false));
    let nodes_behind = vec![node("dp-1", 6, false)];
    server.answer(
        "wait_for_revision",
        admin::WaitForRevisionResponse { revision: 7, nodes_behind, ..Default::default() },
    );
    let ran = run(&server.url, &["cache", "purge", "--host", "a.test", "--wait"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    assert!(ran.err.contains("dp-1: serves revision 6"), "{ran:#?}");
}

fn answered(node_id: &str, stats: discovery::CacheStats) -> admin::NodeCacheStats {
    admin::NodeCacheStats { node_id: node_id.into(), answer: Some(Answer::Stats(stats)) }
}

fn stats() -> discovery::CacheStats {
    discovery::CacheStats {
        entries: 12,
        stored_bytes: 1 << 20,
        held_bytes: 3 << 19,
        memory_bytes: 256 << 20,
        hits: 90,
        misses: 10,
        stale: 3,
        coalesced: 4,
        evicted: 5,
        purged: 6,
        fill_errors: 7,
        disk: Some(discovery::CacheDiskStats {
            size_bytes: 8 << 30,
            queued_bytes: 1 << 10,
            hits: 11,
            misses: 12,
            written: 13,
            dropped: 14,
            errors: 15,
            busy: 16,
        }),
    }
}

#[test]
fn caches_are_lines_with_a_total_below() {
    let server = Server::start();
    let idle = discovery::CacheStats { memory_bytes: 256 << 20, ..Default::default() };
    let nodes = vec![answered("dp-1", stats()), answered("dp-2", stats()), answered("dp-3", idle)];
    server.answer("get_cache_stats", admin::GetCacheStatsResponse { nodes });
    let expected = "\
NODE   ENTRIES  USED     OF         HITS  MISSES  RATIO  STALE  COALESCED  EVICTED  PURGED  FILL ERRORS  DISK HITS
dp-1   12       1.0 MiB  256.0 MiB  90    10      90.0%  3      4          5        6       7            11
dp-2   12       1.0 MiB  256.0 MiB  90    10      90.0%  3      4          5        6       7            11
dp-3   0        0 B      256.0 MiB  0     0       -      0      0          0        0       0            -
total  24       2.0 MiB  768.0 MiB  180   20      90.0%  6      8          10       12      14           22
";
    assert_eq!(run(&server.url, &["cache", "stats"]).quiet(), expected);
}

#[test]
fn who_does_not_answer_is_named_and_the_others_are_shown() {
    let server = Server::start();
    let problem = Some(Answer::Problem("has not answered within 5s".into()));
    let silent = admin::NodeCacheStats { node_id: "dp-2".into(), answer: problem };
    server.answer("get_cache_stats", admin::GetCacheStatsResponse { nodes: vec![answered("dp-1", stats()), silent] });
    let ran = run(&server.url, &["cache", "stats", "-o", "json"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    assert!(ran.err.contains("dp-2: has not answered within 5s"), "{ran:#?}");
    let expected = serde_json::json!([
        {
            "node": "dp-1", "entries": 12, "stored_bytes": 1_048_576, "held_bytes": 1_572_864,
            "memory_bytes": 268_435_456, "hits": 90, "misses": 10, "hit_ratio": 0.9, "stale": 3, "coalesced": 4,
            "evicted": 5, "purged": 6, "fill_errors": 7,
            "disk": {
                "size_bytes": 8_589_934_592_u64, "queued_bytes": 1024, "hits": 11, "misses": 12, "written": 13,
                "dropped": 14, "errors": 15, "busy": 16,
            },
        },
        {"node": "dp-2", "problem": "has not answered within 5s"},
    ]);
    assert_eq!(ran.json(), expected);
    let table = run(&server.url, &["cache", "stats"]).out;
    assert!(table.contains("\ndp-2   -  "), "{table}");
}

#[test]
fn no_data_plane_is_an_empty_list_and_a_word() {
    let server = Server::start();
    server.answer("get_cache_stats", admin::GetCacheStatsResponse::default());
    let ran = run(&server.url, &["cache", "stats"]);
    assert_eq!((ran.code, &*ran.out), (0, ""));
    assert!(ran.err.contains("start one with `data-plane`"), "{ran:#?}");
}
