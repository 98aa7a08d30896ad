//! The keys that are leased: bounded for each limit, and in all.

use std::collections::BTreeMap;

use super::{KeyId, MAX_KEYS, MAX_KEYS_OF_LIMIT, MAX_SHARES, key::Key};

/// Keys in the order of their limits.
#[derive(Debug, Default)]
pub(super) struct Table {
    keys: BTreeMap<KeyId, Key>,
    of_limit: BTreeMap<u64, usize>,
    /// A key has found no place.
    pub(super) is_short: bool,
}

impl Table {
    /// The key, which is new if it was not there; `None` if there is no place for it.
    pub(super) fn enter(&mut self, id: KeyId, seats: usize) -> Option<&mut Key> {
        if !self.keys.contains_key(&id) {
            let of_limit = self.of_limit.entry(id.limit).or_default();
            if *of_limit >= MAX_KEYS_OF_LIMIT || self.keys.len() >= room(seats) {
                self.is_short = true;
                if *of_limit == 0 {
                    self.of_limit.remove(&id.limit);
                }
                return None;
            }
            *of_limit += 1;
        }
        Some(self.keys.entry(id).or_insert_with(|| Key::new(seats)))
    }

    /// Makes room for shares of this many data planes. Returns whether keys had to go for that.
    pub(super) fn shed(&mut self, seats: usize) -> bool {
        let mut excess = self.keys.len().saturating_sub(room(seats));
        let had_to = excess > 0;
        self.forget(|_| {
            let goes = excess > 0;
            excess = excess.saturating_sub(1);
            goes
        });
        had_to
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&KeyId, &mut Key)> {
        self.keys.iter_mut()
    }

    /// Forgets the keys of which this is true.
    pub(super) fn forget(&mut self, mut is_over: impl FnMut(&Key) -> bool) {
        let of_limit = &mut self.of_limit;
        self.keys.retain(|id, key| {
            let is_over = is_over(key);
            if is_over && let Some(count) = of_limit.get_mut(&id.limit) {
                *count -= 1;
            }
            !is_over
        });
        self.of_limit.retain(|_, count| *count > 0);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// Keys that may be leased to this many data planes.
fn room(seats: usize) -> usize {
    MAX_KEYS.min(MAX_SHARES / seats.max(1))
}
