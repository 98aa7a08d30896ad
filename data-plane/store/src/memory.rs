//! What is stored, by key: a cache that holds so many bytes and decides what stays.
//!
//! `quick_cache` decides by Clock-PRO with a queue for newcomers as S3-FIFO has one: what is asked
//! for once does not push out what is asked for often, and what was evicted and comes back is known.
//! A hit takes a shard's lock for reading, which no other hit waits for.

use std::sync::Arc;

use quick_cache::{
    Lifecycle, OptionsBuilder, Weighter,
    sync::{Cache, Iter},
};

use crate::{
    key::{BuildHashed, Key, KeyRef},
    stats::{Count, Counters},
    stored::{Metadata, Stored},
    variants::Variants,
};

/// Each shard has its part of the memory, and nothing can be larger than half of that: so few.
const MAX_SHARDS: u64 = 16;
const SHARD: u64 = 32 * 1024 * 1024;
/// The rest is for newcomers.
const HOT: f64 = 0.9;
/// What one entry is taken to have on average; half as many that are gone are remembered.
const TYPICAL: u64 = 4096;
/// What an entry takes up beside its content: its place, with the room that a growing table has to
/// spare, and counts.
pub(crate) const ENTRY_OVERHEAD: usize = 160;

/// A place for responses.
#[derive(Debug)]
pub(crate) struct Memory<M: Metadata> {
    cache: Cache<Key, Variants<M>, Weigh, BuildHashed, Gather>,
    capacity: u64,
    largest: u64,
}

impl<M: Metadata> Memory<M> {
    /// Holds up to `capacity` bytes.
    pub(crate) fn new(capacity: u64) -> Self {
        let shards = 1 << (capacity / SHARD).clamp(1, MAX_SHARDS).ilog2();
        let mut options = OptionsBuilder::new();
        options
            .shards(usize::try_from(shards).unwrap_or(1))
            .hot_allocation(HOT)
            .weight_capacity(capacity)
            .estimated_items_capacity(usize::try_from(capacity / TYPICAL).unwrap_or(usize::MAX));
        // Only a capacity that is missing can be refused.
        #[expect(clippy::expect_used, reason = "both are set")]
        let options = options.build().expect("capacities are set");
        let cache = Cache::with_options(options, Weigh, BuildHashed::default(), Gather);
        let largest = cache.shard_capacity() / 2;
        Self { cache, capacity, largest }
    }

    /// Bytes that an entry can have, with all of its variants.
    pub(crate) const fn largest(&self) -> u64 {
        self.largest
    }

    /// What is there, which is then thought more of.
    pub(crate) fn get(&self, key: &KeyRef<'_>) -> Option<Variants<M>> {
        self.cache.get(key)
    }

    /// The same, without a thought.
    pub(crate) fn peek(&self, key: &KeyRef<'_>) -> Option<Variants<M>> {
        self.cache.peek(key)
    }

    /// Keeps `new`. To be called by one at a time for one key.
    pub(crate) fn put(&self, key: &Key, new: Arc<Stored<M>>, counters: &Counters) -> Evicted<M> {
        let before = self.cache.peek(&key.by_ref());
        let variants = Variants::with(before.as_ref(), new, self.largest - self.bare(key));
        self.set(key.clone(), variants, counters)
    }

    /// Takes out what is not wanted, and says how many that were. To be called by one at a time for
    /// one key.
    pub(crate) fn retain(
        &self,
        key: &KeyRef<'_>,
        counters: &Counters,
        is_wanted: impl Fn(&Arc<Stored<M>>) -> bool,
    ) -> usize {
        let Some(before) = self.cache.peek(key) else { return 0 };
        let all = before.as_slice().len();
        let Some(left) = before.filter(is_wanted) else {
            self.cache.remove(key);
            return all;
        };
        let gone = all - left.as_slice().len();
        if gone > 0 {
            drop(self.set(key.to_key(), left, counters));
        }
        gone
    }

    fn set(&self, key: Key, variants: Variants<M>, counters: &Counters) -> Evicted<M> {
        let id = key.by_ref().id();
        let mut evicted = Evicted::new();
        self.cache.insert_with_lifecycle(key, variants, &mut evicted);
        // What was replaced is told of as well.
        for (_, gone) in evicted.iter().filter(|(key, _)| key.by_ref().id() != id) {
            counters.count(Count::Evicted, gone.as_slice().len() as u64);
        }
        evicted
    }

    /// Lets go of what came in while nothing could go, for all was being sent.
    pub(crate) fn trim(&self) {
        if self.weight() > self.capacity {
            self.cache.set_capacity(self.capacity);
        }
    }

    /// Whether one response fits.
    pub(crate) fn fits(&self, key: &Key, weight: u64) -> bool {
        weight <= self.largest - self.bare(key)
    }

    fn bare(&self, key: &Key) -> u64 {
        ((key.weight() + ENTRY_OVERHEAD) as u64).min(self.largest)
    }

    /// All that is there when it begins and stays until it comes by.
    pub(crate) fn iter(&self) -> Iter<'_, Key, Variants<M>, Weigh, BuildHashed, Gather> {
        self.cache.iter()
    }

    pub(crate) fn entries(&self) -> usize {
        self.cache.len()
    }

    pub(crate) fn weight(&self) -> u64 {
        self.cache.weight()
    }
}

/// What had to go, to be dropped where nothing is locked.
pub(crate) type Evicted<M> = Vec<(Key, Variants<M>)>;

#[derive(Debug, Clone)]
pub(crate) struct Weigh;

impl<M: Metadata> Weighter<Key, Variants<M>> for Weigh {
    fn weight(&self, key: &Key, variants: &Variants<M>) -> u64 {
        (key.weight() + ENTRY_OVERHEAD) as u64 + variants.weight()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Gather;

impl<M: Metadata> Lifecycle<Key, Variants<M>> for Gather {
    type RequestState = Evicted<M>;

    /// What is being sent stays: its memory would not be free, and it may be asked for again. It is
    /// counted on by whoever sends it, and by nobody else for longer than a look.
    fn is_pinned(&self, _key: &Key, variants: &Variants<M>) -> bool {
        variants.as_slice().iter().any(|stored| Arc::strong_count(stored) > 1)
    }

    fn on_evict(&self, evicted: &mut Evicted<M>, key: Key, variants: Variants<M>) {
        evicted.push((key, variants));
    }
}
