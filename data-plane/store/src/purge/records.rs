//! What was purged, and when (pure).

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use super::Mode;
use crate::key::{BuildHashed, Id};

/// When something was last purged; 0 is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct When {
    hard: u64,
    soft: u64,
}

impl When {
    fn set(&mut self, mode: Mode, stamp: u64) {
        match mode {
            Mode::Hard => self.hard = self.hard.max(stamp),
            Mode::Soft => self.soft = self.soft.max(stamp),
        }
    }

    /// What has happened to something after `since`.
    const fn after(self, since: u64) -> Option<Mode> {
        if self.hard > since {
            Some(Mode::Hard)
        } else if self.soft > since {
            Some(Mode::Soft)
        } else {
            None
        }
    }

    fn forget(&mut self, until: u64) -> bool {
        self.hard > until || self.soft > until
    }
}

/// Purges that something in the store may not have heard of.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// URLs, hosts and tags, each by a hash of its own kind.
    exact: HashMap<Id, When, BuildHashed>,
    prefixes: BTreeMap<Box<[u8]>, When>,
}

impl Records {
    pub(crate) fn add(&mut self, label: Id, mode: Mode, stamp: u64) {
        self.exact.entry(label).or_default().set(mode, stamp);
    }

    pub(crate) fn add_prefix(&mut self, prefix: &[u8], mode: Mode, stamp: u64) {
        self.prefixes.entry(prefix.into()).or_default().set(mode, stamp);
    }

    pub(crate) fn exact(&self) -> usize {
        self.exact.len()
    }

    pub(crate) fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// What was purged by one of `labels` after `since`.
    pub(crate) fn by_label(&self, labels: impl Iterator<Item = Id>, since: u64) -> Option<Mode> {
        let found = labels.filter_map(|label| self.exact.get(&label)?.after(since));
        found.max()
    }

    /// What was purged by a prefix of `url` after `since`. Prefixes lie in order: whatever comes
    /// between one and `url` begins with it too, so that each step back is to the next prefix, or as
    /// far as what was met has in common with `url`.
    pub(crate) fn by_prefix(&self, url: &[u8], since: u64) -> Option<Mode> {
        let mut found = None;
        let mut upper = url;
        loop {
            let range = (Bound::Unbounded, Bound::Included(upper));
            let Some((met, when)) = self.prefixes.range::<[u8], _>(range).next_back() else { return found };
            let common = met.iter().zip(upper).take_while(|(one, other)| one == other).count();
            if common < met.len() {
                upper = &upper[..common];
                continue;
            }
            found = found.max(when.after(since));
            let Some(shorter) = common.checked_sub(1) else { return found };
            upper = &upper[..shorter];
        }
    }

    /// Everything has heard of what happened up to `until`.
    pub(crate) fn forget(&mut self, until: u64) {
        self.exact.retain(|_, when| when.forget(until));
        self.prefixes.retain(|_, when| when.forget(until));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::{Mode, Records};

    proptest! {
        #[test]
        fn prefixes_are_found_as_if_all_were_looked_at(
            prefixes in prop::collection::vec((prop::collection::vec(0..3_u8, 0..6), any::<bool>()), 0..20),
            url in prop::collection::vec(0..3_u8, 0..8),
            since in 0..20_u64,
        ) {
            let mut records = Records::default();
            let mode = |soft| if soft { Mode::Soft } else { Mode::Hard };
            for ((prefix, soft), stamp) in prefixes.iter().zip(1..) {
                records.add_prefix(prefix, mode(*soft), stamp);
            }
            let met = prefixes.iter().zip(1_u64..).filter(|((prefix, _), stamp)| *stamp > since && url.starts_with(prefix));
            let expected = met.map(|((_, soft), _)| mode(*soft)).max();
            assert_eq!(records.by_prefix(&url, since), expected);
        }
    }
}
