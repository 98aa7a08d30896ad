use std::{sync::Arc, sync::Mutex, time::Duration};

use gateway_proto::{discovery::v1 as pb, registry::v1 as registry};
use gateway_routing::route::RateLimit;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::Status as GrpcStatus;

use super::{AGAIN, Demand, DemandSource, HOLD, Key, LeaseSink, Leasing, Lessee, Shares, Shift, WHOLE};
use crate::discovery::{
    Counted, HotKey, LimitCounters, LimitOwner,
    tests::{ControlPlane, DataPlane, SOON, Sharing, digested, full, resource, route_resource},
};

const KEY: Key = Key { limit: 5, hash: 1 << 64 | 7 };

/// What is asked for, as a test sets it.
struct Asked(Arc<Mutex<Vec<Demand>>>);

impl DemandSource for Asked {
    fn take(&mut self, elapsed: Duration) -> Vec<Demand> {
        assert!(elapsed < SOON);
        self.0.lock().unwrap().clone()
    }
}

/// What holds, as a test sees it.
struct Held(mpsc::UnboundedSender<(Shares, Vec<Shift>)>);

impl LeaseSink for Held {
    fn apply(&mut self, shares: &Shares, shifts: &[Shift]) {
        let _ = self.0.send((shares.clone(), shifts.to_vec()));
    }
}

/// Counts that tell limits apart.
struct Counting;

impl LimitCounters for Counting {
    fn counted(&self, owner: LimitOwner<'_>, limit: &RateLimit) -> Counted {
        let admitted = match owner {
            LimitOwner::Service(name) => name.len() as u64,
            LimitOwner::Route(name) => 100 + name.len() as u64,
        };
        let key = |hash: u128| HotKey { hash: hash << 96, share: WHOLE / 2, asked: 2 * WHOLE };
        let hottest = (1..=20).map(key).collect();
        Counted { admitted, refused: limit.name.len() as u64, shadow_refused: 3, hottest }
    }

    fn nodes(&self) -> u32 {
        9
    }
}

struct Fake {
    asked: Arc<Mutex<Vec<Demand>>>,
    held: mpsc::UnboundedReceiver<(Shares, Vec<Shift>)>,
}

impl Fake {
    fn new() -> (Self, Leasing) {
        let asked = Arc::<Mutex<Vec<Demand>>>::default();
        let (sender, held) = mpsc::unbounded_channel();
        let leasing = Leasing {
            demand: Box::new(Asked(Arc::clone(&asked))),
            sink: Box::new(Held(sender)),
            counters: Arc::new(Counting),
        };
        (Self { asked, held }, leasing)
    }

    fn ask(&self, asked: u64) {
        *self.asked.lock().unwrap() = vec![Demand { key: KEY, asked, passed: asked / 2, used: 3 }];
    }

    async fn applied(&mut self) -> (Shares, Vec<Shift>) {
        timeout(SOON, self.held.recv()).await.expect("shares are applied").unwrap()
    }
}

fn lease(nodes: u32, share: Option<u32>, shift: i64) -> pb::LimitLease {
    let key = pb::LeaseOfKey { key_high: 1, key_low: 7, share, shift };
    let limits = vec![pb::LeaseOfLimit { limit: 5, keys: vec![key] }];
    pb::LimitLease { nodes, complete: false, limits }
}

fn says(asked: u64, share: Option<u32>) -> pb::LimitDemand {
    let key = pb::DemandOfKey { key_high: 1, key_low: 7, asked, passed: asked / 2, used: 3, share };
    pb::LimitDemand { limits: vec![pb::DemandOfLimit { limit: 5, keys: vec![key] }], ..Default::default() }
}

async fn shared(streams: &mut mpsc::Receiver<Sharing>) -> Sharing {
    timeout(SOON, streams.recv()).await.expect("it shares limits").unwrap()
}

