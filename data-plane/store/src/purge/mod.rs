//! What is gone before anybody has looked for it.
//!
//! A purge is a record with a stamp, and every response knows up to which stamp it has been checked.
//! A hit compares two numbers; only after a purge it looks the records up, once. That makes a purge
//! cost the same whatever it hits, and it holds for what is still being received too. What was purged
//! is taken out of memory by [`crate::Store::sweep`], after which the records can go.

mod log;
mod records;

use std::sync::{
    PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Release},
    },
};

pub use self::log::PurgeLog;
use self::records::Records;
use crate::{
    key::{Id, KeyRef},
    stored::Metadata,
};

/// Records of URLs, hosts and tags, and those of prefixes, that are kept until the next sweep.
pub(crate) const MAX_EXACT: usize = 65_536;
pub(crate) const MAX_PREFIXES: usize = 4096;

/// What is to be purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge<'a> {
    /// Every response whose key has this URL.
    Url(&'a [u8]),
    /// Every response whose key has a URL that begins with these bytes; with none, all.
    Prefix(&'a [u8]),
    /// Every response whose key has this host.
    Host(&'a [u8]),
    /// Every response with this tag.
    Tag(&'a [u8]),
}

/// What becomes of what is purged; the greater takes in the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It is stale.
    Soft,
    /// It is gone.
    Hard,
}

/// The purges of a store.
#[derive(Debug)]
pub(crate) struct Purges {
    /// The stamp of the last one. Changes under the lock, after the record is there.
    latest: AtomicU64,
    records: RwLock<Records>,
    seed: u64,
}

impl Purges {
    pub(crate) fn new(seed: u64) -> Self {
        Self { latest: AtomicU64::new(1), records: RwLock::default(), seed }
    }

    pub(crate) fn latest(&self) -> u64 {
        self.latest.load(Acquire)
    }

    /// Whoever asks from now on hears of it.
    pub(crate) fn add(&self, purge: Purge<'_>, mode: Mode) {
        let mut records = self.write();
        let stamp = self.latest() + 1;
        record(&mut records, self.seed, purge, mode, stamp);
        self.latest.store(stamp, Release);
    }

    /// Whether there is no place for another record.
    pub(crate) fn is_full(&self) -> bool {
        let records = self.read();
        records.exact() >= MAX_EXACT || records.prefixes() >= MAX_PREFIXES
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let records = self.read();
        records.exact() + records.prefixes()
    }

    /// What has happened after `since` to what is stored under `key`, and up to which stamp that is
    /// known; of tags nothing is known before there is a head.
    pub(crate) fn since<M: Metadata>(&self, key: &KeyRef<'_>, meta: Option<&M>, since: u64) -> (Option<Mode>, u64) {
        if self.latest() == since {
            return (None, since);
        }
        let records = self.read();
        (happened(&records, self.seed, key, meta, since), self.latest())
    }

    /// Everything has heard of what happened up to `until`.
    pub(crate) fn forget(&self, until: u64) {
        self.write().forget(until);
    }

    fn read(&self) -> RwLockReadGuard<'_, Records> {
        self.records.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Records> {
        self.records.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes a purge.
fn record(records: &mut Records, seed: u64, purge: Purge<'_>, mode: Mode, stamp: u64) {
    match purge {
        Purge::Url(url) => records.add(label(seed, Kind::Url, url), mode, stamp),
        Purge::Host(host) => records.add(label(seed, Kind::Host, host), mode, stamp),
        Purge::Tag(tag) => records.add(label(seed, Kind::Tag, tag), mode, stamp),
        Purge::Prefix(prefix) => records.add_prefix(prefix, mode, stamp),
    }
}

/// What has happened after `since` to what is under `key`.
fn happened<M: Metadata>(records: &Records, seed: u64, key: &KeyRef<'_>, meta: Option<&M>, since: u64) -> Option<Mode> {
    let labels = [label(seed, Kind::Url, key.url()), label(seed, Kind::Host, key.host())];
    let tags = meta.into_iter().flat_map(Metadata::tags).map(|tag| label(seed, Kind::Tag, tag));
    let by_label = records.by_label(labels.into_iter().chain(tags), since);
    by_label.max(records.by_prefix(key.url(), since))
}

fn label(seed: u64, kind: Kind, bytes: &[u8]) -> Id {
    Id::of(seed.wrapping_add(kind as u64), bytes)
}

/// What a record is of: the same bytes are something else as a host.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Url = 1,
    Host = 2,
    Tag = 3,
}
