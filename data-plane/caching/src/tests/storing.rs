//! Which responses are stored, and what of them.

use Unstorable::*;

use super::{Line, Message, PLAIN, T0, hold, seconds, stored};
use crate::{
    Exchange, Policy, Timing, Unstorable, judge,
    policy::{self, Assumed, Partial, Reloads},
    status_code,
};
use http::StatusCode;

type Case = (&'static str, &'static str, &'static str, Result<(), Unstorable>);

/// Rule, request, response, and what comes of it under [`PLAIN`].
#[rustfmt::skip] // A case is a line.
const CASES: &[Case] = &[
    // The request.
    ("9111 §3: the method is understood", "GET", "Cache-Control: max-age=60", Ok(())),
    ("9111 §3: the method is understood", "POST", "Cache-Control: max-age=60", Err(Method)),
    ("9111 §3: the method is understood", "PUT", "Cache-Control: max-age=60", Err(Method)),
    ("9111 §3: the method is understood", "BREW", "Cache-Control: max-age=60", Err(Method)),
    ("9111 §3: HEAD has no content to store", "HEAD", "Cache-Control: max-age=60", Err(Method)),
    ("9110 §9.3.1: content of GET", "GET | Content-Length: 3", "Cache-Control: max-age=60", Err(RequestContent)),
    ("9110 §9.3.1: content of GET", "GET | Content-Length: 0", "Cache-Control: max-age=60", Ok(())),
    ("9110 §9.3.1: content of GET", "GET | Transfer-Encoding: chunked", "Cache-Control: max-age=60", Err(RequestContent)),
    ("9111 §5.2.1.5: MUST NOT store", "GET | Cache-Control: no-store", "Cache-Control: max-age=60", Err(RequestNoStore)),
    ("9111 §5.2: names in any case", "GET | cache-control: No-STORE", "Cache-Control: max-age=60", Err(RequestNoStore)),
    ("9111 §5.2.3: MUST ignore unrecognized", "GET | Cache-Control: no-stores", "Cache-Control: max-age=60", Ok(())),
    ("9111 §5.2.1.4: says nothing of storing", "GET | Cache-Control: no-cache", "Cache-Control: max-age=60", Ok(())),
    // The status.
    ("9111 §3: the status is final", "GET", "103 | Cache-Control: max-age=60", Err(Status)),
    ("9111 §3: 304 is understood, as an update", "GET", "304 | Cache-Control: max-age=60", Err(Status)),
    ("9111 §3.3: MUST NOT store partial content", "GET", "206 | Cache-Control: max-age=60 | Content-Range: bytes 0-4/10", Err(Status)),
    ("9111 §3: any final status", "GET", "599 | Cache-Control: max-age=60", Ok(())),
    ("9111 §3: any final status", "GET", "404 | Cache-Control: max-age=60", Ok(())),
    ("9111 §3: any final status", "GET", "500 | Cache-Control: max-age=60", Ok(())),
    ("own: what no key holds", "GET | Range: bytes=9-", "416 | Cache-Control: max-age=60", Err(Status)),
    ("own: what no key holds", "GET", "412 | Cache-Control: max-age=60", Err(Status)),
    ("own: what no key holds", "GET", "431 | Cache-Control: max-age=60", Err(Status)),
    ("9111 §3: must-understand", "GET", "200 | Cache-Control: max-age=60, must-understand", Ok(())),
    ("9111 §3: must-understand", "GET", "299 | Cache-Control: max-age=60, must-understand", Err(Status)),
    ("9111 §5.2.2.3: SHOULD ignore no-store", "GET", "200 | Cache-Control: max-age=60, must-understand, no-store", Ok(())),
    ("9111 §5.2.2.3: not of unknown status", "GET", "299 | Cache-Control: max-age=60, must-understand, no-store", Err(Status)),
    ("9111 §5.2: no argument is allowed", "GET", "Cache-Control: max-age=60, no-store, must-understand=1", Err(NoStore)),
    // The directives.
    ("9111 §3, §5.2.2.5: MUST NOT store", "GET", "Cache-Control: no-store", Err(NoStore)),
    ("9111 §5.2.2.5: MUST NOT store", "GET", "Cache-Control: no-store, max-age=60, public", Err(NoStore)),
    ("9111 §5.2.2.5: MUST NOT store", "GET", "Cache-Control: max-age=60 | Cache-Control: no-store", Err(NoStore)),
    ("9111 §5.2: names in any case", "GET", "cAcHe-CoNtRoL: nO-sToRe, max-age=60", Err(NoStore)),
    ("9111 §5.2: MUST obey, whatever the argument", "GET", "Cache-Control: no-store=0, max-age=60", Err(NoStore)),
    ("9111 §5.2: MUST obey, beside what is malformed", "GET", "Cache-Control: max-age=60; no-store, no-store; x", Err(NoStore)),
    ("9111 §5.2: MUST obey, behind an open quote", "GET", "Cache-Control: max-age=60, x=\"1, no-store", Err(NoStore)),
    ("9111 §5.2: quoted strings hold no directives", "GET", "Cache-Control: max-age=60, x=\"a, no-store\"", Ok(())),
    ("9111 §5.2: quoted strings have escapes", "GET", "Cache-Control: max-age=60, x=\"\\\", no-store\"", Ok(())),
    ("9111 §5.2.3: MUST ignore unrecognized", "GET", "Cache-Control: max-age=60, no-storage, x=1, y", Ok(())),
    ("9111 §3, §5.2.2.7: MUST NOT store", "GET", "Cache-Control: private, max-age=60", Err(Private)),
    ("9111 §5.2.2.7: MUST NOT store", "GET", "Cache-Control: PRIVATE, public, s-maxage=60", Err(Private)),
    ("9111 §5.2.2.7: without the fields", "GET", "Cache-Control: private=\"x-a\", max-age=60", Ok(())),
    ("9111 §5.2.2.7: both forms", "GET", "Cache-Control: private=x-a, max-age=60", Ok(())),
    ("9111 §5.2.2.7: both hold", "GET", "Cache-Control: private=\"x-a\", private, max-age=60", Err(Private)),
    ("own: malformed lists of names", "GET", "Cache-Control: private=\"x-a, b c\", max-age=60", Err(Private)),
    ("own: malformed lists of names", "GET", "Cache-Control: private=\"\", max-age=60", Err(Private)),
    ("own: malformed lists of names", "GET", "Cache-Control: private=\"x-a, max-age=60", Err(Private)),
    ("own: fields that cannot be left out", "GET", "Cache-Control: private=\"Content-Type\", max-age=60", Err(Private)),
    // Authorization.
    ("9111 §3, §3.5: MUST NOT share", "GET | Authorization: Basic x", "Cache-Control: max-age=60", Err(Authorization)),
    ("9111 §3.5: MUST NOT share", "GET | authorization:", "Expires: @60", Err(Authorization)),
    ("9111 §3.5, §5.2.2.9: public", "GET | Authorization: Basic x", "Cache-Control: max-age=60, public", Ok(())),
    ("9111 §3.5, §5.2.2.10: s-maxage", "GET | Authorization: Basic x", "Cache-Control: s-maxage=60", Ok(())),
    ("9111 §3.5, §5.2.2.2: must-revalidate", "GET | Authorization: Basic x", "Cache-Control: max-age=60, must-revalidate", Ok(())),
    ("9111 §5.2.2.8: proxy-revalidate does not", "GET | Authorization: Basic x", "Cache-Control: max-age=60, proxy-revalidate", Err(Authorization)),
    ("9111 §3.5: public is bare", "GET | Authorization: Basic x", "Cache-Control: max-age=60, public=1", Err(Authorization)),
    // Cookies and other fields.
    ("issue: Set-Cookie", "GET", "Cache-Control: max-age=60 | Set-Cookie: a=1", Err(SetCookie)),
    ("issue: Set-Cookie", "GET", "Cache-Control: public, max-age=60 | Set-Cookie: a=1", Err(SetCookie)),
    ("9111 §5.2.2.7: left out", "GET", "Cache-Control: private=\"Set-Cookie\", max-age=60 | Set-Cookie: a=1", Ok(())),
    ("9111 §5.2.2.4: left out", "GET", "Cache-Control: no-cache=\"set-cookie\", max-age=60 | Set-Cookie: a=1", Ok(())),
    ("9111 §4.1: * never matches", "GET", "Cache-Control: max-age=60 | Vary: *", Err(VaryAny)),
    ("9111 §4.1: * never matches", "GET", "Cache-Control: max-age=60 | Vary: Accept, *", Err(VaryAny)),
    ("9111 §4.1: * never matches", "GET", "Cache-Control: max-age=60 | Vary: | Vary: *", Err(VaryAny)),
    ("own: malformed Vary", "GET", "Cache-Control: max-age=60 | Vary: Accept Language", Err(VaryAny)),
    ("9111 §4.1: any other", "GET", "Cache-Control: max-age=60 | Vary: Accept, , Origin", Ok(())),
    ("own: bounds", "GET", "Cache-Control: max-age=60 | Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", Err(VaryTooMany)),
    ("own: bounds", "GET", "Cache-Control: max-age=60 | Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,A,B,c", Ok(())),
    // One of these is needed.
    ("9111 §3: max-age", "GET", "202 | Cache-Control: max-age=60", Ok(())),
    ("9111 §3: s-maxage", "GET", "202 | Cache-Control: s-maxage=60", Ok(())),
    ("9111 §3: Expires", "GET", "202 | Expires: @60", Ok(())),
    ("9111 §3: public", "GET", "202 | Cache-Control: public | ETag: \"a\"", Ok(())),
    ("9111 §3: heuristically cacheable", "GET", "404 | ETag: \"a\"", Ok(())),
    ("9111 §3: none of them", "GET", "202 | ETag: \"a\"", Err(NoLifetime)),
    ("9111 §3: none of them", "GET", "503 | Last-Modified: @-9 | Cache-Control: must-revalidate", Err(NoLifetime)),
    ("9111 §3: Expires counts if it is past", "GET", "202 | Expires: 0 | ETag: \"a\"", Ok(())),
    ("own: of no use", "GET", "200", Err(Useless)),
    ("own: of no use", "GET", "Cache-Control: max-age=0", Err(Useless)),
    ("own: of no use", "GET", "Cache-Control: max-age=60, no-cache", Err(Useless)),
    ("own: of no use", "GET", "Cache-Control: max-age=60 | Age: 60", Err(Useless)),
    ("own: to be validated", "GET", "Cache-Control: max-age=60, no-cache | Last-Modified: @-9", Ok(())),
    ("own: to be served stale", "GET", "Cache-Control: max-age=0, stale-while-revalidate=9", Ok(())),
    ("own: to be served stale", "GET", "Cache-Control: max-age=0, stale-if-error=9", Ok(())),
    ("own: not to be served stale", "GET", "Cache-Control: max-age=0, stale-if-error=9, must-revalidate", Err(Useless)),
    // CDN-Cache-Control.
    ("9213 §2.2: MUST ignore Cache-Control", "GET", "CDN-Cache-Control: max-age=60 | Cache-Control: no-store", Ok(())),
    ("9213 §2.2: MUST ignore Cache-Control", "GET", "CDN-Cache-Control: max-age=60 | Cache-Control: private", Ok(())),
    ("9213 §2.2: MUST implement no-store", "GET", "CDN-Cache-Control: no-store | Cache-Control: max-age=60", Err(NoStore)),
    ("9213 §2.2: MUST implement private", "GET", "CDN-Cache-Control: private | Cache-Control: max-age=60", Err(Private)),
    ("9213 §2.2: MUST implement no-cache", "GET", "CDN-Cache-Control: no-cache, max-age=9 | Cache-Control: max-age=60", Err(Useless)),
    ("9213 §2.2: SHOULD implement others", "GET | Authorization: x", "CDN-Cache-Control: public, max-age=60", Ok(())),
    ("9213 §2.2: SHOULD implement others", "GET", "299 | CDN-Cache-Control: must-understand, max-age=60", Err(Status)),
    ("9213 §2.1: MUST ignore an empty field", "GET", "CDN-Cache-Control: | Cache-Control: no-store", Err(NoStore)),
    ("9213 §2.1: MUST ignore what does not parse", "GET", "CDN-Cache-Control: max-age=60, &&& | Cache-Control: no-store", Err(NoStore)),
    ("9213 §2.1: MUST ignore what does not parse", "GET", "CDN-Cache-Control: max-age=60 | CDN-Cache-Control: , | Cache-Control: no-store", Err(NoStore)),
    ("9213 §2.1: keys are in lower case", "GET", "CDN-Cache-Control: Max-Age=60 | Cache-Control: no-store", Err(NoStore)),
    ("9213 §2.1: SHOULD NOT consume other types", "GET", "CDN-Cache-Control: max-age=\"60\" | Cache-Control: max-age=60", Err(Useless)),
    ("9213 §2.1: SHOULD NOT consume other types", "GET", "CDN-Cache-Control: max-age=60.0 | Cache-Control: max-age=60", Err(Useless)),
    ("9213 §2.1: SHOULD NOT consume other types", "GET", "CDN-Cache-Control: max-age=(60) | Cache-Control: max-age=60", Err(Useless)),
    ("9213 §2.1: strings have names", "GET", "CDN-Cache-Control: max-age=60, private=\"x-a\"", Ok(())),
    ("9213 §2.1: parameters are ignored", "GET", "CDN-Cache-Control: max-age=60;no-store", Ok(())),
    ("8941 §3.2: of two, the last one", "GET", "CDN-Cache-Control: no-store, max-age=0, max-age=60, no-store=?0", Ok(())),
    ("9213 §2.2: other targets MUST NOT change anything", "GET", "Other-CDN-Cache-Control: no-store | Cache-Control: max-age=60", Ok(())),
];

#[test]
fn what_is_stored() {
    hold(CASES, |(_, request, response, ought)| (stored(&PLAIN, request, response).map(drop), *ought));
}

#[test]
fn a_policy_can_store_cookies_and_parts() {
    let policy = Policy { set_cookie: policy::SetCookie::Store, partial: Partial::Store, ..PLAIN };
    let cases = [
        ("Cache-Control: max-age=60 | Set-Cookie: a=1", Ok(())),
        ("206 | Cache-Control: max-age=60 | Content-Range: bytes 0-4/10", Ok(())),
        ("206 | Cache-Control: max-age=60, must-understand | Content-Range: bytes 0-4/*", Ok(())),
        // Several parts, or none that can be told.
        ("206 | Cache-Control: max-age=60 | Content-Type: multipart/byteranges; boundary=x", Err(Status)),
        ("206 | Cache-Control: max-age=60 | Content-Range: bytes 4-0/10", Err(Status)),
        ("206 | Cache-Control: max-age=60 | Content-Range: lines 0-4/10", Err(Status)),
    ];
    hold(&cases, |(response, ought)| (stored(&policy, "GET | Range: bytes=0-4", response).map(drop), *ought));
}

/// Names that are not looked at could be of anything.
#[test]
fn a_long_list_of_private_fields_is_about_everything() {
    let private = |count: usize| {
        let names: Vec<_> = (0..count).map(|at| format!("x-{at}")).collect();
        stored(&PLAIN, "GET", &format!("Cache-Control: max-age=60, private=\"{}\"", names.join(", "))).map(drop)
    };
    assert_eq!((private(32), private(33), private(40)), (Ok(()), Err(Private), Err(Private)));
}

/// RFC 9110 section 15.1.
#[test]
fn twelve_statuses_are_heuristically_cacheable() {
    let policy = Policy { assumed: Assumed::Fixed(seconds(10)), ..PLAIN };
    let is_stored = |status: &u16| stored(&policy, "GET", &status.to_string()).is_ok();
    let all: Vec<u16> = (200..600).filter(is_stored).collect();
    // 206 is one of them, and stored only by a policy that says so.
    assert_eq!(all, [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
    assert!(status_code::is_heuristically_cacheable(StatusCode::PARTIAL_CONTENT));
}

/// RFC 9111 section 3.1, and 5.2.2.4 and 5.2.2.7 for the fields that they name.
#[test]
fn all_fields_are_stored_but_those_of_a_connection_or_a_client() {
    let response = Message::of(
        "Cache-Control: max-age=60, private=\"X-Mine\", no-cache=\"x-once, x-twice\" | Connection: close, X-Hop | X-Hop: 1 \
         | Keep-Alive: 1 | Proxy-Authenticate: 1 | Proxy-Authentication-Info: 1 | Proxy-Authorization: 1 \
         | Proxy-Connection: 1 | TE: 1 | Trailer: 1 | Transfer-Encoding: chunked | Upgrade: 1 | Age: 1 | X-MINE: 1 \
         | X-Once: 1 | X-Twice: 1 | X-Unheard-Of: 1 | Content-Type: a/b | ETag: \"a\" | Cache-Status: x; hit | Link: 1 | Link: 2",
    );
    let timing = Timing { requested_at: T0, received_at: T0 };
    let request: &[Line] = &[];
    let exchange =
        Exchange { method: &http::Method::GET, request, status: StatusCode::OK, response: response.fields(), timing };
    let storable = judge(&PLAIN, &exchange).unwrap();
    let kept: Vec<_> =
        response.lines.iter().filter(|(name, _)| storable.keeps(name.as_bytes())).map(|(name, _)| &name[..]).collect();
    assert_eq!(kept, ["Cache-Control", "X-Unheard-Of", "Content-Type", "ETag", "Cache-Status", "Link", "Link"]);
}

/// What a client wants of its own answer decides nothing about storing it.
#[test]
fn reloads_store_what_they_get() {
    let policy = Policy { reloads: Reloads::Ignore, ..PLAIN };
    for policy in [policy, PLAIN] {
        for request in ["GET | Cache-Control: no-cache", "GET | Cache-Control: max-age=0", "GET | Pragma: no-cache"] {
            assert!(stored(&policy, request, "Cache-Control: max-age=60").is_ok(), "{request}");
        }
    }
}
