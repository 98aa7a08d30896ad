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
};
use crate::{table::RoutingTable, worker::fleet::Fleet};

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
    status: watch::Sender<Status>,
    /// Each state that is served.
    states: watch::Sender<State>,
}

impl Follower {
    /// Holds nothing yet.
    pub(super) fn new(fleet: Fleet, status: watch::Sender<Status>, states: watch::Sender<State>) -> Self {
        Self { state: State::default(), table: Arc::default(), in_doubt: false, fleet, status, states }
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
        match self.advance(loaded).await {
            Ok((state, table)) => self.serve(state, table, Source::Cache).await,
            Err(refusal) => warn!(reason = %refusal, "ignoring the snapshot in the cache"),
        }
    }

    /// Serves what a whole response leads to. Where it is refused, everything stays as it is.
    pub(super) async fn accept(&mut self, response: pb::DiscoveryResponse) -> Result<(), Refusal> {
        let (state, table) = self.advance(response).await.inspect_err(|refusal| {
            self.in_doubt |= refusal.remedy() == Remedy::StartOver;
        })?;
        self.serve(state.clone(), table, Source::ControlPlane).await;
        self.in_doubt = false;
        self.states.send_replace(state);
        Ok(())
    }

    async fn advance(&self, response: pb::DiscoveryResponse) -> Result<(State, RoutingTable), Refusal> {
        if response.upserts.len() <= LARGE {
            return advance(&self.state, &self.table, response);
        }
        let (state, table) = (self.state.clone(), Arc::clone(&self.table));
        let advanced = task::spawn_blocking(move || advance(&state, &table, response)).await;
        advanced.unwrap_or_else(|err| Err(Refusal::Malformed(format!("the response cannot be applied: {err}"))))
    }

    async fn serve(&mut self, state: State, table: RoutingTable, source: Source) {
        let table = Arc::new(table);
        self.fleet.serve(&table).await;
        if let Some(stamp) = table.stamp() {
            let (version, revision, services) = (stamp.version, stamp.revision, table.services());
            // A busy cluster has a thousand changes a second.
            if self.table.is_ready() {
                debug!(%version, revision, services, "serving a change");
            } else {
                info!(%version, revision, services, source = source.as_str(), "serving the first table");
            }
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
    }
}

/// The state and the table after a response, or neither.
fn advance(
    state: &State,
    table: &RoutingTable,
    response: pb::DiscoveryResponse,
) -> Result<(State, RoutingTable), Refusal> {
    let (next, changes) = state.apply(response)?;
    let Some(stamp) = next.stamp().cloned() else {
        return Err(Refusal::Malformed("the response leads to no snapshot".into()));
    };
    let table = compile(table, stamp, &changes).map_err(Refusal::Resources)?;
    Ok((next, table))
}
