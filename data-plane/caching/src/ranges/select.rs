//! What of a stored response a request wants.

use std::ops::Range;

use http::{Method, StatusCode};

use crate::{
    fields::{Fields, has, single},
    list::members,
    validation::{EntityTag, Validators},
};

/// What of a representation is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// All of it, as a 200 or whatever its status is.
    Whole,
    /// These bytes, as a 206 with [`super::ContentRange`]. Never empty.
    Part(Range<u64>),
    /// Nothing: a 416 with the length in its `Content-Range`.
    Unsatisfiable,
}

/// What a request wants of a stored 200 with this many bytes (RFC 9110 sections 13.1.5 and 14.2). Its
/// other conditions come before this ([`crate::validation::is_not_modified`]).
///
/// Several ranges are answered with the whole: the RFC allows it, and a client that asks for many small
/// ones cannot make an answer larger than the content. So is whatever is no range of bytes.
#[must_use]
pub fn select(
    method: &Method,
    request: &(impl Fields + ?Sized),
    status: StatusCode,
    stored: &Validators<'_>,
    length: u64,
) -> Selected {
    if *method != Method::GET || status != StatusCode::OK {
        return Selected::Whole;
    }
    Wanted::read(request, stored).map_or(Selected::Whole, |wanted| wanted.of(length))
}

/// Section 13.1.5: strong comparison in both forms.
fn is_current(condition: &[u8], stored: &Validators<'_>) -> bool {
    match EntityTag::parse(condition) {
        Some(tag) => stored.entity_tag.is_some_and(|own| own.matches_strongly(&tag)),
        None => stored.strong_date() == Some(condition),
    }
}

/// A single range, before the length is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    From(u64),
    /// Both included.
    Between(u64, u64),
    Last(u64),
}

impl Wanted {
    /// What a request wants, unless `If-Range` says that it wants something else by now.
    pub(super) fn read(request: &(impl Fields + ?Sized), stored: &Validators<'_>) -> Option<Self> {
        let wanted = single(request, "range").and_then(Self::parse)?;
        let is_current = |condition| is_current(condition, stored);
        (!has(request, "if-range") || single(request, "if-range").is_some_and(is_current)).then_some(wanted)
    }

    /// Reads `bytes=1-2`, `bytes=1-` or `bytes=-1`.
    fn parse(value: &[u8]) -> Option<Self> {
        let (unit, set) = value.split_at(value.iter().position(|byte| *byte == b'=')?);
        if !unit.eq_ignore_ascii_case(b"bytes") {
            return None;
        }
        let mut ranges = members(&set[1..]);
        let (only, None) = (ranges.next()?, ranges.next()) else { return None };
        let (first, last) = only.split_at(only.iter().position(|byte| *byte == b'-')?);
        match (first, &last[1..]) {
            (b"", last) => Some(Self::Last(position(last)?)),
            (first, b"") => Some(Self::From(position(first)?)),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    pub(super) fn of(self, length: u64) -> Selected {
        let (start, end) = match self {
            Self::From(first) => (first, length),
            Self::Between(first, last) => (first, last.saturating_add(1).min(length)),
            Self::Last(count) => (length.saturating_sub(count), length),
        };
        if start < end { Selected::Part(start..end) } else { Selected::Unsatisfiable }
    }
}

/// Digits alone. Positions that no content has are as good as each other.
pub(super) fn position(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    is_number.then(|| text.iter().fold(0, add))
}
