//! Moments and spans of time, as arguments: nothing in this crate reads a clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds that stand for "forever", and the most that any field can say (RFC 9111 section 1.2.2).
pub const FOREVER: Duration = Duration::from_secs(1 << 31);

/// A moment, in milliseconds since 1970 (UTC); negative before. Arithmetic stops at the ends of the
/// range instead of overflowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since 1970.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long after `earlier` this is; zero if it is before it, as when a clock was set back.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(0).plus(since),
            Err(before) => Self(0).minus(before.duration()),
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Reads `delta-seconds` (RFC 9111 section 1.2.2): digits alone. Numbers beyond [`FOREVER`] are it.
pub(crate) fn delta_seconds(text: &[u8]) -> Option<Duration> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = text.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(Duration::from_secs(seconds).min(FOREVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_digits_alone_and_never_more_than_forever() {
        for (text, seconds) in [("0", 0), ("003600", 3600), ("2147483647", (1 << 31) - 1), ("2147483648", 1 << 31)] {
            assert_eq!(delta_seconds(text.as_bytes()), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["2147483649", "99999999999999999999999999999999"] {
            assert_eq!(delta_seconds(text.as_bytes()), Some(FOREVER), "{text}");
        }
        for text in ["", "-1", "+1", "1.0", "0x1", " 1", "1 ", "'1'", "1s"] {
            assert_eq!(delta_seconds(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_negative_span() {
        let (early, late) = (Time::from_seconds(10), Time::from_seconds(12));
        assert_eq!(late.since(early), Duration::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
        let (first, last) = (Time::from_millis(i64::MIN), Time::from_millis(i64::MAX));
        assert_eq!((first.minus(FOREVER), last.plus(Duration::MAX)), (first, last));
        assert_eq!(last.since(first), Duration::from_millis(i64::MAX as u64));
    }
}