#[tokio::test]
async fn it_says_what_is_asked_for_and_holds_what_it_is_told() {
    let (mut control_plane, mut streams) = ControlPlane::start_leasing().await;
    let (mut fake, leasing) = Fake::new();
    fake.ask(100);
    let data_plane = DataPlane::start_leasing(&[control_plane.uri()], leasing);
    let (stream, _) = control_plane.accept().await;
    let mut sharing = shared(&mut streams).await;
    assert_eq!(sharing.demand().await, Some(pb::LimitDemand { node_id: "n1".into(), ..says(100, None) }));
    sharing.lease(pb::LimitLease { nodes: 4, complete: true, limits: vec![] }).await;
    let (shares, _) = fake.applied().await;
    assert_eq!((shares.nodes(), shares.of(&KEY)), (4, WHOLE / 4));

    sharing.lease(lease(4, Some(1 << 31), -9)).await;
    let (shares, shifts) = fake.applied().await;
    assert_eq!((shares.of(&KEY), shifts), (WHOLE / 2, vec![Shift { key: KEY, by: -9 }]));
    fake.ask(200);
    while sharing.demand().await != Some(says(200, Some(1 << 31))) {}
    // An answer without news changes nothing, and the next does.
    sharing.lease(pb::LimitLease { nodes: 4, complete: false, limits: vec![] }).await;
    sharing.lease(lease(4, Some(u32::MAX), 0)).await;
    assert_eq!(fake.applied().await.0.of(&KEY), WHOLE);

    // Another connection: the last shares hold, and it says among how many.
    stream.fail(GrpcStatus::unavailable("moving")).await;
    let (_stream, _) = control_plane.accept().await;
    let mut sharing = shared(&mut streams).await;
    let introduction = pb::LimitDemand { node_id: "n1".into(), nodes: 4, ..says(200, Some(u32::MAX)) };
    assert_eq!(sharing.demand().await, Some(introduction));
    sharing.lease(lease(3, None, 0)).await;
    assert_eq!(fake.applied().await.0.of(&KEY), WHOLE / 3);

    let (stopped, left) = tokio::join!(data_plane.stop(), async {
        loop {
            let demand = sharing.demand().await.expect("it says that it leaves");
            if demand.leaving {
                assert_eq!(sharing.demand().await, None);
                drop(sharing);
                return true;
            }
        }
    });
    assert!(stopped.is_ok() && left);
}

#[tokio::test]
async fn snapshots_go_on_whatever_becomes_of_limits() {
    // An older control plane, which has never heard of limits.
    let mut older = ControlPlane::start().await;
    let (mut fake, leasing) = Fake::new();
    let mut data_plane = DataPlane::start_leasing(&[older.uri()], leasing);
    let (mut stream, _) = older.accept().await;
    stream.accepted(full(1, &[resource("a", &["a.test"], 1)])).await;
    let status = data_plane.status(|status| status.accepted == 1).await;
    assert_eq!((status.streams, status.failures), (1, 0));

    for broken in [pb::LimitLease::default(), many(9000)] {
        let (mut control_plane, mut streams) = ControlPlane::start_leasing().await;
        let (_fake, leasing) = Fake::new();
        let mut data_plane = DataPlane::start_leasing(&[control_plane.uri()], leasing);
        let (mut stream, _) = control_plane.accept().await;
        let mut sharing = shared(&mut streams).await;
        sharing.demand().await;
        sharing.lease(broken).await;
        while sharing.demand().await.is_some() {}
        stream.accepted(full(1, &[resource("a", &["a.test"], 1)])).await;
        let status = data_plane.status(|status| status.accepted == 1).await;
        assert_eq!((status.streams, status.failures), (1, 0));
    }
    let (mut control_plane, mut streams) = ControlPlane::start_leasing().await;
    let (_fake, leasing) = Fake::new();
    let mut data_plane = DataPlane::start_leasing(&[control_plane.uri()], leasing);
    let (mut stream, _) = control_plane.accept().await;
    shared(&mut streams).await.fail(GrpcStatus::internal("no more")).await;
    stream.accepted(full(1, &[resource("a", &["a.test"], 1)])).await;
    data_plane.status(|status| status.accepted == 1).await;
    assert!(fake.held.try_recv().is_err(), "nobody has told the first anything");
}

