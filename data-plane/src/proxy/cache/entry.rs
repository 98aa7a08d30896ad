//! A response as it is stored: one run of bytes, and what decides about it in numbers.

use std::{
    ops::Range,
    time::{Duration, UNIX_EPOCH},
};

use gateway_cache_store::Metadata;
use gateway_caching::{
    Fields, Freshness, Storable, Time, ranges::ContentRange, surrogate, validation::Validators, vary::Vary,
};
use http::StatusCode;

use super::{fields::AsCame, shown::is_of_extent};
use crate::http1::{
    field::{Name, elements},
    head::ResponseHead,
};

/// The head of a stored response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub freshness: Freshness,
    /// Its `Date`, or when it came.
    pub date: Time,
    /// When the endpoint was asked for it, or about it, last.
    pub asked_at: Time,
    pub status: StatusCode,
    pub(super) head_len: u32,
    pub vary: Vary,
    /// Which bytes the body has, where these are not all.
    pub part: Option<Box<ContentRange>>,
    /// The head without its empty line, and behind it what chooses this response among those of its key.
    pub(super) bytes: Box<[u8]>,
}

/// What an entry is made of, beside its fields.
pub(super) struct Made {
    pub freshness: Freshness,
    pub date: Time,
    pub asked_at: Time,
    pub status: StatusCode,
    pub vary: Vary,
    pub part: Option<Box<ContentRange>>,
    /// What of the request chooses it.
    pub variant: Vec<u8>,
}

impl Entry {
    /// What is stored of a response that has come.
    pub(super) fn of(
        storable: &Storable<'_, AsCame<'_>>,
        response: &ResponseHead,
        bytes: &[u8],
        asked_at: Time,
        variant: Vec<u8>,
    ) -> Self {
        let kept = response.fields.iter().filter(|field| {
            // The gateway has its own.
            field.name != Name::XRequestId && !field.name.is_hop_by_hop() && storable.keeps(field.name_bytes(bytes))
        });
        let lines = kept.map(|field| (field.name_bytes(bytes), field.value(bytes)));
        let version: &[u8] = match response.version {
            crate::http1::head::Version::Http10 => b"HTTP/1.0 ",
            crate::http1::head::Version::Http11 => b"HTTP/1.1 ",
        };
        let first = [version, response.status.as_str().as_bytes(), b" ", &bytes[response.reason.clone()]].concat();
        let made = Made {
            freshness: storable.freshness,
            date: storable.dated.date,
            asked_at,
            status: response.status,
            vary: storable.vary.clone(),
            part: storable.range.clone().map(Box::new),
            variant,
        };
        Self::made(&first, lines, made)
    }

