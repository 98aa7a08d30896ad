//! The stream to a control plane: one after the other, for ever.

use std::time::Duration;

use gateway_proto::{
    access::{Access, Channel},
    discovery::v1::{self as pb, discovery_request::Request, discovery_service_client as grpc},
};
use http::Uri;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status as GrpcStatus, Streaming, codec::CompressionEncoding};
use tracing::{error, info, warn};

use super::{
    apply::{Assembly, Refusal, Remedy},
    follower::Follower,
    itinerary::Itinerary,
    queries::Respondent,
};
use crate::table::{Stamp, Version};

/// The largest message that is read, in bytes. Control planes send far smaller ones.
const LARGEST_MESSAGE: usize = 64 << 20;

/// How long to wait for a control plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until a connection is made.
    pub(super) connect: Duration,
    /// Until its name is resolved, a connection made and a stream opened on it.
    pub(super) open: Duration,
    /// How long a connection may be silent before it is asked whether it lives, and then again.
    pub(super) silence: Duration,
    /// A stream that lived this long had been good: after it, the next try is at once.
    pub(super) good: Duration,
    /// Until it has read a refusal.
    pub(super) farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            open: Duration::from_secs(10),
            silence: Duration::from_secs(5),
            good: Duration::from_secs(1),
            farewell: Duration::from_secs(1),
        }
    }
}

/// Why a stream has ended.
enum End {
    /// It could not be opened.
    Unreachable(String),
    /// The control plane will not serve this data plane.
    Rejected(String),
    /// It was open, and is no more.
    Lost { reason: String, good: bool },
    /// This data plane refused a response and does not stay.
    Left(Remedy),
}

impl End {
    /// The end that the control plane, or the connection to it, has made.
    fn by(status: &GrpcStatus, other: impl FnOnce(String) -> Self) -> Self {
        match status.code() {
            // A token that is missing or wrong is named with what to do about it.
            Code::FailedPrecondition | Code::Unauthenticated | Code::PermissionDenied => {
                Self::Rejected(status.message().to_owned())
            }
            code => other(format!("{code:?}: {}", status.message())),
        }
    }
}

/// The way to the control planes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    /// Tried in turn.
    pub(super) control_planes: &'a [Uri],
    /// How to show them who asks.
    pub(super) access: &'a Access,
    /// How long to wait for them.
    pub(super) patience: Patience,
}

/// What else is done over the connection to a control plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Company<'a> {
    /// Answers operators.
    pub(super) respondent: &'a Respondent,
    /// Where others find the connection.
    pub(super) channels: &'a watch::Sender<Option<Channel>>,
}

/// Follows the control planes in turn, and never ends.
pub(super) async fn follow(way: Way<'_>, node: &pb::Node, follower: &mut Follower, company: Company<'_>) {
    let Way { control_planes, access, patience } = way;
    let mut itinerary = Itinerary::new(control_planes.len());
    loop {
        let wait = itinerary.wait(&mut rand::rng());
        sleep(wait).await;
        let Some(control_plane) = control_planes.get(itinerary.current()) else {
            // Configured without any: what the cache holds is served.
            return std::future::pending().await;
        };
        let end = Stream { follower, company, control_plane, access, patience }.run(node).await;
        company.channels.send_replace(None);
        follower.status().send_modify(|status| {
            status.connected = None;
            status.failures += 1;
        });
        match end {
            End::Unreachable(reason) => {
                warn!(%control_plane, reason, "cannot reach the control plane");
                itinerary.failed();
            }
            End::Rejected(reason) => {
                error!(%control_plane, reason, "the control plane refuses this data plane");
                itinerary.failed();
            }
            End::Lost { reason, good: true } => {
                warn!(%control_plane, reason, "lost the control plane");
                itinerary.lost();
            }
            End::Lost { reason, good: false } => {
                warn!(%control_plane, reason, "lost the control plane at once");
                itinerary.failed();
            }
            End::Left(Remedy::Leave) => itinerary.failed(),
            End::Left(Remedy::Stay | Remedy::Resubscribe | Remedy::StartOver) => itinerary.again(),
        }
    }
}

/// Says what is held, so that only what differs is sent. Where that is in doubt, it says only what
/// must not be mixed up with it.
fn subscribe(node: &pb::Node, follower: &Follower) -> pb::Subscribe {
    let state = follower.state();
    let node = Some(node.clone());
    let Some(Stamp { cluster_id, version: Version { epoch, sequence }, revision }) = state.stamp() else {
        return pb::Subscribe { node, ..Default::default() };
    };
    let held = pb::Subscribe { node, cluster_id: cluster_id.to_string(), revision: *revision, ..Default::default() };
    if follower.in_doubt() {
        return held;
    }
    let resume = Some(pb::Version { epoch: *epoch, sequence: *sequence });
    pb::Subscribe { resume, bucket_digests: state.buckets().to_vec(), ..held }
}

