//! How the parts of a control plane are put together, started and ended; nothing else happens here.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    path::PathBuf,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use gateway_proto::{
    DESCRIPTORS,
    admin::v1::admin_service_server::SERVICE_NAME as ADMIN,
    auth::v1::auth_service_server::SERVICE_NAME as AUTH,
    discovery::v1::discovery_service_server::SERVICE_NAME as DISCOVERY,
    local::leave_note,
    process::{Failure, cannot_listen},
    registry::v1::registry_service_server::SERVICE_NAME as REGISTRY,
};
use jiff::Timestamp;
use rustix::net::sockopt::ipv6_v6only;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{oneshot, watch},
    task::{JoinSet, spawn_blocking},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    auth::{AuthLayer, Authenticator, RefusedCalls, first::FirstTokens},
    config::Config,
    grpc::{admin::Admin, auth::Auth, discovery::Discovery, queries::Queries, registry::RegistryRpc},
    health::{Health, Monitor, Settings, SystemResolver, monitor::ProbeCounts},
    http::{self, Http},
    leases::office::Office,
    listener::{accept_encrypted, accept_speaking},
    observed::Observed,
    registry::Registry,
    snapshot::{nodes::Nodes, publisher::Publisher},
    store::{Loaded, Store, StoreError, TokenNote, new_cluster_id, sled::SledStore},
    tls::{Tls, keep_current},
};

/// Time between two lookups of a host name.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);
/// How long the first snapshot waits for verdicts that were not recorded before a crash. Data planes
/// serve what they have meanwhile; an endpoint without a verdict would be taken from them.
const SETTLE: Duration = Duration::from_secs(1);
/// How soon a dead peer is noticed: a ping after this time, and as long again for its answer.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Every socket the control plane listens on.
#[derive(Debug)]
pub struct Listeners {
    grpc: StdListener,
    http: StdListener,
    /// Where data planes and operators connect.
    pub grpc_address: SocketAddr,
    /// Where operators' machines ask how it is.
    pub http_address: SocketAddr,
}

impl Listeners {
    /// Binds them all.
    ///
    /// # Errors
    /// A failure that names the flag whose address cannot, or should not, be listened on.
    pub fn bind(config: &Config) -> Result<Self, Failure> {
        config.check()?;
        let (grpc, grpc_address) = bind("--listen", config.listen)?;
        let (http, http_address) = bind("--http-listen", config.http_listen)?;
        Ok(Self { grpc, http, grpc_address, http_address })
    }
}

