//! A control plane that does what a test tells it.

use std::{net::SocketAddr, time::Duration};

use gateway_proto::discovery::v1::{
    self as pb,
    discovery_request::Request,
    discovery_service_server::{DiscoveryService, DiscoveryServiceServer},
};
use http::Uri;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Response, Status, Streaming, transport::Server};

/// After this a test has failed.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Listens until it is stopped or dropped.
pub(crate) struct ControlPlane {
    address: SocketAddr,
    streams: mpsc::Receiver<Stream>,
    stop: DropGuard,
    task: JoinHandle<()>,
}

/// The questions to one data plane.
pub(crate) struct Questions {
    replies: Streaming<pb::QueryReply>,
    queries: mpsc::Sender<Result<pb::Query, Status>>,
}

/// One data plane's stream.
pub(crate) struct Stream {
    requests: Streaming<pb::DiscoveryRequest>,
    responses: mpsc::Sender<Result<pb::DiscoveryResponse, Status>>,
}

/// One data plane that shares limits.
pub(crate) struct Sharing {
    demands: Streaming<pb::LimitDemand>,
    leases: mpsc::Sender<Result<pb::LimitLease, Status>>,
}

/// Where what data planes open beside their snapshots goes; nowhere at an older control plane.
#[derive(Default)]
struct Beside {
    questions: Option<mpsc::Sender<Questions>>,
    sharing: Option<mpsc::Sender<Sharing>>,
}

struct Service {
    streams: mpsc::Sender<Stream>,
    beside: Beside,
}

#[tonic::async_trait]
impl DiscoveryService for Service {
    type StreamSnapshotsStream = ReceiverStream<Result<pb::DiscoveryResponse, Status>>;
    type AnswerQueriesStream = ReceiverStream<Result<pb::Query, Status>>;

    async fn answer_queries(
        &self,
        request: tonic::Request<Streaming<pb::QueryReply>>,
    ) -> Result<Response<Self::AnswerQueriesStream>, Status> {
        let Some(questions) = &self.beside.questions else { return Err(Status::unimplemented("what is this?")) };
        let (queries, outgoing) = mpsc::channel(8);
        let stream = Questions { replies: request.into_inner(), queries };
        questions.send(stream).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    type LeaseLimitsStream = ReceiverStream<Result<pb::LimitLease, Status>>;

    async fn lease_limits(
        &self,
        request: tonic::Request<Streaming<pb::LimitDemand>>,
    ) -> Result<Response<Self::LeaseLimitsStream>, Status> {
        let Some(sharing) = &self.beside.sharing else { return Err(Status::unimplemented("what is this?")) };
        let (leases, outgoing) = mpsc::channel(8);
        let stream = Sharing { demands: request.into_inner(), leases };
        sharing.send(stream).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn stream_snapshots(
        &self,
        request: tonic::Request<Streaming<pb::DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamSnapshotsStream>, Status> {
        let (responses, outgoing) = mpsc::channel(8);
        let stream = Stream { requests: request.into_inner(), responses };
        self.streams.send(stream).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

impl ControlPlane {
    pub(crate) async fn start() -> Self {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// One that asks questions, and the streams for them.
    pub(crate) async fn start_asking() -> (Self, mpsc::Receiver<Questions>) {
        let (sender, questions) = mpsc::channel(8);
        let beside = Beside { questions: Some(sender), sharing: None };
        (Self::serve(SocketAddr::from(([127, 0, 0, 1], 0)), beside).await, questions)
    }

    /// One that shares limits out, and the streams for that.
    pub(crate) async fn start_leasing() -> (Self, mpsc::Receiver<Sharing>) {
        let (sender, sharing) = mpsc::channel(8);
        let beside = Beside { questions: None, sharing: Some(sender) };
        (Self::serve(SocketAddr::from(([127, 0, 0, 1], 0)), beside).await, sharing)
    }

    pub(crate) async fn start_on(address: SocketAddr) -> Self {
        Self::serve(address, Beside::default()).await
    }

    async fn serve(address: SocketAddr, beside: Beside) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let service = DiscoveryServiceServer::new(Service { streams: sender, beside });
        let task = tokio::spawn(async move {
            let (server, incoming) = (Server::builder().add_service(service), TcpListenerStream::new(listener));
            server.serve_with_incoming_shutdown(incoming, stopped.cancelled_owned()).await.unwrap();
        });
        Self { address, streams, stop: stop.drop_guard(), task }
    }

    /// Ends this stream and every connection, and listens no more.
    pub(crate) async fn stop(self, stream: Stream) {
        drop((self.stop, self.streams, stream));
        timeout(SOON, self.task).await.expect("ends").unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn uri(&self) -> Uri {
        format!("http://{}", self.address).parse().unwrap()
    }

    /// The next stream, and what it subscribed with.
    pub(crate) async fn accept(&mut self) -> (Stream, pb::Subscribe) {
        let mut stream = timeout(SOON, self.streams.recv()).await.expect("a data plane comes").unwrap();
        match stream.request().await {
            Some(Request::Subscribe(subscribe)) => (stream, subscribe),
            other => panic!("subscribes first, not {other:?}"),
        }
    }
}

impl Questions {
    pub(crate) async fn ask(&self, id: u64, query: Option<pb::query::Query>) {
        self.queries.send(Ok(pb::Query { id, query })).await.unwrap();
    }

    pub(crate) async fn reply(&mut self) -> Option<pb::QueryReply> {
        timeout(SOON, self.replies.message()).await.expect("the data plane says something").ok().flatten()
    }

    /// Ends the stream with this status.
    pub(crate) async fn fail(self, status: Status) {
        self.queries.send(Err(status)).await.unwrap();
    }
}

impl Sharing {
    pub(crate) async fn lease(&self, lease: pb::LimitLease) {
        self.leases.send(Ok(lease)).await.unwrap();
    }

    /// What the data plane says next; nothing once it has ended its side.
    pub(crate) async fn demand(&mut self) -> Option<pb::LimitDemand> {
        timeout(SOON, self.demands.message()).await.expect("the data plane says something").ok().flatten()
    }

    /// Ends the stream with this status.
    pub(crate) async fn fail(self, status: Status) {
        self.leases.send(Err(status)).await.unwrap();
    }
}

impl Stream {
    async fn request(&mut self) -> Option<Request> {
        let message = timeout(SOON, self.requests.message()).await.expect("the data plane says something");
        message.ok().flatten().map(|message| message.request.expect("a kind of request"))
    }

    pub(crate) async fn send(&self, response: pb::DiscoveryResponse) {
        self.responses.send(Ok(response)).await.unwrap();
    }

    /// Ends the stream with this status.
    pub(crate) async fn fail(self, status: Status) {
        self.responses.send(Err(status)).await.unwrap();
    }

    /// Sends the response, which is to be accepted.
    pub(crate) async fn accepted(&mut self, response: pb::DiscoveryResponse) {
        let nonce = response.nonce;
        self.send(response).await;
        assert_eq!(self.request().await, Some(Request::Ack(pb::Ack { nonce })));
    }

    /// Sends the response, which is to be refused; returns why.
    pub(crate) async fn refused(&mut self, response: pb::DiscoveryResponse) -> Vec<String> {
        let expected = response.nonce;
        self.send(response).await;
        match self.request().await {
            Some(Request::Nack(pb::Nack { nonce, violations })) if nonce == expected => violations,
            other => panic!("refuses nonce {expected}, not {other:?}"),
        }
    }

    /// The data plane ends its side.
    pub(crate) async fn left(mut self) {
        assert_eq!(self.request().await, None);
    }
}
