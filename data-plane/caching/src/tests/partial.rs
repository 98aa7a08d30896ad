//! Ranges, from complete responses and from parts.

use std::ops::Range;

use super::*;
use crate::{
    ranges::{ContentRange, Held, MAX_PIECES, NotAdded, Selected, select},
    validation::Validators,
};

type Case = (&'static str, &'static str, &'static str, Selected);

const fn part(start: u64, end: u64) -> Selected {
    Selected::Part(start..end)
}

/// Rule, request, stored response of ten bytes, and what of it is sent.
#[rustfmt::skip] // A case is a line.
const CASES: &[Case] = &[
    ("9110 §14.2", "GET", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.1.2", "GET | Range: bytes=0-1", "ETag: \"a\"", part(0, 2)),
    ("9110 §14.1.2", "GET | Range: bytes=9-9", "ETag: \"a\"", part(9, 10)),
    ("9110 §14.1.2: to the end", "GET | Range: bytes=4-", "ETag: \"a\"", part(4, 10)),
    ("9110 §14.1.2: to the end", "GET | Range: bytes=4-99", "ETag: \"a\"", part(4, 10)),
    ("9110 §14.1.2: to the end", "GET | Range: bytes=4-99999999999999999999999999", "ETag: \"a\"", part(4, 10)),
    ("9110 §14.1.2: the last ones", "GET | Range: bytes=-1", "ETag: \"a\"", part(9, 10)),
    ("9110 §14.1.2: the last ones", "GET | Range: bytes=-99", "ETag: \"a\"", part(0, 10)),
    ("9110 §14.1: units in any case", "GET | Range: BYTES=0-1", "ETag: \"a\"", part(0, 2)),
    ("9110 §14.1.2: unsatisfiable", "GET | Range: bytes=10-", "ETag: \"a\"", Selected::Unsatisfiable),
    ("9110 §14.1.2: unsatisfiable", "GET | Range: bytes=10-12", "ETag: \"a\"", Selected::Unsatisfiable),
    ("9110 §14.1.2: unsatisfiable", "GET | Range: bytes=-0", "ETag: \"a\"", Selected::Unsatisfiable),
    ("9110 §14.2: MUST ignore unknown units", "GET | Range: lines=0-1", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.1.1: invalid", "GET | Range: bytes=2-1", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.1.1: invalid", "GET | Range: bytes=a-b", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.1.1: invalid", "GET | Range: bytes=-", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.1.1: invalid", "GET | Range: bytes=", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.1.1: invalid", "GET | Range: bytes 0-1", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.1.1: invalid", "GET | Range: bytes=+0-1", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.2: MAY ignore several", "GET | Range: bytes=0-1,3-4", "ETag: \"a\"", Selected::Whole),
    ("own: two fields", "GET | Range: bytes=0-1 | Range: bytes=3-4", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.2: MUST ignore in other methods", "HEAD | Range: bytes=0-1", "ETag: \"a\"", Selected::Whole),
    ("9110 §14.2: of a 200", "GET | Range: bytes=0-1", "404 | ETag: \"a\"", Selected::Whole),
    // If-Range.
    ("9110 §13.1.5: the same tag", "GET | Range: bytes=0-1 | If-Range: \"a\"", "ETag: \"a\"", part(0, 2)),
    ("9110 §13.1.5: MUST ignore Range", "GET | Range: bytes=0-1 | If-Range: \"b\"", "ETag: \"a\"", Selected::Whole),
    ("9110 §13.1.5: MUST ignore Range", "GET | Range: bytes=99- | If-Range: \"b\"", "ETag: \"a\"", Selected::Whole),
    ("9110 §13.1.5: MUST compare strongly", "GET | Range: bytes=0-1 | If-Range: W/\"a\"", "ETag: W/\"a\"", Selected::Whole),
    ("9110 §13.1.5: MUST compare strongly", "GET | Range: bytes=0-1 | If-Range: \"a\"", "ETag: W/\"a\"", Selected::Whole),
    ("9110 §13.1.5: the same date", "GET | Range: bytes=0-1 | If-Range: @-9", "Last-Modified: @-9 | Date: @0", part(0, 2)),
    ("9110 §13.1.5: exactly", "GET | Range: bytes=0-1 | If-Range: @-8", "Last-Modified: @-9 | Date: @0", Selected::Whole),
    ("9110 §13.1.5, §8.8.2.2: a weak date", "GET | Range: bytes=0-1 | If-Range: @0", "Last-Modified: @0 | Date: @0", Selected::Whole),
    ("9110 §13.1.5: nothing to compare with", "GET | Range: bytes=0-1 | If-Range: \"a\"", "Date: @0", Selected::Whole),
    ("own: two fields", "GET | Range: bytes=0-1 | If-Range: \"a\" | If-Range: \"b\"", "ETag: \"a\"", Selected::Whole),
];

#[test]
fn ranges_of_a_complete_response() {
    hold(CASES, |(_, request, response, ought)| {
        let (request, response) = (Message::of(request), Message::of(response));
        let stored = Validators::of(response.fields(), T0);
        (select(&request.method(), request.fields(), response.status(), &stored, 10), ought.clone())
    });
}

#[test]
fn nothing_can_be_a_range_of_no_bytes() {
    let (request, none): (_, &[Line]) = (Message::of("GET | Range: bytes=-5"), &[]);
    let stored = Validators::of(none, T0);
    assert_eq!(select(&Method::GET, request.fields(), StatusCode::OK, &stored, 0), Selected::Unsatisfiable);
}

fn range(text: &str) -> Option<ContentRange> {
    ContentRange::of(&[("Content-Range", text)][..])
}

/// RFC 9110 section 14.4.
#[test]
fn content_ranges_are_read_and_written() {
    for text in ["bytes 0-4/10", "bytes 9-9/10", "bytes 3-7/*"] {
        assert_eq!(range(text).unwrap().to_string(), text);
    }
    assert_eq!(range("Bytes 0-4/10").unwrap().to_string(), "bytes 0-4/10");
    let none =
        ["", "bytes", "bytes */10", "bytes 4-3/10", "bytes 0-10/10", "bytes 0-4/x", "bytes 0-4", "bytes 0/10", "ÿÿÿ"];
    for text in [&none[..], &["bytes 0-99999999999999999999/*", "bytes 0-1/99999999999999999999"]].concat() {
        assert_eq!(range(text), None, "{text}");
    }
}

fn held(parts: &[&str]) -> Result<Held, NotAdded> {
    let mut held = Held::default();
    parts.iter().try_for_each(|part| held.add(&range(part).unwrap()))?;
    Ok(held)
}

/// RFC 9111 sections 3.3 and 3.4.
#[test]
fn parts_become_a_whole() {
    assert!(!held(&[]).unwrap().is_complete());
    assert!(!held(&["bytes 0-4/10", "bytes 6-9/10"]).unwrap().is_complete());
    assert!(!held(&["bytes 0-9/*"]).unwrap().is_complete());
    assert!(held(&["bytes 0-9/10"]).unwrap().is_complete());
    assert!(held(&["bytes 5-9/10", "bytes 0-4/*"]).unwrap().is_complete());
    assert!(held(&["bytes 0-2/10", "bytes 6-9/10", "bytes 1-7/10"]).unwrap().is_complete());
    let two = held(&["bytes 6-7/10", "bytes 2-3/10"]).unwrap();
    assert_eq!(two.missing(&(0..10)), [0..2, 4..6, 8..10]);
    assert_eq!(two.missing(&(3..9)), [4..6, 8..9]);
    assert_eq!(two.missing(&(2..4)), []);
    assert_eq!(two.length(), Some(10));
}

#[test]
fn parts_that_cannot_be_of_one_whole_are_not_added() {
    assert_eq!(held(&["bytes 0-4/10", "bytes 5-9/11"]), Err(NotAdded));
    assert_eq!(held(&["bytes 5-9/*", "bytes 0-4/8"]), Err(NotAdded));
    assert_eq!(held(&["bytes 0-4/8", "bytes 5-9/*"]), Err(NotAdded));
    let mut held = held(&[]).unwrap();
    for at in 0..MAX_PIECES as u64 {
        held.add(&ContentRange { bytes: at * 2..at * 2 + 1, length: None }).unwrap();
    }
    let before = held.clone();
    assert_eq!(held.add(&ContentRange { bytes: 100..101, length: None }), Err(NotAdded));
    assert_eq!(held, before);
    held.add(&ContentRange { bytes: 1..2, length: None }).unwrap();
}

/// RFC 9111 section 3.3: MUST NOT answer anything else from an incomplete response.
#[test]
fn parts_answer_ranges_within_them() {
    type Case<'a> = (&'a str, &'a [&'a str], Option<Range<u64>>);
    let cases: [Case<'_>; 10] = [
        ("GET", &["bytes 4-8/10"], None),
        ("GET | Range: bytes=4-8", &["bytes 4-8/10"], Some(4..9)),
        ("GET | Range: bytes=5-6", &["bytes 4-8/10"], Some(5..7)),
        ("GET | Range: bytes=4-9", &["bytes 4-8/10"], None),
        ("GET | Range: bytes=6-", &["bytes 4-9/10"], Some(6..10)),
        ("GET | Range: bytes=-5", &["bytes 5-9/10"], Some(5..10)),
        ("GET | Range: bytes=-5", &["bytes 5-9/*"], None),
        ("GET | Range: bytes=5-9", &["bytes 5-9/*"], Some(5..10)),
        ("GET | Range: bytes=5-9, 1-2", &["bytes 5-9/*"], None),
        ("GET | Range: bytes=5-9 | If-Range: \"b\"", &["bytes 5-9/*"], None),
    ];
    hold(&cases, |(request, parts, ought)| {
        let stored = Message::of("ETag: \"a\"");
        let stored = Validators::of(stored.fields(), T0);
        (held(parts).unwrap().serves(Message::of(request).fields(), &stored), ought.clone())
    });
}

/// RFC 9111 section 3.4 and RFC 9110 section 15.3.7.3: MUST be the same strong validator.
#[test]
fn parts_of_different_contents_stay_apart() {
    let cases = [
        ("ETag: \"a\"", "ETag: \"a\"", true),
        ("ETag: \"a\"", "ETag: \"b\"", false),
        ("ETag: W/\"a\"", "ETag: W/\"a\"", false),
        ("ETag: \"a\" | Last-Modified: @-9", "Last-Modified: @-9", false),
        ("Last-Modified: @-9", "Last-Modified: @-9", true),
        ("Last-Modified: @0", "Last-Modified: @0", false),
        ("A: 1", "A: 1", false),
    ];
    hold(&cases, |(one, other, ought)| {
        let (one, other) = (Message::of(one), Message::of(other));
        (Validators::of(one.fields(), T0).is_same_content(&Validators::of(other.fields(), T0)), *ought)
    });
}
