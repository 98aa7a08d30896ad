use std::{
    fs,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use gateway_proto::{DIGEST_BUCKETS, discovery::v1 as pb};
use http::Uri;
use tokio::time::timeout;
use tonic::Status as GrpcStatus;

use super::{
    control_plane::{ControlPlane, SOON},
    data_plane::DataPlane,
    sample::{delta, full, resource, version},
    surroundings::relay,
};
use crate::discovery::{Source, Status, apply::bucket_of, client::Patience};

fn resources() -> [pb::Resource; 2] {
    [resource("a", &["a.test"], 1), resource("b", &["b.test"], 1)]
}

fn nowhere() -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
}

#[tokio::test]
async fn an_acknowledged_response_is_served_by_every_worker() {
    let mut control_plane = ControlPlane::start().await;
    let mut data_plane = DataPlane::start(&[control_plane.uri()], None);
    let (mut stream, subscribe) = control_plane.accept().await;
    assert_eq!(
        subscribe,
        pb::Subscribe { node: Some(pb::Node { id: "n1".into(), ..Default::default() }), ..Default::default() }
    );
    assert!(!data_plane.status.borrow().is_ready());

    let [a, b] = resources();
    let whole = full(1, &[a.clone(), b.clone()]);
    let first = pb::DiscoveryResponse { upserts: vec![a.clone()], last_chunk: false, ..whole.clone() };
    stream.send(first).await;
    stream.accepted(pb::DiscoveryResponse { upserts: vec![b.clone()], ..whole }).await;
    assert!(data_plane.serves("a.test") && data_plane.serves("b.test"));

    let c = resource("c", &["*.c.test"], 1);
    stream.accepted(delta(2, std::slice::from_ref(&c), &["a"], &[b.clone(), c.clone()])).await;
    assert!(!data_plane.serves("a.test") && data_plane.serves("x.c.test"));

    // As after a resumption: one bucket in full, and what else was held in it goes.
    let bucket = u32::try_from(bucket_of(&b.name)).unwrap();
    let replaced = pb::DiscoveryResponse { replaced_buckets: vec![bucket], ..delta(3, &[], &[], &[c]) };
    stream.accepted(replaced).await;
    assert!(!data_plane.serves("b.test") && data_plane.serves("x.c.test"));

    let status = data_plane.status(|status| status.accepted == 3).await;
    assert!(status.is_ready() && status.applied_at.is_some());
    assert_eq!((status.connected, status.source), (Some(control_plane.uri()), Source::ControlPlane));
    assert_eq!(status.table.stamp().unwrap().revision, 3);
    assert_eq!((status.streams, status.failures, status.refused), (1, 0, 0));
    data_plane.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_response_leaves_the_good_table_and_the_stream() {
    let mut control_plane = ControlPlane::start().await;
    let mut data_plane = DataPlane::start(&[control_plane.uri()], None);
    let (mut stream, _) = control_plane.accept().await;
    let [a, b] = resources();
    stream.accepted(full(1, std::slice::from_ref(&a))).await;

    let thief = resource("b", &["a.test", "new.test"], 1);
    let violations = stream.refused(delta(2, std::slice::from_ref(&thief), &[], &[a.clone(), thief.clone()])).await;
    assert_eq!(violations, ["the host a.test is claimed by services/a, services/b; a host belongs to one service"]);
    assert!(data_plane.serves("a.test") && !data_plane.serves("new.test"));
    assert_eq!(data_plane.status(|status| status.refused == 1).await.violations, violations);

    // What comes next still applies to what is held, and not to what was refused.
    let good =
        pb::DiscoveryResponse { base: Some(version(1)), ..delta(3, std::slice::from_ref(&b), &[], &[a, b.clone()]) };
    stream.accepted(good).await;
    assert!(data_plane.serves("b.test"));
    assert!(data_plane.status(|status| status.accepted == 2).await.violations.is_empty());
}

#[tokio::test]
async fn a_delta_for_another_base_makes_it_subscribe_anew_with_what_it_holds() {
    let mut control_plane = ControlPlane::start().await;
    let data_plane = DataPlane::start(&[control_plane.uri()], None);
    let (mut stream, _) = control_plane.accept().await;
    let [a, b] = resources();
    stream.accepted(full(1, &[a.clone(), b.clone()])).await;
    let violations = stream.refused(delta(5, &[], &["a"], &[b])).await;
    assert!(violations[0].contains("applies to version"), "{violations:?}");
    stream.left().await;

    let (_stream, subscribe) = control_plane.accept().await;
    let pb::Subscribe { node: _, cluster_id, resume, bucket_digests, revision } = subscribe;
    assert_eq!((&*cluster_id, resume, revision), ("c1", Some(version(1)), 1));
    assert_eq!(bucket_digests.len(), DIGEST_BUCKETS);
    assert_eq!(bucket_digests[bucket_of(&a.name)], a.digest);
    assert!(data_plane.serves("a.test"));
}

#[tokio::test]
async fn a_wrong_digest_makes_it_ask_for_everything_until_it_has_it() {
    let mut control_plane = ControlPlane::start().await;
    let data_plane = DataPlane::start(&[control_plane.uri()], None);
    let (mut stream, _) = control_plane.accept().await;
    let [a, b] = resources();
    stream.accepted(full(1, std::slice::from_ref(&a))).await;
    stream.refused(pb::DiscoveryResponse { digest: 1, ..delta(2, &[], &["a"], &[]) }).await;
    stream.left().await;
    assert!(data_plane.serves("a.test"));

    let (mut stream, subscribe) = control_plane.accept().await;
    let pb::Subscribe { node: _, cluster_id, resume, bucket_digests, revision } = subscribe;
    assert_eq!((&*cluster_id, resume, bucket_digests.len(), revision), ("c1", None, 0, 1));
    stream.accepted(full(2, std::slice::from_ref(&b))).await;
    assert!(!data_plane.serves("a.test") && data_plane.serves("b.test"));
    drop(stream);

    let (_stream, subscribe) = control_plane.accept().await;
    assert_eq!((subscribe.resume, subscribe.bucket_digests.len()), (Some(version(2)), DIGEST_BUCKETS));
}

#[tokio::test]
async fn another_cluster_and_a_stale_replica_are_left_for_the_next_control_plane() {
    let [a, _] = resources();
    let good = full(5, std::slice::from_ref(&a));
    for wrong in [
        pb::DiscoveryResponse { cluster_id: "c2".into(), ..full(6, &[]) },
        pb::DiscoveryResponse { version: Some(pb::Version { epoch: 9, sequence: 1 }), revision: 4, ..full(6, &[]) },
    ] {
        let (mut first, mut second) = (ControlPlane::start().await, ControlPlane::start().await);
        let mut data_plane = DataPlane::start(&[first.uri(), second.uri()], None);
        let (mut stream, _) = first.accept().await;
        stream.accepted(good.clone()).await;
        stream.refused(wrong).await;
        stream.left().await;

        let (_stream, subscribe) = second.accept().await;
        assert_eq!((&*subscribe.cluster_id, subscribe.revision), ("c1", 5));
        data_plane.status(|status| status.connected == Some(second.uri())).await;
        assert!(data_plane.serves("a.test"));
    }
}

#[tokio::test]
async fn a_control_plane_that_refuses_the_data_plane_is_passed_over() {
    let (mut first, mut second) = (ControlPlane::start().await, ControlPlane::start().await);
    let data_plane = DataPlane::start(&[first.uri(), second.uri()], None);
    let (stream, _) = first.accept().await;
    stream.fail(GrpcStatus::failed_precondition("another cluster")).await;
    let (mut stream, _) = second.accept().await;
    stream.accepted(full(1, &resources())).await;
    assert!(data_plane.serves("a.test"));
}

#[tokio::test]
async fn it_fails_over_and_comes_back_with_what_it_holds() {
    let (mut first, mut second) = (ControlPlane::start().await, ControlPlane::start().await);
    let mut data_plane = DataPlane::start(&[nowhere(), first.uri(), second.uri()], None);
    let (mut stream, _) = first.accept().await;
    stream.accepted(full(1, &resources())).await;
    let address = first.address();
    first.stop(stream).await;

    let (mut stream, subscribe) = second.accept().await;
    assert_eq!((subscribe.resume, subscribe.bucket_digests.len()), (Some(version(1)), DIGEST_BUCKETS));
    assert!(data_plane.serves("a.test"), "the table outlives the control plane");
    let [_, b] = resources();
    stream.accepted(delta(2, &[], &["a"], std::slice::from_ref(&b))).await;
    second.stop(stream).await;
    data_plane.status(|status| status.connected.is_none()).await;
    assert!(data_plane.serves("b.test"));

    let mut first = ControlPlane::start_on(address).await;
    let (_stream, subscribe) = first.accept().await;
    assert_eq!(subscribe.resume, Some(version(2)));
}

#[tokio::test]
async fn it_boots_from_its_cache_without_a_control_plane_and_resumes_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut control_plane = ControlPlane::start().await;
    let data_plane = DataPlane::start(&[control_plane.uri()], Some(directory.path()));
    let (mut stream, _) = control_plane.accept().await;
    let [a, b] = resources();
    stream.accepted(full(1, &[a.clone(), b.clone()])).await;
    stream.accepted(delta(2, &[], &["b"], std::slice::from_ref(&a))).await;
    data_plane.stop().await.unwrap();
    drop(stream);

    let mut alone = DataPlane::start(&[nowhere()], Some(directory.path()));
    let status = alone.status(Status::is_ready).await;
    assert_eq!((status.source, status.table.stamp().unwrap().revision), (Source::Cache, 2));
    assert!(alone.serves("a.test") && !alone.serves("b.test"));
    alone.stop().await.unwrap();

    let mut back = DataPlane::start(&[control_plane.uri()], Some(directory.path()));
    let (mut stream, subscribe) = control_plane.accept().await;
    assert!(back.serves("a.test"));
    assert_eq!((&*subscribe.cluster_id, subscribe.resume, subscribe.revision), ("c1", Some(version(2)), 2));
    assert_eq!(subscribe.bucket_digests[bucket_of(&a.name)], a.digest);
    stream.accepted(delta(3, std::slice::from_ref(&b), &[], &[a, b.clone()])).await;
    assert_eq!(back.status(|status| status.accepted == 1).await.source, Source::ControlPlane);
}

