//! Any content on its way through an encoder, in pieces and with pauses.

use std::iter;

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, enc::StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use gateway_routing::route::CompressionAlgorithm::{self, Brotli, Gzip, Zstd};
use zstd_safe::{DCtx, InBuffer, OutBuffer};

use super::{
    Verdict,
    cuts::{self, Cuts},
    reference::{self, End},
    wires::{Client, Ending, Upstream, Wires},
};
use crate::{
    http1::{chunked, framing::Framing},
    proxy::{
        compress::Presses,
        relay::{Encode, Relay},
    },
    worker::buffer::Buffer,
};

/// What leaves before the content, as a head does.
const HEAD: &[u8] = b"head";

/// The first line of `input` says how, for example `br 1.1 chunked abc z close`: the coding, the client's
/// version, how the upstream frames its content (`short` promises a byte more than there is), the pieces
/// in which it comes, those in which the client takes its own (both as in `cuts`), and whether the
/// upstream then closes, resets (`reset`) or stays silent (`open`). The rest is the content.
///
/// # Panics
/// When what the client decodes is not the content, when it cannot see that it is not all, or when
/// something is held back while the upstream is silent.
pub fn compressed(input: &[u8]) -> Verdict {
    let (how, content) = cuts::split(input);
    let case = Case::read(how, content);
    let (is_done, got) = case.relay();
    let got = got.strip_prefix(HEAD).unwrap_or_else(|| panic!("the head comes first: {case:?}"));
    let (coded, is_whole) = case.unframed(got, is_done);
    let (decoded, has_ended) = decode(case.algorithm, &coded);
    assert!(case.content.starts_with(&decoded), "something else was decoded: {case:?}");
    if is_done {
        assert!(is_whole && has_ended && decoded.len() == content.len(), "{case:?}: {}", got.escape_ascii());
        return Verdict::Passed;
    }
    assert!(!case.is_good(), "a good answer was cut: {case:?}");
    assert!(!has_ended && !is_whole, "a part could be taken for the whole: {case:?}");
    if case.ending == Ending::StaysSilent {
        assert_eq!(decoded.len(), content.len(), "something was held back: {case:?}");
    }
    Verdict::Cut
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framed {
    Length,
    Short,
    Chunked,
    UntilClose,
}

#[derive(Debug)]
struct Case<'b> {
    algorithm: CompressionAlgorithm,
    encode: Encode,
    framed: Framed,
    reads: &'b [u8],
    writes: &'b [u8],
    ending: Ending,
    content: &'b [u8],
}

impl<'b> Case<'b> {
    fn read(how: &'b [u8], content: &'b [u8]) -> Self {
        let mut words = how.split(|byte| *byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let algorithm = match word() {
            b"br" => Brotli,
            b"zstd" => Zstd,
            _ => Gzip,
        };
        let encode = if word() == b"1.0" { Encode::Plain } else { Encode::Chunked };
        let framed = match word() {
            b"chunked" => Framed::Chunked,
            b"short" => Framed::Short,
            // Without content, there is nothing to compress.
            b"length" if !content.is_empty() => Framed::Length,
            _ => Framed::UntilClose,
        };
        let (reads, writes) = (word(), word());
        let ending = match word() {
            b"reset" => Ending::Resets,
            b"open" => Ending::StaysSilent,
            _ => Ending::Closes,
        };
        Self { algorithm, encode, framed, reads, writes, ending, content }
    }

    /// Whether all of the answer comes, and its end can be seen.
    fn is_good(&self) -> bool {
        match self.framed {
            Framed::Length | Framed::Chunked => true,
            Framed::Short => false,
            Framed::UntilClose => self.ending == Ending::Closes,
        }
    }

    /// Whether it came to its end, and what the client got.
    fn relay(&self) -> (bool, Vec<u8>) {
        let length = self.content.len() as u64;
        let (framing, wire) = match self.framed {
            Framed::Length => (Framing::Length(length), self.content.to_vec()),
            Framed::Short => (Framing::Length(length + 1), self.content.to_vec()),
            Framed::Chunked => (Framing::Chunked, self.in_chunks()),
            Framed::UntilClose => (Framing::UntilClose, self.content.to_vec()),
        };
        let declared = match framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose | Framing::None => None,
        };
        let (reads, writes) = (Cuts::new(self.reads), Cuts::new(self.writes));
        let upstream = Upstream { bytes: &wire, cuts: reads, ending: self.ending, paused: false, is_silent: false };
        let client = Client { got: Vec::new(), cuts: writes, paused: false };
        let mut wires = Wires { upstream, client, buffer: Buffer::default() };
        let press = Presses::default().take(self.algorithm, declared);
        assert!(press.is_some(), "there is a place");
        let mut relay = Relay::new(framing, self.encode, HEAD.to_vec()).pressed(press);
        let done = wires.drive(|cx, Wires { upstream, client, buffer }| relay.poll(cx, buffer, upstream, client));
        (matches!(done, Some(Ok(()))), wires.client.got)
    }

