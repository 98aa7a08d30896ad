//! What a stored response is found by.

use std::{
    hash::{BuildHasherDefault, Hash, Hasher},
    ops::Range,
    sync::Arc,
};

use quick_cache::Equivalent;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// A key as a request has it; [`crate::Store::key`] makes it.
#[derive(Debug, Clone, Copy)]
pub struct KeyRef<'a> {
    id: Id,
    bytes: &'a [u8],
    layout: Layout,
}

/// A key as it is kept.
#[derive(Debug, Clone)]
pub struct Key {
    id: Id,
    bytes: Arc<[u8]>,
    layout: Layout,
}

/// A hash of 128 bits. Its seed is chance, so that no client can choose keys that meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id([u64; 2]);

/// Where in a key the parts are that purges speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    url: u32,
    host: (u32, u32),
}

impl Id {
    #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    pub(crate) fn of(seed: u64, bytes: &[u8]) -> Self {
        let hash = xxh3_128_with_seed(bytes, seed);
        Self([hash as u64, (hash >> 64) as u64])
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0[1]
    }
}

impl<'a> KeyRef<'a> {
    pub(crate) fn new(seed: u64, bytes: &'a [u8], url: usize, host: Range<usize>) -> Self {
        // What does not fit is beyond every key that can be: the part is empty then.
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let layout = Layout { url: narrow(url), host: (narrow(host.start), narrow(host.end)) };
        Self { id: Id::of(seed, bytes), bytes, layout }
    }

    pub(crate) const fn id(&self) -> Id {
        self.id
    }

    /// All of it.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the URL ends in it, and where the host begins and ends: what [`crate::Store::key`] was
    /// told, to be compared with what another run wrote down.
    #[must_use]
    pub const fn layout(&self) -> [u32; 3] {
        [self.layout.url, self.layout.host.0, self.layout.host.1]
    }

    /// The URL, by which it is purged.
    #[must_use]
    pub fn url(&self) -> &'a [u8] {
        part(self.bytes, 0, self.layout.url)
    }

    /// The host, by which it is purged.
    #[must_use]
    pub fn host(&self) -> &'a [u8] {
        part(self.bytes, self.layout.host.0, self.layout.host.1)
    }

    pub(crate) fn to_key(self) -> Key {
        Key { id: self.id, bytes: self.bytes.into(), layout: self.layout }
    }
}

impl Key {
    pub(crate) fn by_ref(&self) -> KeyRef<'_> {
        KeyRef { id: self.id, bytes: &self.bytes, layout: self.layout }
    }

    /// Bytes on the heap.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len()
    }
}

fn part(bytes: &[u8], start: u32, end: u32) -> &[u8] {
    bytes.get(start as usize..end as usize).unwrap_or_default()
}

impl PartialEq for KeyRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        // The layout too: the same bytes may be cut otherwise.
        self.id == other.id && self.layout == other.layout && self.bytes == other.bytes
    }
}

impl Eq for KeyRef<'_> {}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.by_ref() == other.by_ref()
    }
}

impl Eq for Key {}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.by_ref()
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// For what brings its hash along.
#[derive(Debug, Default)]
pub(crate) struct Hashed(u64);

pub(crate) type BuildHashed = BuildHasherDefault<Hashed>;

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        // An `Id` does not come by here; what does is hashed, if not well.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }
}
