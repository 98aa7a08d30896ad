//! The cells of all keys of all limits: a table of fixed size, which all workers share, and no lock.
//!
//! `set` tells how a key gets a slot. A slot that is somebody's is never given to anybody else, so that
//! no flood of other keys makes a counter begin anew. Where all the slots of its set are taken, a new key
//! shares a cell of the set with others. What was used of that counts when it gets a slot: the first charge
//! of a slot begins at the later of the two.
//!
//! # Exactness
//! A charge is one exchange of a TAT, so those of a key have one order, and each was judged by the one
//! before: what is admitted is what one thread would admit that saw the requests in this order. What can
//! come between are slots that change hands:
//!
//! - The TAT was read, and then the slot went to another key: it had passed, or the moment of the owner
//!   would not have. The owner is looked at again after the charge. If it is another one, the charge is
//!   taken back, where nobody has charged since, and made where the key is now. Where somebody has, that
//!   key has paid for one too many. For that the thread has to sleep for a second between two
//!   instructions.
//! - A slot became free, and the key got it, while a charge for it went to the shared cell. One of the two
//!   is always seen: whoever charges the shared cell looks at the set's claim afterwards, and whoever makes
//!   the first charge of a slot looks at the shared cell after the claim.
//!
//! So what races do is make something stricter by one; they admit nothing that the model would not.

mod owner;
mod set;

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

pub(crate) use self::set::WAYS;
use self::{
    owner::{Owner, Tag},
    set::{Place, Seen, Set, Slot},
};
use crate::{
    key::{Key, LimitId},
    rate::{Rate, Terms},
};

/// The smallest table, in bytes.
pub const MIN_MEMORY: usize = 1 << 20;

/// The cells of all keys.
#[derive(Debug)]
pub struct Table {
    sets: Box<[Set]>,
    seed: u64,
    /// How many charges went to shared cells.
    shared: AtomicU64,
}

/// What became of a charge.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'t> {
    /// It was made.
    Spent(Spent<'t>),
    /// It has to wait, by this TAT.
    Refused(Found),
}

/// How a key was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Its TAT.
    pub(crate) tat: u64,
    /// Whether the table had it before.
    pub(crate) is_known: bool,
}

/// A charge that can be taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent<'t> {
    cell: &'t AtomicU64,
    pub(crate) before: u64,
    pub(crate) found: Found,
}

impl Spent<'_> {
    /// Takes the charge back, where nobody has charged the same key since. Says whether it did.
    pub(crate) fn undo(self) -> bool {
        self.cell.compare_exchange(self.found.tat, self.before, SeqCst, SeqCst).is_ok()
    }

    /// Takes back the charge, which cost so much, and tells the TAT of then. Where somebody has charged the same
    /// key since, it gives back no more than what is still ahead of it: the rest has come back by itself, and
    /// might have been the other's wait.
    pub(crate) fn give_back(self, cost: u64, now: u64) -> u64 {
        if self.undo() {
            return self.before;
        }
        let left = cost.min(self.found.tat.saturating_sub(now));
        // Otherwise the cell was emptied meanwhile, or is another key's.
        let less = |tat: u64| (tat >= self.found.tat).then(|| tat - left);
        self.cell.fetch_update(SeqCst, SeqCst, less).map_or_else(|tat| tat, |tat| tat - left)
    }
}

/// What is done with a cell.
#[derive(Debug, Clone, Copy)]
struct Charge {
    terms: Terms,
    now: u64,
    is_asked: bool,
}

impl Charge {
    /// The next TAT, or `None` where it has to wait.
    fn judge(self, tat: u64) -> Option<u64> {
        if self.is_asked { self.terms.spend(tat, self.now) } else { Some(self.terms.owe(tat, self.now)) }
    }
}

impl Table {
    /// A table of so many bytes, at least [`MIN_MEMORY`], with a seed that no client knows. A key takes 20
    /// bytes.
    #[must_use]
    pub fn new(memory: usize, seed: u64) -> Self {
        let memory = memory.max(MIN_MEMORY);
        Self::of_sets(memory / size_of::<Set>(), seed)
    }

    pub(crate) fn of_sets(sets: usize, seed: u64) -> Self {
        let sets = (0..sets).map(|_| Set::default()).collect();
        Self { sets, seed, shared: AtomicU64::new(0) }
    }

    /// What a key is found by: its parts as [`crate::push_part`] wrote them.
    #[must_use]
    pub fn key(&self, limit: LimitId, parts: &[u8]) -> Key {
        Key::of(self.seed, limit, parts)
    }

