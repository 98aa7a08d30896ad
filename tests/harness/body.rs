//! Large bodies, made and checked piece by piece, so that a test holds none of them whole.

use std::{
    convert::Infallible,
    fmt,
    hash::{DefaultHasher, Hasher},
};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame};

use super::eventually::within;

/// The size of one piece.
const PIECE: usize = 64 * 1024;

/// The pieces of a body of which no two are alike.
#[derive(Debug, Clone)]
pub struct Pattern {
    at: usize,
    length: usize,
}

impl Pattern {
    /// A body of this many bytes.
    pub const fn new(length: usize) -> Self {
        Self { at: 0, length }
    }

    /// The checksum of all of it.
    pub fn checksum(self) -> String {
        let mut checksum = Checksum::default();
        self.for_each(|piece| checksum.add(&piece));
        checksum.to_string()
    }
}

impl Iterator for Pattern {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = vec![b'.'; PIECE.min(self.length - self.at)];
        for (number, line) in piece.chunks_exact_mut(64).enumerate() {
            line[..8].copy_from_slice(&(self.at + 64 * number).to_le_bytes());
        }
        self.at += piece.len();
        (!piece.is_empty()).then_some(piece)
    }
}

/// A request's body of these pieces.
pub fn outgoing(
    pieces: impl Iterator<Item = Vec<u8>> + Send + 'static,
) -> impl Body<Data = Bytes, Error = Infallible> + Send + 'static {
    StreamBody::new(tokio_stream::iter(pieces.map(|piece| Ok(Frame::data(piece.into())))))
}

/// Length and checksum of the bytes that came by.
#[derive(Debug, Default)]
pub struct Checksum {
    length: usize,
    hasher: DefaultHasher,
}

impl Checksum {
    /// The next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        self.hasher.write(bytes);
    }

    /// Of a body that has to be whole.
    pub async fn of(mut body: impl Body<Data = Bytes, Error: fmt::Debug> + Unpin) -> String {
        let mut checksum = Self::default();
        while let Some(frame) = within("a piece of the body", body.frame()).await {
            if let Some(data) = frame.expect("the body is whole").data_ref() {
                checksum.add(data);
            }
        }
        checksum.to_string()
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:016x}", self.length, self.hasher.finish())
    }
}
