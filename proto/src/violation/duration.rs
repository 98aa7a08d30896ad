//! Reading durations.

use std::{ops::RangeInclusive, time::Duration};

use super::{Path, Violations};

/// A duration in a range; `None` if it is absent or refused.
pub fn duration(
    wire: Option<prost_types::Duration>,
    range: &RangeInclusive<Duration>,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<Duration> {
    let prost_types::Duration { seconds, nanos } = wire?;
    let (low, high) = (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
    // google.protobuf.Duration: less than a second of nanoseconds, and of the same sign.
    let same_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
    if !(-999_999_999..=999_999_999).contains(&nanos) || !same_sign {
        let message = format_args!("{seconds} s and {nanos} ns is no duration; use {low} to {high}");
        violations.add(path, message);
        return None;
    }
    if seconds < 0 || nanos < 0 {
        violations.add(path, format_args!("is negative; use {low} to {high}"));
        return None;
    }
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    let duration = Duration::new(seconds, nanos.unsigned_abs());
    if !range.contains(&duration) {
        let size = if duration < *range.start() { "short" } else { "long" };
        violations.add(path, format_args!("is too {size}; use {low} to {high}"));
        return None;
    }
    Some(duration)
}
