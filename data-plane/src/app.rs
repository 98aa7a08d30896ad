//! How the parts of a data plane are put together, started and ended; nothing else happens here.

use std::{io, net::SocketAddr, net::TcpListener as StdListener, path::PathBuf, sync::Arc};

use futures_util::{Stream, StreamExt, stream::FuturesUnordered};
use gateway_cache_disk::{Disk, PATIENCE};
use gateway_cache_store::Store;
use gateway_proto::{
    access::Access,
    discovery::v1::Node,
    local::DATA_PLANE_TOKEN,
    process::{Failure, cannot_listen},
};
use rand::RngExt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use crate::{
    admin::{self, Admin},
    config::Config,
    discovery::{self, Options, Responses, Served, Status},
    jwks::{self, Means},
    limiter::{Limiter, leasing::leasing},
    proxy::cache::{Entry, Outcome},
    telemetry::{Telemetry, access_log::AccessLog},
    worker::{
        admission::Admission,
        fleet::{Fleet, Swap},
        listener,
        stats::WorkerStats,
        thread::{self, Common},
        wall::Source,
    },
};

/// What part of a drain's time is the disk's, to write what waits.
const DISK_SHARE: u32 = 10;
/// Tables that may wait for a worker; it takes one in microseconds.
const WAITING_TABLES: usize = 1;

/// Every socket the data plane listens on.
#[derive(Debug)]
pub struct Listeners {
    /// One for each worker, all on one address.
    proxy: Vec<StdListener>,
    admin: StdListener,
    /// Where clients connect.
    pub proxy_address: SocketAddr,
    /// Where operators connect.
    pub admin_address: SocketAddr,
}

impl Listeners {
    /// Binds them all.
    ///
    /// # Errors
    /// A failure that names the flag whose address cannot be listened on, or whose file cannot be used.
    pub fn bind(config: &Config) -> Result<Self, Failure> {
        // What is in the files now may be something else when they are used; this is for an early word.
        Access::open(config.access.clone(), DATA_PLANE_TOKEN, &config.control_plane)?;
        config.auth.open()?;
        let workers = config.workers.0.get();
        let proxy =
            listener::bind(config.listen, workers).map_err(|err| cannot_listen("--listen", config.listen, &err))?;
        let cannot_administer = |err: io::Error| cannot_listen("--admin-listen", config.admin_listen, &err);
        let admin = StdListener::bind(config.admin_listen).map_err(cannot_administer)?;
        admin.set_nonblocking(true).map_err(cannot_administer)?;
        let proxy_address = match proxy.first() {
            Some(first) => first.local_addr().map_err(|err| cannot_listen("--listen", config.listen, &err))?,
            None => config.listen,
        };
        let admin_address = admin.local_addr().map_err(cannot_administer)?;
        Ok(Self { proxy, admin, proxy_address, admin_address })
    }
}

/// Runs a data plane until `shutdown`, then drains it. `ready` is told once every worker holds a
/// table.
///
/// # Errors
/// A failure that names what is in the way.
pub async fn run(
    config: Config,
    listeners: Listeners,
    ready: oneshot::Sender<()>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let access = Access::open(config.access, DATA_PLANE_TOKEN, &config.control_plane)?;
    let Listeners { proxy, admin, proxy_address, admin_address } = listeners;
    let admin = TcpListener::from_std(admin).map_err(|err| cannot_listen("--admin-listen", admin_address, &err))?;
    let drain = CancellationToken::new();
    let admission = Arc::new(Admission::new(&config.limits, open_files()));
    let limiter = Arc::new(Limiter::new(config.limits.limit_memory, rand::rng().random()));
    let remote = Arc::new(config.auth.open()?);
    let disk = open_disk(config.cache_disk_dir, config.cache_disk).await?;
    let for_disk = disk.as_ref().map(|_| config.drain_timeout / DISK_SHARE).unwrap_or_default();
    let common = Common {
        limits: config.limits.clone(),
        admission,
        limiter: Arc::clone(&limiter),
        remote: Arc::clone(&remote),
        cache: Store::new(config.cache_memory, rand::rng().random()),
        passwords: Arc::default(),
        disk: disk.clone(),
        clock: Source::default(),
        shutdown: drain.clone(),
        drain_timeout: config.drain_timeout.saturating_sub(for_disk),
    };
    let cache = common.cache.clone();
    let log = AccessLog::start(config.access_log, &config.node_id)?;
    let losses = log.as_ref().map(AccessLog::losses).unwrap_or_default();
    let Workers { stats, swaps, mut threads } = start_workers(proxy, log.as_ref(), &common)?;

    let (status, discovered) = watch::channel(Status::default());
    let node =
        Node { id: config.node_id, build: gateway_proto::BUILD.to_owned(), proxy_address: proxy_address.to_string() };
    let responses = Responses::of(&cache, served_from_cache(stats.clone()));
    let responses = disk.iter().fold(responses, Responses::and);
    let options = Options {
        control_planes: config.control_plane,
        access,
        node,
        limits: config.limits,
        cache_dir: config.cache_dir,
        responses: Some(responses),
        leasing: Some(leasing(&limiter, &stats)),
    };
    let mut discovery = tokio::spawn(discovery::run(options, Fleet::new(swaps), status, drain.clone()));

    let (keys, means) = (Arc::clone(remote.sources()), Means::of(&remote));
    let _keeper = AbortOnDropHandle::new(tokio::spawn(jwks::keep(discovered.clone(), keys, means)));

    // The admin listener answers while the data plane drains, and ends with it.
    let ended = CancellationToken::new();
    let _ended = ended.clone().drop_guard();
    let state = Admin {
        workers: stats,
        limiter,
        remote,
        log: losses,
        cache,
        disk: disk.clone(),
        discovery: discovered.clone(),
        draining: drain.clone(),
    };
    tokio::spawn(admin::serve(Arc::new(state), admin, ended));
    tokio::spawn(tell_ready(discovered, ready));

    tokio::select! {
        () = shutdown => info!("draining"),
        Some(worker) = threads.next() => {
            drain.cancel();
            let reason = worker.err().unwrap_or_else(|| "it ended".into());
            return Err(Failure::Failed(format!("a worker stopped: {reason}")));
        }
        outcome = &mut discovery => {
            drain.cancel();
            return outcome.unwrap_or_else(|err| Err(Failure::Failed(format!("discovery stopped: {err}"))));
        }
    }
    drain.cancel();
    let deadline = Instant::now() + config.drain_timeout;
    while let Some(worker) = threads.next().await {
        worker.map_err(|reason| Failure::Failed(format!("a worker stopped: {reason}")))?;
    }
    if let Some(disk) = disk
        && let Err(err) = timeout_at(deadline, disk.close()).await.unwrap_or_else(|late| Err(late.into()))
    {
        warn!(error = %err, "--cache-disk-dir is not closed: all of it has to be validated after the next start");
    }
    let outcome = discovery.await;
    if let Some(log) = log {
        log.finish().await;
    }
    outcome.unwrap_or_else(|err| Err(Failure::Failed(format!("discovery stopped: {err}"))))
}

