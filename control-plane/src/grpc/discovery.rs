//! The stream on which data planes learn what to serve: a thin shell around `snapshot::session`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gateway_proto::{code::Reason, discovery::v1 as pb};
use pb::discovery_service_server::{DiscoveryService, DiscoveryServiceServer};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    caller, leases,
    queries::{self, Queries},
    refuse,
};
use crate::{
    auth::token::TokenId,
    leases::office::Office,
    snapshot::{
        Snapshot,
        nodes::{Connected, Nodes, Refused},
        session::{Event, Refusal, Session},
    },
};

/// The largest request: a subscription takes 8 KiB of digests, a refusal some text, and an explanation
/// can hold a route and the policies of its services; what is asked of limits is below half a mebibyte.
const MAX_REQUEST: usize = 4 * 1024 * 1024;
/// How long a stream may take until it subscribes.
const SUBSCRIBE_WITHIN: Duration = Duration::from_secs(10);
/// Messages that wait for the connection to take them.
const QUEUED: usize = 1;

type Sender = mpsc::Sender<Result<pb::DiscoveryResponse, Status>>;

/// The discovery service.
#[derive(Debug)]
pub struct Discovery {
    published: watch::Receiver<Arc<Snapshot>>,
    nodes: Arc<Nodes>,
    queries: Arc<Queries>,
    office: Arc<Office>,
    stop: CancellationToken,
}

impl Discovery {
    /// Serves what is published, passes questions on, and shares limits out, until `stop`, which ends every stream.
    #[must_use]
    pub fn server(
        published: watch::Receiver<Arc<Snapshot>>,
        nodes: Arc<Nodes>,
        queries: Arc<Queries>,
        office: Arc<Office>,
        stop: CancellationToken,
    ) -> DiscoveryServiceServer<Self> {
        DiscoveryServiceServer::new(Self { published, nodes, queries, office, stop })
            .max_decoding_message_size(MAX_REQUEST)
    }

    fn claims<T>(&self, request: &Request<T>) -> Claims {
        Claims { nodes: Arc::clone(&self.nodes), token: caller(request).token }
    }
}

/// Under which ids the stream of a token may come.
pub(super) struct Claims {
    nodes: Arc<Nodes>,
    token: Option<TokenId>,
}

impl Claims {
    /// Refuses the id of a data plane of another token.
    pub(super) fn check(&self, id: &str) -> Result<(), Status> {
        self.nodes.check(id, self.token.as_ref()).map_err(|refused| refusal(id, refused))
    }
}

fn refusal(id: &str, refused: Refused) -> Status {
    match refused {
        Refused::Full => Status::resource_exhausted("too many data planes are connected to this control plane"),
        Refused::Taken => refuse(
            Reason::PermissionDenied,
            format!(
                "a data plane of another token is connected under the id \"{id}\"; give this one an id of its own by \
                 --node-id, or revoke the other token"
            ),
        ),
    }
}

#[tonic::async_trait]
impl DiscoveryService for Discovery {
    type AnswerQueriesStream = ReceiverStream<Result<pb::Query, Status>>;

