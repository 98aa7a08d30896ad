//! Follows the desired state and keeps one probing task per address.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{HealthView, names::Resolve, probe::Outcome, watching::Watching};
use crate::{
    registry::model::{Desired, EndpointAddress, ServiceName},
    store::HealthRecord,
};

/// Reports that may wait for the monitor; the tasks behind them wait too.
const QUEUED_REPORTS: usize = 1024;

/// How long a verdict waits to be durable before it counts all the same.
const MAX_RECORD: Duration = Duration::from_millis(250);

/// What the monitor needs from outside.
pub struct Settings {
    /// Looks up host names.
    pub resolver: Arc<dyn Resolve>,
    /// Time between two lookups of a name, varied by a tenth.
    pub resolve_every: Duration,
    /// The most probes that run at once, each of which holds an open file.
    pub max_probes: usize,
    /// Where its random numbers begin.
    pub seed: u64,
    /// The wall clock.
    pub now: fn() -> Timestamp,
    /// Where probes are counted.
    pub counts: Arc<ProbeCounts>,
    /// Takes what is to be known again after a restart, and answers once that is durable. A record
    /// without addresses means that there is nothing to know.
    pub record: Box<dyn Fn(Vec<HealthRecord>) -> oneshot::Receiver<()> + Send + Sync>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("max_probes", &self.max_probes).finish_non_exhaustive()
    }
}

/// Probes so far, by outcome.
#[derive(Debug, Default)]
pub struct ProbeCounts {
    /// Probes that passed.
    pub passed: AtomicU64,
    /// Probes that failed.
    pub failed: AtomicU64,
    /// Probes that this machine had not the means to make.
    pub unknown: AtomicU64,
}

impl ProbeCounts {
    pub(super) fn count(&self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Passed => &self.passed,
            Outcome::Failed(_) => &self.failed,
            Outcome::Unknown(_) => &self.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// An endpoint as its tasks name it. Tasks of an earlier generation report in vain.
#[derive(Debug, Clone)]
pub(super) struct EndpointId {
    pub(super) service: ServiceName,
    pub(super) endpoint: EndpointAddress,
    pub(super) generation: u64,
}

/// What a task has found out.
#[derive(Debug)]
pub(super) enum Report {
    /// The verdict on an address has turned, or its reason has.
    Verdict { id: EndpointId, address: SocketAddr, healthy: bool, reason: String },
    /// A name stands for these addresses and no others.
    Resolved { id: EndpointId, addresses: Vec<SocketAddr> },
    /// A name that has no address yet could not be looked up.
    Unresolved { id: EndpointId, reason: String },
}

/// Turns the desired state into a view of what is healthy.
#[derive(Debug)]
pub struct Monitor {
    desired: watch::Receiver<Desired>,
    reports: mpsc::Receiver<Report>,
    published: watch::Sender<HealthView>,
    followed: watch::Sender<Desired>,
    state: Watching,
}

impl Monitor {
    /// Starts to watch what is desired now, beginning with the verdicts of an earlier run.
    /// The returned view holds them already.
    #[must_use]
    pub fn new(
        mut desired: watch::Receiver<Desired>,
        restored: Vec<HealthRecord>,
        settings: Settings,
    ) -> (Self, watch::Receiver<HealthView>) {
        let (sender, reports) = mpsc::channel(QUEUED_REPORTS);
        let mut state = Watching::new(settings, sender);
        let first = desired.borrow_and_update().clone();
        state.restore(restored, &first);
        state.follow(&first);
        let published = watch::Sender::new(state.view().clone());
        let view = published.subscribe();
        (Self { desired, reports, published, followed: watch::Sender::new(first), state }, view)
    }

    /// The desired state that the view has caught up with. Whoever reads this and then the view finds
    /// no verdict there on an endpoint that went and came back, from the time before.
    #[must_use]
    pub fn followed(&self) -> watch::Receiver<Desired> {
        self.followed.subscribe()
    }

    /// Works until `stop`, or until there is no registry any more.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.desired.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let desired = self.desired.borrow_and_update().clone();
                    self.state.follow(&desired);
                    self.publish().await;
                    self.followed.send_replace(desired);
                }
                _ = self.reports.recv_many(&mut waiting, QUEUED_REPORTS) => {
                    waiting.drain(..).for_each(|report| self.state.take_in(report));
                    self.publish().await;
                }
            }
        }
    }

    /// Shows a view once it would survive this process: what data planes were told to serve, a
    /// restart must not take back. A disk that does not answer keeps nobody from the truth for long.
    async fn publish(&mut self) {
        if let Some(durable) = self.state.record() {
            let _ = timeout(MAX_RECORD, durable).await;
        }
        let view = self.state.view();
        self.published.send_if_modified(|published| {
            let changed = !published.ptr_eq(view);
            *published = view.clone();
            changed
        });
    }
}
