//! Who asks the upstream for all.

use std::{sync::Arc, task::Waker, time::Instant};

use super::{At, Flight, Phase, Woken};
use crate::{
    fill::{Fill, Stream},
    ledger::Room,
    lookup::Verdict,
    purge::Mode,
    stats::Count,
    store::Store,
    stored::{Metadata, Stored, Whole},
};

/// The place of a leader. When it is left, the flight goes on without: to another leader, if nothing
/// has come of it.
#[derive(Debug)]
pub(crate) struct Seat<M: Metadata> {
    store: Store<M>,
    at: At,
}

impl<M: Metadata> Seat<M> {
    pub(crate) const fn new(store: Store<M>, at: At) -> Self {
        Self { store, at }
    }

    /// Does something to the flight, and then wakes whom that concerns. It is there as long as it is
    /// led.
    fn with<T>(&self, act: impl FnOnce(&mut Flight<M>) -> (T, Woken)) -> Option<T> {
        let mut shard = self.store.inner().flights.lock(self.at.id());
        let (result, woken) = act(shard.find(self.at)?);
        shard.tidy(self.at);
        drop(shard);
        woken.into_iter().for_each(Waker::wake);
        Some(result)
    }

    /// Whether all of the memory is used, and none of it can be had.
    pub(crate) fn finds_no_room(&self) -> bool {
        let inner = self.store.inner();
        inner.memory.trim();
        inner.ledger.room() == Room::Used
    }

    /// Whether what was found for the flight is still wanted; what was purged softly is marked.
    fn may_use(&self, stored: &Stored<M>) -> bool {
        let inner = self.store.inner();
        let mut shard = inner.flights.lock(self.at.id());
        let Some(flight) = shard.find(self.at).filter(|flight| flight.is_open()) else { return false };
        match inner.purges.since(&flight.key().by_ref(), Some(stored.meta()), flight.stamp()).0 {
            Some(Mode::Hard) => return false,
            Some(Mode::Soft) => stored.mark_stale(),
            None => {}
        }
        true
    }

    /// Stores what the flight has brought, if it is still wanted; says whether it was stored.
    pub(crate) fn keep(&self, stored: &Arc<Stored<M>>) -> bool {
        let inner = self.store.inner();
        let mut shard = inner.flights.lock(self.at.id());
        let flight = shard.find(self.at).filter(|flight| flight.is_open());
        let kept = flight.and_then(|flight| inner.keep(flight.key(), Arc::clone(stored), flight.stamp()));
        drop(shard);
        // What was evicted is let go of here, where nothing is locked.
        kept.is_some()
    }
}

impl<M: Metadata> Drop for Seat<M> {
    fn drop(&mut self) {
        self.with(|flight| ((), flight.lose_leader()));
    }
}

/// Whoever has it asks the upstream, and others wait for what comes of it. Dropped without an
/// outcome, it hands over to one of them.
#[derive(Debug)]
#[must_use = "dropped, it hands over"]
pub struct Leader<M: Metadata> {
    seat: Seat<M>,
    stale: Option<Arc<Stored<M>>>,
}

impl<M: Metadata> Leader<M> {
    pub(crate) const fn new(seat: Seat<M>, stale: Option<Arc<Stored<M>>>) -> Self {
        Self { seat, stale }
    }

    /// What is stored, but was not judged fresh.
    #[must_use]
    pub const fn stale(&self) -> Option<&Arc<Stored<M>>> {
        self.stale.as_ref()
    }

    /// How many wait for it.
    #[must_use]
    pub fn followers(&self) -> usize {
        self.seat.with(|flight| (flight.waiters().len(), Woken::new())).unwrap_or_default()
    }

    /// The answer is for nobody else: whoever waits goes on its own way at once, and until `until`
    /// nobody waits for this key again ([`crate::Lookup::Pass`]). For answers that may not be stored,
    /// that are too long, and those that may be stored but never used without being validated: the
    /// leader may still begin.
    pub fn release(&mut self, until: Instant) {
        let inner = self.seat.store.inner();
        inner.passes.add(self.seat.at.id(), until);
        inner.counters.count(Count::Released, self.followers() as u64);
        self.seat.with(|flight| ((), flight.become_phase(Phase::Released)));
    }

    /// The head has come, and may be stored. Followers whom it fits read along with what is appended.
    /// A body of more than `limit` bytes is not stored.
    pub fn begin(self, meta: M, limit: u64) -> Fill<M> {
        let Self { seat, stale } = self;
        drop(stale);
        let inner = seat.store.inner();
        let stream = Arc::new(Stream::new(Stored::begun(meta, &inner.ledger), &inner.counters));
        let limit = limit.min(inner.memory.largest());
        seat.with(|flight| ((), flight.become_phase(Phase::Arrived(Arc::clone(&stream)))));
        Fill::new(stream, seat, limit)
    }

    /// What was stale is valid, under a new head (RFC 9111 section 4.3.4): it is stored, and followers
    /// whom it fits get it. What was evicted meanwhile is stored again; what was purged is not. Nothing,
    /// if there was nothing stale.
    pub fn refresh(self, meta: M) -> Option<Arc<Stored<M>>> {
        let stored = Arc::new(self.stale.as_ref()?.with_meta(meta));
        self.seat.keep(&stored);
        self.settle(Arc::clone(&stored));
        Some(stored)
    }

    /// What was found elsewhere, before the upstream was asked. If `judge` calls it fresh, it is stored,
    /// and followers whom it fits get it too. If it is stale, it is what the leader has to validate,
    /// and nobody else gets it before that. What was purged or invalidated since the lookup, or is for
    /// other requests, counts for nothing. `judge` is as in [`Store::lookup`].
    pub fn restore(mut self, found: Whole<M>, judge: impl FnOnce(&M) -> Verdict) -> Restored<M> {
        let stored = Arc::new(Stored::whole(found, &self.seat.store.inner().ledger));
        if !self.seat.may_use(&stored) {
            return Restored::Lead(self);
        }
        match judge(stored.meta()) {
            Verdict::Fresh if !stored.is_marked_stale() => {
                // Where memory is short it is not stored, but sent all the same.
                self.seat.keep(&stored);
                self.settle(Arc::clone(&stored));
                return Restored::Hit(stored);
            }
            // What memory has is younger.
            Verdict::Fresh | Verdict::Stale => self.stale = self.stale.take().or(Some(stored)),
            Verdict::Other => {}
        }
        Restored::Lead(self)
    }

    /// Followers whom it fits get `stored`, and nothing is stored: for what is stale and has to do.
    pub fn settle(self, stored: Arc<Stored<M>>) {
        self.seat.with(|flight| ((), flight.become_phase(Phase::Settled(stored))));
    }
}

/// What came of [`Leader::restore`].
#[derive(Debug)]
pub enum Restored<M: Metadata> {
    /// Send this.
    Hit(Arc<Stored<M>>),
    /// Ask the upstream; what there is to validate is in [`Leader::stale`].
    Lead(Leader<M>),
}
