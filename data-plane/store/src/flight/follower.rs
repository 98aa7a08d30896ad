//! Who waits for what another one asked for.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use super::{At, Flight, Phase, Seat, Ticket, leader::Leader};
use crate::{
    fill::Reader,
    lookup::Verdict,
    stats::Count,
    store::{Inner, Store},
    stored::{Metadata, Stored},
};

/// Waits for its turn.
#[derive(Debug)]
#[must_use = "dropped, it waits no longer"]
pub struct Follower<M: Metadata> {
    store: Store<M>,
    at: At,
    /// None, once it had its turn.
    ticket: Option<Ticket>,
    stale: Option<Arc<Stored<M>>>,
}

/// What a follower is to do.
#[derive(Debug)]
pub enum Turn<M: Metadata> {
    /// Read along.
    Stream(Reader<M>),
    /// Send this.
    Hit(Arc<Stored<M>>),
    /// Ask the upstream in the place of the leader, which is gone.
    Lead(Leader<M>),
    /// Look again: what came does not fit its request, or nothing did.
    Again,
    /// Ask the upstream for itself alone; see [`crate::Lookup::Pass`].
    Pass(Option<Arc<Stored<M>>>),
}

impl<M: Metadata> Follower<M> {
    pub(crate) const fn new(store: Store<M>, at: At, ticket: Ticket, stale: Option<Arc<Stored<M>>>) -> Self {
        Self { store, at, ticket: Some(ticket), stale }
    }

    /// What is stored, but was not judged fresh.
    #[must_use]
    pub const fn stale(&self) -> Option<&Arc<Stored<M>>> {
        self.stale.as_ref()
    }

    /// Waits for the turn; `judge` is as in [`Store::lookup`], and is asked about what has come. Behind
    /// the turn, it says [`Turn::Again`].
    pub fn poll_turn(&mut self, cx: &mut Context<'_>, mut judge: impl FnMut(&M) -> Verdict) -> Poll<Turn<M>> {
        let Some(ticket) = self.ticket else { return Poll::Ready(Turn::Again) };
        let inner = self.store.inner();
        let mut shard = inner.flights.lock(self.at.id());
        // It is there as long as somebody waits.
        let Some(flight) = shard.find(self.at) else { return Poll::Ready(Turn::Again) };
        let Some(came) = take(inner, flight, &mut judge) else {
            let former = flight.waiters().park(ticket, cx.waker());
            drop(shard);
            drop(former);
            return Poll::Pending;
        };
        let former = flight.waiters().leave(ticket);
        shard.tidy(self.at);
        drop(shard);
        drop(former);
        self.ticket = None;
        Poll::Ready(self.turn_to(came))
    }

    fn turn_to(&mut self, came: Came<M>) -> Turn<M> {
        match came {
            Came::Body(reader) => Turn::Stream(reader),
            Came::Whole(stored) => Turn::Hit(stored),
            Came::Place => {
                self.store.inner().counters.count(Count::HandedOver, 1);
                Turn::Lead(Leader::new(Seat::new(self.store.clone(), self.at), self.stale.take()))
            }
            Came::Other => Turn::Again,
            Came::Nothing => Turn::Pass(self.stale.take()),
        }
    }

    /// As [`Follower::poll_turn`].
    pub async fn turn(&mut self, mut judge: impl FnMut(&M) -> Verdict) -> Turn<M> {
        poll_fn(|cx| self.poll_turn(cx, &mut judge)).await
    }
}

/// What has come of a flight, for one follower.
enum Came<M: Metadata> {
    Body(Reader<M>),
    Whole(Arc<Stored<M>>),
    Place,
    Other,
    Nothing,
}

/// What has come of `flight`, for one follower; nothing, if there is still something to wait for.
fn take<M: Metadata>(
    inner: &Inner<M>,
    flight: &mut Flight<M>,
    judge: &mut impl FnMut(&M) -> Verdict,
) -> Option<Came<M>> {
    if flight.is_outdated() {
        return Some(Came::Other);
    }
    let (key, stamp) = (flight.key().by_ref(), flight.stamp());
    let mut fits = |meta: &M| {
        // A tag is not known before there is a head.
        inner.purges.since(&key, Some(meta), stamp).0.is_none() && judge(meta) == Verdict::Fresh
    };
    Some(match flight.phase() {
        Phase::Awaited => return None,
        Phase::Vacant => {
            flight.take_over(inner.purges.latest());
            Came::Place
        }
        Phase::Arrived(stream) if fits(stream.meta()) => Reader::enter(stream).map_or(Came::Nothing, Came::Body),
        // A purge may have been there before the flight.
        Phase::Settled(stored) if !stored.is_marked_stale() && fits(stored.meta()) => Came::Whole(Arc::clone(stored)),
        Phase::Arrived(_) | Phase::Settled(_) | Phase::Dissolved => Came::Other,
        Phase::Released => Came::Nothing,
    })
}

impl<M: Metadata> Drop for Follower<M> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut shard = self.store.inner().flights.lock(self.at.id());
        let Some(flight) = shard.find(self.at) else { return };
        let (own, next) = flight.lose_follower(ticket);
        shard.tidy(self.at);
        drop(shard);
        drop(own);
        if let Some(next) = next {
            next.wake();
        }
    }
}
