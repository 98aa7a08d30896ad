//! Receiving a body: one writes, any number read along.
//!
//! A [`Fill`] belongs to whoever drives the upstream, and takes bytes as fast as they come: no reader
//! holds it up, the client of its own request included. It ends in one of three ways:
//!
//! - [`Fill::finish`]: the body is whole; readers see its end, and it is stored.
//! - The `Fill` is dropped: readers get what has come and then [`Broken::Aborted`]; nothing is stored.
//! - It turns out too large, or memory is short: it will not be stored, and is only passed on from
//!   then on. Nobody joins it any more. What every reader has read is let go of; of the rest, as much
//!   is kept as there was at that time (512 KiB at the least). It goes on at the pace of its fastest
//!   reader ([`Fill::poll_wanted`] waits for that one), and a reader that falls farther behind than
//!   what is kept gets [`Broken::Outpaced`]. The other ways to bound the memory would let the slowest
//!   reader, which may mean harm, set the pace of all. An answer that says how long it is need never
//!   come here: the caller releases the others before it begins.

mod reader;
mod stream;
mod tape;

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
};

pub(crate) use self::stream::Stream;
use self::tape::End;
pub use self::{
    reader::Reader,
    tape::{Broken, Wanted},
};
use crate::{
    body::Body,
    flight::Seat,
    ledger::Room,
    stats::Count,
    stored::{Metadata, Stored},
};

/// A response whose body is being received.
#[derive(Debug)]
#[must_use = "dropped, it is broken off"]
pub struct Fill<M: Metadata> {
    stream: Arc<Stream<M>>,
    seat: Seat<M>,
    /// Bytes of the body that may be stored.
    limit: u64,
    /// Memory for those who are to be woken.
    woken: Vec<Waker>,
}

impl<M: Metadata> Fill<M> {
    pub(crate) fn new(stream: Arc<Stream<M>>, seat: Seat<M>, limit: u64) -> Self {
        stream.count(Count::Fills);
        Self { stream, seat, limit, woken: Vec::new() }
    }

    /// The head of it.
    #[must_use]
    pub fn meta(&self) -> &M {
        self.stream.meta()
    }

    /// A reader from the first byte on, for the client whose request it is; none, once it is only
    /// passed on.
    #[must_use]
    pub fn reader(&self) -> Option<Reader<M>> {
        Reader::enter(&self.stream)
    }

    /// How many read along. If nobody does, it is the caller's choice to go on in the background.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.stream.tape().readers()
    }

    /// Whether it is only passed on.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.stream.is_passing()
    }

    /// Adds bytes, and wakes the readers. What is only passed on should get no more than 256 KiB after
    /// each [`Fill::poll_wanted`].
    pub fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let account = self.stream.stored().account();
        let room = account.add(bytes.len() as u64);
        let is_short = room == Room::Used && !self.is_passing() && self.seat.finds_no_room();
        let chunks = tape::cut(bytes);
        let mut tape = self.stream.tape();
        tape.push(bytes, chunks, &mut self.woken);
        if !tape.is_passing() && (is_short || tape.len() > self.limit) {
            tape.pass();
            self.stream.count(Count::Passed);
        }
        if tape.is_passing() {
            account.set(tape.held());
        }
        drop(tape);
        self.woken.drain(..).for_each(Waker::wake);
    }

    /// Ready when more may be appended, and whether that is of use to anybody. Waits only while it is
    /// passed on to readers who have not read what is there.
    pub fn poll_wanted(&mut self, cx: &mut Context<'_>) -> Poll<Wanted> {
        let mut tape = self.stream.tape();
        let wanted = tape.wants_more();
        let parked = if wanted.is_pending() { tape.park_writer(cx.waker()) } else { None };
        drop(tape);
        drop(parked);
        wanted
    }

    /// As [`Fill::poll_wanted`].
    pub async fn wanted(&mut self) -> Wanted {
        poll_fn(|cx| self.poll_wanted(cx)).await
    }

    /// The body is whole: it is stored, before any reader sees the end. Nothing, if it is only passed
    /// on, does not fit or was purged meanwhile; readers get the whole of it all the same.
    pub fn finish(self) -> Option<Arc<Stored<M>>> {
        let stored = if self.is_passing() { None } else { self.keep() };
        self.stream.finish(End::Whole);
        stored
    }

    fn keep(&self) -> Option<Arc<Stored<M>>> {
        let came = self.stream.tape().seal_all();
        // Only the writer changes chunks, so that this can be done while others read them.
        let chunks = tape::put_together(came);
        let old = self.stream.tape().exchange(&chunks);
        drop(old);
        let stored = self.stream.stored();
        stored.complete(Body::new(chunks));
        self.seat.keep(stored).then(|| Arc::clone(stored))
    }
}

impl<M: Metadata> Drop for Fill<M> {
    fn drop(&mut self) {
        if self.stream.tape().end().is_none() {
            self.stream.count(Count::Aborted);
            self.stream.finish(End::Broken);
        }
    }
}
