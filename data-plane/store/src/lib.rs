//! Where stored responses are kept: one store for all workers. It knows nothing of HTTP, has no clock
//! and does no I/O. What a response is to the caller is its [`Metadata`]; what it is worth for a
//! request, the caller's judge says ([`Verdict`]).
//!
//! # The walk of a request
//! [`Store::lookup`] says one of four things:
//!
//! - [`Lookup::Hit`]: here is a whole response. Its body is shared, and sent as it lies.
//! - [`Lookup::Lead`]: ask the upstream. The [`Leader`] then says what came of it: a body to store
//!   ([`Leader::begin`]), a valid old one ([`Leader::refresh`]), something that is for nobody else
//!   ([`Leader::release`]). If it says nothing, one of those who wait leads.
//! - [`Lookup::Follow`]: somebody has asked. The [`Follower`] waits for its [`Turn`], and reads along
//!   as soon as there is a head that fits.
//! - [`Lookup::Pass`]: nobody waits for this key, for a while.
//!
//! What is stale comes along, so that the caller can validate it, or send it while another one does.
//! [`Fill`] and [`Reader`] are the two ends of a body that is being received; [`fill`] tells what
//! bounds it.
//!
//! # What it costs
//! A hit takes one of up to sixteen locks, for reading: it waits for no other hit, only while something
//! is inserted there. It copies nothing and allocates nothing: it counts on one `Arc`, and compares the
//! stamp of the last purge. Only a miss locks the flights of its key's shard. No lock is held across
//! an `await`, or while something is woken.
//!
//! # What bounds it
//! Everything is counted in one ledger: what is stored, what is being received, and what was purged or
//! replaced while somebody still sends it. What is stored gets seven eighths of the memory. What is
//! being sent is not evicted; if that is nearly all, it may take the last eighth too. When all of the
//! memory is used, what comes next is passed on and not stored. Under one key there are up to
//! [`MAX_VARIANTS`] responses; they are evicted together.
//!
//! # Purging
//! [`Store::purge`] adds a record and a stamp; [`Purge`] and [`Mode`] say of what. A response that was
//! not checked since looks the records up when it is hit: a hash for its URL, its host and each tag,
//! and a few steps in an ordered map for prefixes. [`Store::sweep`] takes out what nobody asks for any
//! more. Up to 65,536 exact records and 4,096 prefixes wait for it; then a purge sweeps before it
//! returns. What a request has changed goes by [`Store::invalidate`], which leaves no record: clients
//! cannot fill this table.
//!
//! # Where a disk goes
//! Between a miss and the upstream: whoever leads looks there first, and brings what it has found by
//! [`Leader::restore`]. `gateway-cache-disk` is that disk; it knows by a [`PurgeLog`] what was purged
//! since an entry of it was written.

mod body;
pub mod fill;
mod flight;
mod key;
mod ledger;
mod lookup;
mod memory;
mod passes;
mod purge;
mod stats;
mod store;
mod stored;
mod sweep;
#[cfg(test)]
mod tests;
mod variants;

pub use body::{Body, Chunk, Piece};
pub use fill::{Broken, Fill, Reader, Wanted};
pub use flight::{Follower, Leader, Restored, Turn};
pub use key::KeyRef;
pub use lookup::{Lookup, Verdict};
pub use purge::{Mode, Purge, PurgeLog};
pub use stats::Stats;
pub use store::{MIN_MEMORY, Store};
pub use stored::{Metadata, Stored, Whole};
pub use variants::MAX_VARIANTS;
