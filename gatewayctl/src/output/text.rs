//! Values as text: durations, timestamps, and what others wrote.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A duration that `humantime` reads back: `250ms`, `5s`, `90s`, `10m`, `24h`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if nanos == 0 {
        return match seconds {
            hours if hours >= 3600 && hours.is_multiple_of(3600) => format!("{}h", hours / 3600),
            minutes if minutes > 60 && minutes.is_multiple_of(60) => format!("{}m", minutes / 60),
            seconds => format!("{seconds}s"),
        };
    }
    let whole = u128::from(seconds);
    match nanos {
        nanos if nanos.is_multiple_of(1_000_000) => format!("{}ms", whole * 1_000 + u128::from(nanos / 1_000_000)),
        nanos if nanos.is_multiple_of(1_000) => format!("{}us", whole * 1_000_000 + u128::from(nanos / 1_000)),
        nanos => format!("{seconds}s {nanos}ns"),
    }
}

/// A protobuf duration as text; one that is none is shown as zero.
#[must_use]
pub fn wire_duration(wire: &prost_types::Duration) -> String {
    duration(Duration::try_from(*wire).unwrap_or_default())
}

/// A point in time by RFC 3339, in UTC, to the millisecond.
#[must_use]
pub fn timestamp(wire: &prost_types::Timestamp) -> String {
    let read = Timestamp::new(wire.seconds, wire.nanos).unwrap_or(Timestamp::UNIX_EPOCH);
    let nanos = SignedDuration::from_nanos(i64::from(read.subsec_nanosecond() % 1_000_000));
    format!("{:.3}", read.checked_sub(nanos).unwrap_or(read))
}

/// A number of bytes in the largest unit that leaves it at least 1.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.into_iter().find(|(unit, _)| count >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", count / unit, count % unit * 10 / unit),
        None => format!("{count} B"),
    }
}

/// A count with its noun: `1 service`, `3 services`.
#[must_use]
pub fn count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Counts of what is declared, with their nouns; of what there is none, nothing is said.
#[must_use]
pub fn declared(services: usize, routes: usize, consumers: usize) -> String {
    let counts = [(services, "service"), (routes, "route"), (consumers, "consumer")];
    let some: Vec<String> = counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, noun)| count(n, noun)).collect();
    match &*some {
        [] => count(0, "service"),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The text with control characters made visible, so that nobody's title steers the terminal.
#[must_use]
pub fn escape(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{bytes, declared, duration, escape, timestamp};

    #[test]
    fn durations_are_short() {
        for (given, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(250), "250ms"),
            (Duration::from_secs(5), "5s"),
            (Duration::from_secs(60), "60s"),
            (Duration::from_secs(90), "90s"),
            (Duration::from_secs(600), "10m"),
            (Duration::from_secs(86_400), "24h"),
            (Duration::from_millis(1_500), "1500ms"),
            (Duration::new(1, 1_000), "1000001us"),
            (Duration::new(1, 1), "1s 1ns"),
        ] {
            assert_eq!(duration(given), text);
        }
    }

    #[test]
    fn timestamps_are_rfc_3339() {
        let wire = |seconds, nanos| prost_types::Timestamp { seconds, nanos };
        assert_eq!(timestamp(&wire(1_700_000_000, 123_999_999)), "2023-11-14T22:13:20.123Z");
        assert_eq!(timestamp(&wire(i64::MAX, -5)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!([bytes(0), bytes(1023), bytes(1536), bytes(5 << 30)], ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
    }

    #[test]
    fn what_is_declared_is_counted_where_there_is_some() {
        let counts = [(0, 0, 0), (2, 0, 0), (0, 2, 0), (1, 1, 0), (0, 1, 1), (2, 1, 3)];
        let texts = counts.map(|(services, routes, consumers)| declared(services, routes, consumers));
        assert_eq!(texts[..3], ["0 services", "2 services", "2 routes"]);
        let several = ["1 service and 1 route", "1 route and 1 consumer", "2 services, 1 route and 3 consumers"];
        assert_eq!(texts[3..], several);
    }

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(escape("Grüße\t\u{1b}[31m"), "Grüße\\t\\u{1b}[31m");
    }

    proptest! {
        #[test]
        fn every_duration_reads_back(seconds in 0u64..100_000_000, nanos in 0u32..1_000_000_000) {
            let given = Duration::new(seconds, nanos);
            prop_assert_eq!(humantime::parse_duration(&duration(given)), Ok(given));
        }
    }
}
