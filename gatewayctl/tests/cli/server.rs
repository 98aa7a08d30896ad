//! A control plane that answers what it was told to, and remembers what it was asked.

use std::{
    any::Any,
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex},
};

use gateway_proto::{
    admin::v1::{self as admin, admin_service_server::AdminServiceServer},
    auth::v1::{self as auth, auth_service_server::AuthServiceServer},
    registry::v1::{self as pb, registry_service_server::RegistryServiceServer},
};
use prost::Message;
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_stream::{Stream, StreamExt, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status};

type Answers = HashMap<&'static str, VecDeque<Result<Box<dyn Any + Send>, Status>>>;

#[derive(Default)]
struct Script {
    answers: Mutex<Answers>,
    requests: Mutex<HashMap<&'static str, Vec<Vec<u8>>>>,
    /// What came in `authorization`.
    shown: Mutex<Vec<String>>,
    /// How a stream of events ends, if not well.
    end: Mutex<Option<Status>>,
}

/// The server; it ends with this value.
pub(crate) struct Server {
    pub(crate) url: String,
    script: Arc<Script>,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Script::default());
        let serve = tonic::transport::Server::builder()
            .add_service(RegistryServiceServer::from_arc(Arc::clone(&script)))
            .add_service(AdminServiceServer::from_arc(Arc::clone(&script)))
            .add_service(AuthServiceServer::from_arc(Arc::clone(&script)))
            .serve_with_incoming(TcpListenerStream::new(listener));
        runtime.spawn(serve);
        Self { url, script, _runtime: runtime }
    }

    /// The next answer to a method. The last one is repeated.
    pub(crate) fn answer<T: Any + Send + Clone>(&self, method: &'static str, answer: T) -> &Self {
        self.script.answers.lock().unwrap().entry(method).or_default().push_back(Ok(Box::new(answer)));
        self
    }

    /// The next answer to a method is a refusal.
    pub(crate) fn refuse(&self, method: &'static str, status: Status) -> &Self {
        self.script.answers.lock().unwrap().entry(method).or_default().push_back(Err(status));
        self
    }

    /// Streams of events end with this.
    pub(crate) fn end_watch(&self, status: Status) {
        *self.script.end.lock().unwrap() = Some(status);
    }

    /// The credentials that came with requests, in order.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.script.shown.lock().unwrap().clone()
    }

    /// What a method was asked, in order.
    pub(crate) fn asked<T: Message + Default>(&self, method: &'static str) -> Vec<T> {
        let requests = self.script.requests.lock().unwrap();
        let requests = requests.get(method).map(Vec::as_slice).unwrap_or_default();
        requests.iter().map(|bytes| T::decode(&**bytes).unwrap()).collect()
    }
}

impl Script {
    fn take<T: Any + Send + Clone>(&self, method: &'static str, request: &impl Message) -> Result<Response<T>, Status> {
        self.requests.lock().unwrap().entry(method).or_default().push(request.encode_to_vec());
        let mut answers = self.answers.lock().unwrap();
        let queue = answers.get_mut(method).ok_or_else(|| Status::internal(format!("{method} has no answer")))?;
        let answer = if queue.len() > 1 {
            queue.pop_front().unwrap()
        } else {
            match queue.front().unwrap() {
                Ok(answer) => Ok(Box::new(answer.downcast_ref::<T>().unwrap().clone()) as Box<dyn Any + Send>),
                Err(status) => Err(status.clone()),
            }
        };
        Ok(Response::new(*answer?.downcast::<T>().unwrap()))
    }
}

/// What `async_trait`, which the generated traits are written with, makes of an `async fn`.
type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send + 'a>>;

macro_rules! unary {
    ($($name:ident: $request:ty => $response:ty;)*) => {
        $(fn $name<'a: 'b, 'b>(&'a self, request: Request<$request>) -> Answering<'b, $response> {
            let shown = request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            self.shown.lock().unwrap().extend(shown);
            Box::pin(std::future::ready(self.take(stringify!($name), request.get_ref())))
        })*
    };
}

