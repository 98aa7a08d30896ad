//! What becomes of requests for which a response is stored.

use AfterFailure::{PassOn, ServeStale};
use Because::*;
use Decision::*;

use super::*;
use crate::{
    control::{MaxStale, RequestControl},
    policy::Reloads,
    reuse::*,
};

type Case = (&'static str, &'static str, &'static str, f64, Decision);

/// Rule, request, stored response, seconds since it came, and what comes of it under [`PLAIN`].
#[rustfmt::skip] // A case is a line.
const CASES: &[Case] = &[
    ("9111 §4: fresh", "GET", "Cache-Control: max-age=60", 59.9, Serve),
    ("9111 §4: MUST NOT be stale", "GET", "Cache-Control: max-age=60", 60.0, Validate(Stale)),
    ("9111 §4: HEAD is answered by GET's", "HEAD", "Cache-Control: max-age=60", 1.0, Serve),
    ("9111 §4, §5.2.2.4: MUST NOT without validation", "GET", "Cache-Control: max-age=60, no-cache", 1.0, Validate(Stale)),
    ("9111 §5.2.2.4: in any case", "GET", "Cache-Control: No-Cache, max-age=60", 1.0, Validate(Stale)),
    ("9111 §5.2.2.4: whatever the argument", "GET", "Cache-Control: no-cache=, max-age=60", 1.0, Validate(Stale)),
    ("9111 §5.2.2.4: without the fields", "GET", "Cache-Control: no-cache=\"x-a\", max-age=60", 1.0, Serve),
    ("9111 §4.2.1: the most restrictive one", "GET", "Cache-Control: max-age=60, no-cache, public", 1.0, Validate(Stale)),
    ("9111 §5.4: Pragma means nothing in responses", "GET", "Cache-Control: max-age=60 | Pragma: no-cache", 1.0, Serve),
    ("8246 §2: immutable is fresh as long as it is", "GET", "Cache-Control: max-age=60, immutable", 60.0, Validate(Stale)),
    // What the client wants.
    ("9111 §5.2.1.4: no-cache", "GET | Cache-Control: no-cache", "Cache-Control: max-age=60", 1.0, Validate(Request)),
    ("9111 §5.4: Pragma", "GET | Pragma: no-cache", "Cache-Control: max-age=60", 1.0, Validate(Request)),
    ("9111 §5.4: Pragma", "GET | Pragma: x, No-Cache", "Cache-Control: max-age=60", 1.0, Validate(Request)),
    ("9111 §5.4: not beside Cache-Control", "GET | Pragma: no-cache | Cache-Control: x", "Cache-Control: max-age=60", 1.0, Serve),
    ("9111 §5.4: not beside Cache-Control", "GET | Pragma: x", "Cache-Control: max-age=60", 1.0, Serve),
    ("9111 §5.2.1.5: no-store is not about what is stored", "GET | Cache-Control: no-store", "Cache-Control: max-age=60", 1.0, Serve),
    ("9111 §5.2.1.1: max-age", "GET | Cache-Control: max-age=10", "Cache-Control: max-age=60", 10.0, Serve),
    ("9111 §5.2.1.1: max-age", "GET | Cache-Control: max-age=10", "Cache-Control: max-age=60", 10.1, Validate(Request)),
    ("9111 §5.2.1.1: max-age", "GET | Cache-Control: max-age=0", "Cache-Control: max-age=60", 0.1, Validate(Request)),
    ("9111 §5.2.1.1: counts what it was", "GET | Cache-Control: max-age=10", "Cache-Control: max-age=60 | Age: 20", 0.0, Validate(Request)),
    ("own: malformed is strict", "GET | Cache-Control: max-age=x", "Cache-Control: max-age=60", 0.1, Validate(Request)),
    ("own: contradiction is strict", "GET | Cache-Control: max-age=50, max-age=40", "Cache-Control: max-age=60", 0.1, Validate(Request)),
    ("9111 §5.2.1.3: min-fresh", "GET | Cache-Control: min-fresh=50", "Cache-Control: max-age=60", 10.0, Serve),
    ("9111 §5.2.1.3: min-fresh", "GET | Cache-Control: min-fresh=50", "Cache-Control: max-age=60", 10.1, Validate(Request)),
    ("own: malformed is strict", "GET | Cache-Control: min-fresh=x", "Cache-Control: max-age=60", 0.0, Validate(Request)),
    ("9111 §5.2.1.2: max-stale", "GET | Cache-Control: max-stale=10", "Cache-Control: max-age=60", 70.0, Serve),
    ("9111 §5.2.1.2: max-stale", "GET | Cache-Control: max-stale=10", "Cache-Control: max-age=60", 70.1, Validate(Stale)),
    ("9111 §5.2.1.2: of any age", "GET | Cache-Control: max-stale", "Cache-Control: max-age=60", 7000.0, Serve),
    ("own: malformed is strict", "GET | Cache-Control: max-stale=x", "Cache-Control: max-age=60", 60.1, Validate(Stale)),
    ("own: contradiction is strict", "GET | Cache-Control: max-stale, max-stale=9", "Cache-Control: max-age=60", 61.0, Validate(Stale)),
    ("9111 §5.2.1.1: max-age with max-stale", "GET | Cache-Control: max-age=90, max-stale=20", "Cache-Control: max-age=60", 70.0, Serve),
    ("9111 §5.2.1.1: max-age with max-stale", "GET | Cache-Control: max-age=65, max-stale=20", "Cache-Control: max-age=60", 70.0, Validate(Stale)),
    ("9111 §5.2.1.7: SHOULD serve what is stored", "GET | Cache-Control: only-if-cached", "Cache-Control: max-age=60", 1.0, Serve),
    ("9111 §5.2.1.7: SHOULD answer 504", "GET | Cache-Control: only-if-cached", "Cache-Control: max-age=60", 60.0, GatewayTimeout),
    ("9111 §5.2.1.7: with other constraints", "GET | Cache-Control: only-if-cached, max-stale", "Cache-Control: max-age=60", 60.0, Serve),
    ("9111 §5.2.1.7: with other constraints", "GET | Cache-Control: only-if-cached, max-age=5", "Cache-Control: max-age=60", 6.0, GatewayTimeout),
    ("9111 §5.2.3: MUST ignore unrecognized", "GET | Cache-Control: no-caches, x=\"no-cache, max-age=0\"", "Cache-Control: max-age=60", 1.0, Serve),
    ("5861 §4: means nothing while nothing fails", "GET | Cache-Control: stale-if-error=60", "Cache-Control: max-age=60", 61.0, Validate(Stale)),
    // Stale.
    ("5861 §3: MAY serve, SHOULD revalidate", "GET", "Cache-Control: max-age=60, stale-while-revalidate=30", 60.0, ServeAndRevalidate),
    ("5861 §3: up to so many seconds", "GET", "Cache-Control: max-age=60, stale-while-revalidate=30", 90.0, ServeAndRevalidate),
    ("5861 §3: SHOULD NOT after them", "GET", "Cache-Control: max-age=60, stale-while-revalidate=30", 90.1, Validate(Stale)),
    ("5861 §3: not if it is none", "GET", "Cache-Control: max-age=60, stale-while-revalidate=0", 60.0, Validate(Stale)),
    ("9111 §4.2.1: two that differ", "GET", "Cache-Control: max-age=60, stale-while-revalidate=30, stale-while-revalidate=90", 61.0, Validate(Stale)),
    ("9111 §5.2.1.1: who sends max-age wants nothing stale", "GET | Cache-Control: max-age=99", "Cache-Control: max-age=60, stale-while-revalidate=30", 61.0, Validate(Stale)),
    ("9111 §5.2.1.4: no-cache", "GET | Cache-Control: no-cache", "Cache-Control: max-age=60, stale-while-revalidate=30", 61.0, Validate(Stale)),
    ("9111 §5.2.1.7: served without waiting", "GET | Cache-Control: only-if-cached", "Cache-Control: max-age=60, stale-while-revalidate=30", 61.0, ServeAndRevalidate),
    ("5861 §4: not before something fails", "GET", "Cache-Control: max-age=60, stale-if-error=30", 61.0, Validate(Stale)),
    ("9213 §2.2: SHOULD implement others", "GET", "CDN-Cache-Control: max-age=60, stale-while-revalidate=30", 61.0, ServeAndRevalidate),
    // Forbidden.
    ("9111 §4.2.4, §5.2.2.2: MUST NOT", "GET | Cache-Control: max-stale", "Cache-Control: max-age=60, must-revalidate", 61.0, Validate(Stale)),
    ("9111 §5.2.2.2: MUST NOT", "GET", "Cache-Control: max-age=60, must-revalidate, stale-while-revalidate=30", 61.0, Validate(Stale)),
    ("9111 §5.2.2.2: fresh is fresh", "GET", "Cache-Control: max-age=60, must-revalidate", 59.0, Serve),
    ("9111 §5.2.2.8: MUST NOT", "GET | Cache-Control: max-stale", "Cache-Control: max-age=60, proxy-revalidate", 61.0, Validate(Stale)),
    ("9111 §5.2.2.10: MUST NOT", "GET | Cache-Control: max-stale", "Cache-Control: s-maxage=60", 61.0, Validate(Stale)),
    ("9111 §5.2.2.10: MUST NOT", "GET", "Cache-Control: s-maxage=60, stale-while-revalidate=30", 61.0, Validate(Stale)),
    ("9111 §4.2.4: MUST NOT, no-cache", "GET | Cache-Control: max-stale", "Cache-Control: max-age=60, no-cache", 61.0, Validate(Stale)),
    ("9213 §2.2: MUST implement must-revalidate", "GET | Cache-Control: max-stale", "CDN-Cache-Control: max-age=60, must-revalidate", 61.0, Validate(Stale)),
    ("9213 §2.2: MUST implement no-cache", "GET", "CDN-Cache-Control: max-age=60, no-cache | Cache-Control: max-age=60", 1.0, Validate(Stale)),
    ("9213 §2.2: MUST implement max-age", "GET", "CDN-Cache-Control: max-age=60 | Cache-Control: max-age=600", 60.0, Validate(Stale)),
];

fn wishes(request: &str) -> RequestControl {
    let request = Message::of(request);
    match way(&request.method(), request.fields()) {
        Way::Look(wishes) => wishes,
        Way::Past(bypass) => panic!("{bypass:?}"),
    }
}

#[test]
fn what_becomes_of_requests() {
    hold(CASES, |(_, request, response, after, ought)| {
        (decide(&PLAIN, &freshness(&PLAIN, response), &wishes(request), at(*after)), *ought)
    });
}

/// RFC 9111 section 5.2.1: request directives are advisory.
#[test]
fn a_policy_can_leave_reloads_to_the_origin() {
    let policy = Policy { reloads: Reloads::Ignore, ..PLAIN };
    let cases = [
        ("GET | Cache-Control: no-cache", 1.0, Serve),
        ("GET | Cache-Control: max-age=0", 1.0, Serve),
        ("GET | Cache-Control: min-fresh=99", 1.0, Serve),
        ("GET | Pragma: no-cache", 1.0, Serve),
        ("GET | Cache-Control: max-age=0", 61.0, ServeAndRevalidate),
        ("GET | Cache-Control: max-stale=99", 99.0, Serve),
        ("GET | Cache-Control: no-cache", 99.0, Validate(Stale)),
        ("GET | Cache-Control: only-if-cached", 99.0, GatewayTimeout),
    ];
    let response = freshness(&policy, "Cache-Control: max-age=60, stale-while-revalidate=30");
    hold(&cases, |(request, after, ought)| (decide(&policy, &response, &wishes(request), at(*after)), *ought));
}

#[test]
fn some_requests_go_past_the_cache() {
    let look = Way::Look(RequestControl::default());
    let cases = [
        ("9111 §4", "GET", look),
        ("9111 §4", "HEAD | Content-Length: 0", look),
        ("9111 §4: MUST write through", "POST", Way::Past(Bypass::Method)),
        ("9111 §4: MUST write through", "DELETE | Cache-Control: only-if-cached", Way::Past(Bypass::Method)),
        ("9111 §4: MUST write through", "get", Way::Past(Bypass::Method)),
        ("9111 §4: defined otherwise", "OPTIONS", Way::Past(Bypass::Method)),
        ("9110 §9.3.1: content of GET", "GET | Content-Length: 1", Way::Past(Bypass::Content)),
        ("9110 §9.3.1: content of GET", "GET | Transfer-Encoding: chunked", Way::Past(Bypass::Content)),
        ("9111 §4.3.2: MUST NOT evaluate If-Match", "GET | If-Match: \"a\"", Way::Past(Bypass::Precondition)),
        (
            "9111 §4.3.2: MUST NOT evaluate If-Unmodified-Since",
            "GET | If-Unmodified-Since: @0",
            Way::Past(Bypass::Precondition),
        ),
        ("9110 §7.8", "GET | Upgrade: websocket | Connection: upgrade", Way::Past(Bypass::Upgrade)),
        ("own", "GET | If-None-Match: \"a\" | Range: bytes=0-1 | Authorization: x | Cookie: a=b", look),
    ];
    hold(&cases, |(_, request, ought)| {
        let request = Message::of(request);
        (way(&request.method(), request.fields()), *ought)
    });
}

#[test]
fn requests_say_what_they_want() {
    let asked = wishes(
        "GET | Cache-Control: no-store, MAX-STALE | Cache-Control: Stale-If-Error=\"9\", min-fresh=1 | pragma: no-cache",
    );
    let ought = RequestControl {
        no_store: true,
        max_stale: Some(MaxStale::Any),
        stale_if_error: Some(seconds(9)),
        min_fresh: Some(seconds(1)),
        ..RequestControl::default()
    };
    assert_eq!(asked, ought);
}

/// RFC 9111 section 5.2.1.7: SHOULD.
#[test]
fn who_wants_no_origin_gets_504_where_nothing_is_stored() {
    assert_eq!(missing(&wishes("GET | Cache-Control: Only-If-Cached")), Missing::GatewayTimeout);
    assert_eq!(missing(&wishes("GET | Cache-Control: no-cache")), Missing::Forward);
}

#[test]
fn failures_are_hidden_where_that_is_allowed() {
    let status = |code: u16| Failure::Status(StatusCode::from_u16(code).unwrap());
    let allowed = "Cache-Control: max-age=60, stale-if-error=30";
    let plain = "Cache-Control: max-age=60";
    let cases = [
        ("5861 §4: MAY serve", "GET", allowed, 90.0, Failure::Unreachable, ServeStale),
        ("5861 §4: SHOULD NOT when more stale", "GET", allowed, 90.1, Failure::Unreachable, PassOn),
        ("5861 §4: 500", "GET", allowed, 61.0, status(500), ServeStale),
        ("5861 §4: 502", "GET", allowed, 61.0, status(502), ServeStale),
        ("5861 §4: 503", "GET", allowed, 61.0, status(503), ServeStale),
        ("5861 §4: 504", "GET", allowed, 61.0, status(504), ServeStale),
        ("5861 §4: 501 is an answer", "GET", allowed, 61.0, status(501), PassOn),
        ("9111 §4.3.3: MUST use a full answer", "GET", allowed, 61.0, status(404), PassOn),
        (
            "5861 §4: fresh, but the client wanted to know",
            "GET | Cache-Control: no-cache",
            allowed,
            9.0,
            status(503),
            ServeStale,
        ),
        ("9111 §4.2.4: MUST NOT unless it is allowed", "GET", plain, 61.0, Failure::Unreachable, PassOn),
        ("5861 §4: of the request", "GET | Cache-Control: stale-if-error=30", plain, 90.0, status(503), ServeStale),
        ("5861 §4: of the request", "GET | Cache-Control: stale-if-error=30", plain, 90.1, status(503), PassOn),
        ("5861 §4: the longer one", "GET | Cache-Control: stale-if-error=9", allowed, 90.0, status(503), ServeStale),
        ("5861 §4: malformed", "GET | Cache-Control: stale-if-error", plain, 60.0, status(503), PassOn),
        (
            "9111 §5.2.2.2: MUST NOT, SHOULD be 504",
            "GET",
            "Cache-Control: max-age=60, stale-if-error=30, must-revalidate",
            61.0,
            Failure::Unreachable,
            AfterFailure::GatewayTimeout,
        ),
        (
            "9111 §5.2.2.8: MUST NOT",
            "GET",
            "Cache-Control: max-age=60, stale-if-error=30, proxy-revalidate",
            61.0,
            Failure::Unreachable,
            AfterFailure::GatewayTimeout,
        ),
        (
            "9111 §5.2.2.10: MUST NOT",
            "GET | Cache-Control: stale-if-error=30",
            "Cache-Control: s-maxage=60",
            61.0,
            Failure::Unreachable,
            AfterFailure::GatewayTimeout,
        ),
        (
            "9111 §5.2.2.4: MUST NOT",
            "GET",
            "Cache-Control: max-age=60, stale-if-error=30, no-cache",
            1.0,
            Failure::Unreachable,
            AfterFailure::GatewayTimeout,
        ),
        ("9111 §4.3.3: the origin's own error goes on", "GET", "Cache-Control: s-maxage=60", 61.0, status(503), PassOn),
    ];
    hold(&cases, |(_, request, response, after, failure, ought)| {
        (after_failure(&freshness(&PLAIN, response), &wishes(request), *failure, at(*after)), *ought)
    });
}
