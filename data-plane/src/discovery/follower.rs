//! What this data plane holds and serves, and how a response changes it.

use std::{sync::Arc, time::SystemTime};

use gateway_proto::discovery::v1 as pb;
use tokio::{sync::watch, task};
use tracing::{debug, info, warn};

use super::{
    Source, Status,
    apply::{Refusal, Remedy, State},
    cache::Cache,
    compile::compile,
    purges::{Due, Purger, due},
};
use crate::{
    table::{RoutingTable, Stamp},
    worker::fleet::Fleet,
};

/// A response with more resources than this is applied away from the control thread, which has
/// probes to answer meanwhile.
const LARGE: usize = 1_000;

/// The state that is held and the table that is served, which always belong together.
pub(super) struct Follower {
    state: State,
    table: Arc<RoutingTable>,
    /// What is held was found not to lead to what the publisher holds.
    in_doubt: bool,
    fleet: Fleet,
    purger: Purger,
    status: watch::Sender<Status>,
    /// Each state that is served.
    states: watch::Sender<State>,
}

impl Follower {
    /// Holds nothing yet.
    pub(super) fn new(
        fleet: Fleet,
        purger: Purger,
        status: watch::Sender<Status>,
        states: watch::Sender<State>,
    ) -> Self {
        Self { state: State::default(), table: Arc::default(), in_doubt: false, fleet, purger, status, states }
    }

    /// What is held.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whether a full snapshot is needed, although something is held.
    pub(super) fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Where others read how things are.
    pub(super) fn status(&self) -> &watch::Sender<Status> {
        &self.status
    }

    /// Serves the snapshot of the cache, if there is a good one.
    pub(super) async fn boot(&mut self, cache: Cache) {
        let loaded = match task::spawn_blocking(move || cache.load()).await {
            Ok(Ok(Some(snapshot))) => snapshot,
            Ok(Ok(None)) => return,
            Ok(Err(unusable)) => return warn!(reason = %unusable, "ignoring the snapshot in the cache"),
            Err(err) => return warn!(reason = %err, "ignoring the snapshot in the cache"),
        };
        let served = match self.advance(loaded).await {
            Ok(next) => self.serve(next, Source::Cache).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = served {
            warn!(reason = %refusal, "ignoring the snapshot in the cache");
        }
    }

    /// Serves what a whole response leads to. Where it is refused, everything stays as it is.
    pub(super) async fn accept(&mut self, response: pb::DiscoveryResponse) -> Result<(), Refusal> {
        let next = self.advance(response).await.inspect_err(|refusal| {
            self.in_doubt |= refusal.remedy() == Remedy::StartOver;
        })?;
        self.serve(next, Source::ControlPlane).await?;
        self.in_doubt = false;
        self.states.send_replace(self.state.clone());
        Ok(())
    }

    async fn advance(&self, response: pb::DiscoveryResponse) -> Result<Next, Refusal> {
        if response.upserts.len() <= LARGE {
            return advance(&self.state, &self.table, response);
        }
        let (state, table) = (self.state.clone(), Arc::clone(&self.table));
        let advanced = task::spawn_blocking(move || advance(&state, &table, response)).await;
        advanced.unwrap_or_else(|err| Err(Refusal::Malformed(format!("the response cannot be applied: {err}"))))
    }

    async fn serve(&mut self, next: Next, source: Source) -> Result<(), Refusal> {
        let Next { state, stamp, table, due } = next;
        let table = Arc::new(table);
        self.fleet.serve(&table).await;
        // Behind the table: what is still asked for by the old one is purged, too.
        let purged = self.purger.carry_out(due, &stamp, source).await;
        purged.map_err(|err| Refusal::Malformed(format!("its purges cannot be carried out: {err}")))?;
        let (version, revision, services) = (stamp.version, stamp.revision, table.services());
        // A busy cluster has a thousand changes a second.
        if self.table.is_ready() {
            debug!(%version, revision, services, "serving a change");
        } else {
            info!(%version, revision, services, source = source.as_str(), "serving the first table");
        }
        self.status.send_modify(|status| {
            status.source = source;
            status.table = Arc::clone(&table);
            status.applied_at = Some(SystemTime::now());
            status.violations.clear();
            status.accepted += u64::from(source == Source::ControlPlane);
        });
        self.state = state;
        self.table = table;
        Ok(())
    }
}

/// What a response leads to.
struct Next {
    state: State,
    /// Of the state.
    stamp: Stamp,
    table: RoutingTable,
    due: Due,
}

/// All that a response leads to, or nothing.
fn advance(state: &State, table: &RoutingTable, response: pb::DiscoveryResponse) -> Result<Next, Refusal> {
    let (next, changes) = state.apply(response)?;
    let Some(stamp) = next.stamp().cloned() else {
        return Err(Refusal::Malformed("the response leads to no snapshot".into()));
    };
    let held = state.stamp().map(|stamp| stamp.revision);
    let due = due(held, stamp.revision, &changes).map_err(Refusal::Resources)?;
    let table = compile(table, stamp.clone(), &changes).map_err(Refusal::Resources)?;
    Ok(Next { state: next, stamp, table, due })
}
