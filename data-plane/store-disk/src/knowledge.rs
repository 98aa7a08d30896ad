//! What is known of entries that they do not know themselves (pure).

use gateway_cache_store::{KeyRef, Mode, PurgeLog};

use crate::{
    persist::Persist,
    removals::{Left, Removals},
};

/// When something was asked for, by the purges and removals that there had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub(crate) purge: u64,
    pub(crate) moment: u64,
}

#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) purges: PurgeLog,
    pub(crate) removals: Removals,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Alive,
    /// It was purged softly.
    Stale,
    /// It may have been removed.
    Doubtful,
    Dead,
}

impl Knowledge {
    pub(crate) const fn stamp(&self) -> Stamp {
        Stamp { purge: self.purges.latest(), moment: self.removals.now() }
    }

    pub(crate) fn fate<M: Persist>(&self, key: &KeyRef<'_>, hashes: [u128; 2], meta: &M, stamp: Stamp) -> Fate {
        let purged = self.purges.since(key, meta, stamp.purge);
        match (self.removals.left(hashes, stamp.moment), purged) {
            (Left::Gone, _) | (_, Some(Mode::Hard)) => Fate::Dead,
            // To be validated in any case is more than to be stale.
            (Left::Doubtful, Some(Mode::Soft) | None) => Fate::Doubtful,
            (Left::There, Some(Mode::Soft)) => Fate::Stale,
            (Left::There, None) => Fate::Alive,
        }
    }
}
