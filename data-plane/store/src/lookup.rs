//! What there is for a request.

use std::{sync::Arc, task::Waker, time::Instant};

use crate::{
    flight::{At, Flight, Follower, Leader, Phase, Seat, Ticket, Woken},
    key::KeyRef,
    stats::Count,
    store::{Inner, Store},
    stored::{Metadata, Stored},
    variants::Variants,
};

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
    /// no use to others lately ([`Leader::release`]), or one is on its way that is too large to be
    /// stored. With it comes what is stored, but was not judged fresh.
    Pass(Option<Arc<Stored<M>>>),
}

/// What is stored for a request.
enum Found<M> {
    Fresh(Arc<Stored<M>>),
    Stale(Option<Arc<Stored<M>>>),
}

/// How a request joins a flight.
enum Join {
    Lead(At),
    Follow(At, Ticket),
    Pass,
}

impl<M: Metadata> Store<M> {
    /// What is stored for a request, without asking or waiting for more: the first that `judge` calls
    /// fresh, else the first that it calls stale; those that are
    /// particular come first, and of each kind the newest. What was purged softly is
    /// stale, even if `judge` does not know it.
    pub fn get(&self, key: &KeyRef<'_>, mut judge: impl FnMut(&M) -> Verdict) -> Option<(Arc<Stored<M>>, Verdict)> {
        match self.inner().find(key, &mut judge) {
            Found::Fresh(stored) => Some((stored, Verdict::Fresh)),
            Found::Stale(stored) => Some((stored?, Verdict::Stale)),
        }
    }

    /// What there is for a request at `now`. `judge` is asked as in [`Store::get`], and about heads
    /// whose body is still coming too. It must not call the store.
    pub fn lookup(&self, key: &KeyRef<'_>, now: Instant, mut judge: impl FnMut(&M) -> Verdict) -> Lookup<M> {
        let stale = match self.inner().find(key, &mut judge) {
            Found::Fresh(stored) => return Lookup::Hit(stored),
            Found::Stale(stale) => stale,
        };
        if self.inner().passes.has(key.id(), now) {
            return Lookup::Pass(stale);
        }
        self.join(key, judge)
    }

    fn join(&self, key: &KeyRef<'_>, mut judge: impl FnMut(&M) -> Verdict) -> Lookup<M> {
        let inner = self.inner();
        let mut woken = Woken::new();
        let mut shard = inner.flights.lock(key.id());
        // A flight may have landed since the first look.
        let stale = match inner.find(key, &mut judge) {
            Found::Fresh(stored) => return Lookup::Hit(stored),
            Found::Stale(stale) => stale,
        };
        let stamp = inner.purges.latest();
        let joined = shard.of(key).find_map(|flight| inner.board(flight, key, stamp, &mut judge, &mut woken));
        let join = joined.unwrap_or_else(|| Join::Lead(shard.add(inner.flights.number(), key, stamp)));
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

    /// How a request joins `flight`, if it can: it has to be for the request, as far as anybody knows,
    /// and younger than every purge that is about it.
    fn board(
        &self,
        flight: &mut Flight<M>,
        key: &KeyRef<'_>,
        stamp: u64,
        judge: &mut impl FnMut(&M) -> Verdict,
        woken: &mut Woken,
    ) -> Option<Join> {
        if !flight.is_open() {
            return None;
        }
        if self.purges.since(key, flight.meta(), flight.stamp()).0.is_some() {
            woken.extend(flight.outdate());
            return None;
        }
        match flight.phase() {
            Phase::Awaited => Some(Join::Follow(flight.at(), flight.waiters().enter())),
            Phase::Vacant => {
                flight.take_over(stamp);
                Some(Join::Lead(flight.at()))
            }
            Phase::Arrived(stream) => match judge(stream.meta()) {
                Verdict::Fresh if stream.is_passing() => Some(Join::Pass),
                Verdict::Fresh => Some(Join::Follow(flight.at(), flight.waiters().enter())),
                Verdict::Stale | Verdict::Other => None,
            },
            Phase::Settled(_) | Phase::Released | Phase::Dissolved => None,
        }
    }
}
