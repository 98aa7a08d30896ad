//! Bytes of bodies, shared by all who send them.

use std::{
    ops::{Deref, Range},
    slice,
    sync::Arc,
};

/// A run of bytes; a clone costs a count.
pub type Chunk = Arc<[u8]>;

/// What a chunk takes up beside its bytes: its counts, and who points at it.
pub(crate) const CHUNK_OVERHEAD: usize = 40;

/// A whole body.
#[derive(Debug, Clone, Default)]
pub struct Body(Chunks);

/// One chunk is what most bodies have, and it needs no list.
#[derive(Debug, Clone, Default)]
enum Chunks {
    #[default]
    None,
    One(Chunk),
    Many(Arc<[Chunk]>),
}

impl Body {
    pub(crate) const EMPTY: Self = Self(Chunks::None);

    pub(crate) fn new(mut chunks: Vec<Chunk>) -> Self {
        Self(match chunks.len() {
            0 => Chunks::None,
            1 => chunks.pop().map_or(Chunks::None, Chunks::One),
            2.. => Chunks::Many(chunks.into()),
        })
    }

    /// In order; none is empty.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        match &self.0 {
            Chunks::None => &[],
            Chunks::One(chunk) => slice::from_ref(chunk),
            Chunks::Many(chunks) => chunks,
        }
    }

    /// In bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.chunks().iter().map(|chunk| chunk.len() as u64).sum()
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks().is_empty()
    }

    /// The bytes of `range`, as far as there are any, to be sent as they lie.
    pub fn slices(&self, range: Range<u64>) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        let located = self.chunks().iter().map(move |chunk| {
            let here = start;
            start += chunk.len() as u64;
            (here, &**chunk)
        });
        located.filter_map(move |(start, chunk)| {
            let within = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX).min(chunk.len());
            chunk.get(within(range.start)..within(range.end)).filter(|slice| !slice.is_empty())
        })
    }

    /// Bytes on the heap.
    pub(crate) fn weight(&self) -> usize {
        self.chunks().iter().map(|chunk| chunk.len() + CHUNK_OVERHEAD).sum()
    }
}

impl FromIterator<Chunk> for Body {
    /// From chunks in order; those that are empty count for nothing.
    fn from_iter<T: IntoIterator<Item = Chunk>>(chunks: T) -> Self {
        Self::new(chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect())
    }
}

/// A chunk from some place in it to its end; never empty.
#[derive(Debug, Clone)]
pub struct Piece {
    chunk: Chunk,
    start: usize,
}

impl Piece {
    pub(crate) const fn new(chunk: Chunk, start: usize) -> Self {
        Self { chunk, start }
    }
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.chunk.get(self.start..).unwrap_or_default()
    }
}
