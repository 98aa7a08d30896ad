//! Between what counts requests and the control plane, which shares out the limits that hold for the whole
//! cluster.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gateway_limiting::{Asked, LimitId, Rate, Share, SharedKey, Shares};
use gateway_routing::route::RateLimit;

use super::Limiter;
use crate::{
    discovery::{
        Counted, HotKey, LimitCounters, LimitOwner,
        leases::{self, Demand, DemandSource, Key, LeaseSink, Leasing, Shift, WHOLE},
    },
    proxy::limit::limit_id,
    telemetry::rate_limits::Owner,
    worker::stats::WorkerStats,
};

/// All that the control plane hears of, and what it says.
#[derive(Debug, Clone)]
struct Desk {
    limiter: Arc<Limiter>,
    workers: Vec<Arc<WorkerStats>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    shares: leases::Shares,
    /// Where the keys are counted that are leased, or were asked for in the last period.
    known: HashMap<Key, Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    key: gateway_limiting::Key,
    rate: Rate,
    /// What was asked for in the last period, relative to the whole limit.
    asked: u64,
}

/// The limits of these workers, as the control plane shares them out.
pub(crate) fn leasing(limiter: &Arc<Limiter>, workers: &[Arc<WorkerStats>]) -> Leasing {
    let desk = Desk { limiter: Arc::clone(limiter), workers: workers.to_vec(), state: Arc::default() };
    Leasing { demand: Box::new(desk.clone()), sink: Box::new(desk.clone()), counters: Arc::new(desk) }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.limiter.nanos(Instant::now())
    }
}

impl DemandSource for Desk {
    fn take(&mut self, elapsed: Duration) -> Vec<Demand> {
        let asked = self.limiter.asked();
        let mut state = self.state();
        let State { shares, known } = &mut *state;
        let leased: HashSet<_> = shares.leased().map(|(key, _)| *key).collect();
        known.retain(|key, _| leased.contains(key));
        known.values_mut().for_each(|known| known.asked = 0);
        let now = self.now();
        let used = |key: &gateway_limiting::Key, rate: &Rate| {
            self.limiter.counters.get().map_or(0, |counters| counters.cells.used(key, rate, now))
        };
        let mut demands = HashMap::new();
        for Asked { shared, key, rate, asked, admitted } in asked {
            let name = Key { limit: key.limit().0, hash: shared.0 };
            // A byte may cost less than a nanosecond; a thousand do not.
            let mut demand = Demand::of(name, asked, admitted, rate.cost(1000), elapsed.saturating_mul(1000));
            demand.used = used(&key, &rate);
            known.insert(name, Known { key, rate, asked: demand.asked });
            if leased.contains(&name) || demand.asked >= shares.even() / 2 || demand.used >= WHOLE / 2 {
                demands.insert(name, demand);
            }
        }
        // What is used stays used while nobody asks.
        for (name, Known { key, rate, asked: _ }) in known {
            let used = used(key, rate);
            if used > 0 && leased.contains(name) {
                demands.entry(*name).or_insert(Demand { key: *name, asked: 0, passed: 0, used });
            }
        }
        demands.into_values().collect()
    }
}

impl LeaseSink for Desk {
    fn apply(&mut self, shares: &leases::Shares, shifts: &[Shift]) {
        let mut state = self.state();
        state.shares = shares.clone();
        let now = self.now();
        if let Some(counters) = self.limiter.counters.get() {
            for Shift { key, by } in shifts {
                // A key that nobody has asked for here has no cell to be used up.
                if let Some(Known { key, rate, .. }) = state.known.get(key) {
                    counters.cells.shift(key, rate, *by, now);
                }
            }
        }
        let lease = |(key, share): (&Key, u64)| ((LimitId(key.limit), SharedKey(key.hash)), Share::of_parts(share));
        // Never more than a control plane leases; without them, the fair share is less than what was told.
        let shares = Shares::new(shares.nodes().max(1), shares.leased().map(lease)).unwrap_or_else(|too_many| {
            tracing::warn!(error = %too_many, "leases are passed over");
            Shares::new(shares.nodes().max(1), []).unwrap_or_default()
        });
        self.limiter.share(shares);
    }
}

impl LimitCounters for Desk {
    fn counted(&self, owner: LimitOwner<'_>, limit: &RateLimit) -> Counted {
        let owner = match owner {
            LimitOwner::Service(name) => Owner::Service(name),
            LimitOwner::Route(name) => Owner::Route(name),
        };
        let id = limit_id(owner, limit, &mut Vec::new());
        let mut sums = [0; 3];
        for worker in &self.workers {
            sums.iter_mut().zip(worker.rate_limits.of(id)).for_each(|(sum, count)| *sum += count);
        }
        let [admitted, refused, shadow_refused] = sums;
        let state = self.state();
        let of_limit = state.shares.leased().filter(|(key, _)| key.limit == id.0);
        let asked = |key: &Key| state.known.get(key).map_or(0, |known| known.asked);
        let mut hottest: Vec<_> =
            of_limit.map(|(key, share)| HotKey { hash: key.hash, share, asked: asked(key) }).collect();
        hottest.sort_unstable_by_key(|key| (std::cmp::Reverse(key.asked), key.hash));
        Counted { admitted, refused, shadow_refused, hottest }
    }

    fn nodes(&self) -> u32 {
        self.state().shares.nodes()
    }
}
