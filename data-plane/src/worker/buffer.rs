//! Memory for bytes on their way, used again and again.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::telemetry::access_log::LoggedHead;

/// What a buffer holds at first: a head, and most bodies behind it.
pub(crate) const SMALL: usize = 32 * 1024;
/// What a buffer holds while a large body goes through: more than this costs the processor's cache
/// more than it saves in system calls.
pub(crate) const LARGE: usize = 128 * 1024;

/// What is read at first into a buffer that has given its memory back.
const SIP: usize = 2048;

/// Bytes that were read and not yet used.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes that were used since it was made.
    used: u64,
}

impl Buffer {
    /// What is in it.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// How much it can hold.
    pub(crate) const fn capacity(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Holds `bytes` and nothing else.
    pub(crate) fn restore(&mut self, bytes: &[u8]) {
        self.clear();
        if !bytes.is_empty() {
            self.reserve(SMALL.max(bytes.len()));
            self.bytes[..bytes.len()].copy_from_slice(bytes);
            self.end = bytes.len();
        }
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

    pub(crate) const fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Makes it able to hold `size` bytes in all.
    pub(crate) fn reserve(&mut self, size: usize) {
        if self.bytes.len() < size {
            self.bytes.resize(size, 0);
        }
    }

    /// Makes room behind what is in it, up to `limit` bytes in all.
    pub(crate) fn make_room(&mut self, limit: usize) {
        if self.end == self.bytes.len() && self.start == 0 && !self.is_empty() {
            self.reserve((self.bytes.len() * 2).min(limit.max(self.bytes.len())));
        }
    }

    /// Gives the memory back, if nothing is in it, until something comes.
    fn release(&mut self) {
        if self.is_empty() {
            *self = Self { used: self.used, ..Self::default() };
        }
    }

    /// Gives back what is more than [`SMALL`].
    fn shrink(&mut self) {
        self.clear();
        self.bytes.truncate(SMALL);
        self.bytes.shrink_to_fit();
    }

    /// Reads once; 0 means that the other side has ended. There must be room.
    pub(crate) fn poll_read<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.bytes.is_empty() {
            return self.poll_sip(reader, cx);
        }
        if self.start > 0 && self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let mut room = ReadBuf::new(&mut self.bytes[self.end..]);
        debug_assert!(room.remaining() > 0, "a full buffer cannot be read into");
        ready!(Pin::new(reader).poll_read(cx, &mut room))?;
        let count = room.filled().len();
        self.end += count;
        Poll::Ready(Ok(count))
    }

    /// Reads without memory, which is taken only once something has come: most of what waits for a
    /// long time waits for nothing.
    fn poll_sip<R: AsyncRead + Unpin>(&mut self, reader: &mut R, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut sip = [MaybeUninit::uninit(); SIP];
        let mut room = ReadBuf::uninit(&mut sip);
        ready!(Pin::new(reader).poll_read(cx, &mut room))?;
        self.restore(room.filled());
        Poll::Ready(Ok(room.filled().len()))
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
    /// What the access log needs of a request that is logged.
    pub logged: LoggedHead,
}

impl Scratch {
    /// Gives back the memory that is not in use.
    pub(crate) fn release(&mut self) {
        self.client.release();
        self.upstream.release();
    }

    /// Fit for the next connection.
    pub(crate) fn recycle(&mut self) {
        self.client.shrink();
        self.upstream.shrink();
        self.out.clear();
        self.logged.clear();
        self.out.shrink_to(SMALL);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io, task::Poll};

    use super::{Buffer, SIP, SMALL};

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
    }

    #[tokio::test]
    async fn room_is_made_by_moving_what_is_left_to_the_front() {
        let mut buffer = Buffer::default();
        let bytes: Vec<u8> = (0..SMALL + 10).map(|at| (at % 251) as u8).collect();
        let mut source = &bytes[..];
        assert_eq!(buffer.read(&mut source).await.unwrap(), SIP, "and has memory from here on");
        assert_eq!(buffer.read(&mut source).await.unwrap(), SMALL - SIP);
        buffer.consume(100);
        assert_eq!(buffer.read(&mut source).await.unwrap(), 10);
        assert_eq!(buffer.filled(), &bytes[100..]);
    }

    #[tokio::test]
    async fn memory_is_held_only_while_something_is_in_it() {
        let mut buffer = Buffer::default();
        let (mut silent, _other) = tokio::io::duplex(1);
        assert!(poll_fn(|cx| Poll::Ready(buffer.poll_read(&mut silent, cx).is_pending())).await);
        assert_eq!(buffer.capacity(), 0);
        buffer.read(&mut &b"hello"[..]).await.unwrap();
        buffer.release();
        assert_eq!(buffer.filled(), b"hello");
        buffer.consume(5);
        buffer.release();
        assert_eq!((buffer.capacity(), buffer.used()), (0, 5), "what was used stays counted");
    }
}
