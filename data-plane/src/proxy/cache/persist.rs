//! Entries, as they are written to a disk.
//!
//! Little endian:
//!
//! | bytes | |
//! | --- | --- |
//! | 1 | the version of all of this: 1 |
//! | 29 | freshness, with whether it must be validated first |
//! | 8, 8, 2 | `Date` and when it was asked for, in milliseconds since 1970; the status |
//! | 8, 8, 8 | the bytes that it has, and how many there are; 0, 0, 0 if it has all |
//! | 4, 4 | how long the head is, and the names in `Vary` |
//! | | these names, the head, and what chooses it |

use gateway_cache_disk::Persist;
use gateway_caching::{FRESHNESS_LEN, Freshness, Time, ranges::ContentRange, vary::Vary};
use http::StatusCode;
use xxhash_rust::xxh3::Xxh3;

use super::entry::Entry;

const VERSION: u8 = 1;
/// Bytes before the names.
const FIXED: usize = 1 + FRESHNESS_LEN + 8 + 8 + 2 + 3 * 8 + 4 + 4;
/// Stands for a length that is not known; none is as large.
const UNKNOWN: u64 = u64::MAX;

impl Persist for Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { freshness, date, asked_at, status, head_len, vary, part, bytes } = self;
        let names = vary.names().collect::<Vec<_>>().join(",");
        let [start, end, length] = part.as_ref().map_or([0; 3], |part| {
            let ContentRange { bytes, length } = &**part;
            [bytes.start, bytes.end, length.unwrap_or(UNKNOWN)]
        });
        out.reserve(FIXED + names.len() + bytes.len());
        out.push(VERSION);
        out.extend(freshness.to_bytes());
        out.extend(date.millis().to_le_bytes());
        out.extend(asked_at.millis().to_le_bytes());
        out.extend(status.as_u16().to_le_bytes());
        for number in [start, end, length] {
            out.extend(number.to_le_bytes());
        }
        out.extend(head_len.to_le_bytes());
        // Heads have 256 KiB at the most.
        out.extend(u32::try_from(names.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(names.as_bytes());
        out.extend_from_slice(bytes);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [version] = array(&mut rest)?;
        if version != VERSION {
            return None;
        }
        let freshness = Freshness::from_bytes(&array(&mut rest)?)?;
        let mut time = || Some(Time::from_millis(i64::from_le_bytes(array(&mut rest)?)));
        let (date, asked_at) = (time()?, time()?);
        let status = StatusCode::from_u16(u16::from_le_bytes(array(&mut rest)?)).ok()?;
        let mut number = || array(&mut rest).map(u64::from_le_bytes);
        let part = part([number()?, number()?, number()?])?;
        let mut length = || array(&mut rest).map(u32::from_le_bytes);
        let (head_len, names) = (length()?, length()?);
        let (names, bytes) = rest.split_at_checked(names.try_into().ok()?)?;
        let vary = Vary::of(&[("vary", names)][..]).ok()?;
        let head = bytes.get(..head_len.try_into().ok()?)?;
        let is_head = head.starts_with(b"HTTP/1.") && head.ends_with(b"\r\n");
        is_head.then(|| Self { freshness, date, asked_at, status, head_len, vary, part, bytes: bytes.into() })
    }

    fn variant(&self) -> u64 {
        let mut hash = Xxh3::new();
        for name in self.vary.names() {
            hash.update(name.as_bytes());
            hash.update(b",");
        }
        hash.update(self.variant());
        hash.digest()
    }

    fn must_validate(mut self) -> Self {
        self.freshness.invalidate();
        self
    }
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*array)
}

/// Nothing where there is no such part.
fn part([start, end, length]: [u64; 3]) -> Option<Option<Box<ContentRange>>> {
    if [start, end, length] == [0; 3] {
        return Some(None);
    }
    let length = Some(length).filter(|length| *length != UNKNOWN);
    let is_part = start < end && length.is_none_or(|length| end <= length);
    is_part.then(|| Some(Box::new(ContentRange { bytes: start..end, length })))
}

#[cfg(test)]
mod tests;
