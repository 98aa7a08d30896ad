//! The keys that are leased: bounded for each limit, and in all.

use std::collections::BTreeMap;

use super::{Demand, KeyId, MAX_KEYS, MAX_KEYS_OF_LIMIT, MAX_SHARES, key::Key, seats::Seats};

/// Keys in the order of their limits.
#[derive(Debug, Default)]
pub(super) struct Table {
    keys: BTreeMap<KeyId, Key>,
    of_limit: BTreeMap<u64, usize>,
    /// What was asked of the keys that found no place in a report, by their limits; as many as a report has.
    turned_away: Vec<(u64, u64)>,
}

impl Table {
    /// The key that is in demand, which is new if it was not there; `None` if there is no place for it.
    pub(super) fn enter(&mut self, demand: &Demand, seats: usize) -> Option<&mut Key> {
        let id = demand.key;
        if !self.keys.contains_key(&id) {
            let of_limit = self.of_limit.entry(id.limit).or_default();
            if *of_limit >= MAX_KEYS_OF_LIMIT || self.keys.len() >= room(seats) {
                self.turned_away.push((id.limit, demand.asked));
                if *of_limit == 0 {
                    self.of_limit.remove(&id.limit);
                }
                return None;
            }
            *of_limit += 1;
        }
        Some(self.keys.entry(id).or_insert_with(|| Key::new(seats)))
    }

    /// Whether a key has found no place in a report. For each that has not, the least of its limit ends, or of
    /// all where all places are taken, if it is worth less than half as much: its place is free when all data
    /// planes have been told.
    pub(super) fn make_room(&mut self, seats: &Seats) -> bool {
        let mut away = std::mem::take(&mut self.turned_away);
        if away.is_empty() {
            return false;
        }
        away.sort_unstable_by_key(|(_, asked)| *asked);
        // Those whose limit has all its places need one of these.
        let mut waiting: BTreeMap<Option<u64>, Vec<u64>> = BTreeMap::new();
        for (limit, asked) in away {
            let is_full = self.of_limit.get(&limit).is_some_and(|count| *count >= MAX_KEYS_OF_LIMIT);
            waiting.entry(is_full.then_some(limit)).or_default().push(asked);
        }
        let mut least: Vec<_> = self.keys.iter_mut().map(|(id, key)| (key.weight(seats), id.limit, key)).collect();
        least.sort_unstable_by_key(|(weight, limit, _)| (*weight, *limit));
        for (weight, limit, key) in least {
            let mut queues = [Some(limit), None].into_iter();
            if queues.any(|of| waiting.get_mut(&of).and_then(|all| all.pop_if(|asked| weight < *asked / 2)).is_some()) {
                key.evict();
            }
        }
        true
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
