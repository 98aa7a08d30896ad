//! Directives of requests and responses (RFC 9111 sections 5.2 and 5.4).

use super::{Case, run};

#[rustfmt::skip]
const REQUEST: &[Case] = &[
    ("9111 §5.2.1.1: max-age of the client", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        + 10
        > GET /a | Cache-Control: max-age=10
        < 200 #1
        > GET /a | Cache-Control: max-age=9
        = 200 | Cache-Control: max-age=60
        < 200 #2"),
    ("9111 §5.2.1.2: max-stale allows any staleness", "
        > GET /a
        = 200 | Cache-Control: max-age=10
        < 200 #1
        + 1000
        > GET /a | Cache-Control: max-stale
        < 200 #1 | Age: 1000"),
    ("9111 §5.2.1.2: max-stale allows so much", "
        > GET /a
        = 200 | Cache-Control: max-age=10
        < 200 #1
        + 20
        > GET /a | Cache-Control: max-stale=10
        < 200 #1
        + 1
        > GET /a | Cache-Control: max-stale=10
        = 200
        < 200 #2"),
    ("9111 §5.2.1.3: min-fresh", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        + 10
        > GET /a | Cache-Control: min-fresh=50
        < 200 #1
        > GET /a | Cache-Control: min-fresh=51
        = 200
        < 200 #2"),
    ("9111 §5.2.1.4: no-cache is not served without validation", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1
        > GET /a | Cache-Control: no-cache
        ? If-None-Match: \"1\"
        = 304 | ETag: \"1\"
        < 200 #1"),
    ("9111 §5.2.1.5: no-store is not stored, and says nothing of what is stored", "
        > GET /a | Cache-Control: no-store
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #2"),
    ("9111 §5.2.1.7: only-if-cached gets what is stored, or 504", "
        > GET /a | Cache-Control: only-if-cached
        < 504
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a | Cache-Control: only-if-cached
        < 200 #1
        + 60
        > GET /a | Cache-Control: only-if-cached
        < 504"),
    ("9111 §5.4: Pragma no-cache where there is no Cache-Control", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a | Pragma: no-cache
        = 200 | Cache-Control: max-age=60
        < 200 #2
        > GET /a | Pragma: no-cache | Cache-Control: max-age=60
        < 200 #2"),
    ("issue: an operator may ignore what clients want", "
        : client_no_cache ignore
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a | Cache-Control: no-cache
        < 200 #1
        > GET /a | Cache-Control: max-age=0
        < 200 #1
        > GET /a | Pragma: no-cache
        < 200 #1"),
    ("9111 §5.2.3: MUST ignore unrecognized directives", "
        > GET /a | Cache-Control: nonsense=1, no-cachet
        = 200 | Cache-Control: max-age=60, nonsense=\"a, no-store\"
        < 200 #1
        > GET /a | Cache-Control: nonsense
        < 200 #1"),
    ("9111 §5.2: MUST pass directives on, whatever the cache makes of them", "
        > GET /a | Cache-Control: max-age=0, x=1
        ? Cache-Control: max-age=0, x=1
        = 200 | Cache-Control: max-age=60, s-maxage=60, proxy-revalidate, x=2
        < 200 #1 | Cache-Control: max-age=60, s-maxage=60, proxy-revalidate, x=2
        > GET /a
        < 200 #1 | Cache-Control: max-age=60, s-maxage=60, proxy-revalidate, x=2"),
    ("9111 §5.2.1.6: no-transform is passed on, and changes nothing here", "
        > GET /a | Cache-Control: no-transform
        ? Cache-Control: no-transform
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §5.2: quoted arguments of requests", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        + 10
        > GET /a | Cache-Control: max-age=\"10\"
        < 200 #1
        > GET /a | Cache-Control: max-age=\"5\"
        = 200
        < 200 #2"),
    ("9111 §5.2.1.1: max-age without max-stale takes nothing stale", "
        > GET /a
        = 200 | Cache-Control: max-age=10, stale-while-revalidate=600
        < 200 #1
        + 20
        > GET /a | Cache-Control: max-age=30
        = 200
        < 200 #2"),
];

#[rustfmt::skip]
const RESPONSE: &[Case] = &[
    ("9111 §5.2.2.2: must-revalidate is not served stale, even if the client would take it", "
        > GET /a
        = 200 | Cache-Control: max-age=10, must-revalidate | ETag: \"1\"
        < 200 #1
        + 10
        > GET /a | Cache-Control: max-stale
        ? If-None-Match: \"1\"
        = 304 | ETag: \"1\"
        < 200 #1"),
    ("9111 §5.2.2.2: MUST answer 504 where it cannot be validated", "
        > GET /a
        = 200 | Cache-Control: max-age=10, must-revalidate, stale-if-error=1000
        < 200 #1
        + 10
        > GET /a
        = cut
        < 504"),
    ("9111 §5.2.2.4: no-cache is validated every time", "
        > GET /a
        = 200 | Cache-Control: no-cache, max-age=60 | ETag: \"1\"
        < 200 #1
        > GET /a
        ? If-None-Match: \"1\"
        = 304 | ETag: \"1\"
        < 200 #1
        > GET /a | Cache-Control: max-stale
        ? If-None-Match: \"1\"
        = 200 | Cache-Control: no-cache | ETag: \"2\"
        < 200 #3"),
    ("9111 §5.2.2.8: proxy-revalidate", "
        > GET /a
        = 200 | Cache-Control: max-age=10, proxy-revalidate | ETag: \"1\"
        < 200 #1
        + 10
        > GET /a | Cache-Control: max-stale
        = 304 | ETag: \"1\"
        < 200 #1"),
    ("9111 §5.2.2.10: s-maxage implies proxy-revalidate", "
        > GET /a
        = 200 | Cache-Control: s-maxage=10 | ETag: \"1\"
        < 200 #1
        + 10
        > GET /a | Cache-Control: max-stale
        = 304 | ETag: \"1\"
        < 200 #1"),
    ("9111 §5.2.2.9: public makes cacheable what would not be", "
        : default_ttl 10
        > GET /a | Authorization: x
        = 200 | Cache-Control: public
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §5.2: directives in any case", "
        > GET /a
        = 200 | cache-control: MAX-AGE=60
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §5.2: what hides in quotes is no directive", "
        > GET /a
        = 200 | Cache-Control: max-age=60, x=\"no-store, private\"
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §5.2.2.3: must-understand is ignored where the status is understood, and no-store where it is not is kept", "
        > GET /a
        = 404 | Cache-Control: no-store, must-understand, max-age=60
        < 404 #1
        > GET /a
        < 404 #1
        > GET /b
        = 299 | Cache-Control: no-store, must-understand, max-age=60
        < 299 #2
        > GET /b
        = 200
        < 200 #3"),
    ("9111 §5.2.2.5: no-store goes before everything that allows storing", "
        > GET /a
        = 200 | Cache-Control: no-store, public, max-age=60, s-maxage=60 | Expires: @60
        < 200 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §5.2.2.4, §5.2.2.7: names of fields as tokens and as lists", "
        > GET /a
        = 200 | Cache-Control: max-age=60, private=X-One | X-One: 1 | X-All: 1
        < 200 #1 | X-One: 1
        > GET /a
        < 200 #1 | !X-One | X-All: 1
        > GET /b
        = 200 | Cache-Control: max-age=60, no-cache=\"x-one, X-TWO\" | X-One: 1 | X-Two: 1 | X-All: 1
        < 200 #2 | X-One: 1 | X-Two: 1
        > GET /b
        < 200 #2 | !X-One | !X-Two | X-All: 1"),
    ("9111 §5.2.2.4: no-cache MUST NOT be served where the origin cannot be asked", "
        > GET /a
        = 200 | Cache-Control: no-cache, stale-if-error=600 | ETag: \"1\"
        < 200 #1
        > GET /a
        = cut
        < 504"),
    ("9111 §5.2.2.10: s-maxage=0 has to be validated by a shared cache", "
        > GET /a
        = 200 | Cache-Control: max-age=60, s-maxage=0 | ETag: \"1\"
        < 200 #1
        > GET /a
        ? If-None-Match: \"1\"
        = 304 | Cache-Control: max-age=60, s-maxage=60 | ETag: \"1\"
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §5.2.2.1: max-age of the origin, 0 too", "
        > GET /a
        = 200 | Cache-Control: max-age=0 | ETag: \"1\"
        < 200 #1
        > GET /a
        ? If-None-Match: \"1\"
        = 304 | ETag: \"1\"
        < 200 #1
        > GET /b
        = 200 | Cache-Control: max-age=2
        < 200 #3
        + 1
        > GET /b
        < 200 #3
        + 1
        > GET /b
        = 200
        < 200 #4"),
    ("9111 §5.2.2.6: no-transform MUST NOT be transformed, from the cache neither", "
        : compression
        > GET /a | Accept-Encoding: gzip
        = 200 | Cache-Control: max-age=60, no-transform | Content-Type: text/plain
        < 200 #1 | !Content-Encoding
        > GET /a | Accept-Encoding: gzip
        < 200 #1 | !Content-Encoding
        > GET /b | Accept-Encoding: gzip
        = 200 | Cache-Control: max-age=60 | Content-Type: text/plain
        < 200 | Content-Encoding: gzip
        > GET /b | Accept-Encoding: gzip
        < 200 | Content-Encoding: gzip
        > GET /b | Accept-Encoding: gzip | Cache-Control: no-transform
        < 200 #2 | !Content-Encoding"),
    ("9111 §5.2.2.7: private MUST NOT be stored, whatever else allows it", "
        > GET /a
        = 200 | Cache-Control: private, public, s-maxage=60 | Expires: @60
        < 200 #1
        > GET /a
        = 200
        < 200 #2"),
];

#[tokio::test]
async fn directives_of_requests() {
    run(REQUEST).await;
}

#[tokio::test]
async fn directives_of_responses() {
    run(RESPONSE).await;
}
