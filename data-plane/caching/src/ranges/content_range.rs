//! `Content-Range` (RFC 9110 section 14.4).

use std::{fmt, ops::Range};

use super::select::position;
use crate::fields::{Fields, single};

/// Which bytes of a representation a message has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentRange {
    /// The bytes: never none.
    pub bytes: Range<u64>,
    /// How many the representation has, if the sender knew.
    pub length: Option<u64>,
}

impl ContentRange {
    /// Of a 206 with a single part: `bytes 0-4/10` or `bytes 0-4/*`.
    #[must_use]
    pub fn of(response: &(impl Fields + ?Sized)) -> Option<Self> {
        Self::parse(single(response, "content-range")?)
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let (unit, range) = value.split_at_checked(6)?;
        let (bytes, length) = cut(range, b'/')?;
        let (first, last) = cut(bytes, b'-')?;
        let (first, last) = (position(first)?, position(last)?);
        let length = if length == b"*" { None } else { Some(position(length)?) };
        // The largest number stands for all that are larger, and is no place of anything.
        let is_valid = unit.eq_ignore_ascii_case(b"bytes ")
            && first <= last
            && last < u64::MAX
            && length.is_none_or(|length| last < length && length < u64::MAX);
        is_valid.then(|| Self { bytes: first..last + 1, length })
    }
}

fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|byte| *byte == at)?;
    Some((&text[..place], &text[place + 1..]))
}

/// As a 206 has it. A 416 has `bytes */` and the length.
impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, length } = self;
        write!(f, "bytes {}-{}/", bytes.start, bytes.end.saturating_sub(1))?;
        match length {
            Some(length) => write!(f, "{length}"),
            None => f.write_str("*"),
        }
    }
}