    /// How many bytes it takes up: always the same.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.sets.len() * size_of::<Set>()
    }

    /// For how many keys there is a place.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }

    /// How many places are somebody's: it looks at each, and is for a scrape.
    #[must_use]
    pub fn held(&self, now: u64) -> usize {
        self.sets.iter().map(|set| set.held(now)).sum()
    }

    /// How many charges went to cells that keys share, because there was no place for them.
    #[must_use]
    pub fn shared(&self) -> u64 {
        self.shared.load(Relaxed)
    }

    /// A key's TAT, without taking a slot for it; `terms` are those by which it is spent, if it is.
    pub(crate) fn look(&self, key: &Key, terms: Option<Terms>, now: u64) -> Found {
        let (set, tag, from) = self.place(key);
        let Some((slot, owner)) = set.find(tag, from) else {
            return Found { tat: shared(set, key, terms, now), is_known: false };
        };
        let before = slot.tat.load(SeqCst);
        let tat = terms.map_or(before, |terms| empty(slot, before, terms, now));
        let tat = if owner.is_fresh() { tat.max(shared(set, key, terms, now)) } else { tat };
        Found { tat, is_known: true }
    }

    /// Charges one that costs what the terms say, if there is something left of it.
    pub(crate) fn spend(&self, key: &Key, terms: Terms, now: u64) -> Outcome<'_> {
        self.charge(key, Charge { terms, now, is_asked: true })
    }

    /// Charges what the terms say in any case.
    pub(crate) fn owe(&self, key: &Key, terms: Terms, now: u64) {
        self.charge(key, Charge { terms, now, is_asked: false });
    }

    /// What part of a burst is used up, in parts of 2^32.
    #[must_use]
    pub fn used(&self, key: &Key, rate: &Rate, now: u64) -> u64 {
        rate.part(self.look(key, None, now).tat.saturating_sub(now))
    }

    /// Uses up that part of a burst more, in parts of 2^32, or gives it back: what is used of it elsewhere
    /// comes along with a share. Where a key is in use elsewhere too, what is given back is at most what was
    /// there.
    pub fn shift(&self, key: &Key, rate: &Rate, parts: i64, now: u64) {
        let time = rate.span_of(parts.unsigned_abs());
        if parts >= 0 {
            return self.owe(key, Terms::of_time(time), now);
        }
        let (set, tag, from) = self.place(key);
        if let Some((slot, owner)) = set.find(tag, from)
            && slot.owner().tag() == owner.tag()
        {
            // It always says which.
            let _ = slot.tat.fetch_update(SeqCst, SeqCst, |tat| Some(tat.saturating_sub(time).max(now.min(tat))));
        }
    }

    fn charge(&self, key: &Key, charge: Charge) -> Outcome<'_> {
        let (set, tag, from) = self.place(key);
        let mut is_known = true;
        loop {
            let place = match set.find(tag, from) {
                Some((slot, owner)) => Place::Held(slot, owner),
                None => {
                    is_known = false;
                    set.find_or_claim(tag, from, charge.now)
                }
            };
            let outcome = match place {
                Place::Held(slot, owner) => charge_slot(key, set, slot, owner, is_known, charge),
                Place::Full(seen) => self.charge_shared(key, set, seen, charge),
            };
            // Otherwise something has changed meanwhile, which is to say that another thread got on.
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    /// Charges what newcomers to a full set share; `None` where it is not full any more.
    fn charge_shared<'t>(&self, key: &Key, set: &'t Set, seen: Seen, charge: Charge) -> Option<Outcome<'t>> {
        let cell = set.shared(key.limit);
        let before = cell.load(SeqCst);
        let Some(next) = charge.judge(before) else {
            return Some(Outcome::Refused(Found { tat: before, is_known: false }));
        };
        cell.compare_exchange(before, next, SeqCst, SeqCst).ok()?;
        let spent = Spent { cell, before, found: Found { tat: next, is_known: false } };
        if !set.is_as_seen(seen) {
            spent.undo();
            return None;
        }
        self.shared.fetch_add(1, Relaxed);
        Some(Outcome::Spent(spent))
    }

    fn place(&self, key: &Key) -> (&Set, Tag, usize) {
        // The upper half of a product spreads evenly over any number of sets (Lemire, 2019).
        let wide = u128::from(key.low()) * self.sets.len() as u128;
        let at = (wide >> 64) as usize;
        let from = key.high() as usize % WAYS;
        (&self.sets[at], Tag::of(key.high()), from)
    }
}

/// Charges a slot; `None` where it changed under it.
fn charge_slot<'t>(
    key: &Key,
    set: &Set,
    slot: &'t Slot,
    mut owner: Owner,
    is_known: bool,
    charge: Charge,
) -> Option<Outcome<'t>> {
    let before = slot.tat.load(SeqCst);
    let terms = charge.is_asked.then_some(charge.terms);
    // What a slot's first charge begins at: the later of its own TAT and that of the shared cell.
    let begins = |tat: u64| if owner.is_fresh() { tat.max(shared(set, key, terms, charge.now)) } else { tat };
    let Some(next) = charge.judge(begins(before)) else {
        let tat = begins(empty(slot, before, charge.terms, charge.now));
        let is_ours = slot.owner().tag() == owner.tag();
        return is_ours.then_some(Outcome::Refused(Found { tat, is_known }));
    };
    if next > owner.end() {
        // First, so that the TAT is never beyond the owner's moment.
        let extended = owner.extended(next);
        if !slot.replace(owner, extended) {
            return None;
        }
        owner = extended;
    }
    slot.tat.compare_exchange(before, next, SeqCst, SeqCst).ok()?;
    let spent = Spent { cell: &slot.tat, before, found: Found { tat: next, is_known } };
    if slot.owner().tag() != owner.tag() {
        spent.undo();
        return None;
    }
    if owner.is_fresh() {
        // Where it fails, somebody has done it, or will.
        slot.replace(owner, owner.charged());
    }
    Some(Outcome::Spent(spent))
}

/// The TAT of what a key has used while it had no slot, by the terms that it is spent by: bytes can be owed
/// however long, and have none.
fn shared(set: &Set, key: &Key, terms: Option<Terms>, now: u64) -> u64 {
    let tat = set.shared(key.limit).load(SeqCst);
    terms.map_or(tat, |terms| terms.own_part(tat, now))
}

/// Empties a slot that is emptier than its terms can make it. What its TAT is then.
fn empty(slot: &Slot, before: u64, terms: Terms, now: u64) -> u64 {
    let Some(emptied) = terms.emptied(before, now) else { return before };
    // Where it fails, somebody has charged it meanwhile, and judged it by terms of the same kind.
    match slot.tat.compare_exchange(before, emptied, SeqCst, SeqCst) {
        Ok(_) => emptied,
        Err(other) => other,
    }
}
