//! A control plane whose desired state and health a test sets, and data planes for it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

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
    Status, Streaming,
    transport::{Channel, Server},
};

use crate::{
    grpc::{admin::Admin, discovery::Discovery},
    health::{Health, HealthView},
    leases::office::Office,
    listener::accept_speaking,
    observed::Observed,
    registry::{
        model::{Desired, Record, Service},
        sample,
    },
    snapshot::{Snapshot, digest::bucket_of, nodes::Nodes, publisher::Publisher, sample::heard},
    store::{Store, memory::MemoryStore},
};

/// A control plane without a registry and without probes: tests say what is desired and healthy.
pub(super) struct ControlPlane {
    pub(super) desired: watch::Sender<Desired>,
    pub(super) health: watch::Sender<HealthView>,
    pub(super) published: watch::Receiver<Arc<Snapshot>>,
    pub(super) nodes: Arc<Nodes>,
    pub(super) channel: Channel,
    pub(super) stop: CancellationToken,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl ControlPlane {
    pub(super) async fn start(epoch: u64, desired: Desired, health: HealthView) -> Self {
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
            insecure: true,
            refused: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let queries = Arc::default();
        let office = Office::open(|| tokio::time::Instant::now().into_std());
        let (shown, asked) = (Arc::clone(&nodes), Arc::clone(&queries));
        let discovery = Discovery::server(published.clone(), shown, asked, office, stop.clone());
        let server = Server::builder()
            .add_service(discovery)
            .add_service(Admin::server(observed, queries, stop.clone()))
            .serve_with_incoming_shutdown(
                accept_speaking(listener, 1000, stop.clone()),
                stop.clone().cancelled_owned(),
            );
        let server = tokio::spawn(async { server.await.unwrap() });
        let publisher = tokio::spawn(publisher.run(stop.clone()));
        let tasks = [AbortOnDropHandle::new(server), AbortOnDropHandle::new(publisher)];
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self { desired, health, published, nodes, channel, stop, _tasks: tasks }
    }

    /// Registers a service with one endpoint, which is healthy.
    pub(super) fn register(&self, name: &str) -> u64 {
        self.health.send_modify(|view| heard(view, name, ADDRESS, Some(ADDRESS), Health::Healthy));
        self.register_unprobed(name)
    }

    pub(super) fn register_unprobed(&self, name: &str) -> u64 {
        self.desired.send_modify(|desired| put(desired, name));
        self.desired.borrow().revision.0
    }

    pub(super) fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone())
    }

    pub(super) async fn wait(
        &self,
        revision: u64,
        services: &[&str],
        timeout: Duration,
    ) -> admin::WaitForRevisionResponse {
        let services = services.iter().map(ToString::to_string).collect();
        let request = admin::WaitForRevisionRequest { revision, services, timeout: Some(timeout.try_into().unwrap()) };
        self.admin().wait_for_revision(request).await.unwrap().into_inner()
    }
}

pub(super) const ADDRESS: &str = "10.0.0.1:80";
pub(super) const LONG: Duration = Duration::from_secs(20);
pub(super) const SHORT: Duration = Duration::from_millis(50);

pub(super) fn put(desired: &mut Desired, name: &str) {
    let service = Service { endpoints: vec![sample::endpoint(ADDRESS)], ..sample::service(name, &[]) };
    desired.put(Record::from(service));
    desired.revision = desired.revision.next();
}

pub(super) fn many(count: usize) -> (Desired, HealthView) {
    let (mut desired, mut view) = (Desired::default(), HealthView::new());
    for i in 0..count {
        put(&mut desired, &format!("s{i}"));
        heard(&mut view, &format!("s{i}"), ADDRESS, Some(ADDRESS), Health::Healthy);
    }
    (desired, view)
}

/// A data plane that holds resources by name.
pub(super) struct DataPlane {
    pub(super) id: String,
    pub(super) held: Option<(pb::Version, u64, BTreeMap<String, u64>)>,
    pub(super) requests: mpsc::Sender<pb::DiscoveryRequest>,
    pub(super) responses: Streaming<pb::DiscoveryResponse>,
}

impl DataPlane {
    pub(super) async fn connect(control: &ControlPlane, id: &str) -> Self {
        Self::resume(control, id, None).await
    }

    pub(super) async fn resume(
        control: &ControlPlane,
        id: &str,
        held: Option<(pb::Version, u64, BTreeMap<String, u64>)>,
    ) -> Self {
        let mut subscribe = pb::Subscribe {
            node: Some(pb::Node { id: id.into(), build: "test".into(), proxy_address: String::new() }),
            ..pb::Subscribe::default()
        };
        if let Some((version, revision, resources)) = &held {
            (subscribe.cluster_id, subscribe.resume, subscribe.revision) =
                ("cluster".into(), Some(*version), *revision);
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
    pub(super) async fn receive(&mut self) -> Result<pb::DiscoveryResponse, Option<Status>> {
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

    pub(super) async fn apply(&mut self, response: &pb::DiscoveryResponse) {
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
    pub(super) async fn reach(&mut self, revision: u64) -> pb::DiscoveryResponse {
        loop {
            let response = self.receive().await.unwrap();
            self.apply(&response).await;
            if response.revision == revision {
                return response;
            }
        }
    }

    /// Accepts whatever comes, in the background.
    pub(super) fn obey(mut self) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(async move {
            while let Ok(response) = self.receive().await {
                self.apply(&response).await;
            }
        }))
    }
}

pub(super) async fn open(
    control: &ControlPlane,
) -> (mpsc::Sender<pb::DiscoveryRequest>, Streaming<pb::DiscoveryResponse>) {
    let (requests, receiver) = mpsc::channel(4);
    let mut client = DiscoveryServiceClient::new(control.channel.clone());
    let responses = client.stream_snapshots(ReceiverStream::new(receiver)).await.unwrap();
    (requests, responses.into_inner())
}

pub(super) async fn send(requests: &mpsc::Sender<pb::DiscoveryRequest>, request: pb::discovery_request::Request) {
    let _ = requests.send(pb::DiscoveryRequest { request: Some(request) }).await;
}
