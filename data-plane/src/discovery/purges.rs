//! Purges of the cache. They come with the snapshots, so that none is missed and each is acknowledged;
//! they are no part of the table.
//!
//! A purge is known by the revision of its commit, and so whoever holds a revision has carried out
//! all purges up to it: nothing else has to be remembered. What is stored is in memory and gone with the
//! process; a cache that outlived it would have to keep the revision up to which it was purged.

use std::{ops::Bound, sync::Arc, time::Duration};

use gateway_cache_store::{self as store, Mode};
use gateway_proto::{
    discovery::v1 as pb,
    registry::v1::{CachePurge, cache_purge::What},
};
use tokio::{
    sync::Notify,
    task::{self, JoinError},
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::{apply::Changes, responses::Responses};

/// How the names of purges begin.
pub(super) const PURGES: &str = "purges/";
/// More violations than these are not told: a Nack is one small message, for people.
const MAX_VIOLATIONS: usize = 30;

/// The shortest time between two sweeps.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The pause is at least this many times as long as the sweep before it took.
const PAUSE_PER_SWEEP: u32 = 20;

/// One purge.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Purge {
    revision: u64,
    /// The last one before it that is not kept any more.
    floor: u64,
    what: What,
    mode: Mode,
}

/// What is to be purged before a snapshot is acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Due {
    /// These, which may be none.
    Purges(Vec<Purge>),
    /// All that is stored, for some were missed.
    Everything,
}

/// What is due to whoever has held one revision and comes to another. Who held none has nothing stored.
///
/// # Errors
/// Every violation, one sentence each, naming its resource.
pub(super) fn due(held: Option<u64>, revision: u64, changes: &Changes) -> Result<Due, Vec<String>> {
    let mut violations = Vec::new();
    let mut purges = Vec::new();
    let begin = (Bound::Included(PURGES), Bound::Unbounded);
    for (name, resource) in changes.range::<str, _>(begin).take_while(|(name, _)| name.starts_with(PURGES)) {
        // One that goes is only not kept any more.
        let Some(resource) = resource else { continue };
        match read(name, resource, revision) {
            Ok(purge) => purges.push(purge),
            Err(what) => violations.push(format!("{name}: {what}")),
        }
    }
    if !violations.is_empty() {
        violations.truncate(MAX_VIOLATIONS);
        return Err(violations);
    }
    let Some(held) = held else { return Ok(Due::Purges(Vec::new())) };
    purges.retain(|purge| purge.revision > held);
    if purges.iter().any(|purge| purge.floor > held) {
        return Ok(Due::Everything);
    }
    purges.sort_unstable_by_key(|purge| purge.revision);
    Ok(Due::Purges(purges))
}

fn read(name: &str, resource: &pb::Resource, latest: u64) -> Result<Purge, &'static str> {
    let pb::Resource { name: _, digest: _, body } = resource;
    let unknown = "holds nothing that this data plane knows; update the data plane";
    let Some(pb::resource::Body::Purge(pb::Purge { purge: Some(purge), floor })) = body else { return Err(unknown) };
    let CachePurge { revision, what, soft, created_at: _ } = purge;
    if name.strip_prefix(PURGES) != Some(&*revision.to_string()) {
        return Err("holds a purge of another revision");
    }
    if *revision > latest || floor >= revision {
        return Err("is of a revision that is still to come, or of no later one than its floor");
    }
    let what = what.clone().ok_or(unknown)?;
    let mode = if *soft { Mode::Soft } else { Mode::Hard };
    Ok(Purge { revision: *revision, floor: *floor, what, mode })
}

impl Due {
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Purges(purges) if purges.is_empty())
    }

    fn carry_out(&self, responses: &Responses) {
        match self {
            // Every URL begins with nothing.
            Self::Everything => responses.purge(store::Purge::Prefix(b""), Mode::Hard),
            Self::Purges(purges) => purges.iter().for_each(|purge| purge.carry_out(responses)),
        }
    }
}

impl Purge {
    fn carry_out(&self, responses: &Responses) {
        let Self { revision: _, floor: _, what, mode } = self;
        let what = match what {
            What::Url(url) => store::Purge::Url(url.as_bytes()),
            What::Host(host) => store::Purge::Host(host.as_bytes()),
            What::Prefix(prefix) => store::Purge::Prefix(prefix.as_bytes()),
            What::Tag(tag) => store::Purge::Tag(tag.as_bytes()),
        };
        responses.purge(what, *mode);
    }
}

/// Carries purges out, and has their memory freed behind them.
#[derive(Debug)]
pub(super) struct Purger {
    /// None where nothing is ever stored.
    responses: Option<Responses>,
    swept: Arc<Notify>,
    /// Ends with this.
    _sweeper: Option<AbortOnDropHandle<()>>,
}

impl Purger {
    pub(super) fn new(responses: Option<Responses>) -> Self {
        let swept = Arc::<Notify>::default();
        let sweeper = responses.clone().map(|responses| tokio::spawn(keep_swept(responses, Arc::clone(&swept))));
        Self { responses, swept, _sweeper: sweeper.map(AbortOnDropHandle::new) }
    }

    /// Returns once no request can meet what is due to go.
    ///
    /// # Errors
    /// It was not carried out.
    pub(super) async fn carry_out(&self, due: Due) -> Result<(), JoinError> {
        if due.is_nothing() {
            return Ok(());
        }
        match &due {
            Due::Purges(purges) => debug!(count = purges.len(), "purging"),
            Due::Everything => info!("purging everything, for this data plane was away too long"),
        }
        let Some(responses) = self.responses.clone() else { return Ok(()) };
        // Where too many wait for a sweep, the next one sweeps first, and the control thread has probes to answer.
        task::spawn_blocking(move || due.carry_out(&responses)).await?;
        self.swept.notify_one();
        Ok(())
    }
}

/// Sweeps after purges: one sweep for all that came since the last one, and mostly none.
async fn keep_swept(responses: Responses, due: Arc<Notify>) {
    loop {
        due.notified().await;
        let started = Instant::now();
        let sweeping = responses.clone();
        if task::spawn_blocking(move || sweeping.sweep()).await.is_err() {
            return;
        }
        sleep(SHORTEST_PAUSE.max(started.elapsed() * PAUSE_PER_SWEEP)).await;
    }
}

#[cfg(test)]
mod tests;