    fn in_chunks(&self) -> Vec<u8> {
        let (mut wire, mut rest) = (Vec::new(), self.content);
        let mut cuts = Cuts::new(self.writes);
        let pieces = iter::from_fn(|| {
            let (piece, behind) = rest.split_at(cuts.next(rest.len()));
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        });
        pieces.for_each(|piece| chunked::encode(&mut wire, piece));
        wire.extend_from_slice(b"0\r\nContent-Digest: none\r\nX-End: 1\r\n\r\n");
        wire
    }

    /// The coded content in what the client got, and whether that says that it is all. To HTTP/1.0, the
    /// connection's end says it, which is a reset where the answer broke off.
    fn unframed(&self, got: &[u8], is_done: bool) -> (Vec<u8>, bool) {
        match self.encode {
            Encode::Plain => (got.to_vec(), is_done),
            Encode::Chunked => {
                let body = reference::chunks(got);
                let is_whole = match body.end {
                    End::Whole(trailers, behind) => {
                        let expected: &[u8] = if self.framed == Framed::Chunked { b"X-End: 1\r\n" } else { b"" };
                        assert_eq!((trailers, behind), (expected, &b""[..]), "{self:?}");
                        true
                    }
                    End::Open => false,
                    End::Malformed => panic!("{self:?}: {}", got.escape_ascii()),
                };
                (body.content, is_whole)
            }
        }
    }
}

/// What can be decoded of `coded`, and whether that is the end of it.
pub(crate) fn decode(algorithm: CompressionAlgorithm, coded: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let has_ended = match algorithm {
        Gzip => gunzip(coded, &mut out),
        Brotli => unbrotli(coded, &mut out),
        Zstd => unzstd(coded, &mut out),
    };
    (out, has_ended)
}

fn gunzip(coded: &[u8], out: &mut Vec<u8>) -> bool {
    let mut state = Decompress::new_gzip(15);
    loop {
        out.reserve(ROOM);
        let taken = usize::try_from(state.total_in()).unwrap_or_default();
        let room = out.capacity() - out.len();
        let before = out.len();
        match state.decompress_vec(&coded[taken..], out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => {
                assert_eq!(state.total_in(), coded.len() as u64, "nothing follows the end");
                return true;
            }
            Ok(Status::Ok | Status::BufError) if out.len() - before < room => return false,
            Ok(Status::Ok | Status::BufError) => {}
            Err(err) => panic!("{err}"),
        }
    }
}

fn unbrotli(coded: &[u8], out: &mut Vec<u8>) -> bool {
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new(alloc(), alloc(), alloc());
    let (mut left, mut at) = (coded.len(), 0);
    loop {
        let mut room = [0; ROOM];
        let (mut room_left, mut written) = (room.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut at,
            coded,
            &mut room_left,
            &mut written,
            &mut room,
            &mut 0,
            &mut state,
        );
        out.extend_from_slice(&room[..written]);
        match result {
            BrotliResult::ResultSuccess => {
                assert_eq!(left, 0, "nothing follows the end");
                return true;
            }
            BrotliResult::NeedsMoreInput if written < room.len() => return false,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => panic!("this is no brotli: {}", coded.escape_ascii()),
        }
    }
}

fn unzstd(coded: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(mut state) = DCtx::try_create() else { panic!("there is memory") };
    let mut input = InBuffer::around(coded);
    loop {
        out.reserve(ROOM);
        let (at, room) = (out.len(), out.capacity());
        let mut output = OutBuffer::around_pos(out, at);
        match state.decompress_stream(&mut output, &mut input) {
            Ok(0) => {
                assert_eq!(input.pos(), coded.len(), "nothing follows the end");
                return true;
            }
            Ok(_) if input.pos() == coded.len() && output.pos() < room => return false,
            Ok(_) => {}
            Err(code) => panic!("{}", zstd_safe::get_error_name(code)),
        }
    }
}

/// Room for decoded bytes.
const ROOM: usize = 16 * 1024;