impl pb::registry_service_server::RegistryService for Script {
    unary! {
        create_service: pb::CreateServiceRequest => pb::CreateServiceResponse;
        get_service: pb::GetServiceRequest => pb::GetServiceResponse;
        list_services: pb::ListServicesRequest => pb::ListServicesResponse;
        update_service: pb::UpdateServiceRequest => pb::UpdateServiceResponse;
        delete_service: pb::DeleteServiceRequest => pb::DeleteServiceResponse;
        register_service: pb::RegisterServiceRequest => pb::RegisterServiceResponse;
        add_endpoints: pb::AddEndpointsRequest => pb::AddEndpointsResponse;
        remove_endpoints: pb::RemoveEndpointsRequest => pb::RemoveEndpointsResponse;
        create_route: pb::CreateRouteRequest => pb::CreateRouteResponse;
        get_route: pb::GetRouteRequest => pb::GetRouteResponse;
        list_routes: pb::ListRoutesRequest => pb::ListRoutesResponse;
        update_route: pb::UpdateRouteRequest => pb::UpdateRouteResponse;
        delete_route: pb::DeleteRouteRequest => pb::DeleteRouteResponse;
        create_consumer: pb::CreateConsumerRequest => pb::CreateConsumerResponse;
        get_consumer: pb::GetConsumerRequest => pb::GetConsumerResponse;
        list_consumers: pb::ListConsumersRequest => pb::ListConsumersResponse;
        update_consumer: pb::UpdateConsumerRequest => pb::UpdateConsumerResponse;
        delete_consumer: pb::DeleteConsumerRequest => pb::DeleteConsumerResponse;
        set_password: pb::SetPasswordRequest => pb::SetPasswordResponse;
        create_key: pb::CreateKeyRequest => pb::CreateKeyResponse;
        list_keys: pb::ListKeysRequest => pb::ListKeysResponse;
        revoke_key: pb::RevokeKeyRequest => pb::RevokeKeyResponse;
        purge_cache: pb::PurgeCacheRequest => pb::PurgeCacheResponse;
        apply: pb::ApplyRequest => pb::ApplyResponse;
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

    /// The answer is the list of events; `None` at its end keeps the stream open.
    fn watch<'a: 'b, 'b>(&'a self, request: Request<pb::WatchRequest>) -> Answering<'b, Self::WatchStream> {
        let end = self.end.lock().unwrap().clone();
        let events = self.take("watch", request.get_ref()).map(|events| events.map(|events| stream(events, end)));
        Box::pin(std::future::ready(events))
    }
}

fn stream(
    events: Vec<Option<pb::WatchResponse>>,
    end: Option<Status>,
) -> <Script as pb::registry_service_server::RegistryService>::WatchStream {
    let open = events.last().is_some_and(Option::is_none);
    let events = tokio_stream::iter(events.into_iter().flatten().map(Ok).chain(end.map(Err)));
    if open { Box::pin(events.chain(tokio_stream::pending())) } else { Box::pin(events) }
}

impl admin::admin_service_server::AdminService for Script {
    unary! {
        get_status: admin::GetStatusRequest => admin::GetStatusResponse;
        list_nodes: admin::ListNodesRequest => admin::ListNodesResponse;
        get_node: admin::GetNodeRequest => admin::GetNodeResponse;
        list_endpoints: admin::ListEndpointsRequest => admin::ListEndpointsResponse;
        get_cache_stats: admin::GetCacheStatsRequest => admin::GetCacheStatsResponse;
        explain: admin::ExplainRequest => admin::ExplainResponse;
        show_limits: admin::ShowLimitsRequest => admin::ShowLimitsResponse;
        wait_for_revision: admin::WaitForRevisionRequest => admin::WaitForRevisionResponse;
        list_audit: admin::ListAuditRequest => admin::ListAuditResponse;
    }
}

impl auth::auth_service_server::AuthService for Script {
    unary! {
        create_token: auth::CreateTokenRequest => auth::CreateTokenResponse;
        list_tokens: auth::ListTokensRequest => auth::ListTokensResponse;
        revoke_token: auth::RevokeTokenRequest => auth::RevokeTokenResponse;
    }
}

/// A point in time, in seconds from 2023-11-14T22:13:20Z.
pub(crate) fn time(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: 1_700_000_000 + seconds, nanos: 0 })
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// A service as a control plane stores it.
pub(crate) fn service(name: &str) -> pb::Service {
    pb::Service {
        name: name.into(),
        title: "A title".into(),
        tags: vec!["web".into()],
        hosts: vec![format!("{name}.test"), format!("*.{name}.test")],
        endpoints: vec![
            pb::Endpoint { address: "127.0.0.1:3001".into(), weight: 1 },
            pb::Endpoint { address: "mail-2.internal:3001".into(), weight: 2 },
        ],
        load_balancing: pb::LoadBalancing::Random.into(),
        health_check: Some(pb::HealthCheck {
            probe: Some(pb::health_check::Probe::Http(pb::HttpProbe {
                path: "/healthcheck".into(),
                expected_statuses: vec![pb::StatusRange { first: 200, last: 299 }],
                host: String::new(),
            })),
            interval: seconds(5),
            timeout: seconds(2),
            rise: 1,
            fall: 2,
            jitter_percent: Some(10),
        }),
        timeouts: Some(pb::Timeouts { connect: seconds(2), response: seconds(30), idle: seconds(60), total: None }),
        limits: None,
        policies: None,
        revision: 7,
        created_at: time(0),
        updated_at: time(60),
    }
}

