//! The flights of a store, by key.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::Flight;
use crate::{
    key::{BuildHashed, Id, KeyRef},
    stored::Metadata,
};

/// Keys that are missing are spread over so many locks.
const SHARDS: u64 = 64;

/// Where a flight is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    id: Id,
    number: u64,
}

#[derive(Debug)]
pub(crate) struct Flights<M> {
    shards: Box<[Mutex<Shard<M>>]>,
    next: AtomicU64,
}

/// The flights of some keys. Whoever changes what is stored under one of these keys holds its lock,
/// so that what a flight brings and what is done to its key never overlap.
#[derive(Debug)]
pub(crate) struct Shard<M> {
    flights: HashMap<Id, Vec<Flight<M>>, BuildHashed>,
}

impl<M: Metadata> Flights<M> {
    pub(crate) fn new() -> Self {
        let shard = |_| Mutex::new(Shard { flights: HashMap::default() });
        Self { shards: (0..SHARDS).map(shard).collect(), next: AtomicU64::new(0) }
    }

    /// Nothing is woken or dropped that could come back here, while it is locked.
    pub(crate) fn lock(&self, id: Id) -> MutexGuard<'_, Shard<M>> {
        let at = (id.bits() % SHARDS) as usize;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let mut is_empty = true;
        self.for_each(|_| is_empty = false);
        is_empty
    }

    /// Each flight, a shard at a time.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&mut Flight<M>)) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.flights.values_mut().flatten().for_each(&mut visit);
        }
    }
}

impl<M: Metadata> Shard<M> {
    /// The flights of a key.
    pub(crate) fn of(&mut self, key: &KeyRef<'_>) -> impl Iterator<Item = &mut Flight<M>> {
        let key = *key;
        let same_hash = self.flights.get_mut(&key.id()).into_iter().flatten();
        same_hash.filter(move |flight| flight.key().by_ref() == key)
    }

    pub(crate) fn find(&mut self, at: At) -> Option<&mut Flight<M>> {
        self.flights.get_mut(&at.id)?.iter_mut().find(|flight| flight.number == at.number)
    }

    pub(crate) fn add(&mut self, number: u64, key: &KeyRef<'_>, stamp: u64) -> At {
        self.flights.entry(key.id()).or_default().push(Flight::new(number, key.to_key(), stamp));
        At { id: key.id(), number }
    }

    /// Forgets a flight that nobody has to do with any more.
    pub(crate) fn tidy(&mut self, at: At) {
        let Some(same_hash) = self.flights.get_mut(&at.id) else { return };
        same_hash.retain(|flight| flight.number != at.number || !flight.is_over());
        if same_hash.is_empty() {
            self.flights.remove(&at.id);
        }
    }
}

impl At {
    pub(crate) const fn id(self) -> Id {
        self.id
    }
}

impl<M: Metadata> Flight<M> {
    pub(crate) fn at(&self) -> At {
        At { id: self.key().by_ref().id(), number: self.number }
    }
}