/// Opens the disk behind the cache, if there is to be one.
async fn open_disk(dir: Option<PathBuf>, size: u64) -> Result<Option<Disk<Entry>>, Failure> {
    let Some(dir) = dir else { return Ok(None) };
    let config = gateway_cache_disk::Config { dir, size, seed: rand::rng().random(), patience: PATIENCE };
    Disk::open(config).await.map(Some).map_err(|err| Failure::Failed(err.to_string()))
}

/// What all workers together have made of their caches.
fn served_from_cache(workers: Vec<Arc<WorkerStats>>) -> impl Fn() -> Served {
    move || {
        let of = |outcome| workers.iter().map(|stats| stats.cached(outcome)).sum::<u64>();
        let stale = of(Outcome::Stale);
        // Who reads along with another one's request has not asked the endpoint either.
        let hits = of(Outcome::Hit) + stale + of(Outcome::Collapsed);
        Served { hits, misses: of(Outcome::Miss) + of(Outcome::Revalidated), stale }
    }
}

struct Workers<Threads> {
    stats: Vec<Arc<WorkerStats>>,
    swaps: Vec<mpsc::Sender<Swap>>,
    /// Yields as each thread ends, with the reason where it should not have.
    threads: Threads,
}

fn start_workers(
    listeners: Vec<StdListener>,
    log: Option<&AccessLog>,
    common: &Common,
) -> Result<Workers<impl Stream<Item = Result<(), String>> + Unpin + use<>>, Failure> {
    let mut stats = Vec::new();
    let mut swaps = Vec::new();
    let mut threads = Vec::new();
    for (index, listener) in listeners.into_iter().enumerate() {
        let (sender, receiver) = mpsc::channel(WAITING_TABLES);
        let counters = Arc::new(WorkerStats::default());
        let telemetry = Telemetry::new(Arc::clone(&counters), log.map(AccessLog::for_worker));
        let thread = thread::spawn(index, listener, telemetry, receiver, common.clone())
            .map_err(|err| Failure::Failed(format!("--workers: cannot start worker {index}: {err}; try fewer")))?;
        stats.push(counters);
        swaps.push(sender);
        threads.push(thread);
    }
    let threads = threads.into_iter().map(|ended| async {
        match ended.await {
            Ok(outcome) => outcome.map_err(|err| err.to_string()),
            Err(_) => Err("it panicked".to_owned()),
        }
    });
    let threads = threads.collect::<FuturesUnordered<_>>();
    Ok(Workers { stats, swaps, threads })
}

/// How many files this process may have open, once it has asked for as many as it may have. The
/// lower limit exists for programs that cannot deal with more.
fn open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let granted = if raised.is_ok() { limit.maximum } else { limit.current };
    granted.unwrap_or(u64::MAX)
}

async fn tell_ready(mut discovered: watch::Receiver<Status>, ready: oneshot::Sender<()>) {
    if discovered.wait_for(Status::is_ready).await.is_ok() {
        // Whoever started this may not want to know.
        let _ = ready.send(());
    }
}
