//! Those who call, by their names and by their keys.
//!
//! There may be very many of them, so that what each takes up is counted in bytes: `tests/consumers.rs`
//! measures it.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt, iter,
    sync::Arc,
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use gateway_caching::Time;
use gateway_routing::route::RateLimit;
use imbl::{OrdMap, OrdSet};

/// Groups, sorted and distinct; those who have the same ones share them.
pub(crate) type Groups = Arc<[Arc<str>]>;

/// Somebody who calls services.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Consumer {
    /// The registry's name.
    pub(crate) name: Box<str>,
    pub(crate) groups: Groups,
    /// The one key that most have; of who has none, [`Key::NONE`].
    key: Key,
    /// What most do not have.
    more: Option<Box<More>>,
}

/// A key of a consumer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// The SHA-256 hash of the whole key.
    pub(crate) sha256: [u8; 32],
    /// From when on it is none; [`NEVER`] where it does not end by itself.
    pub(crate) ends: Time,
}

/// Its hash is nobody's to read.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sha256: _, ends } = self;
        f.debug_struct("Key").field("ends", ends).finish_non_exhaustive()
    }
}

impl Key {
    /// One that has always ended.
    const NONE: Self = Self { sha256: [0; 32], ends: Time::from_millis(i64::MIN) };
}

/// The end of what does not end.
pub(crate) const NEVER: Time = Time::from_millis(i64::MAX);

/// What most consumers do not have.
#[derive(Clone, Default, PartialEq, Eq)]
struct More {
    keys: Box<[Key]>,
    password: Option<Arc<str>>,
    rate_limits: Box<[RateLimit]>,
}

impl Consumer {
    /// Who is known by these keys, and by the password that has this Argon2id hash in PHC string format; and
    /// how often he may call, over all services and routes.
    pub(crate) fn new(
        name: &str,
        groups: Groups,
        keys: &[Key],
        password: Option<Arc<str>>,
        rate_limits: Box<[RateLimit]>,
    ) -> Self {
        let (key, keys) = keys.split_first().map_or((Key::NONE, &[][..]), |(first, rest)| (*first, rest));
        let more = More { keys: keys.into(), password, rate_limits };
        let more = (more != More::default()).then(|| more.into());
        Self { name: name.into(), groups, key, more }
    }

    /// What he is known by.
    fn keys(&self) -> impl Iterator<Item = &Key> {
        let more = self.more.iter().flat_map(|more| &more.keys);
        iter::once(&self.key).filter(|key| **key != Key::NONE).chain(more)
    }

    pub(crate) fn password(&self) -> Option<&Arc<str>> {
        self.more.as_ref()?.password.as_ref()
    }

    pub(crate) fn rate_limits(&self) -> &[RateLimit] {
        self.more.as_ref().map(|more| &*more.rate_limits).unwrap_or_default()
    }

    /// The one of his keys that has this hash and has not ended. All of them are looked at, and whole.
    fn key(&self, sha256: &[u8; 32], now: Time) -> Option<&Key> {
        let is_it = |key: &Key| verify_slices_are_equal(&key.sha256, sha256).is_ok() & (now < key.ends);
        self.keys().fold(None, |found, key| if is_it(key) { Some(key) } else { found })
    }
}

/// By what he is known is nobody's to read.
impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, groups, key: _, more: _ } = self;
        let (keys, password) = (self.keys().count(), self.password().is_some());
        let mut told = f.debug_struct("Consumer");
        told.field("name", name).field("groups", groups).field("keys", &keys).field("password", &password);
        told.field("rate_limits", &self.rate_limits().len()).finish()
    }
}

/// Every consumer. What a change costs is in proportion to it: what did not change is shared with the
/// consumers of the table before.
#[derive(Clone, Default)]
pub(crate) struct Consumers {
    named: OrdSet<Named>,
    keys: OrdMap<Beginning, Arc<Consumer>>,
    /// Each list of groups, and how many have it.
    groups: OrdMap<Groups, usize>,
    /// What their limits are called, and how many are called so.
    limits: OrdMap<Arc<str>, usize>,
}

