//! The chunked coding (RFC 9112 section 7.1), read byte for byte.

/// The longest chunk-size line in bytes, extensions included.
const MAX_SIZE_LINE: usize = 256;
/// The largest trailer section in bytes.
const MAX_TRAILERS: usize = 8 * 1024;

/// Why a chunked body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkError(pub &'static str);

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// So many bytes of content, which follow what was passed over.
    Data(usize),
    /// The last chunk and the trailers are over.
    End,
    /// More bytes are needed.
    More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the size; the number of digits read.
    Size(u8),
    /// White space behind the size: only an extension or the line's end may follow.
    AfterSize,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the beginning of a trailer line.
    TrailerStart,
    TrailerLine,
    TrailerLf,
    EndLf,
    End,
}

/// Reads a chunked body in pieces of any size.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// Bytes left of this chunk; while its size is read, the size so far.
    left: u64,
    /// Length of the size line so far.
    line: usize,
    /// The trailer section as it came, without its empty line.
    trailers: Vec<u8>,
}

impl Decoder {
    pub(crate) const fn new() -> Self {
        Self { state: State::Size(0), left: 0, line: 0, trailers: Vec::new() }
    }

    /// The trailer lines, each with its CR LF, once the body is over.
    pub(crate) fn take_trailers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.trailers)
    }

    /// Passes over framing until content, the end, or the end of `bytes`. Returns how many bytes
    /// were framing, and what follows them. Content is at most what `bytes` holds.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<(usize, Piece), ChunkError> {
        let mut at = 0;
        loop {
            match self.state {
                State::Data => {
                    let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    if here == 0 {
                        return Ok((at, Piece::More));
                    }
                    self.left -= here as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok((at, Piece::Data(here)));
                }
                State::End => return Ok((at, Piece::End)),
                State::Size(_)
                | State::AfterSize
                | State::Extension
                | State::SizeLf
                | State::DataCr
                | State::DataLf
                | State::TrailerStart
                | State::TrailerLine
                | State::TrailerLf
                | State::EndLf => {
                    let Some(byte) = bytes.get(at) else { return Ok((at, Piece::More)) };
                    self.step(*byte)?;
                    at += 1;
                }
            }
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.state = match self.state {
            State::Size(digits) => return self.size(digits, byte),
            State::AfterSize | State::Extension => {
                self.line += 1;
                if self.line > MAX_SIZE_LINE {
                    return Err(ChunkError("a chunk's extensions are too long"));
                }
                match (self.state, byte) {
                    (_, b'\r') => State::SizeLf,
                    (_, b';') => State::Extension,
                    (state, b' ' | b'\t') => state,
                    (State::Extension, b'!'..=b'~' | 0x80..) => State::Extension,
                    _ => return Err(ChunkError("a chunk's extension is invalid")),
                }
            }
            State::SizeLf => {
                expect(byte, b'\n')?;
                self.line = 0;
                if self.left == 0 { State::TrailerStart } else { State::Data }
            }
            State::DataCr => {
                expect(byte, b'\r')?;
                State::DataLf
            }
            State::DataLf => {
                expect(byte, b'\n')?;
                State::Size(0)
            }
            State::TrailerStart if byte == b'\r' => State::EndLf,
            State::TrailerStart | State::TrailerLine => {
                self.keep(byte)?;
                match byte {
                    b'\r' => State::TrailerLf,
                    b'\n' => return Err(ChunkError("a trailer line does not end with CR LF")),
                    _ => State::TrailerLine,
                }
            }
            State::TrailerLf => {
                expect(byte, b'\n')?;
                self.keep(byte)?;
                State::TrailerStart
            }
            State::EndLf => {
                expect(byte, b'\n')?;
                State::End
            }
            state @ (State::Data | State::End) => state,
        };
        Ok(())
    }

    fn size(&mut self, digits: u8, byte: u8) -> Result<(), ChunkError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' | b';' | b' ' | b'\t' if digits > 0 => {
                self.state = State::AfterSize;
                return self.step(byte);
            }
            _ => return Err(ChunkError("a chunk's size is invalid")),
        };
        // Sixteen digits fill 64 bits; leading zeros are digits too.
        if digits == 16 {
            return Err(ChunkError("a chunk's size is too large"));
        }
        self.left = if digits == 0 { u64::from(digit) } else { self.left << 4 | u64::from(digit) };
        self.state = State::Size(digits + 1);
        Ok(())
    }

    fn keep(&mut self, byte: u8) -> Result<(), ChunkError> {
        if self.trailers.len() == MAX_TRAILERS {
            return Err(ChunkError("the trailers are too large"));
        }
        self.trailers.push(byte);
        Ok(())
    }
}

