//! The store as the workers see it.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex},
    task::Waker,
    time::Instant,
};

use crate::{
    flight::{At, Flights, Follower, Leader, Phase, Seat, Ticket, Woken},
    key::{Key, KeyRef},
    ledger::Ledger,
    memory::{Evicted, Memory},
    passes::Passes,
    purge::{Mode, Purges},
    stats::{Count, Counters, Stats},
    stored::{Metadata, Stored},
    variants::Variants,
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

/// What the caller thinks of a response, for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is for other requests (RFC 9111 section 4.1).
    Other,
    /// It is for this one, but has to be validated first.
    Stale,
    /// It can be sent.
    Fresh,
}

/// What there is for a request.
#[derive(Debug)]
pub enum Lookup<M: Metadata> {
    /// Send this.
    Hit(Arc<Stored<M>>),
    /// Ask the upstream: others will wait for the outcome.
    Lead(Leader<M>),
    /// Somebody has asked: wait for a turn.
    Follow(Follower<M>),
    /// Ask the upstream for this request alone, and store nothing. The answers for this key were of
    /// no use to others lately ([`Leader::release`]). With it comes what is stored, but was not judged
    /// fresh.
    Pass(Option<Arc<Stored<M>>>),
}

/// What is stored for a request.
enum Found<M> {
    Fresh(Arc<Stored<M>>),
    Stale(Option<Arc<Stored<M>>>),
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

    /// What is stored for a request, without asking or waiting for more: the first that `judge` calls
    /// fresh, else the first that it calls stale; the newest comes first. What was purged softly is
    /// stale, even if `judge` does not know it.
    pub fn get(&self, key: &KeyRef<'_>, mut judge: impl FnMut(&M) -> Verdict) -> Option<(Arc<Stored<M>>, Verdict)> {
        match self.0.find(key, &mut judge) {
            Found::Fresh(stored) => Some((stored, Verdict::Fresh)),
            Found::Stale(stored) => Some((stored?, Verdict::Stale)),
        }
    }

    /// What there is for a request at `now`. `judge` is asked as in [`Store::get`], and about heads
    /// whose body is still coming too. It must not call the store.
    pub fn lookup(&self, key: &KeyRef<'_>, now: Instant, mut judge: impl FnMut(&M) -> Verdict) -> Lookup<M> {
        let stale = match self.0.find(key, &mut judge) {
            Found::Fresh(stored) => return Lookup::Hit(stored),
            Found::Stale(stale) => stale,
        };
        if self.0.passes.has(key.id(), now) {
            return Lookup::Pass(stale);
        }
        self.join(key, judge)
    }

    fn join(&self, key: &KeyRef<'_>, mut judge: impl FnMut(&M) -> Verdict) -> Lookup<M> {
        let inner = &*self.0;
        let mut woken = Woken::new();
        let mut shard = inner.flights.lock(key.id());
        // A flight may have landed since the first look.
        let stale = match inner.find(key, &mut judge) {
            Found::Fresh(stored) => return Lookup::Hit(stored),
            Found::Stale(stale) => stale,
        };
        let latest = inner.purges.latest();
        let mut joined = None;
        for flight in shard.of(key).filter(|flight| flight.is_open()) {
            if inner.purges.since(key, flight.meta(), flight.stamp()).0.is_some() {
                woken.extend(flight.outdate());
                continue;
            }
            let join = match flight.phase() {
                Phase::Awaited => Join::Follow(flight.at(), flight.waiters().enter()),
                Phase::Vacant => {
                    flight.take_over(latest);
                    Join::Lead(flight.at())
                }
                Phase::Arrived(stream) => match judge(stream.meta()) {
                    Verdict::Fresh if stream.is_passing() => Join::Pass,
                    Verdict::Fresh => Join::Follow(flight.at(), flight.waiters().enter()),
                    Verdict::Stale | Verdict::Other => continue,
                },
                Phase::Settled(_) | Phase::Released | Phase::Dissolved => continue,
            };
            joined = Some(join);
            break;
        }
        let join = joined.unwrap_or_else(|| Join::Lead(shard.add(inner.flights.number(), key, latest)));
        drop(shard);
        woken.into_iter().for_each(Waker::wake);
        match join {
            Join::Lead(at) => Lookup::Lead(Leader::new(Seat::new(self.clone(), at), stale)),
            Join::Follow(at, ticket) => {
                inner.counters.count(Count::Coalesced, 1);
                Lookup::Follow(Follower::new(self.clone(), at, ticket, stale))
            }
            Join::Pass => Lookup::Pass(stale),
        }
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

/// How a request joins a flight.
enum Join {
    Lead(At),
    Follow(At, Ticket),
    Pass,
}

impl<M: Metadata> Inner<M> {
    fn find(&self, key: &KeyRef<'_>, judge: &mut impl FnMut(&M) -> Verdict) -> Found<M> {
        let Some(variants) = self.memory.get(key) else { return Found::Stale(None) };
        self.choose(key, &variants, judge)
    }

    fn choose(&self, key: &KeyRef<'_>, variants: &Variants<M>, judge: &mut impl FnMut(&M) -> Verdict) -> Found<M> {
        let mut stale = None;
        for stored in variants.as_slice() {
            if !self.is_there(key, stored) {
                continue;
            }
            match judge(stored.meta()) {
                Verdict::Fresh if !stored.is_marked_stale() => return Found::Fresh(Arc::clone(stored)),
                Verdict::Fresh | Verdict::Stale => stale = stale.or_else(|| Some(Arc::clone(stored))),
                Verdict::Other => {}
            }
        }
        Found::Stale(stale)
    }

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
