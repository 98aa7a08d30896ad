//! A second place for stored responses, behind memory: larger, slower, and there again after a restart.
//!
//! # Where the proxy calls what
//! | when | call |
//! | --- | --- |
//! | at the start, off the workers | [`Disk::open`]; an [`OpenError`] is one sentence, and the end (exit 1) |
//! | all purges that the control plane keeps were passed on | [`Disk::begin`], and again when more of them are not kept; before, nothing is found |
//! | a purge comes, and *before* [`gateway_cache_store::Store::purge`] | [`Disk::purge`] |
//! | `Lookup::Lead` or `Turn::Lead`, and `leader.stale()` is none | [`Disk::stamp`], then [`Disk::get`], and what it finds to [`gateway_cache_store::Leader::restore`] |
//! | `Lookup::Lead` or `Turn::Lead` otherwise | [`Disk::stamp`], before the upstream is asked |
//! | `Fill::finish`, `Leader::refresh` or `Store::update` gave what is stored | [`Disk::put`] with that stamp |
//! | a request has changed something (RFC 9111 section 4.4), or what is stored may not be used any more, and *before* `Store::invalidate` and `Store::discard` | [`Disk::remove`] |
//! | a scrape | [`Disk::stats`] |
//! | at the end, when the workers have drained | [`Disk::close`] |
//!
//! A request for which nobody may lead (HEAD, `no-store`, `only-if-cached`) has what is in memory, and no more.
//! On a worker only [`Disk::get`] takes time, and not the worker's: it awaits what the disk's own threads
//! do, [`Config::patience`] for each response of the key at the most. Everything else returns at once there.
//! What was restored is not put again.
//!
//! # What is whose
//! [foyer](https://docs.rs/foyer) keeps the entries: a log of blocks in files of fixed size, an index in
//! memory of some 50 bytes for each entry, batches of writes, the oldest block evicted first, a checksum
//! for each entry and each batch, and the index found again at the start by reading the batches' heads.
//! Ours is what it does not know: what an entry is ([`Persist`], `record`), which ones are dead
//! (`knowledge`), how much may wait to be written (`queue`), and whose folder it is (`folder`). Its own
//! log of deletions is not used: it loses some when it is opened again.
//!
//! # What makes an entry dead
//! Every entry has the [`Stamp`] of the time when the upstream was asked for it. It is dead if a purge
//! with a greater number is about it, if it is older than the purges that are known, if its key was
//! removed later, or if it comes from another cluster. That is looked up whenever one is read: a
//! removal is in force as soon as [`Disk::remove`] returns, also against what still waits to be
//! written, or is still to be put.
//!
//! Removals are written down by [`Disk::close`]. After an end without it, by SIGKILL or a power cut,
//! the last ones are not known. So every entry of before is doubtful then: it is there, and comes back
//! as [`Persist::must_validate`] makes it, which is what RFC 9111 section 4.4 asks of a cache that
//! invalidates. The same holds when there were too many removals to be remembered.
//!
//! # What bounds it
//! The files have their whole size from the start, so that they never fill the disk later. Up to
//! [`QUEUE`] bytes wait to be written; what comes beyond that is not stored. 32 are read at a time.
//! 65,536 removals are remembered. A key has sixteen places, taken by [`Persist::variant`].
//!
//! What does not check is a miss. So is what cannot be read, or not in time: the disk never makes a
//! request fail.

mod disk;
mod engine;
mod error;
mod folder;
mod knowledge;
mod persist;
mod queue;
mod record;
mod removals;
mod state;
mod stats;
#[cfg(test)]
mod tests;

pub use disk::{Config, Disk, PATIENCE};
pub use error::OpenError;
pub use folder::{MAX_SIZE, MIN_SIZE};
pub use knowledge::Stamp;
pub use persist::Persist;
pub use queue::QUEUE;
pub use stats::Stats;
