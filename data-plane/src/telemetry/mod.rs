//! What a worker tells of its requests: counters for `/metrics`, lines of the access log. All of it
//! is made of the [`Exchange`] when it is over.

pub(crate) mod access_log;
pub(crate) mod counter;
pub(crate) mod histogram;
pub(crate) mod rate_limits;
pub(crate) mod services;

use std::{sync::Arc, time::Instant};

use gateway_limiting::LimitId;

use self::{
    access_log::WorkerLog,
    rate_limits::{Counted, LimitBook, Owner},
    services::ServiceBook,
};
use crate::{proxy::exchange::Exchange, table::RoutingTable, worker::stats::WorkerStats};

/// One worker's.
#[derive(Debug)]
pub(crate) struct Telemetry {
    stats: Arc<WorkerStats>,
    services: ServiceBook,
    rate_limits: LimitBook,
    log: Option<WorkerLog>,
}

impl Telemetry {
    /// Counts into `stats`, which no other worker does, and writes to `log`, if there is one.
    pub(crate) fn new(stats: Arc<WorkerStats>, log: Option<WorkerLog>) -> Self {
        Self { stats, services: ServiceBook::default(), rate_limits: LimitBook::default(), log }
    }

    pub(crate) const fn stats(&self) -> &Arc<WorkerStats> {
        &self.stats
    }

    /// Whether the request that begins now is logged; to be asked once for each.
    pub(crate) fn is_logged(&self) -> bool {
        self.log.as_ref().is_some_and(WorkerLog::is_due)
    }

    /// Counts what a rate limit has done about a request.
    pub(crate) fn limited(&self, id: LimitId, owner: Owner<'_>, limit: &Arc<str>, counted: Counted) {
        self.rate_limits.count(&self.stats.rate_limits, id, owner, limit, counted);
    }

    /// What is due when a request is over.
    pub(crate) fn record(&self, exchange: &mut Exchange<'_>) {
        let ended = exchange.ended.unwrap_or_else(Instant::now);
        self.stats.record(exchange);
        self.services.record(&self.stats.services, exchange, ended);
        if let Some(log) = &self.log
            && exchange.logged
        {
            log.add(exchange, ended, &self.stats.log_dropped);
            exchange.buffers.logged.clear();
        }
    }

    /// What is due at every tick.
    pub(crate) fn flush(&self) {
        if let Some(log) = &self.log {
            log.flush(&self.stats.log_dropped);
        }
    }

    /// What is due once a second.
    pub(crate) fn tidy(&self, table: &RoutingTable) {
        self.services.forget_removed(&self.stats.services, table);
        self.rate_limits.forget_removed(&self.stats.rate_limits, table);
    }
}

/// The last lines are on their way before anybody hears that the worker has ended.
impl Drop for Telemetry {
    fn drop(&mut self) {
        self.flush();
    }
}
