//! A body on its way from one connection to the other: never gathered, only handed on. It is read
//! only as fast as it can be written.

use std::{
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::HeaderName;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    compress::{self, Press, SLICE},
    edits::{self, FieldEdits},
    headers,
    mirror::Mirrored,
};
use crate::{
    http1::{
        chunked::{self, Decoder, Piece},
        framing::Framing,
        head::Fields,
    },
    worker::buffer::{self, BLOCK, Buffer},
};

/// More content than this is written from where it was read, less is copied behind the head: one
/// system call either way.
const COPY: usize = 2048;

/// Bytes that are moved before others have their turn: two sides that are both fast would keep the
/// worker to themselves.
const TURN: u64 = 2 * BLOCK as u64;

/// How the receiving side is told where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encode {
    /// The content as it is: a length was given, or the connection's end will tell.
    Plain,
    /// In chunks.
    Chunked,
}

/// Why a body broke off.
#[derive(Debug)]
pub(crate) enum RelayError {
    /// The sending side ended too early, or its connection failed.
    SourceEnded,
    /// What it sent is not what it said.
    Malformed(&'static str),
    /// It sent more than it may.
    TooLarge,
    /// The receiving side takes nothing more.
    Sink,
    /// It could not be compressed.
    Encoder,
}

impl From<compress::EncoderFailed> for RelayError {
    fn from(compress::EncoderFailed: compress::EncoderFailed) -> Self {
        Self::Encoder
    }
}

#[derive(Debug)]
enum Source {
    Length(u64),
    Chunked(Box<Decoder>),
    UntilClose,
    Done,
}

/// One direction of an exchange: a head that is ready, and the body behind it.
#[derive(Debug)]
pub(crate) struct Relay {
    source: Source,
    encode: Encode,
    /// Bytes that are ready to go, and how many of them went.
    out: Vec<u8>,
    sent: usize,
    /// How much more content there may be.
    allowance: u64,
    /// There never was a body: the head is kept, and can be sent again.
    replayable: bool,
    /// What gets a copy of everything that is written.
    copy: Option<Box<Mirrored>>,
    /// What the content goes through.
    press: Option<Box<Press>>,
    /// What its trailers must not hold, beside what none may.
    kept_out: Box<[HeaderName]>,
    /// Bytes of any kind that the receiving side took.
    pub written: u64,
}

impl Relay {
    /// `out` holds the head.
    pub(crate) fn new(framing: Framing, encode: Encode, out: Vec<u8>) -> Self {
        let source = match framing {
            Framing::None | Framing::Length(0) => Source::Done,
            Framing::Length(length) => Source::Length(length),
            Framing::Chunked => Source::Chunked(Box::new(Decoder::new())),
            Framing::UntilClose => Source::UntilClose,
        };
        let replayable = matches!(source, Source::Done);
        Self {
            source,
            encode,
            out,
            sent: 0,
            allowance: u64::MAX,
            replayable,
            copy: None,
            press: None,
            kept_out: Box::default(),
            written: 0,
        }
    }

    /// With a body of at most so many bytes, for one that does not say its length beforehand.
    pub(crate) fn at_most(self, allowance: Option<u64>) -> Self {
        Self { allowance: allowance.unwrap_or(u64::MAX), ..self }
    }

    /// With a copy, which leaves when all is written.
    pub(crate) fn copied(self, copy: Option<Box<Mirrored>>) -> Self {
        Self { copy, ..self }
    }

    /// With its content compressed, of which there is some.
    pub(crate) fn pressed(self, press: Option<Press>) -> Self {
        Self { press: press.map(Box::new), ..self }
    }

    /// Without trailers that bring back what these changes take out of the head.
    pub(crate) fn edited(mut self, edits: FieldEdits<'_>) -> Self {
        // Nothing else has trailers.
        if matches!(self.source, Source::Chunked(_)) {
            self.kept_out = edits.dropped();
        }
        self
    }

    /// Without trailers of these names, too.
    pub(crate) fn without<'n>(mut self, names: impl Iterator<Item = &'n HeaderName>) -> Self {
        let mut kept_out = self.kept_out.into_vec();
        kept_out.extend(names.cloned());
        self.kept_out = kept_out.into();
        self
    }

