//! The cache on real sockets: a gateway that caches, an origin that says what the test wants, and a clock
//! that the test sets.

mod coalescing;
mod isolation;
mod on_disk;
mod ranges;
mod rfc;
mod serving;
mod stale;
mod storing;
mod telemetry;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::{Duration, UNIX_EPOCH},
};

use gateway_cache_disk::Disk;
use gateway_cache_store::{Mode, Purge, Store};
use gateway_caching::{Policy as Rules, key};
use gateway_routing::route::{Cache, CacheBypass, Policies, Policy};

use super::{
    PATIENCE, Peer, Proxy, Upstream, free_port,
    site::{Site, named},
};
use crate::{
    proxy::{
        auth::remote::{Remote, tests::remote},
        cache::Entry,
    },
    table::Service,
    telemetry::access_log::WorkerLog,
    worker::wall::Source,
};

/// When tests begin: 22 November 2026, 12:00, in seconds since 1970.
pub(super) const T0: i64 = 1_795_348_800;

const MEMORY: u64 = 64 * 1024 * 1024;

/// A policy that assumes nothing and forbids nothing that is usual.
pub(super) fn plain() -> Cache {
    Cache {
        rules: Rules::default(),
        key: key::Rules::default(),
        answers_head: true,
        bypass: CacheBypass::default(),
        max_object_size: 8 * 1024 * 1024,
    }
}

/// A service that caches.
pub(super) fn caching(name: &str, endpoints: &[SocketAddr], cache: Cache) -> Service {
    let policies = Policies { cache: Policy::On(cache), ..Policies::default() };
    Service { policies, ..named(name, endpoints) }
}

/// Gateways that share one store and one clock, as the workers of a data plane do.
pub(super) struct Bench {
    pub(super) store: Store<Entry>,
    pub(super) disk: Option<Disk<Entry>>,
    pub(super) remote: Arc<Remote>,
    millis: Arc<AtomicI64>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::holding(MEMORY)
    }

    pub(super) fn holding(memory: u64) -> Self {
        let millis = Arc::new(AtomicI64::new(T0 * 1000));
        Self { store: Store::new(memory, 7), disk: None, remote: remote(), millis }
    }

    pub(super) async fn start(&self, site: &Site) -> Proxy {
        self.start_logged(site, None).await
    }

    pub(super) async fn start_logged(&self, site: &Site, log: Option<WorkerLog>) -> Proxy {
        let clock = Source::Set(Arc::clone(&self.millis));
        let shared = (self.store.clone(), self.disk.clone(), clock, Arc::clone(&self.remote));
        Proxy::spawn_sharing(free_port(), site.table(), &[], log, PATIENCE, shared).await
    }

    /// So much time goes by.
    pub(super) fn pass(&self, time: Duration) {
        self.millis.fetch_add(time.as_millis().try_into().unwrap(), SeqCst);
    }

    pub(super) fn purge(&self, url: &str, mode: Mode) {
        self.store.purge(Purge::Url(url.as_bytes()), mode);
    }
}

/// A gateway with one service that caches, `a` for `a.test`, and its origin.
pub(super) struct Gateway {
    pub(super) bench: Bench,
    pub(super) proxy: Proxy,
    pub(super) origin: Origin,
}

impl Gateway {
    pub(super) async fn start() -> Self {
        Self::start_with(plain()).await
    }

    pub(super) async fn start_with(cache: Cache) -> Self {
        Self::start_on(Bench::new(), cache).await
    }

    pub(super) async fn start_on(bench: Bench, cache: Cache) -> Self {
        let origin = Origin::start().await;
        let proxy = bench.start(&Site::owned_by(caching("a", &[origin.address], cache))).await;
        Self { bench, proxy, origin }
    }

    /// Gets a path of `a.test` on a connection of its own.
    pub(super) async fn get(&self, path: &str) -> Response {
        self.get_with(path, &[]).await
    }

    /// The same with these fields.
    pub(super) async fn get_with(&self, path: &str, fields: &[&str]) -> Response {
        self.send("GET", path, fields).await
    }

    pub(super) async fn send(&self, method: &str, path: &str, fields: &[&str]) -> Response {
        self.client().await.send(method, path, fields).await
    }

    pub(super) async fn client(&self) -> Client {
        Client(self.proxy.connect().await)
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.bench.pass(Duration::from_secs(seconds));
    }
}

/// A client's connection, on which one request follows the other.
pub(super) struct Client(pub(super) Peer);

