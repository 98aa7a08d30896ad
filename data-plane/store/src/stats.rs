//! What there is to count; hits are counted by whoever has them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a store has and has done. Numbers without a unit count responses, and grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Keys that something is stored under, now.
    pub entries: u64,
    /// Bytes of what is stored, now.
    pub stored_bytes: u64,
    /// Bytes that are held, now: stored, being received, or still being sent after they were evicted.
    pub held_bytes: u64,
    /// Bytes that may be held.
    pub memory_bytes: u64,
    /// Stored.
    pub stored: u64,
    /// Had to make room for others.
    pub evicted: u64,
    /// Purged or invalidated, and taken out.
    pub purged: u64,
    /// Requests that waited for another one of the same key, or followed its answer.
    pub coalesced: u64,
    /// Times that a waiting request took the place of one that failed.
    pub handed_over: u64,
    /// Times that waiting requests were sent on their own ways.
    pub released: u64,
    /// Answers whose body began to come.
    pub fills: u64,
    /// Of these, broken off.
    pub aborted: u64,
    /// Of these, too large to be stored, or begun when memory was short.
    pub passed: u64,
    /// Of these, whole but not stored, for a purge came in between.
    pub overtaken: u64,
    /// Readers that were cut off, being too slow for an answer that is not stored.
    pub outpaced: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Count {
    Stored,
    Evicted,
    Purged,
    Coalesced,
    HandedOver,
    Released,
    Fills,
    Aborted,
    Passed,
    Overtaken,
    Outpaced,
}

#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; 11]);

impl Counters {
    pub(crate) fn count(&self, what: Count, by: u64) {
        self.at(what).fetch_add(by, Relaxed);
    }

    pub(crate) fn of(&self, what: Count) -> u64 {
        self.at(what).load(Relaxed)
    }

    const fn at(&self, what: Count) -> &AtomicU64 {
        &self.0[what as usize]
    }
}