#[tokio::test]
async fn a_damaged_cache_is_ignored_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("snapshot");
    fs::write(&file, "not a snapshot").unwrap();
    let mut control_plane = ControlPlane::start().await;
    let data_plane = DataPlane::start(&[control_plane.uri()], Some(directory.path()));
    let (mut stream, subscribe) = control_plane.accept().await;
    assert_eq!((subscribe.resume, subscribe.cluster_id), (None, String::new()));
    stream.accepted(full(1, &resources())).await;
    data_plane.stop().await.unwrap();
    assert!(fs::read(&file).unwrap().starts_with(b"GWYSNAP\n"));
}

#[tokio::test]
async fn a_cache_directory_that_cannot_be_used_ends_it_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let data_plane = DataPlane::start(&[nowhere()], Some(file.path()));
    let failure = timeout(SOON, data_plane.task).await.unwrap().unwrap().unwrap_err();
    assert!(failure.to_string().contains("--cache-dir"), "{failure}");
}

#[tokio::test]
async fn a_large_snapshot_is_applied_too() {
    let mut control_plane = ControlPlane::start().await;
    let data_plane = DataPlane::start(&[control_plane.uri()], None);
    let (mut stream, _) = control_plane.accept().await;
    let many: Vec<_> = (0..1500).map(|at| resource(&format!("s{at}"), &[&format!("s{at}.test")], 1)).collect();
    stream.accepted(full(1, &many)).await;
    assert!(data_plane.serves("s1499.test"));
    let mut bad = many.clone();
    bad.push(resource("thief", &["s7.test"], 1));
    let violations = stream.refused(full(2, &bad)).await;
    assert_eq!(
        violations,
        ["the host s7.test is claimed by services/s7, services/thief; a host belongs to one service"]
    );
    assert!(data_plane.serves("s7.test"));
}