#[tokio::test(start_paused = true)]
async fn the_last_shares_hold_for_a_while_and_then_the_even_one() {
    let (mut fake, leasing) = Fake::new();
    let (channels, connected) = watch::channel(None);
    let shutdown = CancellationToken::new();
    let mut lessee = Lessee::new("n1".into(), leasing, connected, shutdown.clone());
    let began = Instant::now();
    lessee.take_in(lease(5, Some(1 << 31), 0)).unwrap();
    assert_eq!(fake.applied().await.0.of(&KEY), WHOLE / 2);
    let task = tokio::spawn(lessee.run());
    let (shares, _) = fake.applied().await;
    assert!(began.elapsed() >= HOLD && began.elapsed() < HOLD + Duration::from_millis(10));
    assert_eq!((shares.nodes(), shares.of(&KEY)), (5, WHOLE / 5));
    shutdown.cancel();
    task.await.unwrap();
    drop(channels);
}

#[tokio::test]
async fn who_is_refused_takes_little_and_asks_again() {
    let (mut control_plane, mut streams) = ControlPlane::start_leasing().await;
    let (mut fake, leasing) = Fake::new();
    let _data_plane = DataPlane::start_leasing(&[control_plane.uri()], leasing);
    let (_stream, _) = control_plane.accept().await;
    let sharing = shared(&mut streams).await;
    sharing.fail(GrpcStatus::resource_exhausted("there are too many")).await;
    let (shares, _) = fake.applied().await;
    assert_eq!((shares.nodes(), shares.of(&KEY)), (1024, WHOLE / 1024));
    // On the same connection.
    let mut sharing = timeout(AGAIN + SOON, streams.recv()).await.expect("it shares limits again").unwrap();
    sharing.demand().await;
    sharing.lease(lease(4, Some(1 << 31), 0)).await;
    let (shares, _) = fake.applied().await;
    assert_eq!((shares.nodes(), shares.of(&KEY)), (4, WHOLE / 2));
}

#[test]
fn what_is_used_is_told_before_what_is_hardly_asked_for() {
    let demand = |hash, asked, used| Demand { key: Key { limit: 1, hash }, asked, passed: 0, used };
    let mut demands: Vec<_> = (0..2000).map(|hash| demand(hash, WHOLE / 100, 0)).collect();
    demands.push(demand(5000, 0, WHOLE / 2));
    let told = Shares::default().to_wire(demands);
    assert_eq!((told[0].keys.len(), told[0].keys[0].key_low), (1024, 5000));
}

fn many(count: u64) -> pb::LimitLease {
    let key = |low| pb::LeaseOfKey { key_high: 0, key_low: low, share: Some(1), shift: 0 };
    let limits = vec![pb::LeaseOfLimit { limit: 1, keys: (0..count).map(key).collect() }];
    pb::LimitLease { nodes: 1, complete: false, limits }
}

#[test]
fn shares_are_bounded_and_what_is_wrong_changes_nothing() {
    let mut shares = Shares::default();
    assert_eq!((shares.nodes(), shares.of(&KEY)), (0, WHOLE));
    shares.take_in(many(8192)).unwrap();
    shares.take_in(lease(2, Some(9), 0)).unwrap();
    let before = shares.clone();
    let refused = shares.take_in(many(8192)).unwrap_err();
    assert_eq!(refused, "limits names 8192 keys, and 8193 are held; 8192 are leased at most");
    assert!(shares.take_in(pb::LimitLease { nodes: 0, ..many(1) }).unwrap_err().contains("nodes is 0"));
    assert_eq!(shares, before);
    shares.take_in(pb::LimitLease { complete: true, ..lease(2, Some(9), 0) }).unwrap();
    assert_eq!(shares.leased().collect::<Vec<_>>(), [(&KEY, 9)]);
}

