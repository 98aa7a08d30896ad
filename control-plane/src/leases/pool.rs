//! What lies between those who gave a share back and those who get it.

use super::allocate::WHOLE;

/// Share that has been given back, and how much of its burst is used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pool {
    share: u64,
    /// In parts of the limit's burst.
    owed: u64,
}

impl Pool {
    /// Takes a share back of which `used` is used, where `free` is all that is free then.
    pub(super) fn give(&mut self, share: u64, used: u64, free: u64) {
        // What has lain here longer than it was free is nobody's.
        let room = free.saturating_sub(share);
        if self.share > room {
            self.owed = scale(self.owed, room, self.share);
            self.share = room;
        }
        self.share += share;
        self.owed = self.owed.saturating_add(scale(share, used, WHOLE));
    }

    /// Takes a share for somebody who has `held` already, of which `used` is used. Returns by how much
    /// that changes: the two are mixed.
    pub(super) fn take(&mut self, share: u64, held: u64, used: u64) -> i64 {
        let owed = if self.share == 0 { scale(share, used, WHOLE) } else { scale(self.owed, share, self.share) };
        self.share = self.share.saturating_sub(share);
        self.owed = self.owed.saturating_sub(owed);
        let before = scale(held, used, WHOLE);
        let mixed = scale(before.saturating_add(owed), WHOLE, held + share);
        // Both are far below the largest i64: a share is at most the whole, and `used` at most 2^52.
        mixed.min(i64::MAX as u64) as i64 - used as i64
    }
}

/// `value · by / of`, as large as it may get.
pub(super) fn scale(value: u64, by: u64, of: u64) -> u64 {
    let scaled = u128::from(value) * u128::from(by) / u128::from(of.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
