//! A body on its way from the cache to a client: from memory that all clients share, and never copied
//! unless it is compressed.

use std::{
    io::IoSlice,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use gateway_cache_store::{Broken, Piece, Reader, Stored};
use tokio::io::AsyncWrite;

use super::entry::Entry;
use crate::{
    proxy::{
        compress::{Press, SLICE},
        relay::{Encode, RelayError},
    },
    worker::buffer::BLOCK,
};

/// Chunks that are written at once, with the head in front.
const AT_ONCE: usize = 16;

/// Bytes that are written before others have their turn.
const TURN: u64 = 2 * BLOCK as u64;

/// Where a body comes from.
#[derive(Debug)]
pub(super) enum Content {
    /// It is stored.
    Stored(Arc<Stored<Entry>>),
    /// It is being received.
    Coming(Reader<Entry>),
}

/// What is left of it.
#[derive(Debug)]
enum Source {
    Stored(Arc<Stored<Entry>>),
    Coming(Reader<Entry>, Option<(Piece, usize)>),
    Done,
}

/// An answer from the cache: a head that is ready, and the body behind it.
#[derive(Debug)]
pub(super) struct Outflow {
    source: Source,
    /// The bytes of the body that are still to be sent.
    left: Range<u64>,
    /// Where in the body the next piece begins.
    at: u64,
    encode: Encode,
    press: Option<Box<Press>>,
    /// Bytes that are ready to go, and how many of them went.
    out: Vec<u8>,
    sent: usize,
    /// Bytes of any kind that the client took.
    pub written: u64,
}

impl Outflow {
    /// `out` holds the head; of the body, these bytes follow.
    pub(super) fn new(content: Content, bytes: Range<u64>, encode: Encode, out: Vec<u8>) -> Self {
        let (source, left) = match content {
            _ if bytes.is_empty() => (Source::Done, 0..0),
            Content::Stored(stored) => {
                let end = bytes.end.min(stored.body().len());
                (Source::Stored(stored), bytes.start..end)
            }
            Content::Coming(reader) => (Source::Coming(reader, None), bytes),
        };
        Self { source, left, at: 0, encode, press: None, out, sent: 0, written: 0 }
    }

    /// With its content compressed.
    pub(super) fn pressed(self, press: Option<Press>) -> Self {
        Self { press: press.map(Box::new), ..self }
    }

    /// The memory, to be used again.
    pub(super) fn into_out(mut self) -> Vec<u8> {
        self.out.clear();
        self.out
    }

    /// Whether it waits for more of the body, and not for the client.
    pub(super) fn wants_input(&self) -> bool {
        self.sent == self.out.len() && matches!(self.source, Source::Coming(_, None))
    }

    /// A number that grows as long as one side gives or the other takes.
    pub(super) fn progress(&self) -> u64 {
        self.written + self.content_pressed()
    }

    fn content_pressed(&self) -> u64 {
        self.press.as_ref().map_or(0, |press| press.pressed)
    }

    /// Sends what can be sent; ready once the last byte was taken.
    pub(super) fn poll<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<Result<(), RelayError>> {
        let (began, began_pressed) = (self.written, self.content_pressed());
        loop {
            if self.written - began >= TURN || self.content_pressed() - began_pressed >= SLICE as u64 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let waits = self.fetch(cx)?.is_pending();
            if self.press.is_some() && self.out.is_empty() {
                self.press()?;
            }
            if waits && self.out.is_empty() && !self.flush()? {
                return Poll::Pending;
            }
            match ready!(self.write(cx, writer))? {
                Some(took) => self.take(took)?,
                None if matches!(self.source, Source::Done) => return Poll::Ready(Ok(())),
                None => {}
            }
        }
    }

    /// Takes the next piece, if one is missing; pending if it has not come yet.
    fn fetch(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, RelayError> {
        let Source::Coming(reader, None) = &mut self.source else { return Ok(Poll::Ready(())) };
        if self.left.is_empty() {
            self.end()?;
            return Ok(Poll::Ready(()));
        }
        match reader.poll_next(cx) {
            Poll::Ready(Some(Ok(piece))) => self.accept(piece),
            Poll::Ready(None) => self.end()?,
            Poll::Ready(Some(Err(Broken::Aborted | Broken::Outpaced))) => return Err(RelayError::SourceEnded),
            Poll::Pending => return Ok(Poll::Pending),
        }
        Ok(Poll::Ready(()))
    }

    /// Passes over a piece of which nothing is wanted, and puts the size of a chunk in front of another.
    fn accept(&mut self, bytes: Piece) {
        let Source::Coming(_, piece) = &mut self.source else { return };
        let (from, upto) = within(&self.left, self.at, bytes.len());
        if from == upto {
            self.at += bytes.len() as u64;
            return;
        }
        *piece = Some((bytes, from));
        if self.press.is_none() && self.encode == Encode::Chunked {
            self.out.extend_from_slice(format!("{:x}\r\n", upto - from).as_bytes());
        }
    }

    /// What of the body can be written as it lies.
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let is_plain = self.press.is_none();
        let stored = match &self.source {
            Source::Stored(stored) if is_plain => Some(stored.body().slices(self.left.clone())),
            Source::Stored(_) | Source::Coming(..) | Source::Done => None,
        };
        let coming = if is_plain { self.piece() } else { None };
        stored.into_iter().flatten().chain(coming)
    }

    /// The rest of what is wanted of the piece that came last.
    fn piece(&self) -> Option<&[u8]> {
        let Source::Coming(_, Some((bytes, used))) = &self.source else { return None };
        let (_, upto) = within(&self.left, self.at, bytes.len());
        bytes.get(*used..upto).filter(|rest| !rest.is_empty())
    }

    /// Writes once; nothing, if there is nothing to be written.
    fn write<W: AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<Result<Option<usize>, RelayError>> {
        let mut slices = [IoSlice::new(b""); AT_ONCE];
        let mut count = 0;
        let head = &self.out[self.sent..];
        for bytes in (!head.is_empty()).then_some(head).into_iter().chain(self.slices()).take(AT_ONCE) {
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        if count == 0 {
            return Poll::Ready(Ok(None));
        }
        Poll::Ready(match ready!(Pin::new(writer).poll_write_vectored(cx, &slices[..count])) {
            Ok(0) | Err(_) => Err(RelayError::Sink),
            Ok(took) => Ok(Some(took)),
        })
    }

    /// The client took so many bytes.
    fn take(&mut self, took: usize) -> Result<(), RelayError> {
        self.written += took as u64;
        let of_out = took.min(self.out.len() - self.sent);
        self.sent += of_out;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        self.advance(took - of_out);
        // What is stored may have ended with it; what comes says so itself.
        if matches!(self.source, Source::Stored(_)) && self.left.is_empty() { self.end() } else { Ok(()) }
    }

    /// So many bytes of the body are used.
    fn advance(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        match &mut self.source {
            Source::Stored(_) => self.left.start += count as u64,
            Source::Coming(_, piece) => {
                let Some((bytes, used)) = piece else { return };
                *used += count;
                let (_, upto) = within(&self.left, self.at, bytes.len());
                if *used == upto {
                    self.at += bytes.len() as u64;
                    self.left.start = self.left.start.max(self.at.min(self.left.end));
                    *piece = None;
                    if self.press.is_none() && self.encode == Encode::Chunked {
                        self.out.extend_from_slice(b"\r\n");
                    }
                }
            }
            Source::Done => {}
        }
    }

    /// Compresses a slice of what is there.
    fn press(&mut self) -> Result<(), RelayError> {
        let Some(press) = &mut self.press else { return Ok(()) };
        let room = match &self.source {
            Source::Stored(stored) => stored.body().slices(self.left.clone()).next().unwrap_or_default(),
            Source::Coming(_, Some((bytes, used))) => {
                let (_, upto) = within(&self.left, self.at, bytes.len());
                bytes.get(*used..upto).unwrap_or_default()
            }
            Source::Coming(_, None) | Source::Done => return Ok(()),
        };
        let here = &room[..room.len().min(SLICE)];
        press.push(here, self.encode, &mut self.out)?;
        let count = here.len();
        self.advance(count);
        if matches!(self.source, Source::Stored(_)) && self.left.is_empty() { self.end() } else { Ok(()) }
    }

    /// Gives out what is still in the encoder; false if there is nothing.
    fn flush(&mut self) -> Result<bool, RelayError> {
        match &mut self.press {
            Some(press) => Ok(press.flush(self.encode, &mut self.out)?),
            None => Ok(false),
        }
    }

    /// The body is whole.
    fn end(&mut self) -> Result<(), RelayError> {
        self.source = Source::Done;
        if let Some(press) = &mut self.press {
            press.finish(self.encode, &mut self.out)?;
        }
        if self.encode == Encode::Chunked {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
        Ok(())
    }
}

/// Where in a piece of this length, which begins at `at`, the wanted bytes are.
fn within(wanted: &Range<u64>, at: u64, length: usize) -> (usize, usize) {
    let place = |offset: u64| usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX).min(length);
    (place(wanted.start), place(wanted.end))
}
