//! A set of slots, and how a key that is new to it gets one.
//!
//! # A slot
//! It is two words, the owner ([`super::owner`]) and the TAT. The owner's moment is never before the
//! TAT, so that a slot whose moment has passed holds no information, and may change hands.
//!
//! # Taking a slot
//! Two threads that bring the same new key must not take two slots, or it would be admitted twice over.
//! So the set has a third word, the *claim*: the last key that got a slot here, which slot, and the
//! moment that the slot's last owner had. Whoever wants a slot
//!
//! 1. reads the claim and completes it,
//! 2. looks through the whole set once more, and picks a slot whose moment has passed,
//! 3. exchanges the claim that it has read for its own,
//! 4. and completes that: exchanges the owner with the moment in the claim for the new one.
//!
//! Every step can be done by anybody, so nobody waits for a thread that sleeps. Step 3 succeeds only if
//! nobody else has claimed since step 1, so that what step 2 has not found is not there. Step 4 has one
//! outcome, whoever does it and however late: either the owner is still the one in the claim, then it is
//! replaced; or its moment is another one, because the claim was completed or the old owner came back
//! first. Words do not come back, since moments only grow, and so an exchange that comes too late fails.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::owner::{Owner, Tag};

use crate::key::LimitId;

/// How many keys a set holds.
pub(crate) const WAYS: usize = 16;

/// How many cells a set has for keys that find no slot in it: limits are spread over them, so that most
/// limits that are flooded are strict about newcomers of their own.
const SHARED: usize = 7;

/// Five cache lines of 64 bytes. A key's two words lie beside one another, and it is looked for first
/// where it was put first: in most cases one line is all that is touched.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Set {
    claim: AtomicU64,
    shared: [AtomicU64; SHARED],
    slots: [Slot; WAYS],
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) owner: AtomicU64,
    pub(super) tat: AtomicU64,
}

impl Slot {
    pub(super) fn owner(&self) -> Owner {
        Owner::from_word(self.owner.load(SeqCst))
    }

    /// Exchanges the owner; whether it still was this one.
    pub(super) fn replace(&self, old: Owner, new: Owner) -> bool {
        self.owner.compare_exchange(old.word(), new.word(), SeqCst, SeqCst).is_ok()
    }
}

/// The last key that got a slot of a set: 25 bits of a moment, 4 of a way, and the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim(u64);

const WAY_BITS: u32 = 4;
const MOMENT_BITS: u32 = 64 - WAY_BITS - Tag::BITS;
const MOMENT: u64 = (1 << MOMENT_BITS) - 1;

impl Claim {
    fn new(way: usize, last: Owner, tag: Tag) -> Self {
        Self(((((last.until() & MOMENT) << WAY_BITS) | way as u64) << Tag::BITS) | tag.raw())
    }

    const fn tag(self) -> Tag {
        Tag::from_raw(self.0 & ((1 << Tag::BITS) - 1))
    }

    const fn way(self) -> usize {
        (self.0 >> Tag::BITS) as usize % WAYS
    }

    /// Whether the slot still has the owner that the claim is to replace.
    const fn replaces(self, owner: Owner) -> bool {
        self.0 >> (Tag::BITS + WAY_BITS) == owner.until() & MOMENT
    }
}

/// Where a key is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'t> {
    /// It has this slot, of which it is this owner.
    Held(&'t Slot, Owner),
    /// Other keys have all the slots.
    Full(Seen),
}

/// What there was when a set was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(u64);

impl Set {
    /// The slot of a key, looked for from a way on.
    pub(super) fn find(&self, tag: Tag, from: usize) -> Option<(&Slot, Owner)> {
        self.ways(from).find_map(|(_, slot)| {
            let owner = slot.owner();
            (owner.tag() == tag).then_some((slot, owner))
        })
    }

    /// The slot of a key, which gets one if it has none and one is free.
    pub(super) fn find_or_claim(&self, tag: Tag, from: usize, now: u64) -> Place<'_> {
        loop {
            let seen = self.claim.load(SeqCst);
            self.complete(Claim(seen), now);
            let mut free = None;
            for (way, slot) in self.ways(from) {
                let owner = slot.owner();
                if owner.tag() == tag {
                    return Place::Held(slot, owner);
                }
                if free.is_none() && owner.end() <= now {
                    free = Some((way, owner));
                }
            }
            let Some((way, last)) = free else { return Place::Full(Seen(seen)) };
            let claim = Claim::new(way, last, tag);
            if self.claim.compare_exchange(seen, claim.0, SeqCst, SeqCst).is_ok() {
                self.complete(claim, now);
            }
        }
    }

    /// The TAT that keys of a limit share which find no slot here.
    pub(super) fn shared(&self, limit: LimitId) -> &AtomicU64 {
        &self.shared[limit.0 as usize % SHARED]
    }

    /// Whether nobody got a slot since.
    pub(super) fn is_as_seen(&self, seen: Seen) -> bool {
        self.claim.load(SeqCst) == seen.0
    }

    /// How many slots are somebody's.
    pub(super) fn held(&self, now: u64) -> usize {
        self.slots.iter().filter(|slot| slot.owner().end() > now).count()
    }

    fn complete(&self, claim: Claim, now: u64) {
        // A set that nobody has claimed anything of says way 0, nobody and never.
        let slot = &self.slots[claim.way()];
        let owner = slot.owner();
        if owner.tag() != claim.tag() && claim.replaces(owner) {
            // Where it fails, somebody else has done it, or the owner came back.
            slot.replace(owner, owner.succeeded_by(claim.tag(), now));
        }
    }

    fn ways(&self, from: usize) -> impl Iterator<Item = (usize, &Slot)> {
        let (before, behind) = self.slots.split_at(from.min(WAYS));
        behind.iter().zip(from..).chain(before.iter().zip(0..)).map(|(slot, way)| (way, slot))
    }
}