    /// Begins again, on another connection.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
        self.written = 0;
        if let Some(copy) = &mut self.copy {
            copy.clear();
        }
    }

    /// Whether it waits for the sending side, not for the receiving one. `buffer` is what it was
    /// polled with.
    pub(crate) fn wants_input(&self, buffer: &Buffer) -> bool {
        self.sent == self.out.len() && self.plain(buffer) == 0
    }

    /// The memory, to be used again.
    pub(crate) fn into_out(mut self) -> Vec<u8> {
        self.out.clear();
        self.out
    }

    /// Moves what can be moved; ready once the last byte was taken.
    pub(crate) fn poll<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Buffer,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<Result<(), RelayError>> {
        let (began, began_pressed) = (self.written, self.content_pressed());
        loop {
            if self.written - began >= TURN || self.content_pressed() - began_pressed >= SLICE as u64 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.fill(buffer)?;
            let plain = self.plain(buffer);
            let pending = self.out.len() - self.sent;
            if pending + plain > 0 {
                let took = ready!(write(cx, writer, &self.out[self.sent..], &buffer.filled()[..plain]))?;
                self.written += took as u64;
                self.copy(took, buffer);
                self.sent += took.min(pending);
                if self.sent == self.out.len() && !self.replayable {
                    self.out.clear();
                    self.sent = 0;
                }
                self.take(buffer, took.saturating_sub(pending));
                continue;
            }
            if matches!(self.source, Source::Done) {
                if let Some(copy) = self.copy.take() {
                    copy.send();
                }
                return Poll::Ready(Ok(()));
            }
            if self.press.is_some() && !buffer.is_empty() {
                // The rest of a slice.
                continue;
            }
            let Poll::Ready(read) = buffer.poll_read(reader, cx) else {
                if let Some(press) = &mut self.press
                    && press.flush(self.encode, &mut self.out)?
                {
                    continue;
                }
                // Who waits holds little, unless the head may have to be sent again.
                if !self.replayable {
                    buffer::recycle(&mut self.out);
                }
                return Poll::Pending;
            };
            match read {
                Ok(0) | Err(_) if !matches!(self.source, Source::UntilClose) => {
                    return Poll::Ready(Err(RelayError::SourceEnded));
                }
                Err(_) => return Poll::Ready(Err(RelayError::SourceEnded)),
                Ok(0) => self.end(&[])?,
                Ok(_) => {}
            }
        }
    }

    /// Puts into `out` what has to be written otherwise than it came, or is small.
    fn fill(&mut self, buffer: &mut Buffer) -> Result<(), RelayError> {
        if !self.out.is_empty() && self.sent > 0 {
            return Ok(());
        }
        match (&mut self.source, self.encode) {
            (Source::Chunked(_), _) => self.decode(buffer),
            (Source::Length(_) | Source::UntilClose, _) if self.press.is_some() => self.press(buffer),
            (Source::UntilClose, Encode::Chunked) => {
                chunked::encode(&mut self.out, buffer.filled());
                buffer.clear();
                Ok(())
            }
            (Source::Length(left), _) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                if !self.out.is_empty() && here <= COPY {
                    self.out.extend_from_slice(&buffer.filled()[..here]);
                    self.take(buffer, here);
                }
                Ok(())
            }
            (Source::UntilClose, Encode::Plain) | (Source::Done, _) => Ok(()),
        }
    }

    /// How much of the buffer can be written as it is.
    fn plain(&self, buffer: &Buffer) -> usize {
        match self.source {
            _ if self.press.is_some() => 0,
            Source::Length(left) => usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len()),
            Source::UntilClose if self.encode == Encode::Plain => buffer.len(),
            Source::UntilClose | Source::Chunked(_) | Source::Done => 0,
        }
    }

    /// Copies what was written last: the rest of `out`, and what came behind it from the buffer.
    fn copy(&mut self, took: usize, buffer: &Buffer) {
        let Some(copy) = &mut self.copy else { return };
        let rest = &self.out[self.sent..];
        let (of_out, of_buffer) = (took.min(rest.len()), took.saturating_sub(rest.len()));
        if !copy.add(&rest[..of_out], &buffer.filled()[..of_buffer]) {
            self.copy = None;
        }
    }

    fn take(&mut self, buffer: &mut Buffer, count: usize) {
        buffer.consume(count);
        if let Source::Length(left) = &mut self.source {
            *left -= count as u64;
            if *left == 0 {
                self.source = Source::Done;
            }
        }
    }

    /// Compresses a slice of what is there.
    fn press(&mut self, buffer: &mut Buffer) -> Result<(), RelayError> {
        let Some(press) = &mut self.press else { return Ok(()) };
        let left = match self.source {
            Source::Length(left) => usize::try_from(left).unwrap_or(usize::MAX),
            Source::UntilClose => usize::MAX,
            Source::Chunked(_) | Source::Done => 0,
        };
        let here = left.min(buffer.len()).min(SLICE);
        if here == 0 {
            return Ok(());
        }
        press.push(&buffer.filled()[..here], self.encode, &mut self.out)?;
        self.take(buffer, here);
        if matches!(self.source, Source::Done) { self.end(&[]) } else { Ok(()) }
    }

    /// A number that grows as long as one side gives or the other takes.
    pub(crate) fn progress(&self) -> u64 {
        self.written + self.content_pressed()
    }

    /// Content that was compressed so far.
    fn content_pressed(&self) -> u64 {
        self.press.as_ref().map_or(0, |press| press.pressed)
    }

    /// Reads the chunks that are there. What is malformed ends the body before the receiving side
    /// could take it for whole.
    fn decode(&mut self, buffer: &mut Buffer) -> Result<(), RelayError> {
        let Source::Chunked(decoder) = &mut self.source else { return Ok(()) };
        let mut room = if self.press.is_some() { SLICE } else { usize::MAX };
        loop {
            let filled = &buffer.filled()[..room.min(buffer.len())];
            let (framing, piece) =
                decoder.advance(filled).map_err(|chunked::ChunkError(why)| RelayError::Malformed(why))?;
            room = room.saturating_sub(framing);
            buffer.consume(framing);
            match piece {
                Piece::More => return Ok(()),
                Piece::Data(count) => {
                    self.allowance = self.allowance.checked_sub(count as u64).ok_or(RelayError::TooLarge)?;
                    let data = &buffer.filled()[..count];
                    match (&mut self.press, self.encode) {
                        (Some(press), encode) => press.push(data, encode, &mut self.out)?,
                        (None, Encode::Chunked) => chunked::encode(&mut self.out, data),
                        (None, Encode::Plain) => self.out.extend_from_slice(data),
                    }
                    buffer.consume(count);
                    room -= count;
                }
                Piece::End => {
                    let trailers = decoder.take_trailers();
                    return self.end(&trailers);
                }
            }
        }
    }

    /// The body is whole; says so to the receiving side.
    fn end(&mut self, trailers: &[u8]) -> Result<(), RelayError> {
        if let Some(press) = &mut self.press {
            press.finish(self.encode, &mut self.out)?;
        }
        if self.encode == Encode::Chunked {
            self.out.extend_from_slice(b"0\r\n");
            if !trailers.is_empty() {
                let mut fields = Fields::default();
                fields.parse_trailers(trailers).map_err(|_| RelayError::Malformed("a trailer field is invalid"))?;
                let is_pressed = self.press.is_some();
                headers::write_trailers(&mut self.out, trailers, &fields, |field| {
                    !(is_pressed && compress::is_false_of_other_content(field, trailers)
                        || edits::are_meant(self.kept_out.iter(), field.name_bytes(trailers)))
                });
            }
            self.out.extend_from_slice(b"\r\n");
        }
        self.source = Source::Done;
        Ok(())
    }
}

