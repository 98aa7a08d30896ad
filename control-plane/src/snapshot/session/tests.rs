use std::sync::Arc;

use gateway_proto::{DIGEST_BUCKETS, code::Reason, discovery::v1 as pb};
use proptest::prelude::*;

use super::{CHUNK_BYTES, Event, Session};
use crate::{
    registry::{model::Revision, purge::Target, sample::purge},
    snapshot::{Snapshot, Version, resource::of_purge, sample::snapshot},
};

/// A data plane that keeps to the contract.
#[derive(Default)]
struct DataPlane {
    held: Option<(Version, Vec<pb::Resource>)>,
    chunks: Vec<pb::DiscoveryResponse>,
}

impl DataPlane {
    fn subscribe(&self) -> pb::DiscoveryRequest {
        let mut subscribe = pb::Subscribe { node: Some(node()), ..pb::Subscribe::default() };
        if let Some((version, resources)) = &self.held {
            subscribe.cluster_id = "cluster".into();
            subscribe.resume = Some(super::wire_version(*version));
            subscribe.bucket_digests = vec![0; DIGEST_BUCKETS];
            for resource in resources {
                let sum = &mut subscribe.bucket_digests[bucket(&resource.name) as usize];
                *sum = sum.wrapping_add(resource.digest);
            }
        }
        request(pb::discovery_request::Request::Subscribe(subscribe))
    }

    /// Takes in a message; returns the nonce to answer once the response is complete.
    fn take_in(&mut self, response: pb::DiscoveryResponse) -> Option<u64> {
        let (last, nonce) = (response.last_chunk, response.nonce);
        self.chunks.push(response);
        if !last {
            return None;
        }
        let chunks = std::mem::take(&mut self.chunks);
        let first = &chunks[0];
        let version = |v: pb::Version| Version { epoch: v.epoch, sequence: v.sequence };
        let mut resources = match first.base {
            None => Vec::new(),
            Some(base) => {
                let (held, resources) = self.held.take().expect("a base that is held");
                assert_eq!(held, version(base));
                resources
            }
        };
        let replaced: Vec<u32> = chunks.iter().flat_map(|c| c.replaced_buckets.clone()).collect();
        resources.retain(|r| !replaced.contains(&bucket(&r.name)));
        for chunk in &chunks {
            assert_eq!((chunk.nonce, chunk.base, chunk.version), (nonce, first.base, first.version));
            resources.retain(|r| !chunk.removals.contains(&r.name) && chunk.upserts.iter().all(|u| u.name != r.name));
            resources.extend(chunk.upserts.iter().cloned());
        }
        let digest = resources.iter().fold(0u64, |sum, r| sum.wrapping_add(r.digest));
        assert_eq!(digest, chunks.last().unwrap().digest);
        self.held = Some((version(first.version.unwrap()), resources));
        Some(nonce)
    }

    fn contents(&self) -> Vec<(String, String)> {
        let resources = self.held.iter().flat_map(|(_, resources)| resources);
        let mut contents: Vec<_> = resources.map(|r| (r.name.clone(), format!("{:?}", r.body))).collect();
        contents.sort();
        contents
    }
}

fn bucket(name: &str) -> u32 {
    crate::snapshot::digest::bucket_of(name).into()
}

fn contents_of(snapshot: &Snapshot) -> Vec<(String, String)> {
    snapshot.resources.values().map(|r| (r.wire.name.clone(), format!("{:?}", r.wire.body))).collect()
}

fn node() -> pb::Node {
    pb::Node { id: "edge-1".into(), build: "1".into(), proxy_address: "0.0.0.0:80".into() }
}

fn request(request: pb::discovery_request::Request) -> pb::DiscoveryRequest {
    pb::DiscoveryRequest { request: Some(request) }
}

fn ack(nonce: u64) -> pb::DiscoveryRequest {
    request(pb::discovery_request::Request::Ack(pb::Ack { nonce }))
}

fn nack(nonce: u64, violations: &[&str]) -> pb::DiscoveryRequest {
    let violations = violations.iter().map(ToString::to_string).collect();
    request(pb::discovery_request::Request::Nack(pb::Nack { nonce, violations }))
}

/// Opens a stream and brings the data plane up to date.
fn in_sync(session: &mut Session, plane: &mut DataPlane) {
    session.on_request(plane.subscribe()).unwrap();
    settle(session, plane);
}

