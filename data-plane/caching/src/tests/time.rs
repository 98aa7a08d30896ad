//! How old responses are, and how long they are fresh.

use super::*;
use crate::Dated;

type Lifetime = (&'static str, &'static str, u64);

/// Rule, response, and its lifetime in seconds under [`PLAIN`].
#[rustfmt::skip] // A case is a line.
const LIFETIMES: &[Lifetime] = &[
    ("9111 §4.2.1: s-maxage first", "Cache-Control: max-age=1, s-maxage=60 | Expires: @9", 60),
    ("9111 §4.2.1: s-maxage first", "Cache-Control: s-maxage=1, max-age=60", 1),
    ("9111 §4.2.1, §5.3: max-age, MUST ignore Expires", "Cache-Control: max-age=60 | Expires: @9 | Date: @0", 60),
    ("9111 §5.3: s-maxage, MUST ignore Expires", "Cache-Control: s-maxage=60 | Expires: 0", 60),
    ("9111 §4.2.1: Expires minus Date", "Expires: @60 | Date: @-40", 100),
    ("9111 §4.2.1: Expires minus when it came", "Expires: @60", 60),
    ("9111 §4.2.1: Expires minus when it came", "Expires: @60 | Date: yesterday", 60),
    ("9111 §4.2.1: Expires before Date", "Expires: @-60 | Date: @0", 0),
    ("9111 §5.3: MUST read \"0\" as past", "Expires: 0", 0),
    ("9111 §5.3: MUST read invalid dates as past", "Expires: -1", 0),
    ("9111 §5.3: MUST read invalid dates as past", "Expires:", 0),
    ("9111 §4.2: SHOULD take GMT alone", "Expires: Sun, 22 Nov 2026 13:00:00 UTC", 0),
    ("9111 §4.2: SHOULD take GMT alone", "Expires: Sun, 22 Nov 2026 13:00:00 EST", 0),
    ("9111 §4.2: SHOULD match in any case", "Expires: sun, 22 nov 2026 13:00:00 gmt", 3600),
    ("9110 §5.6.7: MUST take three formats", "Expires: Sunday, 22-Nov-26 13:00:00 GMT", 3600),
    ("9110 §5.6.7: MUST take three formats", "Expires: Sun Nov 22 13:00:00 2026", 3600),
    ("9111 §4.2.1: two that differ are stale", "Expires: @60 | Expires: @61", 0),
    ("9111 §4.2.1: two that do not differ", "Expires: @60 | Expires: @60", 60),
    ("9111 §4.2.1: two that differ are stale", "Cache-Control: max-age=60, max-age=61", 0),
    ("9111 §4.2.1: two that differ are stale", "Cache-Control: max-age=60 | Cache-Control: max-age=1", 0),
    ("9111 §4.2.1: two that do not differ", "Cache-Control: max-age=60 | Cache-Control: MAX-AGE=\"060\"", 60),
    ("9111 §4.2.1: invalid is stale", "Cache-Control: max-age=x", 0),
    ("9111 §4.2.1: invalid is stale", "Cache-Control: max-age", 0),
    ("9111 §4.2.1: invalid is stale", "Cache-Control: max-age=", 0),
    ("9111 §4.2.1: invalid is stale", "Cache-Control: max-age=-60", 0),
    ("9111 §4.2.1: invalid is stale", "Cache-Control: max-age=60.0", 0),
    ("9111 §4.2.1: invalid is stale", "Cache-Control: max-age='60'", 0),
    ("9111 §4.2.1: invalid is stale", "Cache-Control: max-age=60s | Expires: @60", 0),
    ("9111 §4.2.1: invalid is stale", "Cache-Control: max-age = 60", 0),
    ("9111 §4.2.1: invalid is stale", "Cache-Control: max-age=60, s-maxage=x", 0),
    ("9111 §5.2: both forms", "Cache-Control: max-age=\"60\"", 60),
    ("9111 §5.2: quoted strings hold no directives", "Cache-Control: x=\"max-age=60\", max-age=1", 1),
    ("9111 §1.2.2: leading zeros", "Cache-Control: max-age=0060", 60),
    ("9111 §1.2.2: MUST be 2^31 if larger", "Cache-Control: max-age=2147483649", 1 << 31),
    ("9111 §1.2.2: MUST be 2^31 if larger", "Cache-Control: max-age=99999999999999999999999", 1 << 31),
    ("9111 §1.2.2: MUST be 2^31 if larger", "Expires: Fri, 31 Dec 9999 23:59:59 GMT", 1 << 31),
    ("9213 §2.2: MUST ignore Cache-Control", "CDN-Cache-Control: max-age=60 | Cache-Control: max-age=1, s-maxage=1", 60),
    ("9213 §2.2: MUST ignore Expires", "CDN-Cache-Control: must-revalidate | Expires: @60", 0),
    ("9213 §2.1: MUST ignore what is empty", "CDN-Cache-Control: | Cache-Control: max-age=60", 60),
    ("9213 §2.1: MUST ignore what does not parse", "CDN-Cache-Control: max-age=1; | Cache-Control: max-age=60", 60),
    ("9213 §2.1: integers have no sign", "CDN-Cache-Control: max-age=-1", 0),
    ("8941 §3.2: of two, the last one", "CDN-Cache-Control: max-age=1 | CDN-Cache-Control: max-age=60", 60),
    ("9213 §1: s-maxage is defined, too", "CDN-Cache-Control: max-age=1, s-maxage=60", 60),
    ("issue: nothing is assumed", "Last-Modified: @-1000", 0),
];