fn expect(byte: u8, wanted: u8) -> Result<(), ChunkError> {
    if byte == wanted { Ok(()) } else { Err(ChunkError("a chunk's line does not end with CR LF")) }
}

/// Appends `data` as one chunk.
pub(crate) fn encode(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    let mut digits = [0_u8; 16];
    let mut at = digits.len();
    let mut rest = data.len();
    while rest > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ChunkError, Decoder, Piece, encode};

    /// Content, trailers and how many bytes were left over.
    type Decoded = (Vec<u8>, Vec<u8>, usize);

    /// Decodes `bytes`, handed over in pieces of `step`.
    fn decode(bytes: &[u8], step: usize) -> Result<Option<Decoded>, ChunkError> {
        let mut decoder = Decoder::new();
        let mut content = Vec::new();
        let mut at = 0;
        let mut upto = 0;
        loop {
            let (framing, piece) = decoder.advance(&bytes[at..upto])?;
            at += framing;
            match piece {
                Piece::Data(length) => {
                    content.extend_from_slice(&bytes[at..at + length]);
                    at += length;
                }
                Piece::End => return Ok(Some((content, decoder.take_trailers(), bytes.len() - at))),
                Piece::More if upto == bytes.len() => return Ok(None),
                Piece::More => upto = (upto + step).min(bytes.len()),
            }
        }
    }

    #[test]
    fn content_and_trailers_are_told_from_framing() {
        for step in [1, 2, 3, 100] {
            let bytes = b"5;a=\"b\" ;c\r\nhello\r\n00A \r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\nnext";
            let (content, trailers, left) = decode(bytes, step).unwrap().unwrap();
            assert_eq!(content, b"hello0123456789");
            assert_eq!(trailers, b"X-Sum: 1\r\nY: 2\r\n");
            // Pieces that end within the next message leave the rest unread.
            assert_eq!(left, 4);
        }
        assert_eq!(decode(b"0\r\n\r\n", 1), Ok(Some((vec![], vec![], 0))));
        assert_eq!(decode(b"5\r\nhel", 1), Ok(None));
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        for bytes in [
            &b"\r\n"[..],
            b" 5\r\nhello\r\n",
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"5\nhello\r\n",
            b"5\r\rhello\r\n",
            b"5\r\nhello\n",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\r\r",
            b"5;a\x00\r\nhello\r\n",
            b"5;a\nb\r\nhello\r\n",
            b"5;a\x7f\r\nhello\r\n",
            b"5;a\rb\r\nhello\r\n",
            b"5 x\r\nhello\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"10000000000000000\r\n",
            b"00000000000000000\r\n",
            b"0\r\nA: b\n\r\n",
            b"0\r\n\n",
            b"0\r\n\rX",
            b"0\r\nA: b\rX",
        ] {
            assert!(decode(bytes, 1).is_err(), "{:?}", bytes.escape_ascii().to_string());
            assert!(decode(bytes, 99).is_err(), "{:?}", bytes.escape_ascii().to_string());
        }
        assert!(decode(&[b"5;".as_slice(), &[b'a'; 300]].concat(), 50).is_err());
        assert!(decode(&[b"0\r\n".as_slice(), &[b'a'; 9000]].concat(), 500).is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..10),
            step in 1_usize..50,
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                encode(&mut wire, chunk);
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let (content, trailers, left) = decode(&wire, step).unwrap().unwrap();
            prop_assert_eq!(content, chunks.concat());
            prop_assert!(trailers.is_empty() && left == 0);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), step in 1_usize..50) {
            let _ = decode(&bytes, step);
        }
    }
}