    async fn answer_queries(
        &self,
        request: Request<Streaming<pb::QueryReply>>,
    ) -> Result<Response<Self::AnswerQueriesStream>, Status> {
        let (sender, receiver) = mpsc::channel(QUEUED);
        let claims = self.claims(&request);
        let (queries, stop) = (Arc::clone(&self.queries), self.stop.clone());
        let stream = queries::Stream { queries, claims, replies: request.into_inner(), stop };
        tokio::spawn(async move {
            if let Err(status) = stream.serve(&sender).await {
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    type LeaseLimitsStream = ReceiverStream<Result<pb::LimitLease, Status>>;

    async fn lease_limits(
        &self,
        request: Request<Streaming<pb::LimitDemand>>,
    ) -> Result<Response<Self::LeaseLimitsStream>, Status> {
        let (sender, receiver) = mpsc::channel(QUEUED);
        let claims = self.claims(&request);
        let (office, stop) = (Arc::clone(&self.office), self.stop.clone());
        let stream = leases::Stream { office, claims, demands: request.into_inner(), stop };
        tokio::spawn(async move {
            if let Err(status) = stream.serve(&sender).await {
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    type StreamSnapshotsStream = ReceiverStream<Result<pb::DiscoveryResponse, Status>>;

    async fn stream_snapshots(
        &self,
        request: Request<Streaming<pb::DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamSnapshotsStream>, Status> {
        let (peer, token) = (request.remote_addr(), caller(&request).token);
        let (responses, receiver) = mpsc::channel(QUEUED);
        let mut published = self.published.clone();
        let session = Session::new(published.borrow_and_update().clone());
        let stream = Stream {
            session,
            published,
            requests: request.into_inner(),
            nodes: Arc::clone(&self.nodes),
            peer,
            token,
            connected: None,
            stop: self.stop.clone(),
        };
        // It ends with the connection, for then either of its two ways to the data plane fails.
        tokio::spawn(async move {
            if let Err(status) = stream.serve(&responses).await {
                let _ = responses.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// One data plane's stream.
struct Stream {
    session: Session,
    published: watch::Receiver<Arc<Snapshot>>,
    requests: Streaming<pb::DiscoveryRequest>,
    nodes: Arc<Nodes>,
    peer: Option<SocketAddr>,
    token: Option<TokenId>,
    connected: Option<Connected>,
    stop: CancellationToken,
}

impl Stream {
    /// Serves until the data plane closes the stream, or says why it cannot go on.
    async fn serve(mut self, responses: &Sender) -> Result<(), Status> {
        let subscribe_by = Instant::now() + SUBSCRIBE_WITHIN;
        let mut waiting = None;
        // Never cancelled before the data plane is known.
        let mut replaced = CancellationToken::new();
        loop {
            // Also where another branch came first: a response is built from the latest.
            if self.published.has_changed().unwrap_or(false) {
                let latest = self.published.borrow_and_update().clone();
                self.session.on_snapshot(latest);
            }
            waiting = waiting.or_else(|| self.session.next_response());
            tokio::select! {
                () = self.stop.cancelled() => return Err(refuse(Reason::ShuttingDown, "the control plane is stopping")),
                () = replaced.cancelled() => {
                    return Err(Status::aborted("another stream has subscribed under the id of this data plane"));
                }
                () = tokio::time::sleep_until(subscribe_by), if self.connected.is_none() => {
                    return Err(Status::deadline_exceeded("the stream has not subscribed in time"));
                }
                request = self.requests.message() => {
                    let Some(request) = request? else { return Ok(()) };
                    self.take_in(request)?;
                    if let Some(connected) = &self.connected {
                        replaced = connected.replaced().clone();
                    }
                }
                changed = self.published.changed() => {
                    if changed.is_err() {
                        return Err(refuse(Reason::ShuttingDown, "the control plane is stopping"));
                    }
                    self.published.mark_changed();
                }
                permit = responses.reserve(), if waiting.is_some() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    if let Some(response) = waiting.take() {
                        permit.send(Ok(response));
                    }
                }
                () = responses.closed() => return Ok(()),
            }
        }
    }

    fn take_in(&mut self, request: pb::DiscoveryRequest) -> Result<(), Status> {
        let event = self.session.on_request(request).map_err(|Refusal { reason, message }| refuse(reason, message))?;
        match (event, &self.connected) {
            (Event::Subscribed { node, holds }, _) => {
                tracing::info!(node = %node.id, peer = ?self.peer, ?holds, "data plane subscribed");
                let id = node.id.clone();
                let connected = self.nodes.connect(node, self.peer, self.token.clone(), holds);
                self.connected = Some(connected.map_err(|refused| refusal(&id, refused))?);
            }
            (Event::Acked { version, revision }, Some(connected)) => connected.serves(version, revision),
            (Event::Refused { violations }, Some(connected)) => connected.refused(violations),
            // Nothing is sent before it has subscribed, so there is nothing to answer.
            (Event::Acked { .. } | Event::Refused { .. }, None) => {}
        }
        Ok(())
    }
}
