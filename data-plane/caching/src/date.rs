//! HTTP dates. httpdate does not do here: RFC 9111 section 4.2 wants dates read without regard to case,
//! and RFC 9110 section 5.6.7 wants the century of two-digit years to depend on the time.

use std::time::Duration;

use crate::time::Time;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const LONG_DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// Fifty years of the Gregorian calendar, on average.
const FIFTY_YEARS: Duration = Duration::from_secs(50 * 31_556_952);

/// Reads a date in one of the three formats of RFC 9110 section 5.6.7, without regard to case. A zone
/// other than GMT makes it none. `now` says which century a two-digit year is of: it is never more than
/// fifty years ahead.
#[must_use]
pub fn parse(value: &[u8], now: Time) -> Option<Time> {
    imf_fixdate(value).or_else(|| asctime(value)).or_else(|| rfc_850(value, now))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(value: &[u8]) -> Option<Time> {
    let mut rest = Cursor(value);
    rest.one_of(&DAYS)?;
    rest.literal(", ")?;
    let day = rest.number(2)?;
    rest.literal(" ")?;
    let month = rest.one_of(&MONTHS)?;
    rest.literal(" ")?;
    let year = rest.number(4)?;
    rest.literal(" ")?;
    let clock = rest.clock()?;
    rest.literal(" gmt")?;
    rest.end()?;
    moment(year, month, day, clock)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc_850(value: &[u8], now: Time) -> Option<Time> {
    let mut rest = Cursor(value);
    rest.one_of(&LONG_DAYS)?;
    rest.literal(", ")?;
    let day = rest.number(2)?;
    rest.literal("-")?;
    let month = rest.one_of(&MONTHS)?;
    rest.literal("-")?;
    let year = rest.number(2)?;
    rest.literal(" ")?;
    let clock = rest.clock()?;
    rest.literal(" gmt")?;
    rest.end()?;
    let latest = now.plus(FIFTY_YEARS);
    let this_year = 1970 + now.seconds().div_euclid(31_556_952);
    // One year more than there can be: the average year does not begin where the calendar's does.
    let limit = this_year.saturating_add(51).clamp(1, 9999);
    let year = limit - (limit - year).rem_euclid(100);
    moment(year, month, day, clock).filter(|time| *time <= latest).or_else(|| moment(year - 100, month, day, clock))
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(value: &[u8]) -> Option<Time> {
    let mut rest = Cursor(value);
    rest.one_of(&DAYS)?;
    rest.literal(" ")?;
    let month = rest.one_of(&MONTHS)?;
    rest.literal(" ")?;
    let day = if rest.literal(" ").is_some() { rest.number(1)? } else { rest.number(2)? };
    rest.literal(" ")?;
    let clock = rest.clock()?;
    rest.literal(" ")?;
    let year = rest.number(4)?;
    rest.end()?;
    moment(year, month, day, clock)
}

/// What is left to read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn literal(&mut self, lower: &str) -> Option<()> {
        let (head, tail) = self.0.split_at_checked(lower.len())?;
        head.eq_ignore_ascii_case(lower.as_bytes()).then(|| self.0 = tail)
    }

    fn one_of(&mut self, names: &[&str]) -> Option<i64> {
        (0..).zip(names).find_map(|(at, name)| self.literal(name).map(|()| at))
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, tail) = self.0.split_at_checked(digits)?;
        self.0 = tail;
        head.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    }

    /// Seconds since midnight.
    fn clock(&mut self) -> Option<i64> {
        let hour = self.number(2).filter(|hour| *hour < 24)?;
        self.literal(":")?;
        let minute = self.number(2).filter(|minute| *minute < 60)?;
        self.literal(":")?;
        // 60 is a leap second.
        let second = self.number(2).filter(|second| *second <= 60)?;
        Some((hour * 60 + minute) * 60 + second)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// `month` counts from 0, `day` from 1, `clock` from midnight.
fn moment(year: i64, month: i64, day: i64, clock: i64) -> Option<Time> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 => 28 + i64::from(leap),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    (1..=length).contains(&day).then(|| Time::from_seconds(days_since_1970(year, month, day) * 86_400 + clock))
}

/// In the Gregorian calendar. Years begin in March here, so that the leap day is a year's last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 2 { year - 1 } else { year };
    let day_of_year = ((month + 10) % 12 * 153 + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 22 November 2026, 12:00.
    const NOW: Time = Time::from_seconds(1_795_348_800);

    fn at(text: &str) -> Option<i64> {
        parse(text.as_bytes(), NOW).map(Time::seconds)
    }

    #[test]
    fn three_formats_mean_the_same_moment() {
        let formats = [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "SUN, 06 NOV 1994 08:49:37 gmt",
        ];
        for text in formats {
            assert_eq!(at(text), Some(784_111_777), "{text}");
        }
        assert_eq!(at("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(at("Wed, 31 Dec 1969 23:59:59 GMT"), Some(-1));
        assert_eq!(at("Thu, 29 Feb 2024 23:59:60 GMT"), Some(1_709_251_200));
        assert_eq!(at("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
    }

    #[test]
    fn what_is_not_quite_a_date_is_none() {
        let none = [
            "",
            "0",
            "-1",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 2050 02:01:18",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 18 Aug 2050 24:00:00 GMT",
            "Thu, 18 Aug 2050 02:60:18 GMT",
            "Thu, 18 Aug 2050 02:01:61 GMT",
            "Fri, 31 Apr 2026 02:01:18 GMT",
            "Thu, 31 Sep 2026 02:01:18 GMT",
            "Sun, 29 Feb 2026 02:01:18 GMT",
            "Thu, 30 Feb 2050 02:01:18 GMT",
            "Thu, 29 Feb 2100 02:01:18 GMT",
            "Thu, 00 Aug 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
            "1796039999",
        ];
        for text in none {
            assert_eq!(at(text), None, "{text}");
        }
    }

    /// RFC 9110 section 5.6.7.
    #[test]
    fn two_digit_years_are_at_most_fifty_years_ahead() {
        let of = |text: &str| at(text).map(|seconds| 1970 + seconds.div_euclid(31_556_952));
        assert_eq!(of("Monday, 15-Jun-76 08:49:37 GMT"), Some(2076));
        assert_eq!(of("Tuesday, 15-Dec-76 08:49:37 GMT"), Some(1976));
        assert_eq!(of("Tuesday, 15-Jun-77 08:49:37 GMT"), Some(1977));
        assert_eq!(of("Tuesday, 15-Jun-26 08:49:37 GMT"), Some(2026));
    }

    proptest! {
        #[test]
        fn httpdate_agrees(seconds in 0_i64..253_402_300_800) {
            let time = std::time::UNIX_EPOCH + Duration::from_secs(seconds as u64);
            prop_assert_eq!(at(&httpdate::fmt_http_date(time)), Some(seconds));
        }

        #[test]
        fn any_bytes_are_a_date_or_none(bytes: Vec<u8>, now: i64) {
            let _ = parse(&bytes, Time::from_millis(now));
        }

        #[test]
        fn any_moment_can_be_now(now: i64, year in 0_u8..100) {
            let _ = parse(format!("Friday, 29-Feb-{year:02} 00:00:00 GMT").as_bytes(), Time::from_millis(now));
        }
    }
}
