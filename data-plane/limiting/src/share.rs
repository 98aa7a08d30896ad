//! How much of a limit is a data plane's own.

/// A part of a limit's rate and burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// How much dearer everything is, in units of 2^-32: the reciprocal, so that no request divides.
    stretch: u64,
}

const ONE: u64 = 1 << 32;

/// The smallest share that there is, in parts of 2^32: whoever had nothing could never show that more
/// is asked of it.
pub const MIN_SHARE: u64 = 1 << 16;

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { stretch: ONE };

    /// So many parts of 2^32, at least [`MIN_SHARE`] and at most all.
    #[must_use]
    pub fn of_parts(parts: u64) -> Self {
        let parts = u128::from(parts.clamp(MIN_SHARE, ONE));
        // 2^64 / 2^16 fits.
        Self { stretch: u64::try_from((1_u128 << 64).div_ceil(parts)).unwrap_or(u64::MAX) }
    }

    /// What is fair among so many data planes; no fewer than one.
    #[must_use]
    pub fn fair(nodes: u32) -> Self {
        let nodes = u64::from(nodes.max(1)).min(ONE / MIN_SHARE);
        Self { stretch: nodes * ONE }
    }

    /// Something that costs this much of the whole, rounded up.
    pub(crate) fn stretch(self, cost: u64) -> u64 {
        if self.stretch == ONE {
            return cost;
        }
        let stretched = (u128::from(cost) * u128::from(self.stretch)).div_ceil(u128::from(ONE));
        u64::try_from(stretched).unwrap_or(u64::MAX)
    }

    /// So much of a number.
    pub(crate) fn of_many(self, whole: u64) -> u64 {
        let part = (u128::from(whole) << 32) / u128::from(self.stretch);
        u64::try_from(part).unwrap_or(whole)
    }

    /// So much of a number, and one at least: of how many may be under way at once.
    #[must_use]
    pub fn of(self, whole: u32) -> u32 {
        let part = (u128::from(whole) << 32) / u128::from(self.stretch);
        u32::try_from(part).unwrap_or(whole).max(1)
    }
}
