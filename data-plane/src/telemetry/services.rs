//! What is counted by service and route. The registry bounds the label values, whatever clients send.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Instant,
};

use self::index::Index;
use super::{counter::Counter, histogram::Histogram};
use crate::{
    error::CODES,
    proxy::{auth, cache::OUTCOMES, exchange::Exchange},
    table::RoutingTable,
};

mod index;

/// Sets of counters that are looked at in one step of [`ServiceBook::forget_removed`].
const STEP: usize = 1000;

/// Counters of one service, or of its part in one route; one worker writes them.
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
    /// Of services that cache, in the order of [`OUTCOMES`].
    pub cache: [Counter; OUTCOMES.len()],
    /// Where a policy says who may call, in the order of [`auth::OUTCOMES`].
    pub auth: [Counter; auth::OUTCOMES.len()],
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
        if let Some(told) = exchange.cache {
            self.cache[told.outcome as usize].add_one();
        }
        if let Some(outcome) = exchange.auth {
            self.auth[outcome.index()].add_one();
        }
        if exchange.attempts > 0 {
            self.retries.add(u64::from(exchange.attempts - 1));
            if exchange.pooled { &self.pool_hits } else { &self.pool_misses }.add_one();
        }
    }

    /// Adds what another worker counted.
    fn absorb(&self, other: &Self) {
        let Self {
            requests,
            errors,
            duration,
            response,
            received_bytes,
            sent_bytes,
            retries,
            pool_hits,
            pool_misses,
            cache,
            auth,
        } = self;
        requests.iter().zip(&other.requests).for_each(|(total, counted)| total.add(counted.get()));
        errors.iter().zip(&other.errors).for_each(|(total, counted)| total.add(counted.get()));
        duration.absorb(&other.duration);
        response.absorb(&other.response);
        received_bytes.add(other.received_bytes.get());
        sent_bytes.add(other.sent_bytes.get());
        retries.add(other.retries.get());
        pool_hits.add(other.pool_hits.get());
        pool_misses.add(other.pool_misses.get());
        cache.iter().zip(&other.cache).for_each(|(total, counted)| total.add(counted.get()));
        auth.iter().zip(&other.auth).for_each(|(total, counted)| total.add(counted.get()));
    }
}

/// Whom requests were for, and what they were routed by.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Labels {
    /// The service's name, where one was chosen.
    pub service: Option<Arc<str>>,
    /// The route's name, where one matched.
    pub route: Option<Arc<str>>,
}

impl Labels {
    /// Whether requests can still be counted so.
    fn are_in(&self, table: &RoutingTable) -> bool {
        match (&self.route, &self.service) {
            (Some(route), Some(service)) => table.leads_to(route, service),
            (Some(route), None) => table.has_route(route),
            (None, Some(service)) => table.has_service(service),
            (None, None) => true,
        }
    }
}

/// The sum over workers.
pub(crate) type ServiceTotals = BTreeMap<Labels, ServiceStats>;

type Labelled = (Labels, Arc<ServiceStats>);

/// One worker's counters, where the control thread finds them.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    unrouted: ServiceStats,
    /// Requests never lock it; the worker does where a service or route comes or goes, and does not
    /// wait.
    sets: Mutex<Vec<Labelled>>,
}

impl Listed {
    /// Adds these counters to a sum.
    pub(crate) fn add_to(&self, totals: &mut ServiceTotals) {
        totals.entry(Labels::default()).or_default().absorb(&self.unrouted);
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (labels, stats) in sets {
            totals.entry(labels).or_default().absorb(&stats);
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Vec<Labelled>>> {
        match self.sets.try_lock() {
            Ok(sets) => Some(sets),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// One worker's counters by service and route.
#[derive(Debug, Default)]
pub(crate) struct ServiceBook {
    index: RefCell<Index>,
    /// What a scrape was in the way of listing.
    unlisted: RefCell<Vec<Labelled>>,
    /// Where the next step of [`ServiceBook::forget_removed`] begins.
    next: Cell<usize>,
}

impl ServiceBook {
    pub(crate) fn record(&self, listed: &Listed, exchange: &Exchange<'_>, ended: Instant) {
        let route = exchange.route.map(|route| &route.name);
        let service = exchange.service.map(|service| &service.name);
        if route.is_none() && service.is_none() {
            return listed.unrouted.record(exchange, ended);
        }
        if let Some(stats) = self.index.borrow().find(route, service) {
            return stats.record(exchange, ended);
        }
        self.open(listed, Labels { service: service.cloned(), route: route.cloned() }).record(exchange, ended);
    }

    fn open(&self, listed: &Listed, labels: Labels) -> Arc<ServiceStats> {
        let stats = Arc::new(ServiceStats::default());
        self.index.borrow_mut().insert(&labels, Arc::clone(&stats));
        self.unlisted.borrow_mut().push((labels, Arc::clone(&stats)));
        if let Some(mut sets) = listed.try_lock() {
            sets.append(&mut self.unlisted.borrow_mut());
        }
        stats
    }

    /// Drops the counters of what left the table: services, routes, and services that a route does
    /// not lead to any more. Each call looks at a part of them, so that no request waits for long.
    pub(crate) fn forget_removed(&self, listed: &Listed, table: &RoutingTable) {
        // A scrape reads them just now; there is a next time.
        let Some(mut sets) = listed.try_lock() else { return };
        sets.append(&mut self.unlisted.borrow_mut());
        let mut index = self.index.borrow_mut();
        let mut at = self.next.get();
        for _ in 0..sets.len().min(STEP) {
            at = if at < sets.len() { at } else { 0 };
            if sets[at].0.are_in(table) {
                at += 1;
            } else {
                let (labels, _) = sets.swap_remove(at);
                index.remove(&labels);
            }
        }
        self.next.set(at);
    }
}
