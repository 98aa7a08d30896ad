//! Real clients over real sockets against the discovery and the admin service.

mod harness;
mod leases;
mod queries;

use std::{net::SocketAddr, time::Duration};

use gateway_proto::{admin::v1 as admin, discovery::v1 as pb};
use tonic::Code;

use self::harness::{ADDRESS, ControlPlane, DataPlane, LONG, SHORT, many, open, send};
use crate::{
    health::{Health, HealthView},
    registry::{
        model::{Desired, Key},
        sample,
    },
    snapshot::{digest::bucket_of, sample::heard},
};

#[tokio::test]
async fn a_data_plane_gets_everything_then_changes_then_only_what_differs_after_a_restart() {
    let (desired, health) = many(200);
    let control = ControlPlane::start(1, desired, health).await;
    let mut plane = DataPlane::connect(&control, "edge").await;
    let full = plane.reach(200).await;
    assert_eq!((full.base, full.upserts.len()), (None, 200));
    let revision = control.register("new");
    let delta = plane.reach(revision).await;
    assert!(delta.base.is_some() && delta.upserts.len() == 1);

    let (desired, health) = (control.desired.borrow().clone(), control.health.borrow().clone());
    control.stop.cancel();
    let ended = plane.receive().await.unwrap_err().expect("a status");
    assert_eq!(ended.code(), Code::Unavailable);
    let held = plane.held.clone();

    // The same state and another epoch: nothing but the version travels.
    let control = ControlPlane::start(2, desired, health).await;
    let mut plane = DataPlane::resume(&control, "edge", held.clone()).await;
    let nothing = plane.reach(revision).await;
    assert_eq!((nothing.upserts.len(), nothing.replaced_buckets.len()), (0, 0));
    assert!(control.wait(revision, &[], LONG).await.done);

    // Behind by one change: its bucket travels.
    let revision = control.register("later");
    let mut plane = DataPlane::resume(&control, "edge", held).await;
    let some = plane.reach(revision).await;
    assert_eq!(some.replaced_buckets, [u32::from(bucket_of("services/later"))]);
    assert_eq!(plane.held.unwrap().2.len(), 202);
}

#[tokio::test]
async fn a_route_reaches_data_planes_and_leaves_them() {
    let (desired, health) = many(2);
    let control = ControlPlane::start(1, desired, health).await;
    let mut plane = DataPlane::connect(&control, "edge").await;
    plane.reach(2).await;
    let change = |change: &dyn Fn(&mut Desired)| {
        control.desired.send_modify(|desired| {
            change(desired);
            desired.revision = desired.revision.next();
        });
    };
    change(&|desired| drop(desired.put(sample::route("r", &["x.test"], "/", "s0").into())));
    let delta = plane.reach(3).await;
    let [resource] = &delta.upserts[..] else { panic!("{delta:?}") };
    let Some(pb::resource::Body::Route(route)) = &resource.body else { panic!("{resource:?}") };
    assert_eq!((resource.name.as_str(), route.hosts.join(",")), ("routes/r", "x.test".to_owned()));
    change(&|desired| drop(desired.remove(&Key::Route(sample::route_name("r")))));
    let delta = plane.reach(4).await;
    assert_eq!((delta.upserts.len(), delta.removals), (0, vec!["routes/r".to_owned()]));
}

#[tokio::test]
async fn changes_coalesce_while_a_data_plane_is_slow() {
    let (desired, health) = many(3);
    let control = ControlPlane::start(1, desired, health).await;
    let mut plane = DataPlane::connect(&control, "slow").await;
    let first = plane.receive().await.unwrap();
    let revisions: Vec<u64> = (0..50).map(|i| control.register(&format!("burst{i}"))).collect();
    let last = *revisions.last().unwrap();
    control.published.clone().wait_for(|snapshot| snapshot.revision.0 == last).await.unwrap();
    plane.apply(&first).await;
    let second = plane.receive().await.unwrap();
    assert_eq!((second.revision, second.upserts.len()), (last, 50));
}

