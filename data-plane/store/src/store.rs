//! The store as the workers see it.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex},
    task::Waker,
};

use crate::{
    flight::{Flights, Woken},
    key::{Key, KeyRef},
    ledger::Ledger,
    memory::{Evicted, Memory},
    passes::Passes,
    purge::{Mode, Purges},
    stats::{Count, Counters, Stats},
    stored::{Metadata, Stored},
};

/// The least that a store is made for, in bytes.
pub const MIN_MEMORY: u64 = 1024 * 1024;
/// A part of the memory is for what is being received, and for what was evicted while it is sent.
const ON_THE_WAY: u64 = 8;

/// The responses of a data plane. A clone is another handle.
pub struct Store<M: Metadata>(Arc<Inner<M>>);

impl<M: Metadata> Clone for Store<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Metadata> fmt::Debug for Store<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

pub(crate) struct Inner<M: Metadata> {
    pub(crate) memory: Memory<M>,
    pub(crate) flights: Flights<M>,
    pub(crate) purges: Purges,
    pub(crate) passes: Passes,
    pub(crate) counters: Arc<Counters>,
    pub(crate) ledger: Arc<Ledger>,
    /// Held by the one that sweeps.
    pub(crate) sweeping: Mutex<()>,
    seed: u64,
}

impl<M: Metadata> Store<M> {
    /// A store that holds up to `memory` bytes, [`MIN_MEMORY`] at the least: seven eighths for what is
    /// stored, and the rest for what is on its way. `seed` is chance, and a secret: who knows it can
    /// choose keys that are slow to find.
    #[must_use]
    pub fn new(memory: u64, seed: u64) -> Self {
        let memory = memory.max(MIN_MEMORY);
        Self(Arc::new(Inner {
            memory: Memory::new(memory - memory / ON_THE_WAY),
            flights: Flights::new(),
            purges: Purges::new(seed),
            passes: Passes::new(),
            counters: Arc::default(),
            ledger: Ledger::new(memory),
            sweeping: Mutex::default(),
            seed,
        }))
    }

    pub(crate) fn inner(&self) -> &Inner<M> {
        &self.0
    }

    /// A key, to be found and stored by. All of `bytes` counts. The first `url` of them are the URL,
    /// and `host` is where the host is in it: what they are purged by. A part that is not there is
    /// empty.
    #[must_use]
    pub fn key<'a>(&self, bytes: &'a [u8], url: usize, host: Range<usize>) -> KeyRef<'a> {
        KeyRef::new(self.0.seed, bytes, url, host)
    }

    /// The largest response that is stored, in bytes: half of what a part of the memory holds.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.0.memory.largest()
    }

    /// Takes out what is stored under `key`, and what is on its way to be: for what a request has
    /// changed (RFC 9111 section 4.4). Costs no more than a hit.
    pub fn invalidate(&self, key: &KeyRef<'_>) {
        let inner = &*self.0;
        let mut shard = inner.flights.lock(key.id());
        let gone = inner.memory.retain(key, &inner.counters, |_| false);
        let woken: Woken = shard.of(key).flat_map(|flight| flight.outdate()).collect();
        drop(shard);
        inner.counters.count(Count::Purged, gone as u64);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Takes out `stored`, and nothing else that is stored under `key`.
    pub fn discard(&self, key: &KeyRef<'_>, stored: &Arc<Stored<M>>) {
        let _shard = self.0.flights.lock(key.id());
        self.0.memory.retain(key, &self.0.counters, |other| !Arc::ptr_eq(other, stored));
    }

    /// Stores the body of `stored` under a new head, for headers that were learnt otherwise than by
    /// leading (RFC 9111 sections 4.3.4 and 4.3.5). Nothing, if `stored` is not there any more.
    pub fn update(&self, key: &KeyRef<'_>, stored: &Arc<Stored<M>>, meta: M) -> Option<Arc<Stored<M>>> {
        let inner = &*self.0;
        let shard = inner.flights.lock(key.id());
        let variants = inner.memory.peek(key)?;
        variants.as_slice().iter().find(|other| Arc::ptr_eq(other, stored))?;
        let new = Arc::new(stored.with_meta(meta));
        let kept = inner.keep(&key.to_key(), Arc::clone(&new), stored.checked());
        drop(shard);
        kept.map(|_evicted| new)
    }

    /// What it has and has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let inner = &*self.0;
        let of = |what| inner.counters.of(what);
        Stats {
            entries: inner.memory.entries() as u64,
            stored_bytes: inner.memory.weight(),
            held_bytes: inner.ledger.total(),
            memory_bytes: inner.ledger.memory(),
            stored: of(Count::Stored),
            evicted: of(Count::Evicted),
            purged: of(Count::Purged),
            coalesced: of(Count::Coalesced),
            handed_over: of(Count::HandedOver),
            released: of(Count::Released),
            fills: of(Count::Fills),
            aborted: of(Count::Aborted),
            passed: of(Count::Passed),
            overtaken: of(Count::Overtaken),
            outpaced: of(Count::Outpaced),
        }
    }
}

impl<M: Metadata> Inner<M> {
    /// Whether no purge has taken it away; what was purged softly is marked.
    pub(crate) fn is_there(&self, key: &KeyRef<'_>, stored: &Stored<M>) -> bool {
        let checked = stored.checked();
        let (mode, latest) = self.purges.since(key, Some(stored.meta()), checked);
        match mode {
            Some(Mode::Hard) => return false,
            Some(Mode::Soft) => stored.mark_stale(),
            None => {}
        }
        if latest != checked {
            stored.set_checked(latest);
        }
        true
    }

    /// Stores a whole response, if nothing has happened to it since `stamp`. The key is locked.
    pub(crate) fn keep(&self, key: &Key, stored: Arc<Stored<M>>, stamp: u64) -> Option<Evicted<M>> {
        if !self.memory.fits(key, stored.weight()) {
            return None;
        }
        stored.set_checked(stamp);
        if !self.is_there(&key.by_ref(), &stored) {
            self.counters.count(Count::Overtaken, 1);
            return None;
        }
        self.counters.count(Count::Stored, 1);
        Some(self.memory.put(key, stored, &self.counters))
    }
}
