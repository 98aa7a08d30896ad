//! Whose a key is, by the beginning of its hash.
//!
//! The bits of hashes are evenly spread as they are, so that they lead the way themselves: three of them choose
//! among the eight halls of a level, until few enough keys are left to look through. A change copies one hall of
//! each level and shares the others.

use std::{array, sync::Arc};

use super::Consumer;

/// The beginning of a key's hash, which finds it. It is the same for two of 100,000 random keys once in four
/// billion times; then one of them has to be another one.
pub(super) type Beginning = u64;

/// How many keys are looked through at the most.
const ROOM: usize = 32;
const BITS: u32 = 3;
const WIDTH: usize = 1 << BITS;

#[derive(Clone)]
pub(super) struct Keys(Node);

#[derive(Clone)]
enum Node {
    /// They stay when their keys go: there will be others.
    Halls(Arc<[Node; WIDTH]>),
    Few(Arc<[(Beginning, Arc<Consumer>)]>),
}

impl Default for Keys {
    fn default() -> Self {
        Self(Node::Few([].into()))
    }
}

impl Keys {
    pub(super) fn get(&self, key: Beginning) -> Option<&Arc<Consumer>> {
        let (mut node, mut bits) = (&self.0, key);
        loop {
            match node {
                Node::Halls(halls) => node = &halls[hall(bits)],
                Node::Few(few) => return few.iter().find(|(of, _)| *of == key).map(|(_, consumer)| consumer),
            }
            bits = bits.rotate_left(BITS);
        }
    }

    /// Gives the key to a consumer, whosever it was.
    pub(super) fn insert(&mut self, key: Beginning, consumer: Arc<Consumer>) {
        self.set(key, Some(consumer));
    }

    pub(super) fn remove(&mut self, key: Beginning) {
        self.set(key, None);
    }

    fn set(&mut self, key: Beginning, owner: Option<Arc<Consumer>>) {
        let (mut node, mut level) = (&mut self.0, 0);
        while let Node::Halls(halls) = node {
            node = &mut Arc::make_mut(halls)[hall(key.rotate_left(level))];
            level += BITS;
        }
        let Node::Few(few) = node else { return };
        let others = few.iter().filter(|(of, _)| *of != key).cloned();
        let left: Vec<_> = others.chain(owner.map(|owner| (key, owner))).collect();
        *node = Node::of(left, level);
    }
}

/// The same keys of the same consumers, by whichever changes they came.
impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        let all = |keys: &Self| {
            let mut all = Vec::new();
            keys.0.each(&mut |key, consumer| all.push((key, Arc::clone(consumer))));
            all.sort_unstable_by_key(|(key, _)| *key);
            all
        };
        all(self) == all(other)
    }
}

impl Node {
    /// Of keys that have come down so many bits.
    fn of(keys: Vec<(Beginning, Arc<Consumer>)>, level: u32) -> Self {
        // Behind the last bit, all are the same.
        if keys.len() <= ROOM || level >= Beginning::BITS {
            return Self::Few(keys.into());
        }
        let mut halls: [Vec<_>; WIDTH] = array::from_fn(|_| Vec::new());
        for key in keys {
            halls[hall(key.0.rotate_left(level))].push(key);
        }
        Self::Halls(Arc::new(halls.map(|keys| Self::of(keys, level + BITS))))
    }

    fn each(&self, tell: &mut impl FnMut(Beginning, &Arc<Consumer>)) {
        match self {
            Self::Halls(halls) => halls.iter().for_each(|node| node.each(tell)),
            Self::Few(few) => few.iter().for_each(|(key, consumer)| tell(*key, consumer)),
        }
    }
}

/// Where the first bits lead.
fn hall(bits: Beginning) -> usize {
    (bits >> (Beginning::BITS - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use proptest::prelude::*;

    use super::{Beginning, Keys};
    use crate::table::consumers::Consumer;

    fn consumer(name: u8) -> Arc<Consumer> {
        Arc::new(Consumer::new(&name.to_string(), [].into(), &[], None, [].into()))
    }

    /// Crowded, where keys begin alike, down to the last bits.
    fn key() -> impl Strategy<Value = Beginning> {
        prop_oneof![any::<u64>(), 0..100_u64, (0..100_u64).prop_map(|key| key << 40)]
    }

    proptest! {
        #[test]
        fn they_are_found_as_in_any_other_map(
            changes in prop::collection::vec((key(), prop::option::weighted(0.7, any::<u8>())), 0..400),
        ) {
            let (mut keys, mut expected) = (Keys::default(), BTreeMap::new());
            let mut earlier = Vec::new();
            for (key, owner) in &changes {
                earlier.push((keys.clone(), expected.clone()));
                match owner.map(consumer) {
                    Some(owner) => {
                        keys.insert(*key, Arc::clone(&owner));
                        expected.insert(*key, owner);
                    }
                    None => {
                        keys.remove(*key);
                        expected.remove(key);
                    }
                }
            }
            earlier.push((keys, expected));
            // Those before a change know nothing of it.
            for (keys, expected) in earlier.iter().step_by(37).chain(earlier.last()) {
                for (key, _) in &changes {
                    prop_assert_eq!(keys.get(*key), expected.get(key));
                }
                let mut again = Keys::default();
                expected.iter().for_each(|(key, owner)| again.insert(*key, Arc::clone(owner)));
                prop_assert!(*keys == again);
            }
        }
    }
}