#[test]
fn lifetimes() {
    hold(LIFETIMES, |(_, response, ought)| (freshness(&PLAIN, response).lifetime(), seconds(*ought)));
}

/// RFC 9111 section 4.2.2.
#[test]
fn assumed_lifetimes() {
    let tenth = Assumed::Tenth { at_most: seconds(50) };
    let fixed = Assumed::Fixed(seconds(10));
    let cases: [(&str, Assumed, &str, u64); 16] = [
        ("a tenth", tenth, "Last-Modified: @-100", 10),
        ("of the time until Date", tenth, "Last-Modified: @-100 | Date: @-50", 5),
        ("capped", tenth, "Last-Modified: @-100000", 50),
        ("in the future", tenth, "Last-Modified: @100", 0),
        ("invalid", tenth, "Last-Modified: 0", 0),
        ("absent", tenth, "ETag: \"a\"", 0),
        ("MUST NOT where it is explicit", tenth, "Last-Modified: @-100 | Cache-Control: max-age=3", 3),
        ("MUST NOT where it is explicit", tenth, "Last-Modified: @-100 | Expires: 0", 0),
        ("MUST NOT where it is explicit", fixed, "Cache-Control: max-age=x", 0),
        ("fixed", fixed, "Last-Modified: @-1000", 10),
        ("fixed", fixed, "404", 10),
        ("not of this status", fixed, "403", 0),
        ("unless it is public", fixed, "403 | Cache-Control: public", 10),
        ("unless it is public", tenth, "599 | Cache-Control: public | Last-Modified: @-100", 10),
        // Counted from when it came, whatever the origin's clock says.
        ("fixed", fixed, "Date: @-5", 15),
        ("beside other directives", fixed, "CDN-Cache-Control: stale-if-error=5 | Expires: @60", 10),
    ];
    hold(&cases, |(_, assumed, response, ought)| {
        (freshness(&Policy { assumed: *assumed, ..PLAIN }, response).lifetime(), seconds(*ought))
    });
}

#[test]
fn a_cap_counts_from_when_a_response_came() {
    let policy = Policy { max_ttl: seconds(20), ..PLAIN };
    let cases = [
        ("Cache-Control: max-age=60", 20),
        ("Cache-Control: max-age=60 | Age: 10", 20),
        ("Cache-Control: max-age=15 | Age: 10", 5),
        ("Cache-Control: s-maxage=99999999999", 20),
        ("Expires: @60", 20),
    ];
    hold(&cases, |(response, ought)| (freshness(&policy, response).ttl(T0), *ought));
}

/// Rule, response, when it was asked for (seconds before it came), and its age at that time.
type Age = (&'static str, &'static str, f64, f64);

