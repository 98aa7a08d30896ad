//! Conditions that are sent, and those that are answered.

use super::*;
use crate::validation::{Validators, conditions, freshened, is_not_modified, is_on_304, is_replaced};

type Case = (&'static str, &'static str, &'static str, bool);

/// Rule, request, stored response (which came at [`T0`]), and whether the answer is 304.
#[rustfmt::skip] // A case is a line.
const CASES: &[Case] = &[
    ("9111 §4.3.2: SHOULD evaluate If-None-Match", "GET | If-None-Match: \"a\"", "ETag: \"a\"", true),
    ("9111 §4.3.2: SHOULD evaluate If-None-Match", "HEAD | If-None-Match: \"a\"", "ETag: \"a\"", true),
    ("9111 §4.3.2: SHOULD evaluate If-None-Match", "GET | If-None-Match: \"b\"", "ETag: \"a\"", false),
    ("9111 §4.3.2: SHOULD evaluate If-None-Match", "GET | If-None-Match: \"A\"", "ETag: \"a\"", false),
    ("9110 §13.1.2: any of the list", "GET | If-None-Match: \"b\", \"a\", \"c\"", "ETag: \"a\"", true),
    ("9110 §13.1.2: any of the list", "GET | If-None-Match: \"b\" | If-None-Match: ,\"a\"", "ETag: \"a\"", true),
    ("9110 §13.1.2: any of the list", "GET | If-None-Match: \"b,c\",\"a\"", "ETag: \"a\"", true),
    ("9110 §13.1.2: *", "GET | If-None-Match: *", "ETag: \"a\"", true),
    ("9110 §13.1.2: *", "GET | If-None-Match: *", "Content-Type: a/b", true),
    ("9110 §13.1.2: MUST compare weakly", "GET | If-None-Match: W/\"a\"", "ETag: \"a\"", true),
    ("9110 §13.1.2: MUST compare weakly", "GET | If-None-Match: \"a\"", "ETag: W/\"a\"", true),
    ("9110 §13.1.2: MUST compare weakly", "GET | If-None-Match: W/\"a\"", "ETag: W/\"a\"", true),
    ("9110 §8.8.3: bytes beyond ASCII", "GET | If-None-Match: \"ä\"", "ETag: \"ä\"", true),
    ("9110 §8.8.3: syntax", "GET | If-None-Match: a", "ETag: \"a\"", false),
    ("9110 §8.8.3: syntax", "GET | If-None-Match: w/\"a\"", "ETag: \"a\"", false),
    ("9110 §8.8.3: syntax", "GET | If-None-Match: \"a", "ETag: \"a\"", false),
    ("9110 §8.8.3: syntax", "GET | If-None-Match: \"b\" \"a\"", "ETag: \"a\"", false),
    ("9110 §8.8.3: syntax", "GET | If-None-Match: a", "ETag: a", false),
    ("9110 §8.8.3: one tag", "GET | If-None-Match: \"a\"", "ETag: \"a\" | ETag: \"b\"", false),
    ("9111 §4.3.2: If-None-Match takes precedence", "GET | If-None-Match: \"b\" | If-Modified-Since: @0", "ETag: \"a\" | Last-Modified: @-10", false),
    ("9111 §4.3.2: If-None-Match takes precedence", "GET | If-None-Match: \"a\" | If-Modified-Since: @-20", "ETag: \"a\" | Last-Modified: @-10", true),
    ("9111 §4.3.2: If-None-Match takes precedence", "GET | If-None-Match: x | If-Modified-Since: @0", "ETag: \"a\" | Last-Modified: @-10", false),
    ("9111 §4.3.2: SHOULD evaluate If-Modified-Since", "GET | If-Modified-Since: @-10", "Last-Modified: @-10", true),
    ("9111 §4.3.2: SHOULD evaluate If-Modified-Since", "HEAD | If-Modified-Since: @-9", "Last-Modified: @-10", true),
    ("9111 §4.3.2: SHOULD evaluate If-Modified-Since", "GET | If-Modified-Since: @-11", "Last-Modified: @-10", false),
    ("9110 §13.1.3: MUST ignore what is no date", "GET | If-Modified-Since: 0", "Last-Modified: @-10", false),
    ("9110 §13.1.3: MUST ignore several", "GET | If-Modified-Since: @0 | If-Modified-Since: @-1", "Last-Modified: @-10", false),
    ("9110 §13.1.3: MUST ignore in other methods", "POST | If-Modified-Since: @0", "Last-Modified: @-10", false),
    ("9111 §4.3.2: SHOULD use Date", "GET | If-Modified-Since: @-5", "Date: @-5", true),
    ("9111 §4.3.2: SHOULD use Date", "GET | If-Modified-Since: @-6", "Date: @-5", false),
    ("9111 §4.3.2: or when it came", "GET | If-Modified-Since: @0", "ETag: \"a\"", true),
    ("9111 §4.3.2: or when it came", "GET | If-Modified-Since: @-1", "ETag: \"a\"", false),
    ("9111 §4.3.2: of a stored 200 or 206", "GET | If-None-Match: \"a\"", "206 | ETag: \"a\"", true),
    ("9111 §4.3.2: of a stored 200 or 206", "GET | If-None-Match: \"a\"", "404 | ETag: \"a\"", false),
    ("9111 §4.3.2: MUST NOT evaluate If-Match", "GET | If-Match: \"a\"", "ETag: \"a\"", false),
    ("9111 §4.3.2: MUST NOT evaluate If-Unmodified-Since", "GET | If-Unmodified-Since: @0", "Last-Modified: @-10", false),
];

fn dated(response: &Message) -> Time {
    crate::Dated::of(response.fields(), Timing { requested_at: T0, received_at: T0 }).date
}

#[test]
fn what_clients_have_already() {
    hold(CASES, |(_, request, response, ought)| {
        let (request, response) = (Message::of(request), Message::of(response));
        let dated = dated(&response);
        let stored = Validators::of(response.fields(), dated);
        (is_not_modified(&request.method(), request.fields(), response.status(), &stored, dated), *ought)
    });
}

/// RFC 9110 section 15.4.5.
#[test]
fn a_304_has_what_a_200_would_tell_caches() {
    let all = Message::of(
        "Content-Location: /a | Date: @0 | ETag: \"a\" | Vary: a | Cache-Control: a | Expires: @0 | Set-Cookie: a \
         | Content-Type: a | Content-Length: 1 | Content-Encoding: a | Content-Language: a | Content-Range: a | Last-Modified: @0",
    );
    let on_304 = |stored: &Message| {
        let validators = Validators::of(stored.fields(), T0);
        all.lines
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| is_on_304(name.as_bytes(), &validators))
            .collect::<Vec<_>>()
    };
    let tagged = ["Content-Location", "Date", "ETag", "Vary", "Cache-Control", "Expires", "Set-Cookie"];
    assert_eq!(on_304(&all), tagged);
    assert_eq!(on_304(&Message::of("Last-Modified: @0")), [&tagged[..], &["Last-Modified"]].concat());
}