fn settle(session: &mut Session, plane: &mut DataPlane) {
    while let Some(response) = session.next_response() {
        if let Some(nonce) = plane.take_in(response) {
            session.on_request(ack(nonce)).unwrap();
        }
    }
}

#[test]
fn a_new_data_plane_gets_everything_and_then_only_what_changes() {
    let first = snapshot(1, 1, &[("a", "1"), ("b", "1"), ("c", "1")]);
    let mut session = Session::new(Arc::clone(&first));
    assert_eq!(session.next_response(), None, "nothing before it has subscribed");
    let mut plane = DataPlane::default();
    let Event::Subscribed { node, holds: None } = session.on_request(plane.subscribe()).unwrap() else { panic!() };
    assert_eq!(node.id, "edge-1");
    let full = session.next_response().unwrap();
    assert_eq!((full.base, full.upserts.len(), full.last_chunk), (None, 3, true));
    assert_eq!(session.next_response(), None, "one response at a time");
    let nonce = plane.take_in(full).unwrap();
    let acked = session.on_request(ack(nonce)).unwrap();
    assert_eq!(acked, Event::Acked { version: first.version, revision: Revision(1) });
    assert_eq!(session.next_response(), None);

    session.on_snapshot(snapshot(1, 2, &[("a", "2"), ("b", "1"), ("d", "1")]));
    let delta = session.next_response().unwrap();
    assert_eq!(delta.base, Some(super::wire_version(first.version)));
    assert_eq!(delta.upserts.len(), 2);
    assert_eq!(delta.removals, ["services/c"]);
}

#[test]
fn who_was_away_gets_the_purges_that_came_and_no_longer_holds_those_that_went() {
    let publish = |epoch, revisions: &[u64]| {
        let mut published = Snapshot::clone(&snapshot(epoch, 1, &[("a", "1")]));
        for revision in revisions {
            published.put(of_purge(&purge(*revision, Target::Host("a.test".into()))));
        }
        Session::new(Arc::new(published))
    };
    let mut plane = DataPlane::default();
    in_sync(&mut publish(1, &[2, 3]), &mut plane);
    // The control plane was restarted meanwhile, so that digests alone tell what differs.
    let mut session = publish(2, &[3, 4, 5]);
    session.on_request(plane.subscribe()).unwrap();
    let response = session.next_response().unwrap();
    let names: Vec<_> = response.upserts.iter().map(|resource| resource.name.clone()).collect();
    assert_eq!(names, ["purges/4", "purges/5"]);
    plane.take_in(response);
    let held: Vec<_> = plane.contents().into_iter().map(|(name, _)| name).collect();
    assert_eq!(held, ["purges/3", "purges/4", "purges/5", "services/a"]);
}

#[test]
fn what_is_published_while_an_answer_is_awaited_comes_together() {
    let mut session = Session::new(snapshot(1, 1, &[("a", "1")]));
    let mut plane = DataPlane::default();
    session.on_request(plane.subscribe()).unwrap();
    let nonce = plane.take_in(session.next_response().unwrap()).unwrap();
    for sequence in 2..=9 {
        session.on_snapshot(snapshot(1, sequence, &[("a", "1"), ("b", &sequence.to_string())]));
        assert_eq!(session.next_response(), None);
    }
    session.on_request(ack(nonce)).unwrap();
    let delta = session.next_response().unwrap();
    assert_eq!((delta.version.unwrap().sequence, delta.upserts.len()), (9, 1));
    plane.take_in(delta).unwrap();
}

#[test]
fn a_version_that_changes_no_resource_is_sent_empty_so_that_its_ack_registers() {
    let mut session = Session::new(snapshot(1, 1, &[("a", "1")]));
    let mut plane = DataPlane::default();
    in_sync(&mut session, &mut plane);
    session.on_snapshot(snapshot(1, 2, &[("a", "1")]));
    let empty = session.next_response().unwrap();
    assert_eq!((empty.upserts.len(), empty.removals.len(), empty.revision), (0, 0, 2));
}

