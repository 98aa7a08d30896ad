//! A body as it comes, and how far each of its readers is (pure).

use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    task::{Poll, Waker},
};

use slab::Slab;

use crate::body::{Chunk, Piece};

/// What comes in pieces of at least this size is kept as it comes; less is gathered.
const DIRECT: usize = 4 * 1024;
/// Gathered bytes become a chunk when there are so many.
const GATHERED: usize = 16 * 1024;
/// The longest chunk.
const LONGEST: usize = 256 * 1024;
/// A whole body of shorter chunks than this, on average, is put together anew...
const SHORT: u64 = 32 * 1024;
/// ...in chunks of this size: one goes into a socket at once.
const REGULAR: usize = 128 * 1024;
/// What is kept for the readers of a body that is not stored, at the least: twice of what a worker
/// reads at once.
const MIN_WINDOW: u64 = 512 * 1024;

/// How a body ends that does not end as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It will never be whole.
    Aborted,
    /// It is not stored, and this reader has fallen so far behind the fastest one that what it needs
    /// is gone.
    Outpaced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    Broken,
}

/// What becomes of bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// All stay.
    All,
    /// This many stay for slower readers.
    Window(u64),
}

#[derive(Debug, Default)]
struct Place {
    /// The offset of the next byte.
    at: u64,
    waker: Option<Waker>,
}

/// What a reader sees.
pub(crate) type Read = Option<Result<Piece, Broken>>;

/// Chunks, with the offset at which each begins, and what is gathered behind them.
#[derive(Debug)]
pub(crate) struct Tape {
    chunks: VecDeque<(u64, Chunk)>,
    /// The offset of the first byte that is still there.
    start: u64,
    /// The offset of the first byte that is only gathered.
    sealed: u64,
    gathered: Vec<u8>,
    keeping: Keeping,
    end: Option<End>,
    readers: Slab<Place>,
    writer: Option<Waker>,
}

impl Default for Tape {
    fn default() -> Self {
        Self {
            chunks: VecDeque::new(),
            start: 0,
            sealed: 0,
            gathered: Vec::new(),
            keeping: Keeping::All,
            end: None,
            readers: Slab::new(),
            writer: None,
        }
    }
}

/// What can be made before the tape is locked: chunks, or nothing if the bytes are few.
pub(crate) fn cut(bytes: &[u8]) -> Vec<Chunk> {
    if bytes.len() < DIRECT { Vec::new() } else { bytes.chunks(LONGEST).map(Arc::from).collect() }
}

/// Chunks that are worth being kept.
pub(crate) fn put_together(chunks: Vec<Chunk>) -> Vec<Chunk> {
    let len: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    if chunks.len() < 2 || len as u64 / chunks.len() as u64 >= SHORT {
        return chunks;
    }
    let mut regular = Vec::with_capacity(len.div_ceil(REGULAR));
    let mut gathered = Vec::with_capacity(REGULAR.min(len));
    for chunk in chunks {
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(REGULAR - gathered.len()));
            gathered.extend_from_slice(now);
            rest = later;
            if gathered.len() == REGULAR {
                regular.push(Arc::from(&gathered[..]));
                gathered.clear();
            }
        }
    }
    if !gathered.is_empty() {
        regular.push(Arc::from(&gathered[..]));
    }
    regular
}

impl Tape {
    /// Bytes that have come.
    pub(crate) fn len(&self) -> u64 {
        self.sealed + self.gathered.len() as u64
    }

