//! How many requests of a key are under way at once, with a table of its own.
//!
//! A slot is one word, a tag and a number; a number of zero is no slot at all, so that only keys with a
//! request under way have one. A key may come into two slots of its set when two threads bring it at the
//! same time; what counts is the sum. Each thread adds itself and then looks at the sum: of those that
//! are too many, the last one sees it and steps back. So there are never more than the limit says.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::key::Key;

/// Slots of a set: a cache line.
const WAYS: usize = 8;

const COUNT_BITS: u32 = 20;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

/// The largest number that can be told.
pub const MAX_CONCURRENT: u32 = (1 << COUNT_BITS) - 1;

/// The smallest table, in bytes.
pub const MIN_IN_FLIGHT_MEMORY: usize = 1 << 16;

/// Cells that keys share which find no slot.
const SHARED: u64 = 4096;

/// How often somebody who met others on the last place tries again.
const TRIES: usize = 4;

#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// What is under way, of all keys.
#[derive(Debug)]
pub struct InFlight {
    sets: Box<[Set]>,
    shared: Box<[AtomicU64]>,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub struct Permit<'t> {
    cell: &'t AtomicU64,
    /// How many more of the key there may be beside it.
    remaining: u32,
}

impl Permit<'_> {
    /// How many more there might have been when it was given.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // Whose last request this was has no slot any more. A shared cell is a number without a tag.
        let less = |word: u64| Some(if word & COUNT <= 1 { 0 } else { word - 1 });
        // It never says no.
        let _ = self.cell.fetch_update(SeqCst, SeqCst, less);
    }
}

/// What is known of a key in its set.
struct Seen<'t> {
    count: u64,
    own: Option<(&'t AtomicU64, u64)>,
    free: Option<&'t AtomicU64>,
}

impl InFlight {
    /// A table of so many bytes, at least [`MIN_IN_FLIGHT_MEMORY`]. A key with requests under way takes 8.
    #[must_use]
    pub fn new(memory: usize) -> Self {
        let sets = memory.max(MIN_IN_FLIGHT_MEMORY) / size_of::<Set>();
        Self {
            sets: (0..sets).map(|_| Set::default()).collect(),
            shared: (0..SHARED).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// One more of this key, if there are fewer than `max` of it, and `max` is no more than
    /// [`MAX_CONCURRENT`].
    pub fn enter(&self, key: &Key, max: u32) -> Option<Permit<'_>> {
        let max = u64::from(max.min(MAX_CONCURRENT));
        let mut tries = 0;
        while tries < TRIES {
            let seen = self.see(key);
            let shared = self.shared(key);
            let common = shared.load(SeqCst);
            // A key has one kind of place at a time: what it has in the shared cell has to end first. Where races
            // have given it both, or others are there, they all count.
            let beside = if seen.own.is_some() { common } else { 0 };
            if seen.count + beside >= max {
                return None;
            }
            let (cell, before, after) = match (seen.own, seen.free) {
                (Some((cell, word)), _) => (cell, word, word + 1),
                (None, Some(cell)) if common == 0 => (cell, 0, (tag(key) << COUNT_BITS) | 1),
                (None, _) if common >= max => return None,
                (None, _) => (shared, common, common + 1),
            };
            if cell.compare_exchange(before, after, SeqCst, SeqCst).is_err() {
                continue;
            }
            let permit = |count: u64| Permit { cell, remaining: u32::try_from(max - count).unwrap_or(u32::MAX) };
            let now = self.see(key).count;
            let is_shared = std::ptr::eq(cell, shared);
            let beside = if is_shared { 0 } else { shared.load(SeqCst) };
            let meets = (is_shared && now > 0) || (seen.own.is_none() && beside > 0);
            if now + beside <= max && !meets {
                return Some(permit(if is_shared { after } else { now + beside }));
            }
            // Dropped, it gives its place back.
            drop(permit(max));
            tries += 1;
        }
        None
    }

    /// How many bytes it takes up: always the same.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.sets.len() * size_of::<Set>() + self.shared.len() * size_of::<AtomicU64>()
    }

    fn see(&self, key: &Key) -> Seen<'_> {
        let at = ((u128::from(key.low()) * self.sets.len() as u128) >> 64) as usize;
        let mut seen = Seen { count: 0, own: None, free: None };
        for cell in &self.sets[at].0 {
            let word = cell.load(SeqCst);
            if word == 0 {
                seen.free = seen.free.or(Some(cell));
            } else if word >> COUNT_BITS == tag(key) {
                seen.count += word & COUNT;
                seen.own = seen.own.or(Some((cell, word)));
            }
        }
        seen
    }

    fn shared(&self, key: &Key) -> &AtomicU64 {
        // Fewer than there are.
        &self.shared[((key.low() ^ key.limit.0) % SHARED) as usize]
    }
}

/// 44 bits of a key.
const fn tag(key: &Key) -> u64 {
    key.high() >> COUNT_BITS
}