#[tokio::test]
async fn it_ends_when_told_while_no_control_plane_answers() {
    // Accepts connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = silent.local_addr().unwrap();
    let data_plane = DataPlane::start(&[format!("http://{address}").parse().unwrap()], None);
    data_plane.stop().await.unwrap();
}

#[tokio::test]
async fn a_control_plane_that_falls_silent_is_left_for_the_next() {
    let (mut first, mut second) = (ControlPlane::start().await, ControlPlane::start().await);
    let (relay, freeze) = relay(first.address()).await;
    let silence = Duration::from_millis(500);
    let patience = Patience { silence, ..Patience::default() };
    let data_plane = DataPlane::start_with(patience, &[relay, second.uri()], None);
    let (mut stream, _) = first.accept().await;
    stream.accepted(full(1, &resources())).await;
    freeze.cancel();
    let (_stream, subscribe) = second.accept().await;
    assert_eq!(subscribe.resume, Some(version(1)));
    assert!(data_plane.serves("a.test"));
}

#[tokio::test]
async fn a_control_plane_that_never_answers_is_left_for_the_next() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_uri = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let mut second = ControlPlane::start().await;
    let patience = Patience { open: Duration::from_millis(500), ..Patience::default() };
    let _data_plane = DataPlane::start_with(patience, &[silent_uri, second.uri()], None);
    second.accept().await;
}