    /// Bytes that are there.
    pub(crate) fn held(&self) -> u64 {
        self.len() - self.start
    }

    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.keeping, Keeping::Window(_))
    }

    pub(crate) const fn end(&self) -> Option<End> {
        self.end
    }

    pub(crate) fn readers(&self) -> usize {
        self.readers.len()
    }

    /// Adds bytes, which `chunks` has if they are many. Says who is to be woken.
    pub(crate) fn push(&mut self, bytes: &[u8], chunks: Vec<Chunk>, woken: &mut Vec<Waker>) {
        if chunks.is_empty() {
            self.gathered.extend_from_slice(bytes);
            if self.gathered.len() >= GATHERED {
                self.seal();
            }
        } else {
            self.seal();
            for chunk in chunks {
                self.push_chunk(chunk);
            }
        }
        self.shorten();
        self.wake_readers(woken);
    }

    fn push_chunk(&mut self, chunk: Chunk) {
        let start = self.sealed;
        self.sealed += chunk.len() as u64;
        self.chunks.push_back((start, chunk));
    }

    /// What is gathered becomes a chunk.
    fn seal(&mut self) {
        if !self.gathered.is_empty() {
            let chunk = Arc::from(&self.gathered[..]);
            self.gathered.clear();
            self.push_chunk(chunk);
        }
    }

    /// All of it, when no more will come.
    pub(crate) fn seal_all(&mut self) -> Vec<Chunk> {
        self.seal();
        self.gathered = Vec::new();
        self.chunks.iter().map(|(_, chunk)| Arc::clone(chunk)).collect()
    }

    /// The same bytes in other chunks.
    pub(crate) fn exchange(&mut self, chunks: &[Chunk]) -> VecDeque<(u64, Chunk)> {
        let old = mem::take(&mut self.chunks);
        self.sealed = 0;
        for chunk in chunks {
            self.push_chunk(Arc::clone(chunk));
        }
        old
    }

    /// From now on, only so much is kept as slower readers may need.
    pub(crate) fn pass(&mut self) {
        if !self.is_passing() {
            self.keeping = Keeping::Window(self.held().max(MIN_WINDOW));
        }
    }

    /// Lets go of what every reader has read, and of what does not fit the window.
    fn shorten(&mut self) {
        let Keeping::Window(window) = self.keeping else { return };
        let slowest = self.readers.iter().map(|(_, place)| place.at).min().unwrap_or(self.sealed);
        let len = self.len();
        while let Some((start, chunk)) = self.chunks.front() {
            let end = start + chunk.len() as u64;
            if end > slowest && len - self.start <= window {
                return;
            }
            self.start = end;
            self.chunks.pop_front();
        }
    }

    pub(crate) fn finish(&mut self, end: End, woken: &mut Vec<Waker>) {
        self.end = Some(end);
        self.wake_readers(woken);
    }

    fn wake_readers(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.readers.iter_mut().filter_map(|(_, place)| place.waker.take()));
    }

    /// A reader, from the first byte on; none, if that one may be gone.
    pub(crate) fn enter(&mut self) -> Option<usize> {
        (!self.is_passing()).then(|| self.readers.insert(Place::default()))
    }

    /// The reader is gone; its waker, and the writer's if that may go on now.
    pub(crate) fn leave(&mut self, reader: usize) -> [Option<Waker>; 2] {
        let place = self.readers.try_remove(reader);
        self.shorten();
        [place.and_then(|place| place.waker), self.wake_writer()]
    }

    fn wake_writer(&mut self) -> Option<Waker> {
        // What is kept never waits.
        if self.wants_more().is_ready() { self.writer.take() } else { None }
    }

    /// What comes next for `reader`, and the writer to be woken, if it may go on.
    pub(crate) fn read(&mut self, reader: usize) -> (Poll<Read>, Option<Waker>) {
        let len = self.len();
        let Some(place) = self.readers.get_mut(reader) else { return (Poll::Ready(None), None) };
        if place.at < self.start {
            return (Poll::Ready(Some(Err(Broken::Outpaced))), None);
        }
        let piece = if place.at < self.sealed {
            // The chunk before the first one that begins behind it: there is one, as the first chunk
            // begins at `start`.
            let next = self.chunks.partition_point(|(start, _)| *start <= place.at);
            let (start, chunk) = &self.chunks[next - 1];
            let skipped = place.at - start;
            place.at = start + chunk.len() as u64;
            #[expect(clippy::cast_possible_truncation, reason = "less than a chunk's length")]
            Piece::new(Arc::clone(chunk), skipped as usize)
        } else if place.at < len {
            #[expect(clippy::cast_possible_truncation, reason = "less than what is gathered")]
            let skipped = (place.at - self.sealed) as usize;
            place.at = len;
            Piece::new(Arc::from(&self.gathered[skipped..]), 0)
        } else {
            let end = match self.end {
                Some(End::Whole) => Poll::Ready(None),
                Some(End::Broken) => Poll::Ready(Some(Err(Broken::Aborted))),
                None => Poll::Pending,
            };
            return (end, None);
        };
        self.shorten();
        (Poll::Ready(Some(Ok(piece))), self.wake_writer())
    }

    /// The reader waits; its former waker, if that was another one.
    pub(crate) fn park_reader(&mut self, reader: usize, waker: &Waker) -> Option<Waker> {
        self.readers.get_mut(reader).and_then(|place| park(&mut place.waker, waker))
    }

    pub(crate) fn park_writer(&mut self, waker: &Waker) -> Option<Waker> {
        park(&mut self.writer, waker)
    }

    /// How far the fastest reader is behind; none, if there is no reader.
    fn lag(&self) -> Option<u64> {
        let fastest = self.readers.iter().map(|(_, place)| place.at).max()?;
        Some(self.len().saturating_sub(fastest))
    }

    /// Whether more may come. What is kept takes what it gets; what is only passed on goes as fast as
    /// the fastest reader, and is not worth getting if there is none.
    pub(crate) fn wants_more(&self) -> Poll<Wanted> {
        let Keeping::Window(window) = self.keeping else { return Poll::Ready(Wanted::Yes) };
        match self.lag() {
            None => Poll::Ready(Wanted::No),
            Some(lag) if lag > window / 2 => Poll::Pending,
            Some(_) => Poll::Ready(Wanted::Yes),
        }
    }
}

/// Whether more of a body is of use to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It will be stored, or somebody reads it.
    Yes,
    /// It is too large to be stored, and nobody reads it.
    No,
}

fn park(place: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    if place.as_ref().is_some_and(|parked| parked.will_wake(waker)) { None } else { place.replace(waker.clone()) }
}
