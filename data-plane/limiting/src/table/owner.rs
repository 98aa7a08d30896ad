//! Whose a slot is, and for how long: one word, so that one exchange settles both.

/// A slot's owner: 35 bits of the key's hash, whether it has never been charged, and until when it is
/// nobody else's, in periods of 2^30 nanoseconds (1.07 s). 28 bits of them are nine years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(u64);

/// A part of a key's hash; never zero, which is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u64);

const PERIOD_BITS: u32 = 30;
const UNTIL_BITS: u32 = 28;
const UNTIL: u64 = (1 << UNTIL_BITS) - 1;
const FRESH: u64 = 1 << UNTIL_BITS;
const TAG_SHIFT: u32 = UNTIL_BITS + 1;

impl Tag {
    pub(super) const BITS: u32 = 64 - TAG_SHIFT;

    pub(super) fn of(bits: u64) -> Self {
        Self((bits >> TAG_SHIFT).max(1))
    }

    pub(super) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    pub(super) const fn raw(self) -> u64 {
        self.0
    }
}

impl Owner {
    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(super) const fn word(self) -> u64 {
        self.0
    }

    pub(super) const fn tag(self) -> Tag {
        Tag(self.0 >> TAG_SHIFT)
    }

    /// Whether nothing was charged since it was taken.
    pub(super) const fn is_fresh(self) -> bool {
        self.0 & FRESH != 0
    }

    pub(super) const fn until(self) -> u64 {
        self.0 & UNTIL
    }

    /// The moment up to which the slot is its own. No TAT in it is later than that.
    pub(super) const fn end(self) -> u64 {
        self.until() << PERIOD_BITS
    }

    /// The next owner: from now on, for a second at least. A slot's moments only grow, so that no word
    /// ever comes back to it.
    pub(super) fn succeeded_by(self, tag: Tag, now: u64) -> Self {
        Self((tag.0 << TAG_SHIFT) | FRESH | self.later(now))
    }

    /// The same owner, for longer.
    pub(super) fn extended(self, to: u64) -> Self {
        Self((self.0 & !UNTIL) | self.later(to))
    }

    /// The same owner, that was charged.
    pub(super) const fn charged(self) -> Self {
        Self(self.0 & !FRESH)
    }

    fn later(self, than: u64) -> u64 {
        // At the end of nine years a slot can only stay whose it is.
        ((than >> PERIOD_BITS) + 2).max(self.until() + 1).min(UNTIL)
    }
}
