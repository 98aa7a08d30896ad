//! Real clients over real sockets against the discovery and the admin service.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use gateway_proto::{
    DIGEST_BUCKETS,
    admin::v1::{self as admin, admin_service_client::AdminServiceClient},
    discovery::v1::{self as pb, discovery_service_client::DiscoveryServiceClient},
};
use jiff::Timestamp;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Server},
};

use super::{admin::Admin, discovery::Discovery};
use crate::{
    listener::accept_speaking,
    health::{Health, HealthView},
    observed::Observed,
    registry::{
        model::{Desired, Service},
        sample,
    },
    snapshot::{Snapshot, digest::bucket_of, nodes::Nodes, publisher::Publisher, sample::heard},
    store::{Store, memory::MemoryStore},
};

/// A control plane without a registry and without probes: tests say what is desired and healthy.
struct ControlPlane {
    desired: watch::Sender<Desired>,
    health: watch::Sender<HealthView>,
    published: watch::Receiver<Arc<Snapshot>>,
    nodes: Arc<Nodes>,
    channel: Channel,
    stop: CancellationToken,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl ControlPlane {
    async fn start(epoch: u64, desired: Desired, health: HealthView) -> Self {
        let (desired, health) = (watch::Sender::new(desired), watch::Sender::new(health));
        let (publisher, published) = Publisher::new("cluster".into(), epoch, desired.subscribe(), health.subscribe());
        let nodes = Nodes::new(Timestamp::now);
        let stop = CancellationToken::new();
        let observed = Observed {
            started_at: Timestamp::now(),
            loaded_revision: desired.borrow().revision,
            desired: desired.subscribe(),
            health: health.subscribe(),
            published: published.clone(),
            nodes: Arc::clone(&nodes),
            probes: Arc::default(),
            store: Arc::new(MemoryStore::new("cluster").unwrap()) as Arc<dyn Store>,
            store_failure: watch::Sender::new(None).subscribe(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder()
            .add_service(Discovery::server(published.clone(), Arc::clone(&nodes), stop.clone()))
            .add_service(Admin::server(observed, stop.clone()))
            .serve_with_incoming_shutdown(accept_speaking(listener, stop.clone()), stop.clone().cancelled_owned());
        let server = tokio::spawn(async { server.await.unwrap() });
        let publisher = tokio::spawn(publisher.run(stop.clone()));
        let tasks = [AbortOnDropHandle::new(server), AbortOnDropHandle::new(publisher)];
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self { desired, health, published, nodes, channel, stop, _tasks: tasks }
    }

    /// Registers a service with one endpoint, which is healthy.
    fn register(&self, name: &str) -> u64 {
        self.health.send_modify(|view| heard(view, name, ADDRESS, Some(ADDRESS), Health::Healthy));
        self.register_unprobed(name)
    }

    fn register_unprobed(&self, name: &str) -> u64 {
        self.desired.send_modify(|desired| put(desired, name));
        self.desired.borrow().revision.0
    }

    fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone())
    }

    async fn wait(&self, revision: u64, services: &[&str], timeout: Duration) -> admin::WaitForRevisionResponse {
        let services = services.iter().map(ToString::to_string).collect();
        let request = admin::WaitForRevisionRequest { revision, services, timeout: Some(timeout.try_into().unwrap()) };
        self.admin().wait_for_revision(request).await.unwrap().into_inner()
    }
}

const ADDRESS: &str = "10.0.0.1:80";
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

fn put(desired: &mut Desired, name: &str) {
    let service = Service { endpoints: vec![sample::endpoint(ADDRESS)], ..sample::service(name, &[]) };
    desired.put(Arc::new(service));
    desired.revision = desired.revision.next();
}

fn many(count: usize) -> (Desired, HealthView) {
    let (mut desired, mut view) = (Desired::default(), HealthView::new());
    for i in 0..count {
        put(&mut desired, &format!("s{i}"));
        heard(&mut view, &format!("s{i}"), ADDRESS, Some(ADDRESS), Health::Healthy);
    }
    (desired, view)
}

/// A data plane that holds resources by name.
struct DataPlane {
    id: String,
    held: Option<(pb::Version, u64, BTreeMap<String, u64>)>,
    requests: mpsc::Sender<pb::DiscoveryRequest>,
    responses: Streaming<pb::DiscoveryResponse>,
}

impl DataPlane {
    async fn connect(control: &ControlPlane, id: &str) -> Self {
        Self::resume(control, id, None).await
    }

