//! What a check costs, alone and beside another thread, for one limit and for several.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "what a benchmark begins with is known to be good")]

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use gateway_limiting::{
    Check, Counts, Demand, InFlight, LimitId, Rate, Share, SharedKey, Shares, Table, admit, client_address, push_part,
};

const MEMORY: usize = 32 << 20;
const KEYS: u32 = 100_000;

struct Bench {
    table: Table,
    started: Instant,
    limit: LimitId,
    rate: Rate,
    shares: Shares,
}

impl Bench {
    fn new() -> Self {
        let limit = LimitId::of(b"service shop per-client");
        let lease = |number| ((limit, SharedKey::of(&key(number))), Share::of_parts(1 << 31));
        Self {
            table: Table::new(MEMORY, 7),
            started: Instant::now(),
            limit,
            // Nearly all requests are admitted, and refusals cost less.
            rate: Rate::requests(10_000_000, Duration::from_secs(1), 1_000_000).unwrap(),
            shares: Shares::new(2, (0..1000).map(lease)).unwrap(),
        }
    }

    /// As the proxy does it, the clock included.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap()
    }

    /// What is no check: the clock and the hash.
    fn nothing(&self, key: &[u8]) -> bool {
        black_box(self.now());
        black_box(self.table.key(self.limit, key));
        true
    }

    fn node(&self, key: &[u8]) -> bool {
        let key = self.table.key(self.limit, key);
        let mut checks = [Check::new(key, self.rate, Share::WHOLE, Counts::Requests)];
        admit(&self.table, &mut checks, self.now())
    }

    fn cluster(&self, demand: &Demand, key: &[u8]) -> bool {
        let now = self.now();
        let shared = SharedKey::of(key);
        let lease = self.shares.lease(self.limit, shared);
        let key = self.table.key(self.limit, key);
        let mut checks = [Check::new(key, self.rate, lease.unwrap_or(self.shares.fair()), Counts::Requests)];
        let admitted = admit(&self.table, &mut checks, now);
        if checks[0].is_known() || lease.is_some() {
            demand.record(&checks[0], shared, 1, u64::from(admitted));
        }
        admitted
    }

    fn three(&self, key: &[u8]) -> bool {
        let mut checks = [0, 1, 2].map(|number| {
            let key = self.table.key(LimitId(self.limit.0 + number), key);
            Check::new(key, self.rate, Share::WHOLE, Counts::Requests)
        });
        admit(&self.table, &mut checks, self.now())
    }
}

fn key(number: u32) -> Vec<u8> {
    let mut key = Vec::new();
    push_part(&mut key, &Ipv4Addr::from_bits(number.wrapping_mul(0x9e37_79b9)).octets());
    key
}

/// Measures with another thread that does the same all the time, with other keys or the same ones.
fn beside(
    bencher: &mut Bencher<'_>,
    own: &[Vec<u8>],
    other: &[Vec<u8>],
    check: &(impl Fn(usize, &[u8]) -> bool + Sync),
) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut keys = other.iter().cycle();
            while !is_over.load(Relaxed) {
                black_box(keys.next().map(|key| check(1, key)));
            }
        });
        let mut keys = own.iter().cycle();
        bencher.iter(|| keys.next().map(|key| check(0, key)));
        is_over.store(true, Relaxed);
    });
}

fn checks(criterion: &mut Criterion) {
    let bench = Bench::new();
    let demands = [Demand::default(), Demand::default()];
    let keys: Vec<_> = (0..KEYS).map(key).collect();
    let (own, other) = keys.split_at(keys.len() / 2);
    let mut group = criterion.benchmark_group("check");
    let mut compare = |name: &str, check: &(dyn Fn(usize, &[u8]) -> bool + Sync)| {
        for (case, own, other) in [("one key", &own[..1], &other[..1]), ("spread", own, other)] {
            let alone = |bencher: &mut Bencher<'_>| {
                let mut keys = own.iter().cycle();
                bencher.iter(|| keys.next().map(|key| check(0, key)));
            };
            group.bench_function(format!("{name}/{case}/alone"), alone);
            group.bench_function(format!("{name}/{case}/beside"), |bencher| {
                beside(bencher, own, other, &|worker, key| check(worker, key));
            });
        }
        group.bench_function(format!("{name}/same key/beside"), |bencher| {
            beside(bencher, &own[..1], &own[..1], &|worker, key| check(worker, key));
        });
    };
    compare("nothing", &|_, key| bench.nothing(key));
    compare("node", &|_, key| bench.node(key));
    compare("cluster", &|worker, key| bench.cluster(&demands[worker], key));
    compare("three", &|_, key| bench.three(key));
    group.finish();
    others(criterion, &keys);
}

fn others(criterion: &mut Criterion, keys: &[Vec<u8>]) {
    let bench = Bench::new();
    let mut number = KEYS;
    criterion.bench_function("check/node/new keys", |bencher| {
        bencher.iter_batched(
            || {
                number = number.wrapping_add(1);
                key(number)
            },
            |key| bench.node(&key),
            criterion::BatchSize::SmallInput,
        );
    });
    let in_flight = InFlight::new(1 << 20);
    criterion.bench_function("in flight", |bencher| {
        let mut keys = keys.iter().cycle();
        bencher.iter(|| {
            keys.next().map(|key| {
                let key = bench.table.key(bench.limit, key);
                in_flight.enter(&key, 10).is_some()
            })
        });
    });
    let is_trusted = |address: IpAddr| matches!(address, IpAddr::V4(address) if address.octets()[0] == 10);
    let proxy = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
    criterion.bench_function("client address", |bencher| {
        let field = || [&b"203.0.113.7, 10.9.9.9"[..]].into_iter();
        bencher.iter(|| client_address(black_box(proxy), is_trusted, field(), [].into_iter()));
    });
}

criterion_group!(benches, checks);
criterion_main!(benches);