#[rustfmt::skip] // A case is a line.
const AGES: &[Age] = &[
    ("9111 §4.2.3: apparent_age", "Date: @-10", 0.0, 10.0),
    ("9111 §4.2.3: never negative", "Date: @10", 0.0, 0.0),
    ("9111 §4.2.3: age_value", "Age: 10", 0.0, 10.0),
    ("9111 §4.2.3: MUST count from the request", "Age: 10", 2.5, 12.5),
    ("9111 §4.2.3: response_delay", "ETag: \"a\"", 2.5, 2.5),
    ("9111 §4.2.3: the larger one", "Date: @-10 | Age: 3", 2.5, 10.0),
    ("9111 §4.2.3: the larger one", "Date: @-10 | Age: 30", 2.5, 32.5),
    ("9110 §6.6.1: no Date", "Date: today", 0.0, 0.0),
    ("9111 §5.1: SHOULD take the first", "Age: 7, 60", 0.0, 7.0),
    ("9111 §5.1: SHOULD take the first", "Age: 7 | Age: 60", 0.0, 7.0),
    ("9111 §5.1: SHOULD take the first", "Age: 0, 60", 0.0, 0.0),
    ("9111 §5.1: SHOULD ignore what is invalid", "Age: x", 0.0, 0.0),
    ("9111 §5.1: SHOULD ignore what is invalid", "Age: -7200", 0.0, 0.0),
    ("9111 §5.1: SHOULD ignore what is invalid", "Age: 7200.0", 0.0, 0.0),
    ("9111 §5.1: SHOULD ignore what is invalid", "Age: 7200;x=1", 0.0, 0.0),
    ("9111 §5.1: SHOULD ignore what is invalid", "Age: x, 7200", 0.0, 0.0),
    ("9111 §1.2.2: MUST be 2^31 if larger", "Age: 2147483648", 0.0, 2_147_483_648.0),
    ("9111 §1.2.2: MUST be 2^31 if larger", "Age: 18446744073709551615", 9.0, 2_147_483_648.0),
];

fn aged(response: &str, before: f64) -> Freshness {
    let message = Message::of(response);
    let dated = Dated::of(message.fields(), Timing { requested_at: at(-before), received_at: T0 });
    Freshness::of(&PLAIN, StatusCode::OK, message.fields(), dated)
}

#[test]
fn ages() {
    hold(AGES, |(_, response, before, ought)| (aged(response, *before).age(T0).as_secs_f64(), *ought));
}

/// Section 4.2.3: resident_time, in the same arithmetic.
#[test]
fn responses_age_while_they_are_stored() {
    let response = aged("Cache-Control: max-age=60 | Age: 10", 0.0);
    assert_eq!(response.age(at(5.25)), Duration::from_millis(15_250));
    assert_eq!(response.age(at(9e12)), crate::FOREVER);
    // The clock was set back: it cannot have been made later than now.
    assert_eq!(response.age(at(-20.0)), Duration::ZERO);
}

/// Section 4.2: `freshness_lifetime > current_age`.
#[test]
fn a_response_is_stale_when_its_age_reaches_its_lifetime() {
    let response = freshness(&PLAIN, "Cache-Control: max-age=60");
    assert!(response.is_fresh(at(59.999)));
    assert!(!response.is_fresh(at(60.0)));
    assert_eq!(response.staleness(at(61.5)), Duration::from_millis(1500));
    assert_eq!(response.staleness(at(59.0)), Duration::ZERO);
    assert_eq!((response.ttl(T0), response.ttl(at(59.5)), response.ttl(at(60.5))), (60, 0, -1));
}

/// One is kept for each of a million responses.
#[test]
fn freshness_is_small() {
    assert_eq!(size_of::<Freshness>(), 40);
}

/// What a purge and a HEAD do to it.
#[test]
fn a_response_can_be_made_stale_or_invalid() {
    let mut response = freshness(&PLAIN, "Cache-Control: max-age=60, stale-while-revalidate=10");
    response.expire(at(20.0));
    assert!(!response.is_fresh(at(20.0)));
    assert!(response.is_served_while_revalidating(at(30.0)));
    assert!(!response.is_served_while_revalidating(at(30.1)));
    let mut response = freshness(&PLAIN, "Cache-Control: max-age=60");
    response.invalidate();
    assert!(response.is_fresh(at(1.0)) && response.needs_validation() && response.forbids_stale());
}
