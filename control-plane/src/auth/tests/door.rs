//! A control plane with a door, and clients that show whatever a test wants.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use futures_util::Stream;
use gateway_proto::{
    access::{Bearer, Channel},
    token::Token,
};
use jiff::{SignedDuration, Timestamp};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic::{
    Code, Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{self, Endpoint, Server},
};

use crate::{
    auth::{
        AuthLayer, Authenticator, RefusedCalls,
        sample::{kept_as, token},
        token::{Kept, Role, TokenId},
    },
    grpc::{admin::Admin, auth::Auth, discovery::Discovery, registry::RegistryRpc},
    health::HealthView,
    leases::office::Office,
    listener::accept_speaking,
    observed::Observed,
    registry::{Registry, model::Revision},
    snapshot::{nodes::Nodes, publisher::Publisher},
    store::{AuditQuery, Batch, Store, TokenChange, TokenNote, memory::MemoryStore},
};

/// What a client shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown {
    Nothing,
    Nonsense,
    AnotherScheme,
    Unknown,
    WrongSecret,
    Revoked,
    Twice,
    Expired,
    Good(Role),
}

impl Shown {
    pub(super) const BAD: [Self; 8] = [
        Self::Nothing,
        Self::Nonsense,
        Self::AnotherScheme,
        Self::Unknown,
        Self::WrongSecret,
        Self::Revoked,
        Self::Twice,
        Self::Expired,
    ];

    /// The values of the `authorization` metadata.
    pub(super) fn header(self) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Nonsense => vec!["Bearer let me in".into()],
            Self::AnotherScheme => vec![format!("Basic {}", token(1).reveal())],
            Self::Unknown => bearer(&token(99)),
            Self::WrongSecret => bearer(&Token::from_bits(1, [1, 1, 1, 2])),
            Self::Revoked => bearer(&token(9)),
            Self::Twice => [bearer(&token(1)), bearer(&token(1))].concat(),
            Self::Expired => bearer(&token(8)),
            Self::Good(role) => bearer(&of(role)),
        }
    }
}

pub(super) fn bearer(token: &Token) -> Vec<String> {
    vec![format!("bEaReR {}", token.reveal())]
}

fn of(role: Role) -> Token {
    token(match role {
        Role::Viewer => 1,
        Role::DataPlane => 2,
        Role::Operator => 3,
        Role::Admin => 4,
    })
}

/// A control plane on memory, with everything that it serves.
pub(super) struct TestDoor {
    pub(super) store: Arc<dyn Store>,
    pub(super) refused: Arc<RefusedCalls>,
    pub(super) nodes: Arc<Nodes>,
    address: SocketAddr,
    channel: transport::Channel,
    insecure: bool,
    _health: watch::Sender<HealthView>,
    _stop: tokio_util::sync::DropGuard,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl TestDoor {
    pub(super) async fn start() -> Self {
        Self::with(false).await
    }

    pub(super) async fn insecure() -> Self {
        Self::with(true).await
    }

    /// Who asked for the latest changes, the newest first.
    pub(super) fn latest_actors(&self) -> Vec<String> {
        let query = AuditQuery { before: None, since: Timestamp::MIN, limit: 9 };
        self.store.audit(&query).unwrap().entries.into_iter().map(|(_, entry)| entry.actor).collect()
    }

    async fn with(insecure: bool) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new("cluster").unwrap());
        let expired = Kept { expires_at: Some(Timestamp::UNIX_EPOCH), ..Kept::clone(&kept_as(8, Role::Admin)) };
        let roles = [(1, Role::Viewer), (2, Role::DataPlane), (3, Role::Operator), (4, Role::Admin)];
        let mut notes: Vec<_> = roles.map(|(number, role)| TokenNote::First(kept_as(number, role))).to_vec();
        notes.push(TokenNote::First(Arc::new(expired)));
        let _ = store.note_tokens(notes).await;

