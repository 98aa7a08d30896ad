//! Memory for bytes on their way.
//!
//! A worker does one thing at a time, so what is read and written at once can always lie in the same
//! place, which the processor's cache knows. A buffer therefore has memory only while something is
//! in it: it takes a block from its worker when it reads, and gives it back when the last byte is
//! used. Whatever waits, an idle tunnel as much as a request that its endpoint works on, holds none.

use std::{
    cell::RefCell,
    io, mem,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::telemetry::access_log::LoggedHead;

/// The most that is read at once, and the largest head: larger blocks cost the processor's cache more
/// than they save in system calls.
pub(crate) const BLOCK: usize = 256 * 1024;
/// Less than this is moved out of a block, if it has to wait.
const LITTLE: usize = 8 * 1024;
/// Blocks that a worker keeps; more are in use only when other sides are slow.
const SPARE_BLOCKS: usize = 16;
/// What is kept of the memory for rewritten bytes.
const SPARE_OUT: usize = 16 * 1024;

/// The blocks of one worker that nobody uses; the last one given back is taken first.
#[derive(Debug, Default)]
pub(crate) struct Blocks(RefCell<Vec<Vec<u8>>>);

impl Blocks {
    fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| vec![0; BLOCK])
    }

    fn give_back(&self, block: Vec<u8>) {
        let mut spare = self.0.borrow_mut();
        if spare.len() < SPARE_BLOCKS {
            spare.push(block);
        }
    }
}

/// Bytes that were read and not yet used.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    blocks: Rc<Blocks>,
    /// Of [`BLOCK`] bytes; or as long as what is in it, or none, while it waits.
    block: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes that were used since it was made.
    used: u64,
}

impl Buffer {
    /// An empty one that takes its memory from `blocks`.
    pub(crate) fn new(blocks: &Rc<Blocks>) -> Self {
        Self { blocks: Rc::clone(blocks), block: Vec::new(), start: 0, end: 0, used: 0 }
    }

    /// What is in it.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.block[self.start..self.end]
    }

    /// What is in it, to be changed in its place.
    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.block[self.start..self.end]
    }

    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The first `count` bytes are used.
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.len());
        self.start += count;
        self.used += count as u64;
        if self.is_empty() {
            self.clear();
        }
    }

    /// How many bytes were ever used.
    pub(crate) const fn used(&self) -> u64 {
        self.used
    }

    /// Forgets what is in it.
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.exchange(Vec::new());
    }

    /// To be called before a wait: what little is in it does not hold a block.
    pub(crate) fn settle(&mut self) {
        if self.block.len() == BLOCK && self.len() <= LITTLE {
            let rest = self.filled().to_vec();
            self.start = 0;
            self.end = rest.len();
            self.exchange(rest);
        }
    }

    fn exchange(&mut self, memory: Vec<u8>) {
        let old = mem::replace(&mut self.block, memory);
        if old.len() == BLOCK {
            self.blocks.give_back(old);
        }
    }

    /// Holds `bytes`, at most [`BLOCK`] of them, and nothing else.
    pub(crate) fn restore(&mut self, bytes: &[u8]) {
        self.clear();
        self.block = bytes.to_vec();
        self.end = bytes.len();
    }

    /// Reads once; 0 means that the other side has ended. There must be room.
    pub(crate) fn poll_read<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.block.len() < BLOCK {
            let mut block = self.blocks.take();
            block[..self.len()].copy_from_slice(self.filled());
            self.block = block;
            self.end = self.len();
            self.start = 0;
        } else if self.end == BLOCK {
            self.block.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let mut room = ReadBuf::new(&mut self.block[self.end..]);
        debug_assert!(room.remaining() > 0, "a full buffer cannot be read into");
        let read = Pin::new(reader).poll_read(cx, &mut room);
        let count = room.filled().len();
        self.end += count;
        if self.is_empty() {
            self.clear();
        }
        ready!(read)?;
        Poll::Ready(Ok(count))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What one busy connection needs; an idle one has none.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// From the client.
    pub client: Buffer,
    /// From the upstream.
    pub upstream: Buffer,
    /// On the way to either.
    pub out: Vec<u8>,
    /// Lines of the request's head that tell the endpoint who calls.
    pub identity: Vec<u8>,
    /// What the access log needs of a request that is logged.
    pub logged: LoggedHead,
}

