//! What newer answers do to the fields of stored responses.

use super::*;
use crate::{
    Dated, judge_updated,
    validation::{HeadEffect, Validators, freshen_by_head, update},
};

type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// Rule, stored response, the answer that updates it, and its fields after that.
#[rustfmt::skip] // A case is a line.
const CASES: &[Case] = &[
    ("9111 §3.2: MUST replace", "A: 1 | B: 1", "304 | A: 2", &["B: 1", "A: 2"]),
    ("9111 §3.2: MUST replace, in any case", "CONTENT-FOO: 1", "304 | content-foo: 2", &["content-foo: 2"]),
    ("9111 §3.2: MUST replace all lines", "A: 1 | A: 2 | A: 3", "304 | A: 4 | A: 5", &["A: 4", "A: 5"]),
    ("9111 §3.2: MUST add", "A: 1", "304 | B: 2", &["A: 1", "B: 2"]),
    ("9111 §3.2: MUST add", "A: 1", "304 | Cache-Control: max-age=9 | ETag: \"b\" | Expires: 0", &["A: 1", "Cache-Control: max-age=9", "ETag: \"b\"", "Expires: 0"]),
    ("9111 §3.2: but Content-Length", "Content-Length: 36", "304 | Content-Length: 10", &["Content-Length: 36"]),
    ("9111 §3.2: but Content-Length", "A: 1", "304 | Content-Length: 10", &["A: 1"]),
    ("9111 §3.2: MAY leave Content-Range", "Content-Range: bytes 0-1/9", "206 | Content-Range: bytes 2-3/9", &["Content-Range: bytes 0-1/9"]),
    ("9111 §3.2: Content-Type and Content-Encoding", "Content-Type: a | Content-Encoding: gzip", "304 | Content-Type: b | Content-Encoding: br", &["Content-Type: b", "Content-Encoding: br"]),
    ("9111 §3.2, §3.1: not those of a connection", "A: 1 | B: 1", "304 | Connection: b | B: 2 | Keep-Alive: 1 | TE: 1 | Proxy-Authenticate: 1", &["A: 1", "B: 1"]),
    ("9111 §4: Age is made anew", "A: 1", "304 | Age: 5", &["A: 1"]),
    ("9110 §6.6.1: Date is the answer's", "Date: @-9", "304 | Date: @0", &["Date: Sun, 22 Nov 2026 12:00:00 GMT"]),
    ("9110 §6.6.1: Date is the answer's", "Date: @-9 | A: 1", "304", &["A: 1"]),
    ("9111 §5.2.2.4, §5.2.2.7: what it names goes", "A: 1 | B: 1 | C: 1", "304 | Cache-Control: private=\"a\", no-cache=\"b\"", &["C: 1", "Cache-Control: private=\"a\", no-cache=\"b\""]),
    ("9111 §5.2.2.4: what is named does not come", "Cache-Control: no-cache=\"a\"", "304 | A: 1", &["Cache-Control: no-cache=\"a\""]),
    ("issue: Set-Cookie", "A: 1", "304 | Set-Cookie: a=1", &["A: 1"]),
];

#[test]
fn which_fields_are_updated() {
    hold(CASES, |(_, stored, answer, ought)| {
        let (stored, answer) = (Message::of(stored), Message::of(answer));
        let lines = update(&PLAIN, stored.fields(), answer.fields());
        (text(&lines[..]), ought.iter().map(|line| (*line).to_owned()).collect())
    });
}

#[test]
fn a_policy_that_stores_cookies_updates_them() {
    let (stored, answer) = (Message::of("Set-Cookie: a=1"), Message::of("Set-Cookie: a=2"));
    let policy = Policy { set_cookie: SetCookie::Store, ..PLAIN };
    assert_eq!(text(&update(&policy, stored.fields(), answer.fields())[..]), ["Set-Cookie: a=2"]);
    assert_eq!(text(&update(&PLAIN, stored.fields(), answer.fields())[..]), ["Set-Cookie: a=1"]);
}

