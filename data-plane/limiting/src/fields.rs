//! What a client is told: `Retry-After` (RFC 9110 section 10.2.3), and `RateLimit-Policy` and `RateLimit` of
//! draft-ietf-httpapi-ratelimit-headers-11 (May 2026), sections 3 and 4, as lists of structured fields (RFC
//! 9651). Partition keys (`pk`) are not sent: they would tell what a client is recognised by.

use std::time::Duration;

use crate::rate::Standing;

/// What a quota is measured in (section 3.1.2 of the draft).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Requests; what is meant where nothing is said.
    Requests,
    /// Bytes of content.
    ContentBytes,
    /// Requests at once.
    ConcurrentRequests,
}

/// A limit as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advert<'a> {
    /// What it is called.
    pub name: &'a str,
    /// How many units there are.
    pub quota: u64,
    /// Of what.
    pub unit: Unit,
    /// In which period, where there is one.
    pub window: Option<Duration>,
    /// How much is left.
    pub standing: Standing,
}

/// RFC 9651 section 3.3.1: integers have fifteen digits.
const MAX_INTEGER: u64 = 999_999_999_999_999;

const NANOS: u64 = 1_000_000_000;

/// Writes the value of `RateLimit-Policy`. A window that is not of whole seconds is not told: the draft has
/// no smaller ones.
pub fn write_policies(out: &mut Vec<u8>, adverts: &[Advert<'_>]) {
    for (at, advert) in adverts.iter().enumerate() {
        write_name(out, at, advert.name);
        put(out, b";q=", advert.quota);
        match advert.unit {
            Unit::Requests => {}
            Unit::ContentBytes => out.extend_from_slice(b";qu=\"content-bytes\""),
            Unit::ConcurrentRequests => out.extend_from_slice(b";qu=\"concurrent-requests\""),
        }
        if let Some(window) = advert.window.filter(|window| window.subsec_nanos() == 0 && !window.is_zero()) {
            put(out, b";w=", window.as_secs());
        }
    }
}

/// Writes the value of `RateLimit`: how many units are left, and in how many seconds there is one more.
pub fn write_limits(out: &mut Vec<u8>, adverts: &[Advert<'_>]) {
    for (at, advert) in adverts.iter().enumerate() {
        write_name(out, at, advert.name);
        let Standing { remaining, next } = advert.standing;
        put(out, b";r=", remaining);
        if let Some(next) = next {
            put(out, b";t=", next.div_ceil(NANOS));
        }
    }
}

/// The value of `Retry-After` for a wait in nanoseconds: whole seconds, never early, and never 0.
#[must_use]
pub const fn retry_after(wait: u64) -> u64 {
    let seconds = wait.div_ceil(NANOS);
    if seconds == 0 { 1 } else { seconds }
}

/// A name is a string (RFC 9651 section 3.3.3): printable ASCII.
fn write_name(out: &mut Vec<u8>, at: usize, name: &str) {
    if at > 0 {
        out.extend_from_slice(b", ");
    }
    out.push(b'"');
    for byte in name.bytes().filter(|byte| (b' '..=b'~').contains(byte)) {
        if byte == b'"' || byte == b'\\' {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Writes a parameter. Requests wait for this, so it goes without the machinery of `format!`.
fn put(out: &mut Vec<u8>, name: &[u8], number: u64) {
    out.extend_from_slice(name);
    let mut digits = [b'0'; 15];
    let (mut rest, mut first) = (number.min(MAX_INTEGER), digits.len());
    loop {
        first -= 1;
        digits[first] += (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}
