//! Who may admit how much of a limit that holds for the whole cluster.
//!
//! A limit is a rate with a burst, and counts by key. Every data plane admits at its share of both
//! without asking anybody. A key that nobody asks much for is not known here, and each of N data planes
//! has 1/N of it: the fair share. Of the keys that are asked for more, data planes tell how much is asked
//! of them; those keys are leased, and their shares follow what is asked (`allocate`).
//!
//! Everything here is pure and takes the time as an argument; `office` is what streams share.
//!
//! Why the shares sum up to one: a data plane is told of a higher share only once others have been told
//! of as much less (`key`), and every data plane is told its share of every leased key, asked for it or not.

pub mod allocate;
mod key;
pub mod office;
mod pool;
mod seats;
mod state;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use state::{Answer, Leases, Refused, Ticket};

/// How often a data plane says what is asked of it.
pub const PERIOD: Duration = Duration::from_millis(500);
/// How long a data plane holds its last shares without hearing of them, and how long it may be silent
/// on an open stream.
pub const HOLD: Duration = Duration::from_secs(10);
/// How long the share of a data plane whose stream broke is kept for it. One that lives is back by
/// then; of one that is only cut off nothing is heard for longer than [`HOLD`] before its stream breaks.
pub const GRACE: Duration = Duration::from_secs(2);

/// How soon after another a data plane is told anew, unless it has said something.
pub const GAP: Duration = Duration::from_millis(100);

/// Keys of one limit that are leased at the same time.
pub const MAX_KEYS_OF_LIMIT: usize = 1024;
/// Keys of all limits that are leased at the same time.
pub const MAX_KEYS: usize = 8192;
/// Data planes among which limits are shared.
pub const MAX_NODES: usize = 1024;
/// Shares in all: with more than 32 data planes, fewer keys are leased. Each takes 56 bytes,
/// so that all of them take 15 MB.
const MAX_SHARES: usize = 1 << 18;
/// The most that can be asked for, and that a burst can be overdrawn, in parts: a million times the limit.
pub const MAX_PARTS: u64 = allocate::WHOLE << 20;

/// One key of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId {
    /// Which limit.
    pub limit: u64,
    /// Which of its keys, as a hash.
    pub hash: u128,
}

/// What a data plane says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Which key.
    pub key: KeyId,
    /// What was asked for since the last time, refused or not, in parts of what the whole limit lets
    /// through in that time.
    pub asked: u64,
    /// What was let through of it, in the same parts.
    pub passed: u64,
    /// How much of its burst is used, in parts of its own share of the burst; more than the whole where
    /// its share is less than one request.
    pub used: u64,
    /// The share it holds; `None` is the fair one.
    pub held: Option<u64>,
}

/// What a data plane is told of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Which key.
    pub key: KeyId,
    /// Its share from now on; `None` is the fair one, and the key is not leased any more.
    pub share: Option<u64>,
    /// What is to be added to the part of its burst that is used, for the share that has come from others
    /// comes as used as it was there.
    pub shift: i64,
}