        let (stop, refused) = (CancellationToken::new(), Arc::<RefusedCalls>::default());
        let (verdicts, health) = watch::channel(HealthView::new());
        let (publisher, published) = Publisher::new("cluster".into(), 1, store.desired(), health.clone());
        let nodes = Nodes::new(Timestamp::now);
        let observed = Observed {
            started_at: Timestamp::now(),
            loaded_revision: Revision(0),
            desired: store.desired(),
            health: health.clone(),
            published: published.clone(),
            nodes: Arc::clone(&nodes),
            probes: Arc::default(),
            store: Arc::clone(&store),
            store_failure: store.failure(),
            insecure,
            refused: Arc::clone(&refused),
        };
        let registry = Registry::open(Arc::clone(&store), Arc::new(Timestamp::now)).unwrap();
        let authenticator = Authenticator::new(Arc::clone(&store), Timestamp::now, Arc::clone(&refused));
        let authenticator = if insecure { authenticator.insecure() } else { authenticator };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let queries = Arc::default();
        let office = Office::open(|| tokio::time::Instant::now().into_std());
        let server = Server::builder()
            .layer(AuthLayer::new(authenticator))
            .add_service(Discovery::server(published, Arc::clone(&nodes), Arc::clone(&queries), office, stop.clone()))
            .add_service(RegistryRpc::server(registry, health, stop.clone()))
            .add_service(Admin::server(observed, queries, stop.clone()))
            .add_service(Auth::server(Arc::clone(&store), Timestamp::now))
            .serve_with_incoming_shutdown(
                accept_speaking(listener, 1000, stop.clone()),
                stop.clone().cancelled_owned(),
            );
        let server = AbortOnDropHandle::new(tokio::spawn(async { server.await.unwrap() }));
        let publisher = AbortOnDropHandle::new(tokio::spawn(publisher.run(stop.clone())));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self {
            store,
            refused,
            nodes,
            address,
            channel,
            insecure,
            _health: verdicts,
            _stop: stop.drop_guard(),
            _tasks: [server, publisher],
        }
    }

    /// A data plane's and a viewer's token, which last so long.
    pub(super) async fn more_tokens(&self, lifetime: Option<Duration>) -> (Token, Token) {
        let end = lifetime.map(|lifetime| Timestamp::now() + SignedDuration::try_from(lifetime).unwrap());
        let note =
            |number, role| TokenNote::First(Arc::new(Kept { expires_at: end, ..Kept::clone(&kept_as(number, role)) }));
        let _ = self.store.note_tokens(vec![note(20, Role::DataPlane), note(21, Role::Viewer)]).await;
        (token(20), token(21))
    }

    pub(super) fn authenticator(&self) -> Authenticator {
        Authenticator::new(Arc::clone(&self.store), Timestamp::now, Arc::clone(&self.refused))
    }

    pub(super) fn channel(&self, role: Role) -> Channel {
        assert!(!self.insecure || role == Role::Viewer, "it is not looked at");
        self.channel_of(&of(role))
    }

    pub(super) fn channel_of(&self, token: &Token) -> Channel {
        Channel::new(self.channel.clone(), Bearer::new(token))
    }

    /// The channel of a client that takes no byte of any answer.
    pub(super) fn deaf_channel_of(&self, token: &Token) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap().initial_stream_window_size(0);
        Channel::new(endpoint.connect_lazy(), Bearer::new(token))
    }

    /// Ends a token.
    pub(super) async fn revoke(&self, token: &Token) {
        let id = TokenId::parse(token.id()).unwrap();
        let batch = Batch { tokens: vec![TokenChange::Revoke(id)], ..Batch::default() };
        self.store.commit(batch).await.unwrap().unwrap();
    }

    /// Calls a method with an empty message, and waits for no more than the head of its answer.
    pub(super) async fn call(&self, path: &str, shown: &[String]) -> Status {
        self.call_with(path, shown, tokio_stream::iter([Bytes::new()])).await
    }

    /// The same with these messages.
    pub(super) async fn call_with(
        &self,
        path: &str,
        shown: &[String],
        messages: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Status {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let mut request = Request::new(messages);
        for value in shown {
            request.metadata_mut().append("authorization", value.parse().unwrap());
        }
        match client.streaming(request, path.parse().unwrap(), Raw).await {
            Ok(_) => Status::new(Code::Ok, ""),
            Err(status) => status,
        }
    }
}

/// Messages as they come.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}
