//! Serving stale (RFC 5861), `Cache-Status` (RFC 9211) and `CDN-Cache-Control` (RFC 9213).

use super::{Case, run};

#[rustfmt::skip]
const STALE: &[Case] = &[
    ("5861 §3: stale-while-revalidate serves stale and asks in the background", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-while-revalidate=30 | ETag: \"1\"
        < 200 #1
        + 39
        > GET /a
        < 200 #1 | Age: 39
        ? If-None-Match: \"1\"
        = 200 | Cache-Control: max-age=10 | ETag: \"2\"
        ~
        > GET /a
        < 200 #2"),
    ("5861 §3: a 304 in the background refreshes", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-while-revalidate=30 | ETag: \"1\"
        < 200 #1
        + 20
        > GET /a
        < 200 #1
        = 304 | Cache-Control: max-age=60 | ETag: \"1\"
        ~
        > GET /a
        < 200 #1 | Age: 0"),
    ("5861 §3: and no longer than it says", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-while-revalidate=30
        < 200 #1
        + 41
        > GET /a
        = 200
        < 200 #2"),
    ("5861 §3: not where must-revalidate forbids it", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-while-revalidate=30, must-revalidate
        < 200 #1
        + 20
        > GET /a
        = 200
        < 200 #2"),
    ("5861 §4: stale-if-error for 500, 502, 503 and 504", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-if-error=30
        < 200 #1
        + 39
        > GET /a
        = 500
        < 200 #1
        > GET /a
        = 502
        < 200 #1
        > GET /a
        = 503
        < 200 #1
        > GET /a
        = 504
        < 200 #1
        > GET /a
        = 404
        < 404 #6"),
    ("5861 §4: and no longer than it says", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-if-error=30 | ETag: \"1\"
        < 200 #1
        + 41
        > GET /a
        = 500
        < 500 #2"),
    ("5861 §4: where the origin breaks off", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-if-error=30
        < 200 #1
        + 20
        > GET /a
        = cut
        < 200 #1"),
    ("5861 §4: the client may ask for it", "
        > GET /a
        = 200 | Cache-Control: max-age=10 | ETag: \"1\"
        < 200 #1
        + 20
        > GET /a | Cache-Control: stale-if-error=30
        = 500
        < 200 #1
        > GET /a
        = 500
        < 500 #3"),
    ("5861 §3: a background request that fails leaves what is there, as long as it may be served", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-while-revalidate=30
        < 200 #1
        + 20
        > GET /a
        < 200 #1
        = 503
        > GET /a
        < 200 #1
        = 200 | Cache-Control: max-age=60
        ~
        > GET /a
        < 200 #3"),
    ("5861 §3: not where no-cache, s-maxage or proxy-revalidate forbid it", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-while-revalidate=30, proxy-revalidate
        < 200 #1
        > GET /b
        = 200 | Cache-Control: s-maxage=10, stale-while-revalidate=30
        < 200 #2
        + 20
        > GET /a
        = 200
        < 200 #3
        > GET /b
        = 200
        < 200 #4"),
    ("5861 §4: visibly stale: Age tells", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-if-error=30
        < 200 #1
        + 25
        > GET /a
        = 500
        < 200 #1 | Age: 25"),
    ("5861 §4: not where must-revalidate forbids it", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-if-error=30, must-revalidate | ETag: \"1\"
        < 200 #1
        + 20
        > GET /a
        = 503
        < 503 #2"),
];

#[rustfmt::skip]
const STATUS: &[Case] = &[
    ("9211 §2.1: hit, and §2.2: why it was forwarded", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1 | Cache-Status ~ gateway; fwd=uri-miss; stored
        > GET /a
        < 200 #1 | Cache-Status: gateway; hit; ttl=60"),
    ("9211 §2.4: ttl is what is left, and negative when stale", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        + 20
        > GET /a
        < 200 #1 | Cache-Status ~ ttl=40
        + 50
        > GET /a | Cache-Control: max-stale
        < 200 #1 | Cache-Status ~ ttl=-10"),
    ("9211 §2.2: vary-miss", "
        > GET /a | X: 1
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #1
        > GET /a | X: 2
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #2 | Cache-Status ~ fwd=vary-miss"),
    ("9211 §2.2, §2.3: stale, and what the origin said", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a
        = 304 | ETag: \"1\"
        < 200 #1 | Cache-Status ~ fwd=stale; fwd-status=304"),
    ("9211 §2.2: request", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a | Cache-Control: no-cache
        = 200 | Cache-Control: max-age=60
        < 200 #2 | Cache-Status ~ fwd=request"),
    ("9211 §2.2: method and bypass", "
        > POST /a | Content-Length: 0
        = 200
        < 200 #1 | Cache-Status ~ fwd=method"),
    ("9211 §2: behind what is there already", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Cache-Status: origin; hit
        < 200 #1 | Cache-Status: origin; hit | Cache-Status ~ gateway; fwd=uri-miss
        > GET /a
        < 200 #1 | Cache-Status: origin; hit | Cache-Status ~ gateway; hit"),
    ("9211 §2.5, §2.8: stored only if it is, and why not", "
        > GET /a
        = 200 | Cache-Control: no-store
        < 200 #1 | Cache-Status: gateway; fwd=uri-miss; detail=no-store"),
    ("9211 §2: SHOULD NOT be on what the gateway says by itself, but on what is made of something stored", "
        > GET /a | Cache-Control: only-if-cached
        < 504 | !Cache-Status
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\" | =0123456789
        < 200
        > GET /a | If-None-Match: \"1\"
        < 304 | Cache-Status: gateway; hit; ttl=60
        > GET /a | Range: bytes=0-1
        < 206 | Cache-Status: gateway; hit; ttl=60
        > HEAD /a
        < 200 | Cache-Status: gateway; hit; ttl=60"),
    ("9211 §2.2: bypass by the policy, and by what the request is", "
        : bypass session
        > GET /a | Cookie: session=1
        = 200 | Cache-Control: max-age=60
        < 200 #1 | Cache-Status: gateway; fwd=bypass
        > GET /a | Content-Length: 3 | =abc
        = 200 | Cache-Control: max-age=60
        < 200 #2 | Cache-Status: gateway; fwd=bypass"),
    ("9211 §2.2: partial", "
        : partial
        > GET /a | Range: bytes=0-1
        = 206 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Range: bytes 0-1/10 | =01
        < 206 | =01
        > GET /a | Range: bytes=5-6
        = 206 | Cache-Control: no-store | Content-Range: bytes 5-6/10 | =56
        < 206 | =56 | Cache-Status ~ gateway; fwd=partial"),
    ("9211 §2.3: what the origin said, where that is not what the client gets", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-if-error=30
        < 200 #1
        + 20
        > GET /a
        = 502
        < 200 #1 | Cache-Status ~ gateway; fwd=stale; fwd-status=502"),
    ("9211 §2.5: not stored, and stored behind a validation", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a
        = 304 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1 | Cache-Status: gateway; fwd=stale; fwd-status=304; stored; ttl=60
        + 60
        > GET /a
        = 304 | Cache-Control: no-store | ETag: \"1\"
        < 200 #1 | Cache-Status ~ fwd=stale; fwd-status=304; ttl="),
];

#[rustfmt::skip]
const TARGETED: &[Case] = &[
    ("9213 §2.1: goes before Cache-Control and Expires", "
        > GET /a
        = 200 | CDN-Cache-Control: max-age=60 | Cache-Control: no-store | Expires: @0
        < 200 #1
        + 59
        > GET /a
        < 200 #1"),
    ("9213 §2.1: its no-store too", "
        > GET /a
        = 200 | CDN-Cache-Control: no-store | Cache-Control: max-age=60
        < 200 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9213 §2.1: one that cannot be parsed is ignored", "
        > GET /a
        = 200 | CDN-Cache-Control: max-age=60, &&& | Cache-Control: max-age=10
        < 200 #1
        + 10
        > GET /a
        = 200
        < 200 #2"),
    ("9213 §2.2: an empty one is ignored", "
        > GET /a
        = 200 | CDN-Cache-Control: | Cache-Control: max-age=60
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9213 §2: it is passed on", "
        > GET /a
        = 200 | CDN-Cache-Control: max-age=60
        < 200 #1 | CDN-Cache-Control: max-age=60"),
    ("9213 §2.1: a value of another type is not consumed, and Cache-Control is ignored all the same", "
        > GET /a
        = 200 | CDN-Cache-Control: max-age=\"60\" | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1
        > GET /a
        ? If-None-Match: \"1\"
        = 200
        < 200 #2"),
    ("9213 §2.1: parameters mean nothing, and the last of two members counts", "
        > GET /a
        = 200 | CDN-Cache-Control: max-age=1, max-age=60;x=y
        < 200 #1
        + 59
        > GET /a
        < 200 #1"),
    ("9213 §2.1: what it does not say is not taken from Cache-Control", "
        > GET /a
        = 200 | CDN-Cache-Control: must-revalidate | Cache-Control: max-age=60 | Expires: @60 | ETag: \"1\"
        < 200 #1
        > GET /a
        ? If-None-Match: \"1\"
        = 200
        < 200 #2
        > GET /b
        = 200 | CDN-Cache-Control: max-age=60 | Cache-Control: private, no-cache
        < 200 #3
        > GET /b
        < 200 #3"),
    ("9213 §2.1: several lines are one dictionary", "
        > GET /a
        = 200 | CDN-Cache-Control: max-age=60 | CDN-Cache-Control: private
        < 200 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9213 §2.1: it may allow serving stale, too", "
        > GET /a
        = 200 | CDN-Cache-Control: max-age=10, stale-if-error=30 | Cache-Control: max-age=10
        < 200 #1
        + 20
        > GET /a
        = 500
        < 200 #1"),
    ("9213 §3.1: it is nothing that a client says", "
        > GET /a | CDN-Cache-Control: no-store
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a | CDN-Cache-Control: no-cache
        < 200 #1"),
];

#[tokio::test]
async fn serving_stale() {
    run(STALE).await;
}

#[tokio::test]
async fn cache_status() {
    run(STATUS).await;
}

#[tokio::test]
async fn targeted_fields() {
    run(TARGETED).await;
}