fn bind(flag: &str, address: SocketAddr) -> Result<(StdListener, SocketAddr), Failure> {
    let bound = || {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound().map_err(|err: io::Error| cannot_listen(flag, address, &err))
}

/// Runs a control plane until `shutdown`, then drains it. `ready` is told once the store is loaded
/// and published.
///
/// # Errors
/// A failure that names what is in the way.
pub async fn run(
    config: Config,
    listeners: Listeners,
    ready: oneshot::Sender<()>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let is_exposed = config.is_exposed();
    let Config {
        listen: _,
        http_listen: _,
        data_dir,
        drain_timeout,
        insecure,
        allow_plaintext: _,
        data_plane_token_file,
        tls,
        log: _,
    } = config;
    let certificates = tls.read()?;
    // Also without certificates, for by itself the signal ends a process.
    let hangup = signal(SignalKind::hangup());
    let hangup = hangup.map_err(|err| Failure::Failed(format!("cannot handle signals: {err}")))?;
    let Listeners { grpc, http, grpc_address, http_address } = listeners;
    let reached = reached_at(&grpc, grpc_address);
    let grpc = TcpListener::from_std(grpc).map_err(|err| cannot_listen("--listen", grpc_address, &err))?;
    let http = TcpListener::from_std(http).map_err(|err| cannot_listen("--http-listen", http_address, &err))?;
    let mut shutdown = pin!(shutdown);

    // Requests end at `stop`; what they need, and the answer to how it is, at the end of the drain.
    let (stop, end) = (CancellationToken::new(), CancellationToken::new());
    let _end = end.clone().drop_guard();
    let (observed, is_observed) = watch::channel(None);
    let mut parts = JoinSet::new();
    parts.spawn(http::serve(Http { observed: is_observed, draining: stop.clone() }, http, end.clone()));

    let (store, loaded) = tokio::select! {
        opened = open(data_dir.clone()) => opened?,
        () = &mut shutdown => return Ok(()),
    };
    let failure = store.failure();
    let door = Door { insecure, refused: Arc::default() };
    if insecure {
        tracing::warn!(listen = %grpc_address, "authentication is off (--insecure): whoever reaches the gRPC listener may change everything");
    } else {
        if is_exposed {
            tracing::warn!(listen = %grpc_address, "tokens come unencrypted (--allow-plaintext): whoever reads on the network may use them");
        }
        let first = FirstTokens::new(&data_dir, data_plane_token_file);
        make_first_tokens(&store, first).await?;
    }
    let control = start(&store, failure.clone(), loaded, &door, &mut parts, &end).await;
    observed.send_replace(Some(control.clone()));

    let reporter = HealthReporter::new();
    report(&reporter, ServingStatus::Serving).await;
    parts.spawn(report_failure(reporter.clone(), failure, end.clone()));
    let registry = Registry::open(Arc::clone(&store), Arc::new(Timestamp::now)).map_err(|err| store_failure(&err))?;
    let certificates = certificates.map(watch::Sender::new);
    let encrypted = certificates.as_ref().map(watch::Sender::subscribe);
    parts.spawn(keep_current(tls, certificates, hangup, end.clone()));
    let server = serve(grpc, encrypted, registry, control, &reporter, &stop)?;
    let mut server = tokio::spawn(server);
    // It is a help, and whoever has no place for it names the token himself.
    let leave = move || reached.iter().map(|address| leave_note(*address, &data_dir)).collect::<io::Result<Vec<_>>>();
    let notes = spawn_blocking(leave).await;
    let _notes =
        notes.map_err(io::Error::other).flatten().inspect_err(|error| tracing::debug!(%error, "no note of the tokens"));
    // Nobody may be interested.
    let _ = ready.send(());

    let outcome = tokio::select! {
        () = &mut shutdown => Ok(()),
        ended = &mut server => Err(Failure::Failed(format!("the gRPC server ended: {ended:?}"))),
        Some(ended) = parts.join_next() => Err(Failure::Failed(format!("a part of the control plane ended: {ended:?}"))),
    };
    tracing::info!("draining");
    report(&reporter, ServingStatus::NotServing).await;
    stop.cancel();
    if outcome.is_ok() && tokio::time::timeout(drain_timeout, &mut server).await.is_err() {
        tracing::warn!("requests in flight were cut off at the end of --drain-timeout");
    }
    server.abort();
    end.cancel();
    while parts.join_next().await.is_some() {}
    observed.send_replace(None);
    // The store writes what waits as its last handle goes, which may take a flush.
    let _ = spawn_blocking(move || drop(store)).await;
    outcome
}

async fn open(data_dir: PathBuf) -> Result<(Arc<dyn Store>, Loaded), Failure> {
    let newborn_id = new_cluster_id(&mut rand::rng());
    let opened = spawn_blocking(move || {
        let store = SledStore::open(data_dir, &newborn_id)?;
        let loaded = store.load()?;
        Ok((Arc::new(store) as Arc<dyn Store>, loaded))
    });
    let broken = |err| Failure::Failed(format!("--data-dir: opening the store failed: {err}"));
    opened.await.map_err(broken)?.map_err(|err| store_failure(&err))
}

/// Makes the first tokens of a store that has none.
async fn make_first_tokens(store: &Arc<dyn Store>, first: FirstTokens) -> Result<(), Failure> {
    if !store.tokens().borrow().is_empty() {
        return Ok(());
    }
    let made = spawn_blocking(move || first.make(Timestamp::now(), &mut rand::rng())).await;
    let made = made.map_err(|err| Failure::Failed(format!("the first tokens were not made: {err}")))??;
    let _ = store.note_tokens(made.into_iter().map(|kept| TokenNote::First(Arc::new(kept))).collect()).await;
    let failure = store.failure().borrow().clone();
    failure.map_or(Ok(()), |err| Err(store_failure(&err)))
}

fn store_failure(err: &StoreError) -> Failure {
    Failure::Failed(format!("--data-dir: {err}"))
}

/// Starts what follows the store: first health, then what is published from both.
async fn start(
    store: &Arc<dyn Store>,
    store_failure: watch::Receiver<Option<StoreError>>,
    loaded: Loaded,
    door: &Door,
    parts: &mut JoinSet<()>,
    end: &CancellationToken,
) -> Observed {
    let Loaded { cluster_id, desired, health, tokens: _ } = loaded;
    let probes = Arc::<ProbeCounts>::default();
    let recorder = Arc::clone(store);
    let settings = Settings {
        resolver: Arc::new(SystemResolver),
        resolve_every: RESOLVE_EVERY,
        max_probes: max_probes(),
        seed: rand::random(),
        now: Timestamp::now,
        counts: Arc::clone(&probes),
        record: Box::new(move |records| recorder.record_health(records)),
    };
    let (monitor, mut health) = Monitor::new(store.desired(), health, settings);
    let followed = monitor.followed();
    parts.spawn(monitor.run(end.clone()));
    let settled = health.wait_for(|view| view.values().all(|entry| entry.health != Health::Pending));
    // A time-out is told by what is pending still.
    let _ = tokio::time::timeout(SETTLE, settled).await;
    let (publisher, published) = Publisher::new(cluster_id.into(), rand::random(), followed, health.clone());
    parts.spawn(publisher.run(end.clone()));
    Observed {
        started_at: Timestamp::now(),
        loaded_revision: desired.revision,
        desired: store.desired(),
        health,
        published,
        nodes: Nodes::new(Timestamp::now),
        probes,
        store: Arc::clone(store),
        store_failure,
        insecure: door.insecure,
        refused: Arc::clone(&door.refused),
    }
}

/// How strict the door is, and whom it has refused.
struct Door {
    insecure: bool,
    refused: Arc<RefusedCalls>,
}

type Serving = Pin<Box<dyn Future<Output = Result<(), tonic::transport::Error>> + Send>>;

/// Where the listener is reached: on every address of IPv6, it has those of IPv4 too, unless the system says otherwise.
fn reached_at(listener: &StdListener, address: SocketAddr) -> Vec<SocketAddr> {
    let has_both = address.is_ipv6() && address.ip().is_unspecified() && ipv6_v6only(listener).is_ok_and(|only| !only);
    let as_ipv4 = has_both.then(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()));
    [address].into_iter().chain(as_ipv4).collect()
}