    /// With these fields behind this first line.
    pub(super) fn made<'a>(
        first: &[u8],
        lines: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        Made { freshness, date, asked_at, status, vary, part, variant }: Made,
    ) -> Self {
        let mut bytes = first.to_vec();
        bytes.extend_from_slice(b"\r\n");
        let mut has_date = false;
        for (name, value) in lines {
            has_date |= name.eq_ignore_ascii_case(b"date");
            write_line(&mut bytes, name, value);
        }
        if !has_date {
            // RFC 9110 section 6.6.1.
            write_line(&mut bytes, b"Date", http_date(date).as_bytes());
        }
        // Heads have 256 KiB at the most.
        let head_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&variant);
        Self { freshness, date, asked_at, status, head_len, vary, part, bytes: bytes.into() }
    }

    /// The first line, and the fields, each with its CR LF.
    pub(super) fn head(&self) -> &[u8] {
        &self.bytes[..self.head_len as usize]
    }

    /// The first line, and what is behind it.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        let head = self.head();
        let end = memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1);
        head.split_at(end)
    }

    /// What of a request chooses it.
    pub(super) fn variant(&self) -> &[u8] {
        &self.bytes[self.head_len as usize..]
    }

    /// The lines of the response that were not stored with it: those that `private` and `no-cache` name are
    /// for the client alone whose request it was made for (RFC 9111 sections 5.2.2.4 and 5.2.2.7).
    pub(super) fn left_out(&self, response: &ResponseHead, bytes: &[u8]) -> Vec<u8> {
        let mut lines = Vec::new();
        let of_the_hop = |name: &[u8]| {
            let mut nominated = response.fields.values(bytes, Name::Connection).flat_map(elements);
            nominated.any(|option| option.eq_ignore_ascii_case(name))
        };
        for field in response.fields.iter() {
            let name = field.name_bytes(bytes);
            let is_own = field.name == Name::XRequestId || field.name.is_hop_by_hop();
            if !is_own && !of_the_hop(name) && !self.lines().any(|(kept, _)| kept.eq_ignore_ascii_case(name)) {
                write_line(&mut lines, name, field.value(bytes));
            }
        }
        lines
    }

    /// How long its body is, as it says itself.
    pub(super) fn length(&self) -> Option<u64> {
        str::from_utf8(self.values("content-length").next()?).ok()?.parse().ok()
    }

    /// The same, stale from now on.
    pub(super) fn expired(&self, now: Time) -> Self {
        let Self { mut freshness, date, asked_at, status, head_len, ref vary, ref part, ref bytes } = *self;
        freshness.expire(now);
        let (vary, part, bytes) = (vary.clone(), part.clone(), bytes.clone());
        Self { freshness, date, asked_at, status, head_len, vary, part, bytes }
    }

    /// It has other bytes than its head says; where these are all, it is a 200.
    pub(super) fn become_part(&mut self, part: ContentRange) {
        let is_whole = part.length == Some(part.bytes.end) && part.bytes.start == 0;
        if !is_whole {
            self.part = Some(Box::new(part));
            return;
        }
        let (_, lines) = self.parts();
        let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
        for (line, _, _) in field_lines(lines).filter(|(_, name, _)| !is_of_extent(name)) {
            bytes.extend_from_slice(line);
        }
        write_line(&mut bytes, b"Content-Length", part.bytes.end.to_string().as_bytes());
        let head_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(self.variant());
        (self.status, self.part, self.head_len, self.bytes) = (StatusCode::OK, None, head_len, bytes.into());
    }

    /// Whether bytes of both may be put together.
    pub(super) fn is_same_content(&self, other: &Self) -> bool {
        self.validators().is_same_content(&other.validators())
    }

    pub(super) fn validators(&self) -> Validators<'_> {
        Validators::of(self, self.date)
    }
}

impl Fields for Entry {
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        field_lines(self.parts().1).map(|(_, name, value)| (name, value))
    }
}

impl Metadata for Entry {
    fn weight(&self) -> usize {
        let names = self.vary.names().map(|name| name.len() + 1).sum::<usize>();
        self.bytes.len() + names + self.part.as_ref().map_or(0, |part| size_of_val(&**part))
    }

    fn replaces(&self, older: &Self) -> bool {
        let is_for_the_same = self.vary == older.vary && self.variant() == older.variant();
        is_for_the_same
            && match (&self.part, &older.part) {
                (None, _) => true,
                // What is whole may still do when the part does not.
                (Some(_), None) => false,
                (Some(own), Some(old)) => covers(&own.bytes, &old.bytes) || !self.is_same_content(older),
            }
    }

    fn is_particular(&self) -> bool {
        !self.vary.is_empty()
    }

    fn tags(&self) -> impl Iterator<Item = &[u8]> {
        // Responses with too many are not stored.
        surrogate::tags(self).into_iter().flatten()
    }
}

fn covers(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start <= other.start && other.end <= one.end
}

/// Each line as it stands, with its name and its value.
pub(super) fn field_lines(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], &[u8])> {
    lines.split_inclusive(|byte| *byte == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((line, &line[..colon], line[colon + 1..].trim_ascii()))
    })
}

pub(super) fn write_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for piece in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(piece);
    }
}

/// Times before 1970 are none that a clock tells.
fn http_date(time: Time) -> String {
    let seconds = u64::try_from(time.seconds()).unwrap_or_default();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::Entry;

    /// A million of them have to be small; `million.rs` of the store measures with something as large.
    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 112, "{}", size_of::<Entry>());
    }
}
