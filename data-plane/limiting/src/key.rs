//! What is counted: a key of a limit.

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// Names a limit for good: whatever is counted is counted under this. Its rate is not part of it, so that
/// counters outlive a change of the rate, and begin anew where the key changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitId(pub u64);

/// The seed of what data planes have to agree about.
const SHARED: u64 = 0x6c69_6d69_745f_6964;

impl LimitId {
    /// Of whose limit it is, its name, and what it counts by, as [`push_part`] wrote them.
    #[must_use]
    pub fn of(parts: &[u8]) -> Self {
        Self(xxh3_64_with_seed(parts, SHARED))
    }
}

/// Appends a part of a key such that no two lists of parts come to the same bytes.
pub fn push_part(key: &mut Vec<u8>, part: &[u8]) {
    // What is longer than 4 GiB is not a key: heads are far smaller.
    key.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
    key.extend_from_slice(part);
}

/// What a counter is found by, in this process: a hash whose seed is chance, so that no client can choose
/// keys that meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub(crate) hash: u128,
    pub(crate) limit: LimitId,
}

/// What a key is called among data planes: with it they report demand and are given shares. Two keys that
/// meet here would share a share and nothing else, so that its seed need not be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SharedKey(pub u128);

impl SharedKey {
    #[expect(clippy::cast_possible_truncation, reason = "the half is what is wanted")]
    pub(crate) const fn low(self) -> u64 {
        self.0 as u64
    }

    /// Of a key's parts, as [`push_part`] wrote them.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(xxh3_128_with_seed(key, SHARED))
    }
}

impl Key {
    /// Of which limit.
    #[must_use]
    pub const fn limit(&self) -> LimitId {
        self.limit
    }

    pub(crate) fn of(seed: u64, limit: LimitId, key: &[u8]) -> Self {
        // The limit's name is a hash that nobody outside can choose; it takes part in the seed.
        Self { hash: xxh3_128_with_seed(key, seed ^ limit.0), limit }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
impl Key {
    /// Bits for a place.
    pub(crate) const fn low(self) -> u64 {
        self.hash as u64
    }

    /// Bits for a tag.
    pub(crate) const fn high(self) -> u64 {
        (self.hash >> 64) as u64
    }
}
