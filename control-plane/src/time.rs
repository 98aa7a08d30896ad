//! Times as they are sent, and how long what somebody is known by may last.

use std::{ops::RangeInclusive, time::Duration};

use jiff::Timestamp;

/// How long a token or a key may be valid: a minute to ten years.
pub(crate) const LIFETIME: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(315_576_000);

/// A time as it is sent.
pub(crate) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}