/// The gRPC server, which ends when `stop` has come and every request has ended.
fn serve(
    listener: TcpListener,
    tls: Tls,
    registry: Registry,
    observed: Observed,
    reporter: &HealthReporter,
    stop: &CancellationToken,
) -> Result<Serving, Failure> {
    let reflection =
        || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    let broken = |err| Failure::Failed(format!("the gRPC descriptors are broken: {err}"));
    let queries = Arc::<Queries>::default();
    let authenticator = Authenticator::new(Arc::clone(&observed.store), Timestamp::now, Arc::clone(&observed.refused));
    let authenticator = if observed.insecure { authenticator.insecure() } else { authenticator };
    let (published, nodes) = (observed.published.clone(), Arc::clone(&observed.nodes));
    let office = Office::open(|| Instant::now().into_std());
    let discovery = Discovery::server(published, nodes, Arc::clone(&queries), office, stop.clone());
    let health = tonic_health::server::HealthService::from_health_reporter(reporter.clone());
    let tokens = Auth::server(Arc::clone(&observed.store), Timestamp::now);
    let router = Server::builder()
        .layer(AuthLayer::new(authenticator))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_service(discovery)
        .add_service(RegistryRpc::server(registry, observed.health.clone(), stop.clone()))
        .add_service(Admin::server(observed, queries, stop.clone()))
        .add_service(tokens)
        .add_service(tonic_health::pb::health_server::HealthServer::new(health))
        .add_service(reflection().build_v1().map_err(broken)?)
        .add_service(reflection().build_v1alpha().map_err(broken)?);
    let (max, stopped) = (max_connections(open_files()), stop.clone().cancelled_owned());
    Ok(match tls {
        None => {
            let accepted = accept_speaking(listener, max, stop.clone());
            Box::pin(router.serve_with_incoming_shutdown(accepted, stopped))
        }
        Some(tls) => {
            let accepted = accept_encrypted(listener, max, tls, stop.clone());
            Box::pin(router.serve_with_incoming_shutdown(accepted, stopped))
        }
    })
}

async fn report(reporter: &HealthReporter, status: ServingStatus) {
    for service in ["", REGISTRY, DISCOVERY, ADMIN, AUTH] {
        reporter.set_service_status(service, status).await;
    }
}

/// A store that has failed serves no registry; what is published is served all the same.
async fn report_failure(
    reporter: HealthReporter,
    mut failure: watch::Receiver<Option<StoreError>>,
    end: CancellationToken,
) {
    let failed = end.run_until_cancelled(failure.wait_for(Option::is_some)).await.is_some_and(|failed| failed.is_ok());
    if failed {
        reporter.set_service_status(REGISTRY, ServingStatus::NotServing).await;
        end.cancelled().await;
    }
}

/// Probes that may run at once: so many that slow endpoints hinder no other, and never more than
/// leaves half of the files that this process may open to everything else.
fn max_probes() -> usize {
    const ENOUGH: u64 = 4096;
    usize::try_from((open_files() / 2).clamp(1, ENOUGH)).unwrap_or(1)
}

/// gRPC connections that may be open at once: more than data planes may be connected, and never more than
/// probes, the HTTP listener and the store leave of the files that this process may open.
fn max_connections(files: u64) -> usize {
    const ENOUGH: u64 = 16_384;
    const OTHERS: u64 = 320;
    usize::try_from((files / 2).saturating_sub(OTHERS).clamp(16, ENOUGH)).unwrap_or(16)
}

/// Files that this process may open.
fn open_files() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::max_connections;

    #[test]
    fn connections_leave_half_of_the_files_and_some_more_to_others() {
        let bounds = [0, 1024, 4096, 65_536, u64::MAX].map(max_connections);
        assert_eq!(bounds, [16, 192, 1728, 16_384, 16_384]);
    }
}
