//! Whatever comes from outside: nothing panics, nothing overflows, and everything has its bound.

use proptest::{collection::vec, prelude::*, sample::select as pick};

use super::*;
use crate::{
    Dated,
    control::{RequestControl, ResponseControl},
    key::{Query, Rules, Scheme, Target},
    policy::Reloads,
    ranges, reuse, surrogate, validation,
    vary::Vary,
};

/// Names that something is read from.
const NAMES: [&str; 23] = [
    "Cache-Control",
    "CDN-Cache-Control",
    "Pragma",
    "Expires",
    "Date",
    "Age",
    "Last-Modified",
    "ETag",
    "Vary",
    "Authorization",
    "Set-Cookie",
    "If-None-Match",
    "If-Modified-Since",
    "If-Range",
    "Range",
    "Content-Range",
    "Content-Length",
    "Location",
    "Content-Location",
    "Surrogate-Key",
    "Cache-Tag",
    "Cookie",
    "Accept",
];

/// Pieces of which values are made, so that they are nearly right.
const PIECES: [&str; 42] = [
    "max-age",
    "s-maxage",
    "no-cache",
    "private",
    "no-store",
    "must-understand",
    "stale-while-revalidate",
    "=",
    "=\"",
    "\"",
    ",",
    ", ",
    ";",
    " ",
    "\\",
    "0",
    "60",
    "2147483648",
    "18446744073709551615",
    "-1",
    "*",
    "W/\"a\"",
    "\"a\"",
    "bytes=",
    "bytes ",
    "0-4",
    "/10",
    "-",
    "Sun, 22 Nov 2026 12:00:00 GMT",
    "Sun, 22 Nov 9999 12:00:00 GMT",
    "Sunday, 22-Nov-76 12:00:00 GMT",
    "Thu, 01 Jan 0000 00:00:00 GMT",
    "x-a",
    "Accept",
    "http://x.test",
    "//",
    "/..",
    "?q",
    "#f",
    "(",
    "?1",
    "%69d[",
];

fn value() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec(pick(&PIECES[..]), 0..8).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![4 => pieces, 1 => vec(any::<u8>(), 0..24)]
}

fn message() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    vec((pick(&NAMES[..]), value()), 0..8)
}

