//! Which bytes of a representation are there (RFC 9111 sections 3.3 and 3.4).

use std::ops::Range;

use super::{ContentRange, Selected, select::Wanted};
use crate::{fields::Fields, validation::Validators};

/// The most pieces, with gaps between them, that are kept of one representation.
pub const MAX_PIECES: usize = 16;

/// The pieces of one representation that are stored. They may be put together only if they are of the
/// same content ([`crate::validation::Validators::is_same_content`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// In order, with gaps between them.
    pieces: Vec<Range<u64>>,
    length: Option<u64>,
}

/// A piece that cannot be of the same representation, or that would be one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAdded;

impl Held {
    /// Notes that these bytes are there, too.
    ///
    /// # Errors
    /// If the lengths differ, if bytes lie behind the end, or beyond [`MAX_PIECES`]. Nothing has changed
    /// then.
    pub fn add(&mut self, part: &ContentRange) -> Result<(), NotAdded> {
        let ContentRange { bytes, length } = part;
        let length = match (self.length, *length) {
            (Some(known), Some(new)) if known != new => return Err(NotAdded),
            (known, new) => known.or(new),
        };
        let pieces = merged(&self.pieces, bytes);
        let end = pieces.last().map_or(0, |last| last.end);
        if pieces.len() > MAX_PIECES || length.is_some_and(|length| end > length) {
            return Err(NotAdded);
        }
        (self.pieces, self.length) = (pieces, length);
        Ok(())
    }

    /// Whether all bytes are there, so that the response is complete.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.length.is_some_and(|length| length == 0 || self.has(&(0..length)))
    }

    /// How many bytes the representation has, if that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether all of these bytes are there.
    #[must_use]
    pub fn has(&self, wanted: &Range<u64>) -> bool {
        self.pieces.iter().any(|piece| piece.start <= wanted.start && wanted.end <= piece.end)
    }

    /// The bytes of these that are not there, in order: what is to be asked for to answer a request.
    #[must_use]
    pub fn missing(&self, wanted: &Range<u64>) -> Vec<Range<u64>> {
        let mut missing = Vec::new();
        let mut at = wanted.start;
        for piece in self.pieces.iter().filter(|piece| piece.end > wanted.start && piece.start < wanted.end) {
            if piece.start > at {
                missing.push(at..piece.start);
            }
            at = piece.end;
        }
        if at < wanted.end {
            missing.push(at..wanted.end);
        }
        missing
    }

    /// The bytes that a request wants with `Range`, if they are all there: an incomplete response answers
    /// nothing else (RFC 9111 section 3.3). Its other conditions come before this.
    #[must_use]
    pub fn serves(&self, request: &(impl Fields + ?Sized), stored: &Validators<'_>) -> Option<Range<u64>> {
        let wanted = Wanted::read(request, stored)?;
        // Without a length, only a range with both ends is certain, if it is all there.
        let bytes = match (self.length, wanted) {
            (Some(length), wanted) => match wanted.of(length) {
                Selected::Part(bytes) => bytes,
                Selected::Whole | Selected::Unsatisfiable => return None,
            },
            (None, Wanted::Between(first, last)) => first..last.checked_add(1)?,
            (None, Wanted::From(_) | Wanted::Last(_)) => return None,
        };
        self.has(&bytes).then_some(bytes)
    }
}

/// The pieces and one more; those that touch become one.
fn merged(pieces: &[Range<u64>], new: &Range<u64>) -> Vec<Range<u64>> {
    let touches = |piece: &&Range<u64>| piece.start <= new.end && new.start <= piece.end;
    let whole = pieces
        .iter()
        .filter(touches)
        .fold(new.clone(), |whole, piece| whole.start.min(piece.start)..whole.end.max(piece.end));
    let before = pieces.iter().filter(|piece| piece.end < new.start).cloned();
    let behind = pieces.iter().filter(|piece| piece.start > new.end).cloned();
    before.chain([whole]).chain(behind).collect()
}
