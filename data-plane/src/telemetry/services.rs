//! What is counted by service. The registry bounds the label values, whatever clients send.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Instant,
};

use foldhash::fast::RandomState;

use super::{counter::Counter, histogram::Histogram};
use crate::{error::CODES, proxy::exchange::Exchange, table::RoutingTable};

/// Services that are looked at in one step of [`ServiceBook::forget_removed`].
const STEP: usize = 1000;
/// Stands for the service where none was chosen.
const UNROUTED: &str = "-";

/// Counters of one service; one worker writes them.
#[derive(Debug, Default)]
pub(crate) struct ServiceStats {
    /// By the hundreds of the status: index 2 counts 200 to 299, index 0 what got no answer.
    pub requests: [Counter; 6],
    /// In the order of [`CODES`].
    pub errors: [Counter; CODES.len()],
    /// From the request's head to the end of its answer.
    pub duration: Histogram,
    /// From the request's head to the head of the endpoint's answer.
    pub response: Histogram,
    pub received_bytes: Counter,
    pub sent_bytes: Counter,
    pub retries: Counter,
    pub pool_hits: Counter,
    pub pool_misses: Counter,
}

impl ServiceStats {
    fn record(&self, exchange: &Exchange<'_>, ended: Instant) {
        let class = exchange.status.map_or(0, |status| usize::from(status.as_u16() / 100));
        if let Some(counter) = self.requests.get(class) {
            counter.add_one();
        }
        if let Some(error) = exchange.error {
            self.errors[error.code_index()].add_one();
        }
        self.duration.observe(ended.saturating_duration_since(exchange.started));
        if let Some(answered) = exchange.answered {
            self.response.observe(answered.saturating_duration_since(exchange.started));
        }
        self.received_bytes.add(exchange.received());
        self.sent_bytes.add(exchange.sent);
        if exchange.attempts > 0 {
            self.retries.add(u64::from(exchange.attempts - 1));
            if exchange.pooled { &self.pool_hits } else { &self.pool_misses }.add_one();
        }
    }

    /// Adds what another worker counted.
    fn absorb(&self, other: &Self) {
        let Self { requests, errors, duration, response, received_bytes, sent_bytes, retries, pool_hits, pool_misses } =
            self;
        requests.iter().zip(&other.requests).for_each(|(total, counted)| total.add(counted.get()));
        errors.iter().zip(&other.errors).for_each(|(total, counted)| total.add(counted.get()));
        duration.absorb(&other.duration);
        response.absorb(&other.response);
        received_bytes.add(other.received_bytes.get());
        sent_bytes.add(other.sent_bytes.get());
        retries.add(other.retries.get());
        pool_hits.add(other.pool_hits.get());
        pool_misses.add(other.pool_misses.get());
    }
}

/// The sum over workers, by service.
pub(crate) type ServiceTotals = BTreeMap<Arc<str>, ServiceStats>;

type Named = (Arc<str>, Arc<ServiceStats>);

/// One worker's counters, where the control thread finds them.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    unrouted: ServiceStats,
    /// Requests never lock it; the worker does where a service comes or goes, and does not wait.
    services: Mutex<Vec<Named>>,
}

impl Listed {
    /// Adds these counters to a sum.
    pub(crate) fn add_to(&self, totals: &mut ServiceTotals) {
        totals.entry(UNROUTED.into()).or_default().absorb(&self.unrouted);
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (name, stats) in services {
            totals.entry(name).or_default().absorb(&stats);
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Vec<Named>>> {
        match self.services.try_lock() {
            Ok(services) => Some(services),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Where a worker finds a service's counters; it has them from the service's first request on.
#[derive(Debug, Default)]
pub(crate) struct ServiceBook {
    by_name: RefCell<HashMap<Arc<str>, Arc<ServiceStats>, RandomState>>,
    /// What a scrape was in the way of listing.
    unlisted: RefCell<Vec<Named>>,
    /// Where the next step of [`ServiceBook::forget_removed`] begins.
    next: Cell<usize>,
}

impl ServiceBook {
    pub(crate) fn record(&self, listed: &Listed, exchange: &Exchange<'_>, ended: Instant) {
        let Some(service) = exchange.service else { return listed.unrouted.record(exchange, ended) };
        if let Some(stats) = self.by_name.borrow().get(&service.name) {
            return stats.record(exchange, ended);
        }
        self.open(listed, &service.name).record(exchange, ended);
    }

    fn open(&self, listed: &Listed, name: &Arc<str>) -> Arc<ServiceStats> {
        let stats = Arc::new(ServiceStats::default());
        self.by_name.borrow_mut().insert(Arc::clone(name), Arc::clone(&stats));
        self.unlisted.borrow_mut().push((Arc::clone(name), Arc::clone(&stats)));
        if let Some(mut services) = listed.try_lock() {
            services.append(&mut self.unlisted.borrow_mut());
        }
        stats
    }

    /// Drops the counters of services that left the table. Each call looks at a part of them, so
    /// that no request waits for long.
    pub(crate) fn forget_removed(&self, listed: &Listed, table: &RoutingTable) {
        // A scrape reads them just now; there is a next time.
        let Some(mut services) = listed.try_lock() else { return };
        services.append(&mut self.unlisted.borrow_mut());
        let mut by_name = self.by_name.borrow_mut();
        let mut at = self.next.get();
        for _ in 0..services.len().min(STEP) {
            at = if at < services.len() { at } else { 0 };
            if table.has_service(&services[at].0) {
                at += 1;
            } else {
                let (name, _) = services.swap_remove(at);
                by_name.remove(&name);
            }
        }
        self.next.set(at);
    }
}
