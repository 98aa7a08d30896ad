//! Any bytes as a chunked body, in pieces.

use super::{
    Verdict,
    cuts::{self, Cuts},
    reference::{self, End},
};
use crate::http1::chunked::{ChunkError, Decoder, Piece, encode};

/// The first line of `input` says how the rest of it is cut into pieces, as in `cuts`.
///
/// # Panics
/// When the decoder does not read what a slow reader reads, or what it read is not the same once it
/// is encoded again.
pub fn chunked(input: &[u8]) -> Verdict {
    let (cuts, bytes) = cuts::split(input);
    let (pieces, end) = decode(bytes, Cuts::new(cuts));
    let meant = reference::chunks(bytes);
    assert_eq!(pieces.concat(), meant.content, "the content differs");
    match (end, &meant.end) {
        (Ok(Some((trailers, rest))), End::Whole(..)) => {
            assert_eq!(End::Whole(&trailers, rest), meant.end);
            assert_eq!(reference::chunks(&encoded(&pieces, &trailers)).content, meant.content);
            Verdict::Passed
        }
        (Ok(None), End::Open) => Verdict::Cut,
        (Err(_), End::Malformed) => Verdict::Refused,
        (end, meant) => panic!("read as {end:?}, and it is {meant:?}"),
    }
}

/// The trailers, and what follows the body; nothing while the body goes on.
type Ended<'b> = Option<(Vec<u8>, &'b [u8])>;

fn decode<'b>(bytes: &'b [u8], mut cuts: Cuts<'_>) -> (Vec<&'b [u8]>, Result<Ended<'b>, ChunkError>) {
    let mut decoder = Decoder::new();
    let mut pieces = Vec::new();
    let (mut at, mut here) = (0, 0);
    loop {
        let piece = match decoder.advance(&bytes[at..here]) {
            Ok((framing, piece)) => {
                at += framing;
                piece
            }
            Err(err) => return (pieces, Err(err)),
        };
        match piece {
            Piece::Data(length) => {
                assert!(length > 0, "a piece of nothing");
                pieces.push(&bytes[at..at + length]);
                at += length;
            }
            Piece::End => return (pieces, Ok(Some((decoder.take_trailers(), &bytes[at..])))),
            Piece::More if here == bytes.len() => return (pieces, Ok(None)),
            Piece::More => here += cuts.next(bytes.len() - here),
        }
    }
}

fn encoded(pieces: &[&[u8]], trailers: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    pieces.iter().for_each(|piece| encode(&mut wire, piece));
    [&wire, b"0\r\n".as_slice(), trailers, b"\r\n"].concat()
}
