//! A worker's counters: written by the worker alone, read by the control thread.

use crate::{
    proxy::{
        auth::remote::RemoteTotals,
        cache::{OUTCOMES, Outcome},
        exchange::Exchange,
        mirror::{FATES, Fate},
    },
    telemetry::{
        counter::Counter,
        rate_limits::{LimitTotals, ListedLimits},
        services::{Listed, ServiceTotals},
    },
};

/// Counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct WorkerStats {
    /// Answers by the hundreds of their status: index 2 counts 200 to 299.
    responses: [Counter; 6],
    client_opened: Counter,
    client_closed: Counter,
    upstream_opened: Counter,
    upstream_closed: Counter,
    /// The same by service, and more.
    pub services: Listed,
    /// What rate limits have done.
    pub rate_limits: ListedLimits,
    /// Lines of the access log that were given up.
    pub log_dropped: Counter,
    /// Copies of requests by what became of them, in the order of [`FATES`].
    mirrored: [Counter; FATES.len()],
    /// Requests of services that cache, in the order of [`OUTCOMES`]; of services that are gone, too.
    cache: [Counter; OUTCOMES.len()],
}

/// The counters of rate limits, which all workers share; zero where there were no limits yet.
#[derive(Debug, Default)]
pub(crate) struct CounterTotals {
    pub memory: u64,
    pub places: u64,
    pub taken: u64,
    pub shared: u64,
    /// Requests that the control plane does not hear of.
    pub unreported: u64,
}

/// The sum over workers.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub responses: [u64; 6],
    pub services: ServiceTotals,
    pub rate_limits: LimitTotals,
    pub counters: CounterTotals,
    pub remote: RemoteTotals,
    pub log_dropped: u64,
    pub log_write_errors: u64,
    pub mirrored: [u64; FATES.len()],
    pub client_connections: u64,
    pub client_connections_open: u64,
    pub upstream_connections: u64,
    pub upstream_connections_open: u64,
    /// Of the store that all workers share.
    pub cache: gateway_cache_store::Stats,
    /// Of the disk behind it, if there is one.
    pub disk: Option<gateway_cache_disk::Stats>,
}

impl WorkerStats {
    pub(crate) fn record(&self, exchange: &Exchange<'_>) {
        if let Some(status) = exchange.status
            && let Some(counter) = self.responses.get(usize::from(status.as_u16() / 100))
        {
            counter.add_one();
        }
        if let Some(told) = exchange.cache {
            self.cache[told.outcome as usize].add_one();
        }
    }

    /// Requests of which the cache made this.
    pub(crate) fn cached(&self, outcome: Outcome) -> u64 {
        self.cache[outcome as usize].get()
    }

    pub(crate) fn mirrored(&self, fate: Fate) {
        self.mirrored[fate as usize].add_one();
    }

    pub(crate) fn client_opened(&self) {
        self.client_opened.add_one();
    }

    pub(crate) fn client_closed(&self) {
        self.client_closed.add_one();
    }

    pub(crate) fn upstream_opened(&self) {
        self.upstream_opened.add_one();
    }

    pub(crate) fn upstream_closed(&self) {
        self.upstream_closed.add_one();
    }

    /// Adds these counters to a sum.
    pub(crate) fn add_to(&self, totals: &mut Totals) {
        for (total, counter) in totals.responses.iter_mut().zip(&self.responses) {
            *total += counter.get();
        }
        self.services.add_to(&mut totals.services);
        self.rate_limits.add_to(&mut totals.rate_limits);
        totals.log_dropped += self.log_dropped.get();
        for (total, counter) in totals.mirrored.iter_mut().zip(&self.mirrored) {
            *total += counter.get();
        }
        // Closed first: a connection that closes between the two reads must not make it negative.
        let (client_closed, upstream_closed) = (self.client_closed.get(), self.upstream_closed.get());
        totals.client_connections += self.client_opened.get();
        totals.client_connections_open += self.client_opened.get().saturating_sub(client_closed);
        totals.upstream_connections += self.upstream_opened.get();
        totals.upstream_connections_open += self.upstream_opened.get().saturating_sub(upstream_closed);
    }
}
