//! The proxy on real sockets: a worker of its own, a scripted upstream, a client that sees bytes.

mod auth;
mod basics;
mod bodies;
mod cache;
mod compression;
mod connections;
mod cors;
mod duties;
mod explain;
mod fields;
mod framing;
mod halfway;
mod limits;
mod limits_rate;
mod mirror;
mod replies;
mod rewrite;
mod routes;
mod shares;
mod site;
mod telemetry;
mod terms;
mod tunnels;

use std::{
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use gateway_cache_disk::Disk;
use gateway_cache_store::Store;

use crate::{
    limiter::Limiter,
    proxy::{
        auth::{
            Passwords,
            remote::{Remote, tests::remote},
        },
        cache::Entry as Stored,
    },
    table::{Changes, Entry, Limits, Policies, RoutingTable, Service, Stamp, Timeouts, Version, WeightedEndpoint},
    telemetry::{Telemetry, access_log::WorkerLog},
    worker::{
        admission::Admission,
        fleet::Swap,
        limits::tests::limits,
        listener,
        stats::WorkerStats,
        thread::{self, Common},
        wall::Source,
        watchdog::TICK,
    },
};

/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// A service that is in no hurry.
pub(super) const PATIENT: Timeouts = Timeouts { connect: PATIENCE, response: PATIENCE, idle: PATIENCE, total: None };

/// A worker that routes `a.test` to the given endpoints.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    pub(super) shutdown: CancellationToken,
    stats: Arc<WorkerStats>,
    limiter: Arc<Limiter>,
    passwords: Arc<Passwords>,
    // Tables come through here; a worker without it would go on with the one that it has.
    swaps: mpsc::Sender<Swap>,
}

impl Proxy {
    pub(super) async fn start(endpoints: &[SocketAddr]) -> Self {
        Self::start_limited(endpoints, &[]).await
    }

    pub(super) async fn start_with(endpoints: &[SocketAddr], timeouts: Timeouts) -> Self {
        Self::start_on(free_port(), service(endpoints, timeouts, Limits::default()), &[]).await
    }

    /// With the limits that these flags set.
    pub(super) async fn start_limited(endpoints: &[SocketAddr], flags: &[&str]) -> Self {
        Self::start_for(endpoints, Limits::default(), flags).await
    }

    /// With the limits of the service, and those that the flags set.
    pub(super) async fn start_for(endpoints: &[SocketAddr], limits: Limits, flags: &[&str]) -> Self {
        Self::start_on(free_port(), service(endpoints, PATIENT, limits), flags).await
    }

    pub(super) async fn start_on(listener: StdListener, service: Service, flags: &[&str]) -> Self {
        Self::spawn(listener, table(service), flags, None, PATIENCE).await
    }

    /// With so much time for a drain.
    pub(super) async fn start_draining(endpoints: &[SocketAddr], drain_timeout: Duration) -> Self {
        let table = table(service(endpoints, PATIENT, Limits::default()));
        Self::spawn(free_port(), table, &[], None, drain_timeout).await
    }

    pub(super) async fn start_logged(endpoints: &[SocketAddr], log: WorkerLog) -> Self {
        let table = table(service(endpoints, PATIENT, Limits::default()));
        Self::spawn(free_port(), table, &[], Some(log), PATIENCE).await
    }

    /// That routes by this table.
    async fn start_table(table: RoutingTable, log: Option<WorkerLog>) -> Self {
        Self::spawn(free_port(), table, &[], log, PATIENCE).await
    }

    async fn spawn(
        listener: StdListener,
        table: RoutingTable,
        flags: &[&str],
        log: Option<WorkerLog>,
        drain_timeout: Duration,
    ) -> Self {
        let shared = (Store::new(0, 1), None, Source::default(), remote());
        Self::spawn_sharing(listener, table, flags, log, drain_timeout, shared).await
    }

    /// With this store, this disk behind it, this clock and what is known of tokens.
    async fn spawn_sharing(
        listener: StdListener,
        table: RoutingTable,
        flags: &[&str],
        log: Option<WorkerLog>,
        drain_timeout: Duration,
        (cache, disk, clock, remote): (Store<Stored>, Option<Disk<Stored>>, Source, Arc<Remote>),
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let (swaps, receiver) = mpsc::channel(1);
        let stats = Arc::new(WorkerStats::default());
        let limits = limits(flags);
        let admission = Arc::new(Admission::new(&limits, 20_000));
        let limiter = Arc::new(Limiter::new(limits.limit_memory, 7));
        let passwords = Arc::<Passwords>::default();
        let common = Common {
            limits,
            admission,
            limiter: Arc::clone(&limiter),
            remote,
            cache,
            passwords: Arc::clone(&passwords),
            disk,
            clock,
            shutdown: shutdown.clone(),
            drain_timeout,
        };
        let telemetry = Telemetry::new(Arc::clone(&stats), log);
        thread::spawn(0, listener, telemetry, receiver, common).unwrap();
        let proxy = Self { address, shutdown, stats, limiter, passwords, swaps };
        proxy.swap(table).await;
        proxy
    }