/// The beginning of a key's hash, which finds it. It is the same for two of 100,000 random keys once in four
/// billion times; then one of them has to be another one.
type Beginning = u64;

fn beginning(sha256: &[u8; 32]) -> Beginning {
    sha256[..8].iter().fold(0, |beginning, byte| beginning << 8 | u64::from(*byte))
}

impl Consumers {
    /// The consumer of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Consumer> {
        self.named.get(name).map(|Named(consumer)| &**consumer)
    }

    /// Whose key has this hash, if it has not ended.
    pub(crate) fn of_key(&self, sha256: &[u8; 32], now: Time) -> Option<&Consumer> {
        self.key(sha256, now).map(|(consumer, _)| consumer)
    }

    /// The same, with the key.
    pub(crate) fn key(&self, sha256: &[u8; 32], now: Time) -> Option<(&Consumer, &Key)> {
        let consumer = self.keys.get(&beginning(sha256))?;
        consumer.key(sha256, now).map(|key| (&**consumer, key))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.named.len()
    }

    /// Whether any of them has limits of his own.
    pub(crate) fn have_limits(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Whether a limit of any consumer is called so.
    pub(crate) fn have_limit(&self, name: &str) -> bool {
        self.limits.contains_key(name)
    }

    /// Puts these in the place of those of their names. Tells of names that claim the same key.
    pub(super) fn amend(&mut self, changes: &BTreeMap<Arc<str>, Option<Consumer>>) -> BTreeSet<BTreeSet<Arc<str>>> {
        // Every old key goes before the first new one comes: keys do not move, but who may tell.
        for name in changes.keys() {
            self.remove(name);
        }
        let mut conflicts = BTreeSet::new();
        for (name, consumer) in changes {
            let Some(consumer) = consumer else { continue };
            for key in consumer.keys() {
                if let Some(other) = self.keys.get(&beginning(&key.sha256)) {
                    conflicts.insert([Arc::clone(name), Arc::from(&*other.name)].into());
                }
            }
            self.insert(consumer.clone());
        }
        conflicts
    }

    fn insert(&mut self, mut consumer: Consumer) {
        consumer.groups = match self.groups.get_key_value(&consumer.groups) {
            Some((groups, _)) => Arc::clone(groups),
            None => consumer.groups,
        };
        *self.groups.entry(Arc::clone(&consumer.groups)).or_default() += 1;
        for limit in consumer.rate_limits() {
            *self.limits.entry(Arc::clone(&limit.name)).or_default() += 1;
        }
        let consumer = Arc::new(consumer);
        for key in consumer.keys() {
            self.keys.insert(beginning(&key.sha256), Arc::clone(&consumer));
        }
        self.named.insert(Named(consumer));
    }

    fn remove(&mut self, name: &str) {
        let Some(Named(consumer)) = self.named.remove(name) else { return };
        for key in consumer.keys() {
            self.keys.remove(&beginning(&key.sha256));
        }
        discount(&mut self.groups, &consumer.groups);
        for limit in consumer.rate_limits() {
            discount(&mut self.limits, &limit.name);
        }
    }
}

fn discount<K: Ord + Clone>(counts: &mut OrdMap<K, usize>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        Some(_) | None => drop(counts.remove(key)),
    }
}

/// Ordered by his name.
#[derive(Clone)]
struct Named(Arc<Consumer>);

impl Borrow<str> for Named {
    fn borrow(&self) -> &str {
        &self.0.name
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Named {}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Named {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.name.cmp(&other.0.name)
    }
}

/// The same consumers, in every respect.
impl PartialEq for Consumers {
    fn eq(&self, other: &Self) -> bool {
        let all =
            |consumers: &Self| consumers.named.iter().map(|Named(consumer)| Arc::clone(consumer)).collect::<Vec<_>>();
        self.len() == other.len() && all(self) == all(other) && self.keys == other.keys
    }
}

impl fmt::Debug for Consumers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.named.iter().map(|Named(consumer)| consumer)).finish()
    }
}

#[cfg(test)]
mod tests;