#[tokio::test]
async fn a_refusal_is_shown_and_retried_only_after_a_change() {
    let (desired, health) = many(1);
    let control = ControlPlane::start(1, desired, health).await;
    let mut plane = DataPlane::connect(&control, "picky").await;
    let good = plane.reach(1).await;
    let revision = control.register("bad");
    let bad = loop {
        let response = plane.receive().await.unwrap();
        if response.revision == revision {
            break response;
        }
        plane.apply(&response).await;
    };
    let nack = pb::Nack { nonce: bad.nonce, violations: vec!["services/bad: no".into()] };
    send(&plane.requests, pb::discovery_request::Request::Nack(nack)).await;
    let waited = control.wait(revision, &[], SHORT).await;
    assert!(!waited.done);
    let [behind] = &waited.nodes_behind[..] else { panic!("{waited:?}") };
    assert_eq!(behind.node.as_ref().unwrap().id, "picky");
    assert_eq!((&behind.violations[..], behind.in_sync), (&["services/bad: no".to_owned()][..], false));
    let revision = control.register("better");
    let retry = plane.receive().await.unwrap();
    assert_eq!((retry.base, retry.upserts.len()), (good.version, 2));
    plane.apply(&retry).await;
    assert!(control.wait(revision, &[], LONG).await.done);
    assert!(control.nodes.get("picky").unwrap().violations.is_empty());
}

#[tokio::test]
async fn waiting_ends_when_everyone_serves_the_verdicts_too() {
    let control = ControlPlane::start(1, Desired::default(), HealthView::new()).await;
    assert!(control.wait(0, &[], LONG).await.done, "nobody is connected");
    let planes = [DataPlane::connect(&control, "a").await.obey(), DataPlane::connect(&control, "b").await.obey()];
    // The streams are open before anything is waited for.
    let mut changes = control.nodes.changes();
    while control.nodes.list().len() < 2 {
        changes.changed().await.unwrap();
    }
    let revision = control.register_unprobed("shop");
    assert!(control.wait(revision, &[], LONG).await.done);
    let waited = control.wait(revision, &["shop", "no-such-service", "NOT A NAME"], SHORT).await;
    assert!(!waited.done, "the endpoint has no verdict");
    assert_eq!((waited.nodes_behind.len(), waited.nodes_in_sync.len(), waited.endpoints.len()), (0, 2, 1));

    // However often it is named.
    let waited = control.wait(revision, &["shop"; 50], SHORT).await;
    assert_eq!((waited.done, waited.endpoints.len()), (false, 1));

    // Whoever waits already is told as soon as the verdict is served.
    let waiting = control.wait(revision, &["shop"], LONG);
    let verdict = async {
        control.health.send_modify(|view| heard(view, "shop", ADDRESS, Some(ADDRESS), Health::Healthy));
    };
    let (waited, ()) = tokio::join!(waiting, verdict);
    assert!(waited.done);
    assert_eq!(waited.nodes_in_sync, ["a", "b"]);
    assert_eq!(waited.endpoints[0].health(), gateway_proto::registry::v1::Health::Healthy);

    // Whoever leaves is waited for no longer.
    let silent = DataPlane::connect(&control, "silent").await;
    while control.nodes.list().len() < 3 {
        changes.changed().await.unwrap();
    }
    let revision = control.register("more");
    let left = async { drop(silent) };
    let (waited, ()) = tokio::join!(control.wait(revision, &[], LONG), left);
    assert!(waited.done);
    drop(planes);
}

#[tokio::test]
async fn the_newest_stream_of_an_id_ends_the_older_one() {
    let (desired, health) = many(1);
    let control = ControlPlane::start(1, desired, health).await;
    let mut old = DataPlane::connect(&control, "twin").await;
    old.reach(1).await;
    let mut new = DataPlane::connect(&control, "twin").await;
    new.reach(1).await;
    assert_eq!(old.receive().await.unwrap_err().expect("a status").code(), Code::Aborted);
    assert_eq!((control.nodes.list().len(), new.id.as_str()), (1, "twin"));
}