#[test]
fn only_the_largest_demands_are_said() {
    let key = |limit, hash| Key { limit, hash };
    let demand = |limit, hash, asked| Demand { key: key(limit, hash), asked, passed: u64::MAX, used: 0 };
    let demands = (0..12).flat_map(|limit| (0..2000).map(move |hash| demand(limit, hash, hash as u64)));
    let told = Shares::default().to_wire(demands.collect());
    assert_eq!(told.iter().map(|limit| limit.keys.len()).collect::<Vec<_>>(), [1024; 8]);
    let asked: Vec<_> = told[3].keys.iter().map(|key| key.asked).collect();
    assert_eq!((asked[0], asked[1023]), (1999, 976));
    assert!(told[0].keys.iter().all(|key| key.passed == 1 << 52));
    let told = Shares::default().to_wire(vec![Demand { used: u64::MAX, ..demand(1, 1, 1) }]);
    assert_eq!(told[0].keys[0].used, 1 << 52);
    // Ten of a hundred in a second, in half a second.
    let demand = Demand::of(KEY, 10, 5, 10_000_000, Duration::from_millis(500));
    assert_eq!((demand.asked, demand.passed), (WHOLE / 5, WHOLE / 10));
    assert_eq!(Demand::of(KEY, u64::MAX, 0, u64::MAX, Duration::ZERO).asked, u64::MAX);
}

fn limits(names: &[&str]) -> Option<registry::Policies> {
    let part = registry::rate_limit_key_part::Part::ClientAddress(true);
    let limit = |name: &&str| registry::RateLimit {
        name: (*name).into(),
        requests: Some(10),
        per: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        burst: Some(20),
        key: vec![registry::RateLimitKeyPart { part: Some(part.clone()) }],
        ipv4_prefix: Some(32),
        ipv6_prefix: Some(64),
        scope: registry::RateLimitScope::Cluster.into(),
        ..Default::default()
    };
    let rate_limits = Some(registry::RateLimits { limits: names.iter().map(limit).collect() });
    Some(registry::Policies { rate_limits, ..Default::default() })
}

#[tokio::test]
async fn operators_are_told_which_limits_are_in_force_and_what_is_counted() {
    let (mut control_plane, mut streams) = ControlPlane::start_asking().await;
    let (_fake, leasing) = Fake::new();
    let _data_plane = DataPlane::start_leasing(&[control_plane.uri()], leasing);
    let (mut stream, _) = control_plane.accept().await;
    let mut questions = timeout(SOON, streams.recv()).await.expect("it can be asked").unwrap();
    questions.reply().await;
    let mut service = resource("shop", &["a.test"], 1);
    if let Some(pb::resource::Body::Service(service)) = &mut service.body {
        service.policies = limits(&["daily", "per-client"]);
    }
    let mut route = route_resource("api", &["a.test"], "/api", "shop");
    if let Some(pb::resource::Body::Route(route)) = &mut route.body {
        route.policies = limits(&["daily"]);
    }
    stream.accepted(full(1, &[digested(service), digested(route), resource("other", &["b.test"], 1)])).await;
    let mut asked = async |id, name: &str| {
        questions.ask(id, Some(pb::query::Query::Limits(pb::LimitsQuery { name: name.into() }))).await;
        match questions.reply().await.and_then(|reply| reply.reply) {
            Some(pb::query_reply::Reply::Limits(report)) => report,
            other => panic!("{other:?}"),
        }
    };
    let told = |report: &pb::LimitsReport| -> Vec<_> {
        let told = |limit: &pb::LimitInForce| (limit.limit.clone().unwrap().name, limit.admitted, limit.refused);
        report.limits.iter().map(told).collect()
    };
    let all = asked(1, "").await;
    assert_eq!(told(&all), [("daily".into(), 4, 5), ("per-client".into(), 4, 10), ("daily".into(), 103, 5)]);
    assert_eq!((all.nodes, all.others), (9, 0));
    let first = &all.limits[0];
    assert_eq!(first.owner, Some(pb::limit_in_force::Owner::Service("shop".into())));
    assert_eq!(first.limit, limits(&["daily"]).unwrap().rate_limits.unwrap().limits.into_iter().next());
    assert_eq!(first.keys.len(), 10, "only the hottest");
    assert_eq!(first.keys[0], pb::HotKey { hash: 1, share: 1 << 31, asked: 1 << 33 });
    assert_eq!(told(&asked(2, "per-client").await), [("per-client".into(), 4, 10)]);
    assert_eq!(told(&asked(3, "nobody").await), []);
}
