//! What there is to count.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a disk has and has done. Numbers without a unit count responses, and grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes that the files have.
    pub size_bytes: u64,
    /// Bytes that wait to be written, now.
    pub queued_bytes: u64,
    /// Found, and used.
    pub hits: u64,
    /// Asked for and not found, for whatever reason.
    pub misses: u64,
    /// Of these, read and found dead: purged, removed, or of another cluster.
    pub dead: u64,
    /// Read, and not what was written.
    pub damaged: u64,
    /// Could not be read.
    pub failed: u64,
    /// Could not be read in time, or not at all, for too many others were being read.
    pub busy: u64,
    /// Taken to be written.
    pub written: u64,
    /// Not taken, for too many bytes waited already.
    pub dropped: u64,
    /// Not taken, for being too large.
    pub too_large: u64,
    /// Not taken, for a removal came in between.
    pub overtaken: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Count {
    Hits,
    Misses,
    Dead,
    Damaged,
    Failed,
    Busy,
    Written,
    Dropped,
    TooLarge,
    Overtaken,
}

#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; 10]);

impl Counters {
    pub(crate) fn count(&self, what: Count) {
        self.0[what as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn of(&self, what: Count) -> u64 {
        self.0[what as usize].load(Relaxed)
    }
}
