//! What of a stored response a request gets, and the head that says so: as if an endpoint had sent it,
//! so that everything behind this treats it as any other answer.

use std::ops::Range;

use gateway_caching::{
    Fields, Time,
    ranges::{ContentRange, Selected, select},
    validation::{is_not_modified, is_on_304},
};
use http::StatusCode;

use super::{
    entry::{Entry, field_lines, write_line},
    parts,
    wanted::Wanted,
};
use crate::{
    error::ProxyError,
    http1::{
        framing::Framing,
        head::{MAX_FIELDS, ResponseHead},
    },
};

/// What of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Whole,
    /// These bytes.
    Part(ContentRange),
    /// Nothing: the client has it.
    NotModified,
    /// Nothing: there are only so many bytes.
    Unsatisfiable(u64),
}

impl Shown {
    /// What of a response with this many bytes, where that is known.
    pub(super) fn of(wanted: &Wanted<'_>, entry: &Entry, length: Option<u64>) -> Self {
        let (method, request) = (&wanted.request.head.method, wanted.fields());
        let validators = entry.validators();
        if is_not_modified(method, &request, entry.status, &validators, entry.date) {
            return Self::NotModified;
        }
        if let Some(part) = &entry.part {
            // It was chosen for having what is wanted.
            let bytes = parts::held(part).serves(&request, &validators).unwrap_or_default();
            return Self::Part(ContentRange { bytes, length: part.length });
        }
        let Some(length) = length else { return Self::Whole };
        match select(method, &request, entry.status, &validators, length) {
            Selected::Whole => Self::Whole,
            Selected::Part(bytes) => Self::Part(ContentRange { bytes, length: Some(length) }),
            Selected::Unsatisfiable => Self::Unsatisfiable(length),
        }
    }

    /// The bytes of what is there that are sent; with an end that is not known, all of them.
    pub(super) fn bytes(&self, entry: &Entry) -> Range<u64> {
        match self {
            Self::Whole => 0..u64::MAX,
            Self::Part(part) => {
                let first = entry.part.as_ref().map_or(0, |part| part.bytes.start);
                part.bytes.start.saturating_sub(first)..part.bytes.end.saturating_sub(first)
            }
            Self::NotModified | Self::Unsatisfiable(_) => 0..0,
        }
    }

    /// Writes the head as an endpoint would send it.
    pub(super) fn write(&self, entry: &Entry, length: Option<u64>, now: Time, out: &mut Vec<u8>) {
        let (first, lines) = entry.parts();
        let has_length = entry.values("content-length").next().is_some();
        match self {
            Self::Whole => {
                out.extend_from_slice(first);
                out.extend_from_slice(lines);
                let may_have_length = !matches!(entry.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
                if let Some(length) = length.filter(|_| !has_length && may_have_length) {
                    write_number(out, b"Content-Length", length);
                }
            }
            Self::Part(part) => {
                out.extend_from_slice(b"HTTP/1.1 206 Partial Content\r\n");
                copy(out, lines, |name| !is_of_extent(name));
                write_line(out, b"Content-Range", part.to_string().as_bytes());
                write_number(out, b"Content-Length", part.bytes.end - part.bytes.start);
            }
            Self::NotModified => {
                out.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\n");
                let validators = entry.validators();
                copy(out, lines, |name| is_on_304(name, &validators));
            }
            Self::Unsatisfiable(length) => {
                out.extend_from_slice(b"HTTP/1.1 416 Range Not Satisfiable\r\n");
                write_line(out, b"Content-Range", format!("bytes */{length}").as_bytes());
                write_number(out, b"Content-Length", 0);
            }
        }
        // RFC 9111 section 5.1.
        write_number(out, b"Age", entry.freshness.age(now).as_secs());
        out.extend_from_slice(b"\r\n");
    }

    /// How the body goes behind it.
    pub(super) fn framing(&self, entry: &Entry, length: Option<u64>) -> Framing {
        match self {
            Self::NotModified | Self::Unsatisfiable(_) => Framing::None,
            _ if entry.status == StatusCode::NO_CONTENT => Framing::None,
            Self::Part(part) => Framing::Length(part.bytes.end - part.bytes.start),
            Self::Whole => length.map_or(Framing::UntilClose, Framing::Length),
        }
    }
}

/// Reads a head that was written here.
pub(super) fn read(bytes: &[u8]) -> Result<ResponseHead, ProxyError> {
    let mut head = ResponseHead::default();
    head.parse(bytes, MAX_FIELDS).map_err(|_| ProxyError::UpstreamProtocol)?;
    Ok(head)
}

/// Whether a field tells how much of the content a message has.
pub(super) fn is_of_extent(name: &[u8]) -> bool {
    [&b"content-length"[..], b"content-range"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn copy(out: &mut Vec<u8>, lines: &[u8], keep: impl Fn(&[u8]) -> bool) {
    for (line, name, _) in field_lines(lines) {
        if keep(name) {
            out.extend_from_slice(line);
        }
    }
}

fn write_number(out: &mut Vec<u8>, name: &[u8], number: u64) {
    write_line(out, name, number.to_string().as_bytes());
}