impl Scratch {
    /// With buffers that take their memory from `blocks`.
    pub(crate) fn new(blocks: &Rc<Blocks>) -> Self {
        let (client, upstream) = (Buffer::new(blocks), Buffer::new(blocks));
        Self { client, upstream, out: Vec::new(), identity: Vec::new(), logged: LoggedHead::default() }
    }

    /// To be called before a wait.
    pub(crate) fn settle(&mut self) {
        self.client.settle();
        self.upstream.settle();
    }

    /// Fit for the next connection.
    pub(crate) fn recycle(&mut self) {
        self.client.clear();
        self.upstream.clear();
        self.logged.clear();
        recycle(&mut self.out);
        recycle(&mut self.identity);
    }
}

/// Empties `out`, and keeps little of its memory.
pub(crate) fn recycle(out: &mut Vec<u8>) {
    out.clear();
    out.shrink_to(SPARE_OUT);
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io, rc::Rc, task::Poll};

    use super::{BLOCK, Blocks, Buffer};

    impl Buffer {
        async fn read(&mut self, source: &mut &[u8]) -> io::Result<usize> {
            poll_fn(|cx| self.poll_read(source, cx)).await
        }
    }

    #[tokio::test]
    async fn bytes_come_out_as_they_went_in() {
        let mut buffer = Buffer::default();
        let mut source = &b"hello, world"[..];
        assert_eq!(buffer.read(&mut source).await.unwrap(), 12);
        buffer.consume(7);
        assert_eq!(buffer.filled(), b"world");
        assert_eq!(buffer.read(&mut source).await.unwrap(), 0);
        buffer.consume(99);
        assert!(buffer.is_empty());
        assert_eq!(buffer.used(), 12);
        buffer.restore(b"again");
        assert_eq!(buffer.filled(), b"again");
    }

    #[tokio::test]
    async fn room_is_made_by_moving_what_is_left_to_the_front() {
        let mut buffer = Buffer::default();
        let bytes: Vec<u8> = (0..BLOCK + 10).map(|at| (at % 251) as u8).collect();
        let mut source = &bytes[..];
        assert_eq!(buffer.read(&mut source).await.unwrap(), BLOCK);
        buffer.consume(100);
        assert_eq!(buffer.read(&mut source).await.unwrap(), 10);
        assert_eq!(buffer.filled(), &bytes[100..]);
    }

    #[tokio::test]
    async fn memory_is_held_only_while_something_is_in_it() {
        let blocks = Rc::new(Blocks::default());
        let spare = || blocks.0.borrow().len();
        let (mut one, mut other) = (Buffer::new(&blocks), Buffer::new(&blocks));
        let (mut silent, _other_end) = tokio::io::duplex(1);
        assert!(poll_fn(|cx| Poll::Ready(one.poll_read(&mut silent, cx).is_pending())).await);
        assert_eq!(spare(), 1, "nothing came, so it is given back");
        one.read(&mut &b"hello"[..]).await.unwrap();
        assert_eq!(spare(), 0);
        one.consume(5);
        assert_eq!(spare(), 1);
        one.read(&mut &b"hello"[..]).await.unwrap();
        other.read(&mut &b"hello"[..]).await.unwrap();
        assert_eq!(spare(), 0);
        one.consume(3);
        one.settle();
        assert_eq!((spare(), one.filled()), (1, &b"lo"[..]), "what is little waits elsewhere");
        one.read(&mut &b" again"[..]).await.unwrap();
        assert_eq!((spare(), one.filled()), (0, &b"lo again"[..]));
        drop((one, other));
        assert_eq!(spare(), 2, "what was dropped is given back, too");
    }
}
