//! Purges of the cache. They come with the snapshots, so that none is missed and each is acknowledged;
//! they are no part of the table.
//!
//! A purge is known by the revision of its commit, and so whoever holds a revision has carried out
//! all purges up to it: nothing else has to be remembered. What is stored in memory is gone with the
//! process. What is stored on disk is not, and each response there knows the last purge before it: so the
//! disk is told of every purge that is kept, and finds nothing before it was.

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
use tracing::{debug, info, warn};

use super::{Source, apply::Changes, responses::Responses};
use crate::table::Stamp;

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
pub(super) struct Due {
    /// All that have come with it, in order: whatever was held, the disk may have missed any.
    came: Vec<Purge>,
    memory: Missed,
}

/// What memory has missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missed {
    /// Of those that have come, the ones from this place on; which may be none.
    From(usize),
    /// Some that are not kept any more: all that is stored has to go.
    Unknown,
}

/// What is due to whoever has held one revision and comes to another. Who held none has nothing in memory.
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
    purges.sort_unstable_by_key(|purge| purge.revision);
    let missed = purges.partition_point(|purge| held.is_none_or(|held| purge.revision <= held));
    let is_unknown = purges[missed..].iter().any(|purge| held.is_some_and(|held| purge.floor > held));
    let memory = if is_unknown { Missed::Unknown } else { Missed::From(missed) };
    Ok(Due { came: purges, memory })
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
    /// Those of which memory has not heard.
    fn missed(&self) -> &[Purge] {
        match self.memory {
            Missed::From(first) => self.came.get(first..).unwrap_or_default(),
            Missed::Unknown => &self.came,
        }
    }

    fn carry_out_on_disk(&self, responses: &Responses) {
        for purge in &self.came {
            responses.purge_disk(purge.revision, purge.what(), purge.mode);
        }
    }

    fn carry_out_in_memory(&self, responses: &Responses) {
        match self.memory {
            // Every URL begins with nothing.
            Missed::Unknown => responses.purge(store::Purge::Prefix(b""), Mode::Hard),
            Missed::From(_) => self.missed().iter().for_each(|purge| responses.purge(purge.what(), purge.mode)),
        }
    }
}

impl Purge {
    fn what(&self) -> store::Purge<'_> {
        match &self.what {
            What::Url(url) => store::Purge::Url(url.as_bytes()),
            What::Host(host) => store::Purge::Host(host.as_bytes()),
            What::Prefix(prefix) => store::Purge::Prefix(prefix.as_bytes()),
            What::Tag(tag) => store::Purge::Tag(tag.as_bytes()),
        }
    }
}

/// Carries purges out, and has their memory freed behind them.
#[derive(Debug)]
pub(super) struct Purger {
    /// None where nothing is ever stored.
    responses: Option<Responses>,
    /// Of the purges up to this one, not all are kept.
    floor: u64,
    /// Whether the disk has been told all that the control plane keeps.
    has_told_disk: bool,
    swept: Arc<Notify>,
    /// Ends with this.
    _sweeper: Option<AbortOnDropHandle<()>>,
}

impl Purger {
    pub(super) fn new(responses: Option<Responses>) -> Self {
        let swept = Arc::<Notify>::default();
        let sweeper = responses.clone().map(|responses| tokio::spawn(keep_swept(responses, Arc::clone(&swept))));
        Self { responses, floor: 0, has_told_disk: false, swept, _sweeper: sweeper.map(AbortOnDropHandle::new) }
    }

    /// Returns once no request can meet what is due to go. With the first snapshot that is no longer an
    /// old one of the cache directory, what is on disk can be found.
    ///
    /// # Errors
    /// It was not carried out.
    pub(super) async fn carry_out(&mut self, due: Due, stamp: &Stamp, source: Source) -> Result<(), JoinError> {
        let Some(responses) = self.responses.clone() else { return Ok(()) };
        let due = self.tell_disk(due, &responses, stamp, source).await?;
        match due.memory {
            Missed::Unknown => info!("purging everything, for this data plane was away too long"),
            Missed::From(_) if due.missed().is_empty() => return Ok(()),
            Missed::From(_) => debug!(count = due.missed().len(), "purging"),
        }
        // Where too many wait for a sweep, the next one sweeps first, and the control thread has probes to answer.
        task::spawn_blocking(move || due.carry_out_in_memory(&responses)).await?;
        self.swept.notify_one();
        Ok(())
    }

    /// The disk goes first, or something that is purged could come back from there.
    async fn tell_disk(
        &mut self,
        due: Due,
        responses: &Responses,
        stamp: &Stamp,
        source: Source,
    ) -> Result<Due, JoinError> {
        let is_first = source == Source::ControlPlane && !self.has_told_disk;
        if !responses.have_disk() || (due.came.is_empty() && !is_first) {
            return Ok(due);
        }
        self.floor = due.came.iter().map(|purge| purge.floor).fold(self.floor, u64::max);
        let told = responses.clone();
        let due = task::spawn_blocking(move || {
            due.carry_out_on_disk(&told);
            due
        });
        let due = due.await?;
        if source == Source::ControlPlane {
            match responses.begin_disk(&stamp.cluster_id, self.floor).await {
                Ok(()) => self.has_told_disk = true,
                Err(err) => warn!(error = %err, "nothing is read from --cache-disk-dir, as it cannot be written to"),
            }
        }
        Ok(due)
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
