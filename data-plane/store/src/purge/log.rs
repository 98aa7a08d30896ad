//! Purges by their numbers, for what outlives a run (pure).

use super::{MAX_EXACT, MAX_PREFIXES, Mode, Purge, happened, record, records::Records};
use crate::{key::KeyRef, stored::Metadata};

/// The purges that responses on a disk may not have heard of. Each has a number, given by whoever
/// orders them; later ones have greater numbers. A response knows the greatest number that there was
/// when it was asked for.
///
/// Bounded as the purges of a store are. When it is full, it forgets all, and whatever is older counts
/// as purged.
#[derive(Debug)]
pub struct PurgeLog {
    records: Records,
    seed: u64,
    latest: u64,
    /// Of those up to here, not all are known.
    floor: u64,
}

impl PurgeLog {
    /// None so far. `seed` is chance.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { records: Records::default(), seed, latest: 0, floor: 0 }
    }

    /// The number of the last one; 0, if there was none.
    #[must_use]
    pub const fn latest(&self) -> u64 {
        self.latest
    }

    /// Notes the purge of this number. The same one again changes nothing.
    pub fn add(&mut self, number: u64, purge: Purge<'_>, mode: Mode) {
        if number <= self.floor {
            return;
        }
        if self.records.exact() >= MAX_EXACT || self.records.prefixes() >= MAX_PREFIXES {
            self.raise_floor(self.latest.max(number));
            return;
        }
        record(&mut self.records, self.seed, purge, mode, number);
        self.latest = self.latest.max(number);
    }

    /// Of the purges up to `number`, not all are known: who has heard of none that is as late may have
    /// missed one.
    pub fn raise_floor(&mut self, number: u64) {
        if number <= self.floor {
            return;
        }
        self.floor = number;
        self.latest = self.latest.max(number);
        self.records.forget(number);
    }

    /// What has happened to a response that has heard of every purge up to `since`.
    #[must_use]
    pub fn since<M: Metadata>(&self, key: &KeyRef<'_>, meta: &M, since: u64) -> Option<Mode> {
        if since < self.floor {
            return Some(Mode::Hard);
        }
        if since >= self.latest {
            return None;
        }
        happened(&self.records, self.seed, key, Some(meta), since)
    }
}