    async fn resume(
        control: &ControlPlane,
        id: &str,
        held: Option<(pb::Version, u64, BTreeMap<String, u64>)>,
    ) -> Self {
        let mut subscribe = pb::Subscribe {
            node: Some(pb::Node { id: id.into(), build: "test".into(), proxy_address: String::new() }),
            ..pb::Subscribe::default()
        };
        if let Some((version, revision, resources)) = &held {
            (subscribe.cluster_id, subscribe.resume, subscribe.revision) = ("cluster".into(), Some(*version), *revision);
            subscribe.bucket_digests = vec![0; DIGEST_BUCKETS];
            for (name, digest) in resources {
                let sum = &mut subscribe.bucket_digests[usize::from(bucket_of(name))];
                *sum = sum.wrapping_add(*digest);
            }
        }
        let (requests, responses) = open(control).await;
        send(&requests, pb::discovery_request::Request::Subscribe(subscribe)).await;
        Self { id: id.into(), held, requests, responses }
    }

    /// Receives a whole response and puts it to use; `Err` is how the stream ended.
    async fn receive(&mut self) -> Result<pb::DiscoveryResponse, Option<Status>> {
        let mut whole: Option<pb::DiscoveryResponse> = None;
        loop {
            let message = tokio::time::timeout(LONG, self.responses.message()).await.expect("a response in time");
            let chunk = message.map_err(Some)?.ok_or(None)?;
            let last = chunk.last_chunk;
            whole = Some(match whole {
                None => chunk,
                Some(mut whole) => {
                    whole.upserts.extend(chunk.upserts);
                    whole.removals.extend(chunk.removals);
                    whole.digest = chunk.digest;
                    whole
                }
            });
            if last && let Some(whole) = whole {
                return Ok(whole);
            }
        }
    }

    async fn apply(&mut self, response: &pb::DiscoveryResponse) {
        let mut resources = match (&response.base, self.held.take()) {
            (Some(base), Some((version, _, resources))) => {
                assert_eq!(*base, version);
                resources
            }
            (Some(_), None) => panic!("a delta to nothing"),
            (None, _) => BTreeMap::new(),
        };
        resources.retain(|name, _| !response.replaced_buckets.contains(&bucket_of(name).into()));
        resources.retain(|name, _| !response.removals.contains(name));
        resources.extend(response.upserts.iter().map(|resource| (resource.name.clone(), resource.digest)));
        let digest = resources.values().fold(0u64, |sum, digest| sum.wrapping_add(*digest));
        assert_eq!(digest, response.digest);
        self.held = Some((response.version.unwrap(), response.revision, resources));
        send(&self.requests, pb::discovery_request::Request::Ack(pb::Ack { nonce: response.nonce })).await;
    }

    /// Receives and accepts until it holds this revision; returns what the last response held.
    async fn reach(&mut self, revision: u64) -> pb::DiscoveryResponse {
        loop {
            let response = self.receive().await.unwrap();
            self.apply(&response).await;
            if response.revision == revision {
                return response;
            }
        }
    }

    /// Accepts whatever comes, in the background.
    fn obey(mut self) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(async move {
            while let Ok(response) = self.receive().await {
                self.apply(&response).await;
            }
        }))
    }
}

async fn open(control: &ControlPlane) -> (mpsc::Sender<pb::DiscoveryRequest>, Streaming<pb::DiscoveryResponse>) {
    let (requests, receiver) = mpsc::channel(4);
    let mut client = DiscoveryServiceClient::new(control.channel.clone());
    let responses = client.stream_snapshots(ReceiverStream::new(receiver)).await.unwrap();
    (requests, responses.into_inner())
}

async fn send(requests: &mpsc::Sender<pb::DiscoveryRequest>, request: pb::discovery_request::Request) {
    let _ = requests.send(pb::DiscoveryRequest { request: Some(request) }).await;
}

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
        (pb::Subscribe { node: node.clone(), cluster_id: "other".into(), ..pb::Subscribe::default() }, Code::FailedPrecondition),
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
    let mut admin = control.admin();
    let node = admin.get_node(admin::GetNodeRequest { id: "edge".into() }).await.unwrap().into_inner().node.unwrap();
    let peer: SocketAddr = node.peer_address.parse().unwrap();
    assert!(node.connected && peer.ip().is_loopback() && node.revision == 2);
    let listed = admin.list_endpoints(admin::ListEndpointsRequest::default()).await.unwrap().into_inner().endpoints;
    let services: Vec<_> = listed.iter().map(|e| (e.service.as_str(), e.health().as_str_name())).collect();
    let healthy = "HEALTH_HEALTHY";
    assert_eq!(services, [("s0", healthy), ("s1", healthy), ("s1-new", "HEALTH_PENDING")]);
    let status = admin.get_status(admin::GetStatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.cluster_id.as_str(), status.revision, status.services), ("cluster", 3, 3));
    assert_eq!((status.endpoints_healthy, status.nodes_connected), (2, 1));
    drop(plane);
    assert!(control.wait(3, &[], LONG).await.done);
    let nodes = admin.list_nodes(admin::ListNodesRequest {}).await.unwrap().into_inner().nodes;
    assert!(nodes.len() == 1 && !nodes[0].connected && !nodes[0].in_sync);
}