/// RFC 9111 section 4.3.1.
#[test]
fn an_origin_is_asked_about_all_that_is_stored() {
    let date = date("-10");
    type Case<'a> = (&'a str, &'a [&'a str], Option<&'a str>, Option<&'a str>);
    let cases: [Case<'_>; 8] = [
        ("MUST send the tag", &["ETag: \"a\""], Some("\"a\""), None),
        ("MUST send weak ones as they are", &["ETag: W/\"a\""], Some("W/\"a\""), None),
        ("SHOULD send the date", &["Last-Modified: @-10"], None, Some(&date)),
        ("SHOULD send both", &["ETag: \"a\" | Last-Modified: @-10"], Some("\"a\""), Some(&date)),
        ("MUST send all tags", &["ETag: \"a\"", "ETag: \"b,\""], Some("\"a\", \"b,\""), None),
        ("a date of one alone", &["ETag: \"a\" | Last-Modified: @-10", "Last-Modified: @-9"], Some("\"a\""), None),
        ("what is no validator", &["ETag: a | Last-Modified: 0"], None, None),
        ("what is ambiguous", &["ETag: \"a\" | ETag: \"b\""], None, None),
    ];
    hold(&cases, |(_, stored, tags, since)| {
        let stored: Vec<_> = stored.iter().map(|each| Message::of(each)).collect();
        let validators: Vec<_> = stored.iter().map(|each| Validators::of(each.fields(), T0)).collect();
        let asked = conditions(&validators);
        let is = (asked.if_none_match, asked.if_modified_since.map(<[u8]>::to_vec));
        (is, (tags.map(|tags| tags.as_bytes().to_vec()), since.map(|since| since.as_bytes().to_vec())))
    });
}

#[test]
fn a_clients_own_conditions_stay_with_it() {
    for name in ["If-None-Match", "if-modified-since", "IF-RANGE", "Range"] {
        assert!(is_replaced(name.as_bytes()), "{name}");
    }
    for name in ["If-Match", "Accept", "Authorization", "Cache-Control"] {
        assert!(!is_replaced(name.as_bytes()), "{name}");
    }
}

/// RFC 9111 section 4.3.4.
#[test]
fn a_304_is_about_what_it_names() {
    let two_same = &["ETag: \"a\" | Date: @-9", "ETag: \"a\" | Date: @-5", "ETag: \"b\""][..];
    let cases: [(&str, &str, &[&str], &[usize]); 13] = [
        ("a strong tag: all that have it", "ETag: \"a\"", two_same, &[0, 1]),
        ("MUST NOT use it for others", "ETag: \"c\"", two_same, &[]),
        ("MUST NOT use it for others", "ETag: \"a\"", &["ETag: W/\"a\""], &[]),
        ("MUST NOT use it for others", "ETag: \"a\"", &["Last-Modified: @-5"], &[]),
        ("MUST NOT use it for others", "ETag: \"c\" | Last-Modified: @-5", &["ETag: \"a\" | Last-Modified: @-5"], &[]),
        ("a weak tag: the most recent", "ETag: W/\"a\"", two_same, &[1]),
        ("a weak tag: the most recent", "ETag: W/\"a\"", &["ETag: W/\"a\" | Date: @-1", "ETag: \"b\""], &[0]),
        (
            "a date: the most recent",
            "Last-Modified: @-9",
            &["Last-Modified: @-9 | Date: @-2", "Last-Modified: @-9 | Date: @-1"],
            &[1],
        ),
        ("a date of none", "Last-Modified: @-9", &["Last-Modified: @-8"], &[]),
        ("no validator: the only one", "Date: @0", &["Content-Type: a/b"], &[0]),
        ("no validator: without one itself", "Date: @0", &["ETag: \"a\""], &[]),
        ("no validator: of one alone", "Date: @0", &["Content-Type: a/b", "Content-Type: c/d"], &[]),
        ("nothing is stored", "ETag: \"a\"", &[], &[]),
    ];
    hold(&cases, |(_, answer, stored, ought)| {
        let answer = Message::of(answer);
        let stored: Vec<_> = stored.iter().map(|each| Message::of(each)).collect();
        let of = |message| Validators::of(Message::fields(message), dated(message));
        let validators: Vec<_> = stored.iter().map(|each| (of(each), dated(each))).collect();
        (freshened(&of(&answer), &validators), ought.to_vec())
    });
}