fn policy() -> impl Strategy<Value = Policy> {
    let assumed = prop_oneof![
        Just(Assumed::Nothing),
        any::<u64>().prop_map(|span| Assumed::Fixed(Duration::from_secs(span))),
        any::<u64>().prop_map(|span| Assumed::Tenth { at_most: Duration::from_secs(span) }),
    ];
    let reloads = pick(vec![Reloads::Honour, Reloads::Ignore]);
    (assumed, any::<u64>(), reloads).prop_map(|(assumed, max_ttl, reloads)| Policy {
        assumed,
        max_ttl: Duration::from_secs(max_ttl),
        reloads,
        set_cookie: SetCookie::Store,
        partial: Partial::Store,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_exchange_is_judged(
        request in message(),
        response in message(),
        status in 100_u16..600,
        policy in policy(),
        times: [i64; 3],
    ) {
        let [requested_at, received_at, now] = times.map(Time::from_millis);
        let timing = Timing { requested_at, received_at };
        let status = StatusCode::from_u16(status).unwrap();
        let exchange = Exchange { method: &Method::GET, request: &request[..], status, response: &response[..], timing };
        let dated = Dated::of(&response[..], timing);
        let mut freshness = Freshness::of(&policy, status, &response[..], dated);
        if let Ok(storable) = judge(&policy, &exchange) {
            prop_assert_eq!(storable.freshness, freshness);
            prop_assert!(!ResponseControl::read(&response[..]).no_store || ResponseControl::read(&response[..]).must_understand);
        }
        let wishes = RequestControl::read(&request[..]);
        prop_assert!(freshness.age(now) <= crate::FOREVER);
        if freshness.ttl(now) < 0 {
            prop_assert!(!freshness.is_fresh(now));
            let decision = reuse::decide(&policy, &freshness, &wishes, now);
            prop_assert!(!freshness.forbids_stale() || !matches!(decision, reuse::Decision::Serve | reuse::Decision::ServeAndRevalidate));
        }
        let _ = reuse::after_failure(&freshness, &wishes, reuse::Failure::Unreachable, now);
        freshness.expire(now);
        prop_assert!(!freshness.is_fresh(now));
    }

    #[test]
    fn every_message_is_read(request in message(), response in message(), now: i64, length: u64) {
        let now = Time::from_millis(now);
        let stored = validation::Validators::of(&response[..], now);
        let _ = validation::is_not_modified(&Method::GET, &request[..], StatusCode::OK, &stored, now);
        let _ = validation::update(&PLAIN, &response[..], &request[..]);
        let _ = validation::freshen_by_head(StatusCode::OK, &request[..], &stored, &stored, Some(length));
        if let ranges::Selected::Part(part) = ranges::select(&Method::GET, &request[..], StatusCode::OK, &stored, length) {
            prop_assert!(part.start < part.end && part.end <= length);
        }
        if let Some(range) = ranges::ContentRange::of(&response[..]) {
            let mut held = ranges::Held::default();
            held.add(&range).unwrap();
            prop_assert_eq!(held.missing(&range.bytes), []);
        }
        if let Ok(tags) = surrogate::tags(&response[..]) {
            prop_assert!(tags.count() <= surrogate::MAX_TAGS);
        }
        let target = Target { service: "s", route: "", scheme: Scheme::Http, authority: b"x.test", path: b"/a/b", query: None };
        for invalid in crate::invalidation::invalidated(&Method::POST, &target, StatusCode::OK, &response[..]) {
            prop_assert!(invalid.path.starts_with(b"/"));
        }
        if let Ok(vary) = Vary::of(&response[..]) {
            let rules = Rules::new(Query::Only(vec!["id".into()]), vec!["accept".into()], vec!["id".into()]);
            rules.variant(&vary, &request[..], &mut Vec::new());
        }
    }
}

#[test]
fn tags_are_of_both_fields_and_bounded() {
    let tags = |text: &str| {
        let message = Message::of(text);
        surrogate::tags(message.fields())
            .map(|tags| tags.map(|tag| String::from_utf8(tag.to_vec()).unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(
        tags("Surrogate-Key: a  b,c | Cache-Tag: d e, ,f | surrogate-key: A").unwrap(),
        ["a", "b,c", "A", "d e", "f"]
    );
    assert_eq!(tags("X: 1").unwrap(), [""; 0]);
    let many = |count: usize| format!("Surrogate-Key: {}", vec!["a"; count].join(" "));
    assert!(tags(&many(surrogate::MAX_TAGS)).is_ok());
    assert!(tags(&many(surrogate::MAX_TAGS + 1)).is_err());
    assert!(tags(&format!("Cache-Tag: {}", "a".repeat(surrogate::MAX_TAG + 1))).is_err());
    assert_eq!(stored(&PLAIN, "GET", &format!("Cache-Control: max-age=9 | {}", many(1000))), Err(Unstorable::Tags));
}

/// So many quotes or escapes, read again and again, would take an hour.
#[test]
fn reading_takes_linear_time() {
    for piece in ["\"", "\\\"", "=\"", "x=\"\\\"", "=\"\","] {
        let line = piece.repeat(300_000);
        let lines = [
            ("Cache-Control", line.as_str()),
            ("CDN-Cache-Control", &line),
            ("Accept", &line),
            ("If-None-Match", &line),
        ];
        let _ = (ResponseControl::read(&lines[..]), RequestControl::read(&lines[..]));
        let vary = Vary::of(&[("Vary", "Accept")][..]).unwrap();
        Rules::default().variant(&vary, &lines[..], &mut Vec::new());
        let stored = validation::Validators::of(&[("ETag", "\"a\"")][..], T0);
        assert!(!validation::is_not_modified(&Method::GET, &lines[..], StatusCode::OK, &stored, T0));
    }
}
