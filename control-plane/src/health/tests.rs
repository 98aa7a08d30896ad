//! The monitor against real sockets.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{EndpointHealth, Health, HealthView, Monitor, Resolve, Settings, of_service};
use crate::{
    registry::{
        model::{Desired, HealthCheck, Key, Probe, ProbePolicy, Service},
        sample,
    },
    store::HealthRecord,
};

/// An HTTP server whose status can be chosen, and which counts requests.
struct Upstream {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    requests: Arc<AtomicU32>,
    _task: AbortOnDropHandle<()>,
}

impl Upstream {
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = Arc::new(AtomicU16::new(status));
        let requests = Arc::new(AtomicU32::new(0));
        let (chosen, counted) = (Arc::clone(&status), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                if stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let answer = format!("HTTP/1.1 {} x\r\ncontent-length: 0\r\n\r\n", chosen.load(Ordering::SeqCst));
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { address, status, requests, _task: AbortOnDropHandle::new(task) }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Waits until it has been asked so many times more.
    async fn asked(&self, times: u32) {
        let enough = self.requests() + times;
        while self.requests() < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Names with the addresses that a test gives them.
#[derive(Default)]
struct Table(Mutex<HashMap<String, Vec<SocketAddr>>>);

impl Table {
    fn set(&self, host: &str, addresses: &[SocketAddr]) {
        self.0.lock().unwrap().insert(host.into(), addresses.to_vec());
    }
}

impl Resolve for Table {
    fn lookup<'a>(&'a self, host: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let found = self.0.lock().unwrap().get(host).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

struct Cluster {
    desired: watch::Sender<Desired>,
    view: watch::Receiver<HealthView>,
    followed: watch::Receiver<Desired>,
    names: Arc<Table>,
    records: mpsc::UnboundedReceiver<Vec<HealthRecord>>,
    stop: CancellationToken,
    _task: AbortOnDropHandle<()>,
}

impl Cluster {
    /// A monitor over what is desired and known from an earlier run.
    fn start(services: Vec<Service>, restored: Vec<HealthRecord>, names: Arc<Table>) -> Self {
        let mut first = Desired::default();
        for service in services {
            first.put(service.into());
        }
        let desired = watch::Sender::new(first);
        let (sender, records) = mpsc::unbounded_channel();
        let settings = Settings {
            resolver: Arc::clone(&names) as Arc<dyn Resolve>,
            resolve_every: Duration::from_millis(5),
            max_probes: 64,
            seed: 1,
            now: Timestamp::now,
            counts: Arc::default(),
            record: Box::new(move |records| {
                drop(sender.send(records));
                oneshot::channel().1
            }),
        };
        let (monitor, view) = Monitor::new(desired.subscribe(), restored, settings);
        let (stop, followed) = (CancellationToken::new(), monitor.followed());
        let task = AbortOnDropHandle::new(tokio::spawn(monitor.run(stop.clone())));
        Self { desired, view, followed, names, records, stop, _task: task }
    }

    fn of(services: Vec<Service>) -> Self {
        Self::start(services, Vec::new(), Arc::default())
    }

    fn put(&self, service: Service) {
        self.desired.send_modify(|desired| drop(desired.put(service.into())));
    }

    /// The view of service `a`, address by address.
    fn addresses(&self) -> Vec<(Option<SocketAddr>, Health)> {
        let view = self.view.borrow().clone();
        of_service(&view, &sample::name("a")).map(|(key, health)| (key.address, health.health)).collect()
    }

    /// Waits until service `a` has just these addresses with these verdicts.
    async fn shows(&mut self, expected: &[(Option<SocketAddr>, Health)]) {
        let mut expected = expected.to_vec();
        expected.sort_by_key(|(address, _)| *address);
        let reached = async {
            loop {
                let mut now = self.addresses();
                now.sort_by_key(|(address, _)| *address);
                if now == expected {
                    return;
                }
                self.view.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(Duration::from_secs(10), reached).await.is_err() {
            panic!("expected {expected:?}, got {:?}", self.addresses());
        }
    }

    /// The only entry of service `a`.
    fn only(&self) -> Arc<EndpointHealth> {
        let view = self.view.borrow().clone();
        let entries: Vec<_> = of_service(&view, &sample::name("a")).map(|(_, health)| Arc::clone(health)).collect();
        let [only] = &entries[..] else { panic!("{entries:?}") };
        Arc::clone(only)
    }
}

fn quick() -> ProbePolicy {
    ProbePolicy {
        interval: Duration::from_millis(10),
        timeout: Duration::from_secs(5),
        rise: 1,
        fall: 2,
        ..ProbePolicy::default()
    }
}

fn service(endpoints: &[String], policy: ProbePolicy) -> Service {
    let endpoints = endpoints.iter().map(|address| sample::endpoint(address)).collect();
    Service { endpoints, health_check: HealthCheck::Enabled(policy), ..sample::service("a", &["a.test"]) }
}

fn record(endpoint: &str, addresses: &[(SocketAddr, bool)]) -> HealthRecord {
    let endpoint = sample::endpoint(endpoint).address;
    HealthRecord { service: sample::name("a"), endpoint, addresses: addresses.to_vec() }
}

#[tokio::test]
async fn an_address_follows_its_probes() {
    let upstream = Upstream::start(200).await;
    let mut cluster = Cluster::of(vec![service(&[upstream.address.to_string()], quick())]);
    assert_eq!(cluster.addresses(), [(Some(upstream.address), Health::Pending)], "before its first probe");
    cluster.shows(&[(Some(upstream.address), Health::Healthy)]).await;
    assert!(cluster.only().last_probe.get().is_some() && cluster.only().reason.is_empty());
    upstream.answer(503);
    cluster.shows(&[(Some(upstream.address), Health::Unhealthy)]).await;
    assert_eq!(cluster.only().reason, "status 503");
    let since = cluster.only().since;
    upstream.answer(500);
    cluster.view.changed().await.unwrap();
    assert_eq!((cluster.only().reason.as_str(), cluster.only().since), ("status 500", since));
    upstream.answer(204);
    cluster.shows(&[(Some(upstream.address), Health::Healthy)]).await;
    let records: Vec<_> = std::iter::from_fn(|| cluster.records.try_recv().ok()).flatten().collect();
    let verdicts: Vec<bool> = records.iter().map(|record| record.addresses[0].1).collect();
    assert_eq!(verdicts, [true, false, true], "each turn is recorded, and nothing else");
}

/// What is published of a desired state must not rest on a verdict from before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_view_has_caught_up_with_what_is_followed() {
    let slow = ProbePolicy { interval: Duration::from_secs(3600), ..quick() };
    let upstream = Upstream::start(200).await;
    let gone = service(&[], slow.clone());
    let back = service(&[upstream.address.to_string()], slow);
    let mut cluster = Cluster::of(vec![gone.clone()]);
    for round in 0..200 {
        let (service, expected) = if round % 2 == 0 { (&back, 1) } else { (&gone, 0) };
        cluster.put(service.clone());
        cluster.followed.changed().await.unwrap();
        cluster.followed.borrow_and_update();
        assert_eq!(cluster.addresses().len(), expected);
    }
    // The first probe of the last round but one may have been cut off.
    cluster.put(back);
    cluster.shows(&[(Some(upstream.address), Health::Healthy)]).await;
}

#[tokio::test]
async fn a_probe_that_turns_nothing_wakes_nobody() {
    let upstream = Upstream::start(200).await;
    let mut cluster = Cluster::of(vec![service(&[upstream.address.to_string()], quick())]);
    cluster.shows(&[(Some(upstream.address), Health::Healthy)]).await;
    cluster.view.borrow_and_update();
    let before = cluster.only().last_probe.get();
    upstream.asked(5).await;
    assert!(!cluster.view.has_changed().unwrap());
    assert!(cluster.only().last_probe.get() > before);
}

#[tokio::test]
async fn a_hanging_endpoint_delays_no_other() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = silent.local_addr().unwrap();
    let upstream = Upstream::start(200).await;
    let mut cluster = Cluster::of(vec![service(&[hanging.to_string(), upstream.address.to_string()], quick())]);
    cluster.shows(&[(Some(hanging), Health::Pending), (Some(upstream.address), Health::Healthy)]).await;
    upstream.asked(5).await;
}

#[tokio::test]
async fn what_was_known_before_a_restart_holds_until_probes_say_otherwise() {
    let (up, down) = (Upstream::start(503).await, Upstream::start(503).await);
    let records = vec![
        record(&up.address.to_string(), &[(up.address, true)]),
        record(&down.address.to_string(), &[(down.address, false)]),
        record("a.internal:80", &[(up.address, true)]),
        record("10.9.9.9:9", &[(up.address, true)]),
    ];
    let endpoints = [up.address.to_string(), down.address.to_string(), "a.internal:80".into()];
    let policy = ProbePolicy { fall: 3, ..quick() };
    let mut cluster = Cluster::start(vec![service(&endpoints, policy)], records, Arc::default());
    let (up_now, down_now) = (Some(up.address), Some(down.address));
    // Before anything has run, and although the name cannot be resolved now.
    let at_once = [(up_now, Health::Healthy), (down_now, Health::Unhealthy), (up_now, Health::Healthy)];
    let mut sorted = at_once.to_vec();
    sorted.sort_by_key(|(address, _)| *address);
    let mut now = cluster.addresses();
    now.sort_by_key(|(address, _)| *address);
    assert_eq!(now, sorted);
    assert!(cluster.records.try_recv().is_err(), "what was read is not written again");
    cluster.shows(&[(up_now, Health::Unhealthy), (down_now, Health::Unhealthy), (up_now, Health::Unhealthy)]).await;
    assert!(up.requests() >= 6, "three failures of each");
}

#[tokio::test]
async fn names_are_followed_wherever_they_point() {
    let (one, two) = (Upstream::start(200).await, Upstream::start(503).await);
    let names = Arc::new(Table::default());
    let mut cluster = Cluster::start(vec![service(&["a.internal:80".into()], quick())], Vec::new(), names);
    cluster.shows(&[(None, Health::Unhealthy)]).await;
    assert_eq!(cluster.only().reason, "cannot resolve a.internal: no such name");
    cluster.names.set("a.internal", &[two.address, one.address, two.address]);
    cluster.shows(&[(Some(one.address), Health::Healthy), (Some(two.address), Health::Unhealthy)]).await;
    cluster.names.set("a.internal", &[one.address]);
    cluster.shows(&[(Some(one.address), Health::Healthy)]).await;
    // A name that cannot be looked up any more keeps its addresses.
    cluster.names.0.lock().unwrap().clear();
    one.asked(5).await;
    assert_eq!(cluster.addresses(), [(Some(one.address), Health::Healthy)]);
}

#[tokio::test]
async fn a_changed_check_probes_at_once_and_forgets_nothing() {
    let upstream = Upstream::start(200).await;
    let slow = ProbePolicy { interval: Duration::from_secs(3600), fall: 1, ..quick() };
    let mut cluster = Cluster::of(vec![service(&[upstream.address.to_string()], slow.clone())]);
    cluster.shows(&[(Some(upstream.address), Health::Healthy)]).await;
    let since = cluster.only().since;

    // Another weight: no probe, no doubt.
    let mut heavier = service(&[upstream.address.to_string()], slow.clone());
    heavier.endpoints[0].weight = 7;
    cluster.put(heavier.clone());
    cluster.view.changed().await.unwrap();
    assert_eq!((cluster.only().weight, cluster.only().health, upstream.requests()), (7, Health::Healthy, 1));

    // Another path: a probe, and the address serves until it has failed.
    let probe = Probe::Http { path: "/other".into(), expected_statuses: vec![200..=200], host: None };
    heavier.health_check = HealthCheck::Enabled(ProbePolicy { probe, ..slow });
    cluster.put(heavier.clone());
    upstream.asked(1).await;
    assert_eq!((cluster.only().health, cluster.only().since), (Health::Healthy, since));

    // No check at all: healthy, whatever it says.
    upstream.answer(503);
    cluster.put(Service { health_check: HealthCheck::Enabled(quick()), ..heavier.clone() });
    cluster.shows(&[(Some(upstream.address), Health::Unhealthy)]).await;
    cluster.put(Service { health_check: HealthCheck::Disabled, ..heavier });
    cluster.shows(&[(Some(upstream.address), Health::Healthy)]).await;
}

#[tokio::test]
async fn what_is_removed_is_probed_no_more() {
    let (kept, removed) = (Upstream::start(200).await, Upstream::start(200).await);
    let both = [kept.address.to_string(), removed.address.to_string()];
    let mut cluster = Cluster::of(vec![service(&both, quick())]);
    cluster.shows(&[(Some(kept.address), Health::Healthy), (Some(removed.address), Health::Healthy)]).await;
    cluster.put(service(&both[..1], quick()));
    cluster.shows(&[(Some(kept.address), Health::Healthy)]).await;
    // A probe that was under way may still arrive.
    let last = removed.requests() + 1;
    kept.asked(10).await;
    assert!(removed.requests() <= last);
    cluster.desired.send_modify(|desired| drop(desired.remove(&Key::Service(sample::name("a")))));
    cluster.shows(&[]).await;
    cluster.stop.cancel();
}

#[tokio::test]
async fn thousands_of_endpoints_have_their_verdict_soon() {
    let upstream = Upstream::start(200).await;
    // Every address of 127.0.0.0/8 is this machine; nothing listens on these.
    let closed = (0..3000u32).map(|i| format!("127.1.{}.{}:9", i / 250, i % 250 + 1));
    let endpoints: Vec<_> = closed.map(|address| sample::endpoint(&address)).collect();
    let mut many = Desired::default();
    for (i, chunk) in endpoints.chunks(3).enumerate() {
        let service = Service { endpoints: chunk.to_vec(), ..sample::service(&format!("s{i}"), &[]) };
        many.put(service.into());
    }
    let mut cluster = Cluster::of(Vec::new());
    cluster.desired.send_replace(many);
    let verdicts = async {
        while cluster.view.borrow_and_update().values().filter(|h| h.health == Health::Unhealthy).count() < 3000 {
            cluster.view.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), verdicts).await.expect("every address has its first probe at once");
    cluster.put(service(&[upstream.address.to_string()], quick()));
    cluster.shows(&[(Some(upstream.address), Health::Healthy)]).await;
}