impl Client {
    pub(super) async fn send(&mut self, method: &str, path: &str, fields: &[&str]) -> Response {
        self.ask(method, path, fields).await;
        self.answer(method).await
    }

    pub(super) async fn ask(&mut self, method: &str, path: &str, fields: &[&str]) {
        let has_host = fields.iter().any(|field| field.starts_with("Host:"));
        let host = if has_host { "" } else { "Host: a.test\r\n" };
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        self.0.send(format!("{method} {path} HTTP/1.1\r\n{host}{fields}\r\n")).await;
    }

    pub(super) async fn answer(&mut self, method: &str) -> Response {
        let head = self.0.head().await;
        let mut response = Response { head, body: String::new() };
        let has_none = method == "HEAD" || matches!(response.status(), 204 | 304);
        response.body = match (response.field("Content-Length"), response.field("Transfer-Encoding")) {
            _ if has_none => String::new(),
            (Some(length), _) => text(self.0.exactly(length.parse().unwrap()).await),
            (None, Some(_)) => self.chunks().await,
            (None, None) => self.0.rest().await,
        };
        response
    }

    async fn chunks(&mut self) -> String {
        let mut body = String::new();
        loop {
            let size = self.0.until("\r\n").await;
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            body += &text(self.0.exactly(size).await);
            assert_eq!(self.0.exactly(2).await, b"\r\n");
            if size == 0 {
                return body;
            }
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// What a client got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) head: String,
    pub(super) body: String,
}

impl Response {
    pub(super) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The values of a field, joined.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let values: Vec<_> =
            lines.filter(|(there, _)| there.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The member of `Cache-Status` that is the gateway's.
    pub(super) fn cache(&self) -> String {
        let status = self.field("Cache-Status").unwrap_or_default();
        status.rsplit(", ").next().unwrap_or_default().strip_prefix("gateway; ").unwrap_or_default().to_owned()
    }

    pub(super) fn is_hit(&self) -> bool {
        self.cache().starts_with("hit")
    }

    pub(super) fn age(&self) -> Option<u64> {
        self.field("Age")?.parse().ok()
    }
}

/// An origin that answers what it was told, on connections that stay, and remembers what it was asked.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    /// Said once each, before the rest.
    next: VecDeque<String>,
    /// Said to everything else.
    always: String,
    asked: Vec<String>,
}

impl Origin {
    pub(super) async fn start() -> Self {
        let upstream = Upstream::start().await;
        let (address, script) = (upstream.address, Arc::default());
        let origin = Self { address, script };
        let script = Arc::clone(&origin.script);
        tokio::spawn(async move {
            loop {
                let peer = upstream.accept_forever().await;
                tokio::spawn(serve(peer, Arc::clone(&script)));
            }
        });
        origin
    }

    /// What it says from now on: a status, fields as lines, and a body.
    pub(super) fn says(&self, status: &str, fields: &[&str], body: &str) {
        self.script.lock().unwrap().always = answer(status, fields, body);
    }

    /// What it says once, before that.
    pub(super) fn says_once(&self, status: &str, fields: &[&str], body: &str) {
        self.script.lock().unwrap().next.push_back(answer(status, fields, body));
    }

    /// The heads of the requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.script.lock().unwrap().asked.clone()
    }

    pub(super) fn count(&self) -> usize {
        self.script.lock().unwrap().asked.len()
    }

    pub(super) fn last(&self) -> String {
        self.asked().pop().unwrap()
    }
}

async fn serve(mut peer: Peer, script: Arc<Mutex<Script>>) {
    while !peer.read.is_empty() || peer.more_or_end().await {
        let head = peer.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        if let Some(length) = length {
            peer.exactly(length.parse().unwrap()).await;
        }
        let is_head = head.starts_with("HEAD ");
        let answer = {
            let mut script = script.lock().unwrap();
            script.asked.push(head);
            script.next.pop_front().unwrap_or_else(|| script.always.clone())
        };
        let end = answer.find("\r\n\r\n").map_or(answer.len(), |at| at + 4);
        peer.send(if is_head { &answer[..end] } else { &answer }).await;
    }
}

/// An answer as it is on the wire.
pub(super) fn answer(status: &str, fields: &[&str], body: &str) -> String {
    let has_body = !status.starts_with("304") && !status.starts_with("204");
    let is_framed = fields.iter().any(|field| field.starts_with("Transfer-Encoding"));
    let length = if has_body && !is_framed { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{fields}{length}\r\n{body}")
}

/// A date so many seconds after the beginning, as fields have it.
pub(super) fn date(seconds: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs((T0 + seconds).try_into().unwrap()))
}