#[tokio::test]
async fn what_breaks_the_contract_gets_the_right_status() {
    let (desired, health) = many(1);
    let control = ControlPlane::start(1, desired, health).await;
    let (requests, mut responses) = open(&control).await;
    send(&requests, pb::discovery_request::Request::Ack(pb::Ack { nonce: 1 })).await;
    assert_eq!(responses.message().await.unwrap_err().code(), Code::InvalidArgument);
    let node = Some(pb::Node { id: "edge".into(), ..pb::Node::default() });
    for (subscribe, code) in [
        (
            pb::Subscribe { node: node.clone(), cluster_id: "other".into(), ..pb::Subscribe::default() },
            Code::FailedPrecondition,
        ),
        (pb::Subscribe { node, revision: 99, ..pb::Subscribe::default() }, Code::FailedPrecondition),
        (pb::Subscribe::default(), Code::InvalidArgument),
    ] {
        let (requests, mut responses) = open(&control).await;
        send(&requests, pb::discovery_request::Request::Subscribe(subscribe)).await;
        assert_eq!(responses.message().await.unwrap_err().code(), code);
    }
    let mut admin = control.admin();
    let unknown = admin.get_node(admin::GetNodeRequest { id: "edge".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let unknown = admin.list_endpoints(admin::ListEndpointsRequest { service: "no".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let timeout = Some(prost_types::Duration { seconds: 601, nanos: 0 });
    let request = admin::WaitForRevisionRequest { revision: 0, services: Vec::new(), timeout };
    assert_eq!(admin.wait_for_revision(request).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn operators_see_nodes_endpoints_and_totals() {
    let (desired, health) = many(2);
    let control = ControlPlane::start(1, desired, health).await;
    let mut plane = DataPlane::connect(&control, "edge").await;
    plane.reach(2).await;
    assert!(control.wait(0, &[], LONG).await.done);
    control.register_unprobed("s1-new");
    control.desired.send_modify(|desired| drop(desired.put(sample::route("r", &["x.test"], "/", "s0").into())));
    control.desired.send_modify(|desired| drop(desired.put(sample::consumer("anna", &[]).into())));
    let mut admin = control.admin();
    let node = admin.get_node(admin::GetNodeRequest { id: "edge".into() }).await.unwrap().into_inner().node.unwrap();
    let peer: SocketAddr = node.peer_address.parse().unwrap();
    assert!(node.connected && peer.ip().is_loopback() && node.revision == 2);
    let listed = admin.list_endpoints(admin::ListEndpointsRequest::default()).await.unwrap().into_inner().endpoints;
    let services: Vec<_> = listed.iter().map(|e| (e.service.as_str(), e.health().as_str_name())).collect();
    let healthy = "HEALTH_HEALTHY";
    assert_eq!(services, [("s0", healthy), ("s1", healthy), ("s1-new", "HEALTH_PENDING")]);
    let status = admin.get_status(admin::GetStatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.cluster_id.as_str(), status.revision), ("cluster", 3));
    assert_eq!((status.services, status.routes, status.consumers), (3, 1, 1));
    assert_eq!((status.endpoints_healthy, status.nodes_connected), (2, 1));
    drop(plane);
    assert!(control.wait(3, &[], LONG).await.done);
    let nodes = admin.list_nodes(admin::ListNodesRequest {}).await.unwrap().into_inner().nodes;
    assert!(nodes.len() == 1 && !nodes[0].connected && !nodes[0].in_sync);
}

/// The aim is a few milliseconds; the bound leaves room for a busy machine and an unoptimised build.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_among_a_thousand_services_reaches_ten_data_planes_at_once() {
    let (desired, health) = many(1000);
    let control = ControlPlane::start(1, desired, health).await;
    let mut planes = Vec::new();
    for i in 0..10 {
        planes.push(DataPlane::connect(&control, &format!("edge{i}")).await.obey());
    }
    let mut changes = control.nodes.changes();
    while control.nodes.list().len() < 10 {
        changes.changed().await.unwrap();
    }
    assert!(control.wait(1000, &[], LONG).await.done);
    let mut times = Vec::new();
    for i in 0..31 {
        let begun = std::time::Instant::now();
        let revision = control.register(&format!("new{i}"));
        assert!(control.wait(revision, &[], LONG).await.done);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    println!("median {:?}, slowest {:?}", times[15], times[30]);
    assert!(times[15] < Duration::from_millis(100), "{times:?}");
}