/// Writes once, the head and the content behind it together.
fn write<W: AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    writer: &mut W,
    first: &[u8],
    second: &[u8],
) -> Poll<Result<usize, RelayError>> {
    let mut writer = Pin::new(writer);
    let result = if first.is_empty() {
        ready!(writer.as_mut().poll_write(cx, second))
    } else if second.is_empty() {
        ready!(writer.as_mut().poll_write(cx, first))
    } else {
        ready!(writer.as_mut().poll_write_vectored(cx, &[IoSlice::new(first), IoSlice::new(second)]))
    };
    Poll::Ready(match result {
        Ok(0) | Err(_) => Err(RelayError::Sink),
        Ok(count) => Ok(count),
    })
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use gateway_routing::route::CompressionAlgorithm;

    use super::{Buffer, Encode, Framing, Relay, SLICE, TURN};
    use crate::proxy::compress::Presses;

    #[test]
    fn two_fast_sides_leave_others_a_turn() {
        for (framing, encode) in [(Framing::Length(u64::MAX), Encode::Plain), (Framing::UntilClose, Encode::Chunked)] {
            let mut relay = Relay::new(framing, encode, Vec::new());
            let (mut endless, mut bottomless) = (tokio::io::repeat(b'x'), tokio::io::sink());
            let mut cx = Context::from_waker(Waker::noop());
            let mut buffer = Buffer::default();
            for turn in 1..4 {
                let polled = relay.poll(&mut cx, &mut buffer, &mut endless, &mut bottomless);
                assert!(matches!(polled, Poll::Pending));
                assert!((turn * TURN..turn * 2 * TURN).contains(&relay.written), "{}", relay.written);
            }
        }
    }

    #[test]
    fn a_body_that_is_compressed_leaves_others_a_turn_behind_every_slice() {
        for framing in [Framing::Length(u64::MAX), Framing::UntilClose] {
            for algorithm in [CompressionAlgorithm::Gzip, CompressionAlgorithm::Brotli, CompressionAlgorithm::Zstd] {
                let press = Presses::default().take(algorithm, None);
                let mut relay = Relay::new(framing, Encode::Chunked, Vec::new()).pressed(press);
                let (mut endless, mut bottomless) = (tokio::io::repeat(b'x'), tokio::io::sink());
                let mut cx = Context::from_waker(Waker::noop());
                let mut buffer = Buffer::default();
                for turn in 1..9 {
                    let polled = relay.poll(&mut cx, &mut buffer, &mut endless, &mut bottomless);
                    assert!(matches!(polled, Poll::Pending));
                    assert_eq!(relay.content_pressed(), turn * SLICE as u64, "{algorithm:?}");
                }
            }
        }
    }
}
