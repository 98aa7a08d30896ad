//! How often anyone may call. There is no I/O, no clock and no chance in here: the time is an argument, in
//! nanoseconds since any moment before the table was made, and so is the seed.
//!
//! # The walk of a request
//! 1. [`client_address`] says who asks, and [`push_part`] makes a key of what its limit counts by.
//! 2. [`Table::key`] hashes it, and [`Shares`] says which share of a cluster's limit is this data plane's.
//! 3. [`InFlight::enter`] for limits on how many are under way at once; [`admit`] for all the others, all of
//!    them or none.
//! 4. [`fields`] writes what the client is told.
//! 5. [`Demand::record`] notes what was asked of a cluster's limit. The control plane hears of it
//!    ([`report`]) and answers with other [`Shares`].
//! 6. [`Check::owe`] charges bytes, and the [`Permit`] goes, when the request is over.
//!
//! # What is admitted
//! `count` requests in each period and `burst` at once after a rest, by GCRA ([`rate`]): a cell refills
//! continuously, and has no window at whose border twice as much would pass. One request costs a whole
//! number of nanoseconds, rounded up. Bytes are charged when it is known how many there are: a request is
//! admitted while its key is not in debt, whatever it will have, and what it has beyond what was left is
//! owed. So the average holds, for as long as it takes, and requests that began together may overdraw
//! together.
//!
//! In a cluster each data plane has a share of the rate and of the burst ([`Share`]). A cell keeps what part
//! of its burst is used up when its share changes; a share that moves to where nothing was used takes its
//! part of the burst along.
//!
//! # What it costs
//! A check is a hash, one cache line in most cases, and one exchange ([`table`]). Workers share one table.
//! They wait for nothing: whoever finds a slot half taken completes that and goes on.
//!
//! # What bounds it
//! A table has the size that it was made with: 20 bytes for a key, so that 32 MiB hold 1.6 million. A key
//! needs a place until what it has used has come back, and for one to two seconds beyond. Keys are spread
//! at random over sets of 16. A new key that finds its set full shares a cell with other newcomers there, and is
//! limited with them together, until what they have used has come back. How often that is:
//!
//! | keys, as a part of the places | a new key finds its set full |
//! | --- | --- |
//! | a quarter | 1 in 200,000 |
//! | a half | 1 in 120 |
//! | three quarters | 1 in 6 |
//!
//! Two keys of one set are taken for one if 35 bits of their hash agree: for a new key 1 in two billion, and
//! then both are limited together. The seed is chance, so that no client can aim at that.
//!
//! # Why not governor
//! governor 0.10 was read. Its GCRA is this one, on one `AtomicU64` too. But an interval is rounded down
//! (of 7 million in a second it admits 0.6 % more); its keys live in a `DashMap`, which grows with what
//! clients send until somebody calls `retain_recent`, and locks a shard for that and for each new key; the quota
//! belongs to a limiter and not to a key, so that there would be a map for each limit, and its counters
//! would go when the limit changes; several limits cannot be had together or not at all, and nothing can
//! be given back. What is left of it are the thirty lines in [`rate`].

mod admit;
mod client;
mod demand;
pub mod fields;
mod in_flight;
mod key;
mod leases;
pub mod rate;
mod share;
pub mod table;
#[cfg(test)]
mod tests;

pub use admit::{Check, Counts, admit, admit_each};
pub use client::{client_address, prefix};
pub use demand::{Asked, Demand, MAX_REPORTED, report};
pub use in_flight::{InFlight, MAX_CONCURRENT, MIN_IN_FLIGHT_MEMORY, Permit};
pub use key::{Key, LimitId, SharedKey, push_part};
pub use leases::{MAX_LEASES, Shares, TooManyLeases};
pub use rate::{MAX_SPAN, Rate, RateError, Standing};
pub use share::{MIN_SHARE, Share};
pub use table::{MIN_MEMORY, Table};
