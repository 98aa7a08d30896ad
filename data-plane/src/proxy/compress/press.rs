//! A body on its way through an encoder, and how many there may be.

use std::{cell::Cell, rc::Rc};

use gateway_routing::route::CompressionAlgorithm;

use super::encoder::{Encoder, EncoderFailed, Upto};
use crate::{http1::chunked, proxy::relay::Encode, worker::buffer};

/// Content that is compressed before others have their turn: half a millisecond of work, and never two.
pub(crate) const SLICE: usize = 32 * 1024;

/// Responses that a worker compresses at once. What comes beyond passes as it is, so that clients who
/// read slowly do not cost more than 256 MiB.
const MAX_AT_ONCE: u32 = 128;

/// How many responses a worker compresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presses(Rc<Cell<u32>>);

/// One of the places that there are.
#[derive(Debug)]
struct Place(Presses);

impl Presses {
    /// For content of this length, where it is known; `None` where there is no place or memory for it.
    pub(crate) fn take(&self, algorithm: CompressionAlgorithm, length: Option<u64>) -> Option<Press> {
        let place = self.place()?;
        let encoder = Encoder::new(algorithm, length)?;
        Some(Press { encoder, pressed: 0, is_behind: false, staged: Vec::new(), _place: place })
    }

    fn place(&self) -> Option<Place> {
        let taken = self.0.get();
        (taken < MAX_AT_ONCE).then(|| {
            self.0.set(taken + 1);
            Place(self.clone())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self(Presses(taken)) = self;
        taken.set(taken.get() - 1);
    }
}

/// A body on its way through an encoder.
#[derive(Debug)]
pub(crate) struct Press {
    encoder: Encoder,
    /// Bytes of content that went in.
    pub pressed: u64,
    /// Whether something that went in has not come out.
    is_behind: bool,
    /// What came out, before it is framed.
    staged: Vec<u8>,
    _place: Place,
}

impl Press {
    /// Takes all of `content`; what comes of it goes to `out`.
    pub(crate) fn push(&mut self, content: &[u8], encode: Encode, out: &mut Vec<u8>) -> Result<(), EncoderFailed> {
        self.pressed += content.len() as u64;
        self.is_behind |= !content.is_empty();
        self.run(content, Upto::Ready, encode, out)
    }

    /// Gives out whatever went in: who waits for more must not wait for this. False if there is nothing.
    pub(crate) fn flush(&mut self, encode: Encode, out: &mut Vec<u8>) -> Result<bool, EncoderFailed> {
        if !self.is_behind {
            buffer::recycle(&mut self.staged);
            return Ok(false);
        }
        self.is_behind = false;
        self.run(&[], Upto::Now, encode, out)?;
        Ok(true)
    }

    /// Gives out the end.
    pub(crate) fn finish(&mut self, encode: Encode, out: &mut Vec<u8>) -> Result<(), EncoderFailed> {
        self.run(&[], Upto::End, encode, out)
    }

    fn run(&mut self, content: &[u8], upto: Upto, encode: Encode, out: &mut Vec<u8>) -> Result<(), EncoderFailed> {
        match encode {
            Encode::Plain => self.encoder.press(content, upto, out),
            Encode::Chunked => {
                self.staged.clear();
                self.encoder.press(content, upto, &mut self.staged)?;
                chunked::encode(out, &self.staged);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_routing::route::CompressionAlgorithm;

    use super::{MAX_AT_ONCE, Presses};

    #[test]
    fn there_are_so_many_places_and_they_come_back() {
        let presses = Presses::default();
        let take = || presses.take(CompressionAlgorithm::Gzip, None);
        let taken: Vec<_> = (0..MAX_AT_ONCE).map(|_| take().unwrap()).collect();
        assert!(take().is_none());
        drop(taken);
        assert!(take().is_some());
    }
}