/// A route as a control plane stores it.
pub(crate) fn route(name: &str) -> pb::Route {
    let service = |name: &str, weight| pb::WeightedService { name: name.into(), weight: Some(weight) };
    pb::Route {
        name: name.into(),
        title: "A canary".into(),
        hosts: vec!["shop.test".into()],
        r#match: Some(pb::RouteMatch {
            path: Some(pb::PathMatch { kind: Some(pb::path_match::Kind::Prefix("/api".into())) }),
            methods: vec!["GET".into(), "POST".into()],
            headers: vec![pb::Condition { name: "x-beta".into(), test: Some(pb::condition::Test::Exact("1".into())) }],
            query: Vec::new(),
        }),
        priority: 0,
        action: Some(pb::route::Action::Forward(pb::Forward {
            services: vec![service("shop", 900), service("shop-v2", 100)],
            sticky: Some(pb::Sticky { key: Some(pb::sticky::Key::Cookie("session".into())) }),
            mirror: Some(pb::Mirror { service: "shadow".into(), per_mille: Some(50) }),
            rewrite: Some(pb::Rewrite {
                path_rewrite: Some(pb::rewrite::PathRewrite::Prefix("/v2".into())),
                host: "internal.test".into(),
            }),
        })),
        timeouts: Some(pb::Timeouts { response: seconds(5), ..pb::Timeouts::default() }),
        limits: Some(pb::Limits { request_body: Some(1 << 20) }),
        policies: Some(pb::Policies {
            cors: Some(pb::Cors {
                enabled: Some(true),
                allow_origins: vec!["https://app.test".into()],
                max_age: seconds(600),
                ..pb::Cors::default()
            }),
            request_headers: Some(pb::HeaderRules {
                set: vec![pb::HeaderField { name: "x-a".into(), value: "1".into() }],
                remove: vec!["x-b".into()],
                ..pb::HeaderRules::default()
            }),
            ..pb::Policies::default()
        }),
        revision: 7,
        created_at: time(0),
        updated_at: time(60),
    }
}

/// A key as a control plane shows it.
pub(crate) fn key(id: &str, consumer: &str, expires_at: Option<prost_types::Timestamp>) -> pb::ApiKey {
    pb::ApiKey { id: id.into(), consumer: consumer.into(), created_at: time(0), expires_at }
}

/// A consumer as a control plane shows him: with two keys and a password.
pub(crate) fn consumer(name: &str) -> pb::Consumer {
    let limit = pb::RateLimit {
        name: "all".into(),
        requests: Some(1000),
        per: seconds(60),
        burst: Some(1000),
        scope: pb::RateLimitScope::Cluster.into(),
        ..pb::RateLimit::default()
    };
    pb::Consumer {
        name: name.into(),
        title: "Of the shop".into(),
        groups: vec!["admins".into(), "staff".into()],
        rate_limits: Some(pb::RateLimits { limits: vec![limit] }),
        revision: 7,
        created_at: time(0),
        updated_at: time(60),
        keys: vec![key("000000000001", name, None), key("000000000002", name, time(60))],
        has_password: true,
    }
}

/// The state of its two endpoints: one healthy, one not.
pub(crate) fn statuses(service: &str) -> Vec<pb::EndpointStatus> {
    let healthy = pb::EndpointStatus {
        service: service.into(),
        endpoint: "127.0.0.1:3001".into(),
        address: "127.0.0.1:3001".into(),
        weight: 1,
        health: pb::Health::Healthy.into(),
        reason: String::new(),
        since: time(5),
        last_probe: time(10),
    };
    let unhealthy = pb::EndpointStatus {
        endpoint: "mail-2.internal:3001".into(),
        address: "10.0.0.2:3001".into(),
        weight: 2,
        health: pb::Health::Unhealthy.into(),
        reason: "connection refused".into(),
        ..healthy.clone()
    };
    vec![healthy, unhealthy]
}

/// A data plane that serves this revision.
pub(crate) fn node(id: &str, revision: u64, in_sync: bool) -> admin::NodeStatus {
    admin::NodeStatus {
        node: Some(gateway_proto::discovery::v1::Node {
            id: id.into(),
            build: "0.1.0".into(),
            proxy_address: "0.0.0.0:8080".into(),
        }),
        connected: true,
        since: time(1),
        peer_address: "127.0.0.1:50000".into(),
        version: Some(gateway_proto::discovery::v1::Version { epoch: 0xfeed_0000_0000_0001, sequence: 3 }),
        revision,
        in_sync,
        violations: Vec::new(),
    }
}