/// Updates a stored response by a 304 that comes 100 s later, and judges what comes of it.
fn updated(stored: &str, answer: &str) -> Result<Freshness, Unstorable> {
    let (stored, answer) = (Message::of(stored), Message::of(answer));
    let timing = Timing { requested_at: at(100.0), received_at: at(100.0) };
    let lines = update(&PLAIN, stored.fields(), answer.fields());
    let request: &[Line] = &[];
    let exchange = Exchange { method: &Method::GET, request, status: stored.status(), response: &lines[..], timing };
    judge_updated(&PLAIN, &exchange, Dated::of(answer.fields(), timing)).map(|storable| storable.freshness)
}

/// RFC 9111 sections 4.2.3 and 4.3.4: a validated response is as old as the validation.
#[test]
fn a_304_makes_a_response_fresh_again() {
    let ages = |stored, answer| {
        let freshness = updated(stored, answer).unwrap();
        (freshness.lifetime(), freshness.age(at(100.0)))
    };
    let stored = "Cache-Control: max-age=60 | ETag: \"a\" | Date: @0 | Age: 50";
    assert_eq!(ages(stored, "304 | ETag: \"a\" | Date: @100"), (seconds(60), seconds(0)));
    assert_eq!(ages(stored, "304 | ETag: \"a\""), (seconds(60), seconds(0)));
    assert_eq!(ages(stored, "304 | ETag: \"a\" | Cache-Control: max-age=5 | Age: 3"), (seconds(5), seconds(3)));
    assert_eq!(ages(stored, "304 | ETag: \"a\" | Date: @90"), (seconds(60), seconds(10)));
    assert_eq!(ages("Expires: @160 | Date: @0", "304 | ETag: \"a\""), (seconds(60), seconds(0)));
}

#[test]
fn a_304_can_end_the_storing() {
    let stored = "Cache-Control: max-age=60 | ETag: \"a\"";
    let cases = [
        ("304 | Cache-Control: no-store", Some(Unstorable::NoStore)),
        ("304 | Cache-Control: private", Some(Unstorable::Private)),
        ("304 | Vary: *", Some(Unstorable::VaryAny)),
        ("304 | Cache-Control: no-cache", None),
    ];
    hold(&cases, |(answer, ought)| (updated(stored, answer).err(), *ought));
}

/// RFC 9111 section 4.3.5: SHOULD. The stored response has 10 bytes.
#[test]
fn a_head_updates_or_expires() {
    use HeadEffect::*;
    let cases = [
        ("nothing that differs", "ETag: \"a\"", "200", Update),
        ("the same tag", "ETag: \"a\"", "200 | ETag: \"a\" | Content-Length: 10", Update),
        ("another tag", "ETag: \"a\"", "200 | ETag: \"b\"", Expire),
        ("a tag of another strength", "ETag: \"a\"", "200 | ETag: W/\"a\"", Expire),
        ("a tag where there was none", "Last-Modified: @-9", "200 | ETag: \"a\" | Last-Modified: @-9", Expire),
        ("the same date", "Last-Modified: @-9", "200 | Last-Modified: @-9", Update),
        ("another date", "Last-Modified: @-9", "200 | Last-Modified: @-8", Expire),
        (
            "the same tag, another date",
            "ETag: \"a\" | Last-Modified: @-9",
            "200 | ETag: \"a\" | Last-Modified: @-8",
            Expire,
        ),
        ("another length", "ETag: \"a\"", "200 | ETag: \"a\" | Content-Length: 11", Expire),
        ("a length that is none", "ETag: \"a\"", "200 | Content-Length: +10", Expire),
        ("not a 200", "ETag: \"a\"", "404 | ETag: \"b\"", Nothing),
        ("not a 200", "ETag: \"a\"", "304 | ETag: \"b\"", Nothing),
    ];
    hold(&cases, |(_, stored, answer, ought)| {
        let (stored, answer) = (Message::of(stored), Message::of(answer));
        let of = |message| Validators::of(Message::fields(message), T0);
        (freshen_by_head(answer.status(), answer.fields(), &of(&answer), &of(&stored), Some(10)), *ought)
    });
}