#[test]
fn a_refused_response_is_sent_again_only_when_something_changed() {
    let good = snapshot(1, 1, &[("a", "1")]);
    let mut session = Session::new(Arc::clone(&good));
    let mut plane = DataPlane::default();
    in_sync(&mut session, &mut plane);
    session.on_snapshot(snapshot(1, 2, &[("a", "1"), ("bad", "1")]));
    let nonce = session.next_response().unwrap().nonce;
    let event = session.on_request(nack(nonce, &["services/bad: no"])).unwrap();
    assert_eq!(event, Event::Refused { violations: vec!["services/bad: no".into()] });
    assert_eq!(session.next_response(), None);
    session.on_snapshot(snapshot(1, 3, &[("a", "1"), ("bad", "1")]));
    assert_eq!(session.next_response(), None, "another version of the same content");
    session.on_snapshot(snapshot(1, 4, &[("a", "1"), ("bad", "2")]));
    let retry = session.next_response().unwrap();
    assert_eq!(retry.base, Some(super::wire_version(good.version)), "its last good table is the base");
    assert!(retry.nonce > nonce);
    let nonce = plane.take_in(retry).unwrap();
    session.on_request(ack(nonce)).unwrap();
    session.on_snapshot(snapshot(1, 5, &[("a", "1"), ("bad", "1")]));
    assert!(session.next_response().is_some(), "an accepted table wipes the refusal out");
}

#[test]
fn whoever_returns_after_a_restart_gets_only_the_buckets_that_differ() {
    let names: Vec<String> = (0..500).map(|i| format!("s{i}")).collect();
    let mut entries: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let mut plane = DataPlane::default();
    in_sync(&mut Session::new(snapshot(1, 7, &entries)), &mut plane);

    // The same content, published by another run: only the version is new.
    let mut session = Session::new(snapshot(2, 9, &entries));
    let event = session.on_request(plane.subscribe()).unwrap();
    let Event::Subscribed { holds: Some((Version { epoch: 1, sequence: 7 }, _)), .. } = event else {
        panic!("{event:?}")
    };
    let same = session.next_response().unwrap();
    assert_eq!((same.upserts.len(), same.replaced_buckets.len(), same.last_chunk), (0, 0, true));
    assert_eq!((same.base.unwrap().epoch, same.version.unwrap().epoch, same.revision), (1, 2, 9));
    let nonce = plane.take_in(same).unwrap();
    session.on_request(ack(nonce)).unwrap();

    entries[3].1 = "2";
    entries.remove(400);
    let target = snapshot(3, 10, &entries);
    let mut session = Session::new(Arc::clone(&target));
    session.on_request(plane.subscribe()).unwrap();
    let some = session.next_response().unwrap();
    assert_eq!(some.replaced_buckets.len(), 2);
    assert!(some.upserts.len() < 10, "{}", some.upserts.len());
    plane.take_in(some).unwrap();
    assert_eq!(plane.contents(), contents_of(&target));
}

#[test]
fn large_snapshots_travel_in_chunks_under_one_nonce() {
    let large = "x".repeat(CHUNK_BYTES / 3);
    let huge = "y".repeat(CHUNK_BYTES * 2);
    let entries = [("a", &*large), ("b", &large), ("c", &large), ("d", &huge), ("e", &large)];
    let target = snapshot(1, 1, &entries);
    let mut session = Session::new(Arc::clone(&target));
    let mut plane = DataPlane::default();
    session.on_request(plane.subscribe()).unwrap();
    let mut sizes = Vec::new();
    let nonce = loop {
        let chunk = session.next_response().unwrap();
        sizes.push(chunk.upserts.len());
        if !chunk.last_chunk {
            assert_eq!(chunk.digest, 0);
            assert_eq!(session.on_request(ack(chunk.nonce + 1)).unwrap_err().reason, Reason::Invalid);
            // The stream would end there; here another one takes its place.
            session = Session::new(Arc::clone(&target));
            session.on_request(plane.subscribe()).unwrap();
            sizes.clear();
            plane.chunks.clear();
            while let Some(chunk) = session.next_response() {
                sizes.push(chunk.upserts.len());
                plane.take_in(chunk);
            }
            break 1;
        }
    };
    assert_eq!(sizes, [2, 1, 1, 1]);
    session.on_request(ack(nonce)).unwrap();
    assert_eq!(plane.contents(), contents_of(&target));
}

