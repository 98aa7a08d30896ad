//! A worker's counters: written by the worker alone, read by the control thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{error::CODES, proxy::exchange::Exchange};

/// Counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct WorkerStats {
    /// Answers by the hundreds of their status: index 2 counts 200 to 299.
    responses: [Counter; 6],
    /// The gateway's own error answers, in the order of [`CODES`].
    errors: [Counter; CODES.len()],
    client_opened: Counter,
    client_closed: Counter,
    upstream_opened: Counter,
    upstream_closed: Counter,
}

/// One writer, so that no read-modify-write is needed.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    fn add_one(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_add(1), Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The sum over workers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Totals {
    pub responses: [u64; 6],
    pub errors: [u64; CODES.len()],
    pub client_connections: u64,
    pub client_connections_open: u64,
    pub upstream_connections: u64,
    pub upstream_connections_open: u64,
}

impl WorkerStats {
    pub(crate) fn record(&self, exchange: &Exchange) {
        if let Some(status) = exchange.status
            && let Some(counter) = self.responses.get(usize::from(status.as_u16() / 100))
        {
            counter.add_one();
        }
        if let Some(error) = exchange.error {
            self.errors[error.code_index()].add_one();
        }
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
        for (total, counter) in totals.errors.iter_mut().zip(&self.errors) {
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