/// One stream to one control plane.
struct Stream<'a> {
    follower: &'a mut Follower,
    company: Company<'a>,
    control_plane: &'a Uri,
    access: &'a Access,
    patience: Patience,
}

impl Stream<'_> {
    async fn run(&mut self, node: &pb::Node) -> End {
        // One request is under way at a time: the subscription, then an answer to each response.
        let (requests, outgoing) = mpsc::channel(1);
        if requests.try_send(request(Request::Subscribe(subscribe(node, self.follower)))).is_err() {
            return End::Unreachable("there is no room for the subscription".into());
        }
        let open = self.patience.open;
        let (responses, channel) = match timeout(open, self.open(ReceiverStream::new(outgoing))).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(end)) => return end,
            Err(_) => return End::Unreachable(format!("no answer within {open:?}")),
        };
        let opened = Instant::now();
        info!(control_plane = %self.control_plane, "following");
        self.follower.status().send_modify(|status| {
            status.connected = Some(self.control_plane.clone());
            status.streams += 1;
        });
        // Tasks of their own, so that the snapshots are not concerned; they end with this stream.
        let Company { respondent, channels } = self.company;
        channels.send_replace(Some(channel.clone()));
        let _queries = AbortOnDropHandle::new(tokio::spawn(respondent.clone().serve(channel)));
        let good = self.patience.good;
        let lost = |reason| End::Lost { reason, good: opened.elapsed() >= good };
        match self.answer(responses, requests).await {
            Ok(remedy) => End::Left(remedy),
            Err(status) => End::by(&status, lost),
        }
    }

    async fn open(
        &self,
        requests: ReceiverStream<pb::DiscoveryRequest>,
    ) -> Result<(Streaming<pb::DiscoveryResponse>, Channel), End> {
        // Read for each stream, so that a new token is taken up.
        let (endpoint, bearer) = self.access.way(self.control_plane).map_err(End::Unreachable)?;
        let channel = endpoint
            .connect_timeout(self.patience.connect)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(self.patience.silence)
            .keep_alive_timeout(self.patience.silence)
            .keep_alive_while_idle(true)
            .connect()
            .await
            .map_err(|err| End::Unreachable(with_causes(&err)))?;
        let channel = Channel::new(channel, bearer);
        let mut client = grpc::DiscoveryServiceClient::new(channel.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(LARGEST_MESSAGE);
        let opened = client.stream_snapshots(requests).await;
        let opened = opened.map_err(|status| End::by(&status, End::Unreachable))?;
        Ok((opened.into_inner(), channel))
    }

    /// Answers each response, until one is so wrong that the stream is given up.
    async fn answer(
        &mut self,
        mut responses: Streaming<pb::DiscoveryResponse>,
        requests: mpsc::Sender<pb::DiscoveryRequest>,
    ) -> Result<Remedy, GrpcStatus> {
        let ended = || GrpcStatus::unavailable("it has ended the stream");
        let mut assembly = Assembly::default();
        loop {
            let chunk = responses.message().await?.ok_or_else(ended)?;
            let nonce = chunk.nonce;
            let outcome = match assembly.add(chunk) {
                Ok(None) => continue,
                Ok(Some(response)) => self.follower.accept(response).await,
                Err(refusal) => Err(refusal),
            };
            let (answer, remedy) = match outcome {
                Ok(()) => (Request::Ack(pb::Ack { nonce }), Remedy::Stay),
                Err(refusal) => self.refuse(nonce, refusal),
            };
            requests.send(request(answer)).await.map_err(|_| ended())?;
            match remedy {
                Remedy::Stay => {}
                Remedy::Resubscribe | Remedy::StartOver | Remedy::Leave => {
                    // To drop the stream at once might be to drop the refusal, too.
                    drop(requests);
                    let _ = timeout(self.patience.farewell, drain(responses)).await;
                    return Ok(remedy);
                }
            }
        }
    }

    fn refuse(&self, nonce: u64, refusal: Refusal) -> (Request, Remedy) {
        error!(control_plane = %self.control_plane, reason = %refusal, "refusing a response; the last good table stays");
        let remedy = refusal.remedy();
        let violations = refusal.violations();
        self.follower.status().send_modify(|status| {
            status.violations.clone_from(&violations);
            status.refused += 1;
        });
        (Request::Nack(pb::Nack { nonce, violations }), remedy)
    }
}

fn request(request: Request) -> pb::DiscoveryRequest {
    pb::DiscoveryRequest { request: Some(request) }
}

/// The control plane ends its side once it has read that ours has ended.
async fn drain(mut responses: Streaming<pb::DiscoveryResponse>) {
    while let Ok(Some(_)) = responses.message().await {}
}

/// A transport error says only "transport error" by itself.
fn with_causes(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        text.push_str(": ");
        text.push_str(&err.to_string());
        cause = err.source();
    }
    text
}