#[test]
fn what_breaks_the_contract_ends_the_stream_with_the_right_reason() {
    let subscribe = |change: &dyn Fn(&mut pb::Subscribe)| {
        let mut subscribe = pb::Subscribe { node: Some(node()), ..pb::Subscribe::default() };
        change(&mut subscribe);
        let mut session = Session::new(snapshot(1, 5, &[("a", "1")]));
        session.on_request(request(pb::discovery_request::Request::Subscribe(subscribe))).map_err(|r| r.reason)
    };
    let version = Some(pb::Version { epoch: 1, sequence: 1 });
    assert!(subscribe(&|_| ()).is_ok());
    assert!(subscribe(&|s| (s.cluster_id, s.revision) = ("cluster".into(), 5)).is_ok());
    assert_eq!(subscribe(&|s| s.cluster_id = "other".into()), Err(Reason::WrongCluster));
    assert_eq!(subscribe(&|s| s.revision = 6), Err(Reason::StaleReplica));
    assert_eq!(subscribe(&|s| s.node = None), Err(Reason::Invalid));
    assert_eq!(subscribe(&|s| s.node.as_mut().unwrap().id.clear()), Err(Reason::Invalid));
    assert_eq!(subscribe(&|s| s.node.as_mut().unwrap().build = "x".repeat(2000)), Err(Reason::Invalid));
    assert_eq!(subscribe(&|s| (s.resume, s.bucket_digests) = (version, vec![0; 1023])), Err(Reason::Invalid));
    assert_eq!(subscribe(&|s| s.bucket_digests = vec![0; 3]), Err(Reason::Invalid));

    let mut session = Session::new(snapshot(1, 1, &[]));
    let invalid = |session: &mut Session, r| assert_eq!(session.on_request(r).unwrap_err().reason, Reason::Invalid);
    invalid(&mut session, ack(0));
    invalid(&mut session, pb::DiscoveryRequest { request: None });
    let plane = DataPlane::default();
    session.on_request(plane.subscribe()).unwrap();
    invalid(&mut session, plane.subscribe());
    invalid(&mut session, nack(1, &[]));
}

#[test]
fn of_many_long_violations_only_so_much_is_kept() {
    let mut session = Session::new(snapshot(1, 1, &[("a", "1")]));
    session.on_request(DataPlane::default().subscribe()).unwrap();
    let nonce = session.next_response().unwrap().nonce;
    let long = "ä".repeat(5000);
    let event = session.on_request(nack(nonce, &vec![&*long; 100])).unwrap();
    let Event::Refused { violations } = event else { panic!() };
    assert!(violations.len() == 32 && violations.iter().all(|v| v.chars().count() == 1024));
}

proptest! {
    /// Whatever is published, refused, cut off and resumed in whatever order, a data plane that
    /// answers ends with exactly what was published last.
    #[test]
    fn a_data_plane_that_answers_ends_in_sync(steps in proptest::collection::vec((0u8..10, 0u8..30, 0u8..3), 1..80)) {
        let mut entries = std::collections::BTreeMap::new();
        let (mut epoch, mut sequence) = (1, 1);
        let publish = |entries: &std::collections::BTreeMap<String, String>, epoch, sequence| {
            let entries: Vec<_> = entries.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
            snapshot(epoch, sequence, &entries)
        };
        let mut latest = publish(&entries, epoch, sequence);
        let mut session = Session::new(Arc::clone(&latest));
        let mut plane = DataPlane::default();
        session.on_request(plane.subscribe()).unwrap();
        for (step, name, content) in steps {
            match step {
                0..5 => {
                    sequence += 1;
                    match content {
                        0 => entries.remove(&format!("s{name}")),
                        _ => entries.insert(format!("s{name}"), content.to_string()),
                    };
                    latest = publish(&entries, epoch, sequence);
                    session.on_snapshot(Arc::clone(&latest));
                }
                5..8 => {
                    let Some(response) = session.next_response() else { continue };
                    if content == 0 {
                        session.on_request(nack(response.nonce, &["no"])).unwrap();
                    } else if let Some(nonce) = plane.take_in(response) {
                        session.on_request(ack(nonce)).unwrap();
                    }
                }
                _ => {
                    if step == 9 {
                        epoch += 1;
                        latest = publish(&entries, epoch, sequence);
                    }
                    session = Session::new(Arc::clone(&latest));
                    session.on_request(plane.subscribe()).unwrap();
                }
            }
        }
        // A refusal lasts until something changes.
        entries.insert("last".into(), "1".into());
        latest = publish(&entries, epoch, sequence + 1);
        session.on_snapshot(Arc::clone(&latest));
        settle(&mut session, &mut plane);
        prop_assert_eq!(plane.held.as_ref().map(|(version, _)| *version), Some(latest.version));
        prop_assert_eq!(plane.contents(), contents_of(&latest));
    }
}
