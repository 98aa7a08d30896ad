//! What there is to see of a running control plane, for the admin service and for metrics.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    auth::RefusedCalls,
    health::{Health, HealthView, monitor::ProbeCounts},
    registry::model::{Desired, Revision},
    snapshot::{Snapshot, Version, nodes::Nodes},
    store::{Store, StoreError},
};

/// Handles on everything that can be observed.
#[derive(Clone)]
pub struct Observed {
    /// When this run began.
    pub started_at: Timestamp,
    /// The revision that the store was loaded at.
    pub loaded_revision: Revision,
    /// The latest durable state.
    pub desired: watch::Receiver<Desired>,
    /// The health of every address.
    pub health: watch::Receiver<HealthView>,
    /// The latest snapshot.
    pub published: watch::Receiver<Arc<Snapshot>>,
    /// The data planes.
    pub nodes: Arc<Nodes>,
    /// Probes so far.
    pub probes: Arc<ProbeCounts>,
    /// Where the registry is kept.
    pub store: Arc<dyn Store>,
    /// Why the store takes no more changes; `None` as long as it does.
    pub store_failure: watch::Receiver<Option<StoreError>>,
    /// Whether authentication is off.
    pub insecure: bool,
    /// Calls that were refused for who made them.
    pub refused: Arc<RefusedCalls>,
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("started_at", &self.started_at).finish_non_exhaustive()
    }
}

/// Everything in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// The store's revision.
    pub revision: Revision,
    /// Commits of this run.
    pub commits: u64,
    /// What is published.
    pub version: Version,
    /// Number of services.
    pub services: usize,
    /// Number of routes.
    pub routes: usize,
    /// Number of consumers.
    pub consumers: usize,
    /// Addresses that are healthy.
    pub endpoints_healthy: usize,
    /// Addresses that are unhealthy.
    pub endpoints_unhealthy: usize,
    /// Addresses that were not probed yet.
    pub endpoints_pending: usize,
    /// Data planes that are connected.
    pub nodes_connected: usize,
    /// Of these, the ones that serve what is published.
    pub nodes_in_sync: usize,
    /// Bytes of the store on disk.
    pub store_bytes: u64,
    /// Whether the store takes no more changes.
    pub store_failed: bool,
    /// Probes that passed.
    pub probes_passed: u64,
    /// Probes that failed.
    pub probes_failed: u64,
    /// Probes that could not be made.
    pub probes_unknown: u64,
    /// Calls that were refused for who made them, by reason.
    pub calls_refused: [(&'static str, u64); 4],
}

impl Observed {
    /// Counts everything, at a cost in proportion to the number of addresses.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let (revision, services, routes, consumers) = {
            let desired = self.desired.borrow();
            (desired.revision, desired.services.len(), desired.routes.len(), desired.consumers.len())
        };
        let health = self.health.borrow().clone();
        let version = self.published.borrow().version;
        let count = |wanted| health.values().filter(|entry| entry.health == wanted).count();
        let (nodes_connected, nodes_in_sync) = self.nodes.count(version);
        Totals {
            revision,
            commits: revision.0.saturating_sub(self.loaded_revision.0),
            version,
            services,
            routes,
            consumers,
            endpoints_healthy: count(Health::Healthy),
            endpoints_unhealthy: count(Health::Unhealthy),
            endpoints_pending: count(Health::Pending),
            nodes_connected,
            nodes_in_sync,
            store_bytes: self.store.size(),
            store_failed: self.store_failure.borrow().is_some(),
            probes_passed: self.probes.passed.load(Ordering::Relaxed),
            probes_failed: self.probes.failed.load(Ordering::Relaxed),
            probes_unknown: self.probes.unknown.load(Ordering::Relaxed),
            calls_refused: self.refused.by_reason(),
        }
    }
}