    /// Has the worker route by another table.
    async fn swap(&self, table: RoutingTable) {
        let (held, holds) = oneshot::channel();
        self.swaps.send(Swap { table: Arc::new(table), held }).await.unwrap();
        holds.await.unwrap();
    }

    pub(super) async fn connect(&self) -> Peer {
        Peer::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends `request` on a connection of its own, and everything that comes until it ends.
    pub(super) async fn ask(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.send(request).await;
        client.rest().await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Asks again and again until it is so, and fails if it never is.
pub(super) async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(TICK).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it becomes so");
}

pub(super) fn free_port() -> StdListener {
    listener::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0)
}

pub(super) fn service(endpoints: &[SocketAddr], timeouts: Timeouts, limits: Limits) -> Service {
    let healthy =
        endpoints.iter().zip(1..).map(|(&address, cumulative_weight)| WeightedEndpoint { address, cumulative_weight });
    let (healthy, policies, told) = (healthy.collect(), Policies::default(), Arc::default());
    Service { name: "a".into(), healthy, timeouts, limits, policies, told }
}

fn table(service: Service) -> RoutingTable {
    let hosts = vec![gateway_proto::host::HostPattern::parse("a.test").unwrap()].into();
    let entry = Arc::new(Entry { service: Arc::new(service), hosts, endpoints: Box::default() });
    let stamp = Stamp { cluster_id: "c".into(), version: Version { epoch: 1, sequence: 1 }, revision: 1 };
    let changes = Changes { services: [("a".into(), Some(entry))].into(), ..Changes::default() };
    RoutingTable::default().amend(stamp, &changes).unwrap()
}

/// An upstream whose every byte the test decides.
pub(super) struct Upstream {
    listener: TcpListener,
    pub(super) address: SocketAddr,
}

impl Upstream {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    pub(super) async fn accept(&self) -> Peer {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("the proxy connects").unwrap();
        Peer::new(stream)
    }

    /// Answers every connection's first request with `answer`, and ends the connection.
    pub(super) fn always(self, answer: &'static str) -> SocketAddr {
        let address = self.address;
        tokio::spawn(async move {
            loop {
                let mut peer = self.accept_forever().await;
                tokio::spawn(async move {
                    peer.head().await;
                    peer.send(answer).await;
                });
            }
        });
        address
    }

    /// Answers every request with `answer`, on connections that stay.
    pub(super) fn forever(self, answer: &'static str) -> SocketAddr {
        let address = self.address;
        tokio::spawn(async move {
            loop {
                let mut peer = self.accept_forever().await;
                tokio::spawn(async move {
                    while !peer.read.is_empty() || peer.more_or_end().await {
                        peer.head().await;
                        peer.send(answer).await;
                    }
                });
            }
        });
        address
    }

    async fn accept_forever(&self) -> Peer {
        Peer::new(self.listener.accept().await.unwrap().0)
    }
}

/// One side of a connection.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    read: Vec<u8>,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Says that nothing more will be sent.
    pub(super) async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Reads a head, with its empty line.
    pub(super) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Reads up to and with `end`.
    pub(super) async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end.as_bytes()) {
                let rest = self.read.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
            }
            let so_far = String::from_utf8_lossy(&self.read).into_owned();
            assert!(self.more().await > 0, "the connection ended before {end:?}: {so_far:?}");
        }
    }

    /// Reads so many bytes.
    pub(super) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await > 0, "the connection ended after {} of {count} bytes", self.read.len());
        }
        let rest = self.read.split_off(count);
        std::mem::replace(&mut self.read, rest)
    }

    /// Reads until the connection ends, in whatever way.
    pub(super) async fn rest(&mut self) -> String {
        while self.more().await > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    /// Reads more, however long that takes; false if there is none.
    async fn more_or_end(&mut self) -> bool {
        self.stream.read_buf(&mut self.read).await.is_ok_and(|read| read > 0)
    }

    async fn more(&mut self) -> usize {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read));
        read.await.expect("the other side goes on").unwrap_or(0)
    }
}
