//! One request to the upstream, and those who wait for what comes of it.
//!
//! A flight has a leader, from the miss to the end of the body, and followers until each has its
//! turn. While nobody knows what the answer varies on, one flight stands for the whole key. When its
//! head is there, those whom it does not fit look again, and the first of them leads another flight.
//!
//! What was asked for before a purge or an invalidation is not stored after it, and nobody begins to
//! read it: who waits for it looks again. Its leader still gets it, and who has begun to read.

mod follower;
mod leader;
mod table;
mod waiters;

use std::{mem, sync::Arc, task::Waker};

use self::waiters::Waiters;
pub use self::{
    follower::{Follower, Turn},
    leader::{Leader, Restored},
};
pub(crate) use self::{
    leader::Seat,
    table::{At, Flights},
    waiters::Ticket,
};
use crate::{
    fill::Stream,
    key::Key,
    stored::{Metadata, Stored},
};

/// How far it is.
#[derive(Debug)]
pub(crate) enum Phase<M> {
    /// Its leader waits for the head.
    Awaited,
    /// Its leader is gone without one, and a follower is to take its place.
    Vacant,
    /// The head is there.
    Arrived(Arc<Stream<M>>),
    /// There is something stored that will do.
    Settled(Arc<Stored<M>>),
    /// The answer is for nobody else.
    Released,
    /// Nothing comes of it; who waits looks again.
    Dissolved,
}

/// Whether others may join it, and what it brings is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Open,
    /// Who has waited may still take what it has brought.
    Landed,
    Outdated,
}

#[derive(Debug)]
pub(crate) struct Flight<M> {
    number: u64,
    key: Key,
    /// The last purge before its leader asked.
    stamp: u64,
    phase: Phase<M>,
    standing: Standing,
    is_led: bool,
    waiters: Waiters,
}

/// Who is to be woken when nothing is locked.
pub(crate) type Woken = Vec<Waker>;

impl<M: Metadata> Flight<M> {
    /// It has a leader from the beginning.
    fn new(number: u64, key: Key, stamp: u64) -> Self {
        let (phase, standing) = (Phase::Awaited, Standing::Open);
        Self { number, key, stamp, phase, standing, is_led: true, waiters: Waiters::default() }
    }

    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) const fn stamp(&self) -> u64 {
        self.stamp
    }

    pub(crate) const fn phase(&self) -> &Phase<M> {
        &self.phase
    }

    pub(crate) fn is_open(&self) -> bool {
        self.standing == Standing::Open
    }

    pub(crate) fn waiters(&mut self) -> &mut Waiters {
        &mut self.waiters
    }

    /// Nobody has to do with it any more.
    fn is_over(&self) -> bool {
        !self.is_led && self.waiters.is_empty()
    }

    /// The head, if it is there.
    pub(crate) fn meta(&self) -> Option<&M> {
        match &self.phase {
            Phase::Arrived(stream) => Some(stream.meta()),
            Phase::Awaited | Phase::Vacant | Phase::Settled(_) | Phase::Released | Phase::Dissolved => None,
        }
    }

    /// Somebody takes the place of a leader that is gone.
    pub(crate) fn take_over(&mut self, stamp: u64) {
        self.phase = Phase::Awaited;
        self.stamp = stamp;
        self.is_led = true;
    }

    pub(crate) fn is_outdated(&self) -> bool {
        self.standing == Standing::Outdated
    }

    /// A purge or an invalidation is about it.
    pub(crate) fn outdate(&mut self) -> Woken {
        self.standing = Standing::Outdated;
        self.waiters.take_all()
    }

    fn land(&mut self) {
        if self.is_open() {
            self.standing = Standing::Landed;
        }
    }

    /// Everyone who waits has a turn.
    pub(crate) fn become_phase(&mut self, phase: Phase<M>) -> Woken {
        match phase {
            Phase::Settled(_) | Phase::Dissolved => self.land(),
            Phase::Awaited | Phase::Vacant | Phase::Arrived(_) | Phase::Released => {}
        }
        drop(mem::replace(&mut self.phase, phase));
        self.waiters.take_all()
    }

    /// The leader is gone, whatever it has achieved.
    pub(crate) fn lose_leader(&mut self) -> Woken {
        self.is_led = false;
        match &self.phase {
            Phase::Awaited if self.is_open() && !self.waiters.is_empty() => {
                self.phase = Phase::Vacant;
                self.waiters.take_first().into_iter().collect()
            }
            Phase::Awaited | Phase::Vacant | Phase::Dissolved => self.become_phase(Phase::Dissolved),
            // Who has not begun to read need not begin with half a body.
            Phase::Arrived(stream) if stream.is_broken() => self.become_phase(Phase::Dissolved),
            Phase::Arrived(_) | Phase::Settled(_) | Phase::Released => {
                self.land();
                Woken::new()
            }
        }
    }

    /// A follower is gone; if it was to lead, another one is.
    pub(crate) fn lose_follower(&mut self, ticket: Ticket) -> (Option<Waker>, Option<Waker>) {
        let own = self.waiters.leave(ticket);
        let next = match self.phase {
            Phase::Vacant => self.waiters.take_first(),
            Phase::Awaited | Phase::Arrived(_) | Phase::Settled(_) | Phase::Released | Phase::Dissolved => None,
        };
        (own, next)
    }
}
