//! Storing responses (RFC 9111 section 3).

use super::{Case, run};

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("9111 §3: a fresh response is stored and reused", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §3: MUST NOT store what is not explicitly or heuristically cacheable", "
        > GET /a
        = 299 | X: 1
        < 299 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §3: a response without freshness and validator is of no use", "
        > GET /a
        = 200
        < 200 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §3: other status codes may be stored if they say so", "
        > GET /a
        = 404 | Cache-Control: max-age=60
        < 404 #1
        > GET /a
        < 404 #1"),
    ("9111 §3: errors are not stored without being asked for", "
        : default_ttl 10
        > GET /a
        = 500
        < 500 #1
        > GET /a
        = 503
        < 503 #2
        > GET /a
        = 200
        < 200 #3"),
    ("9111 §3: POST is not answered from GET, and not stored", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > POST /b | Content-Length: 0
        = 200 | Cache-Control: max-age=60
        < 200 #2
        > POST /b | Content-Length: 0
        = 200 | Cache-Control: max-age=60
        < 200 #3
        > GET /b
        = 200
        < 200 #4"),
    ("9111 §3: POST of a stored URI reaches the origin", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > POST /a | Content-Length: 0
        = 403
        < 403 #2
        > GET /a
        < 200 #1"),
    ("9111 §3: PUT is never answered from the cache", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > PUT /a | Content-Length: 0
        = 500
        < 500 #2"),
    ("9111 §3: a request with content passes by (fat GET)", "
        > GET /a | Content-Length: 3 | =abc
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #2
        > GET /a | Content-Length: 3 | =abc
        = 200 | Cache-Control: max-age=60
        < 200 #3"),
    ("9111 §3: MUST NOT store with no-store in the response", "
        > GET /a
        = 200 | Cache-Control: no-store, max-age=60
        < 200 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §3: MUST NOT store private", "
        > GET /a
        = 200 | Cache-Control: private, max-age=60
        < 200 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §3: must-understand with a status that is understood overrides no-store", "
        > GET /a
        = 200 | Cache-Control: no-store, must-understand, max-age=60
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §3: must-understand with a status that is not", "
        > GET /a
        = 299 | Cache-Control: must-understand, max-age=60
        < 299 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §3.1: hop-by-hop fields are not stored", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Connection: X-Hop | X-Hop: 1 | Keep-Alive: timeout=5 | X-End: 1
        < 200 #1 | !X-Hop | !Keep-Alive | X-End: 1
        > GET /a
        < 200 #1 | !X-Hop | !Keep-Alive | X-End: 1"),
    ("9111 §3.1: fields of proxies are not stored", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Proxy-Authenticate: Basic | Proxy-Authentication-Info: x
        < 200 #1
        > GET /a
        < 200 #1 | !Proxy-Authenticate | !Proxy-Authentication-Info"),
    ("9111 §3.1: unrecognized fields are stored, repeated ones too", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | X-New: 1 | X-New: 2
        < 200 #1 | X-New: 1 | X-New: 2
        > GET /a
        < 200 #1 | X-New: 1 | X-New: 2"),
    ("9111 §3.1: fields that no-cache names are not reused without validation", "
        > GET /a
        = 200 | Cache-Control: max-age=60, no-cache=\"X-Own\" | X-Own: 1 | X-All: 1
        < 200 #1 | X-Own: 1
        > GET /a
        < 200 #1 | !X-Own | X-All: 1"),
    ("9111 §3.1: fields that private names are not stored", "
        > GET /a
        = 200 | Cache-Control: max-age=60, private=\"X-Own\" | X-Own: 1 | X-All: 1
        < 200 #1 | X-Own: 1
        > GET /a
        < 200 #1 | !X-Own | X-All: 1"),
    ("issue: an answer with Set-Cookie is not stored, and all its lines arrive", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Set-Cookie: a=1 | Set-Cookie: b=2
        < 200 #1 | Set-Cookie: a=1 | Set-Cookie: b=2
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #2 | !Set-Cookie"),
    ("issue: a policy may store Set-Cookie", "
        : set_cookie
        > GET /a
        = 200 | Cache-Control: max-age=60 | Set-Cookie: a=1 | Set-Cookie: b=2
        < 200 #1
        > GET /a
        < 200 #1 | Set-Cookie: a=1 | Set-Cookie: b=2"),
    ("9111 §3.3: MUST NOT store a partial response", "
        > GET /a | Range: bytes=0-1
        ? !Range
        = 200 | Cache-Control: max-age=60
        < 206
        > GET /a
        < 200 #1"),
    ("9111 §3.5: MUST NOT reuse an answer to Authorization", "
        > GET /a | Authorization: Basic YTpi
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #2"),
    ("9111 §3.5: public allows it", "
        > GET /a | Authorization: Basic YTpi
        = 200 | Cache-Control: max-age=60, public
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §3.5: s-maxage allows it", "
        > GET /a | Authorization: Basic YTpi
        = 200 | Cache-Control: s-maxage=60
        < 200 #1
        > GET /a | Authorization: Basic Yzpk
        < 200 #1"),
    ("9111 §3.5: must-revalidate allows it", "
        > GET /a | Authorization: Basic YTpi
        = 200 | Cache-Control: max-age=60, must-revalidate
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §3.5: a default lifetime does not allow it", "
        : default_ttl 10
        > GET /a | Authorization: Basic YTpi
        = 200
        < 200 #1
        > GET /a | Authorization: Basic YTpi
        = 200
        < 200 #2"),
    ("9111 §4: the URI has to match, query and all", "
        > GET /a?x=1
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a?x=2
        = 200 | Cache-Control: max-age=60
        < 200 #2
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #3
        > GET /a?
        = 200 | Cache-Control: max-age=60
        < 200 #4
        > GET /a?x=1
        < 200 #1"),
    ("9111 §4: HEAD is answered from a stored GET", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | X: 1
        < 200 #1
        > HEAD /a
        < 200 | X: 1 | Content-Length"),
    ("9111 §4: a GET is not answered from a HEAD", "
        > HEAD /a
        = 200 | Cache-Control: max-age=60
        < 200
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §4: an absolute-form target is the same resource", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET http://a.test/a
        < 200 #1
        > GET http://A.TEST:80/a
        < 200 #1"),
    ("9111 §3: MUST NOT store what is not final", "
        > GET /a
        = 103, 200
        < 103
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #2"),
    ("9111 §3: a 304 that nobody asked for is no response to store", "
        > GET /a
        = 304 | Cache-Control: max-age=60 | ETag: \"1\"
        < 304
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §3: Expires, max-age, s-maxage and public each allow a status that is not heuristically cacheable", "
        > GET /a
        = 299 | Expires: @60
        < 299 #1
        > GET /a
        < 299 #1
        > GET /b
        = 503 | Cache-Control: s-maxage=60
        < 503 #2
        > GET /b
        < 503 #2
        > GET /c
        = 429 | Cache-Control: public | ETag: \"1\"
        < 429 #3
        > GET /c
        ? If-None-Match: \"1\"
        = 200
        < 200 #4"),
    ("9111 §3: no-store in a later line counts as well", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Cache-Control: no-store
        < 200 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §3.1: MUST NOT combine trailers with the fields of the head", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ^X-Late: 1 | ^Cache-Control: no-store
        < 200 | !X-Late
        > GET /a
        < 200 #1 | !X-Late | Cache-Control: max-age=60"),
    ("9111 §3.1: the fields of the message that Connection names go in both directions", "
        > GET /a | Connection: X-Mine | X-Mine: 1
        ? !X-Mine
        = 200 | Cache-Control: max-age=60 | Vary: X-Mine
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §3.3: MUST NOT serve what broke off, as a whole", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Content-Length: 100
        < 200
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #2
        > GET /a
        < 200 #2"),
    ("9111 §7.1: what steers an endpoint and is in no key does not reach it", "
        > GET /a | Forwarded: for=1.1.1.1;host=evil.test | X-Forwarded-Prefix: /evil | X_Original-URL: /admin | X-Forwarded-Port: 1
        ? Forwarded: for=127.0.0.1;host=\"a.test\";proto=http | !X-Forwarded-Prefix | !X_Original-URL | !X-Forwarded-Port
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §4.3.3: a request that is refused takes nothing from others", "
        > GET /a
        = 200 | Cache-Control: max-age=3600
        < 200 #1
        > GET /a | Cache-Control: no-cache | Accept: x/none
        = 406 | Cache-Control: no-store
        < 406 #2
        > GET /a
        < 200 #1
        > GET /b
        = 406 | Cache-Control: no-store
        < 406 #3
        > GET /b
        = 200 | Cache-Control: max-age=60
        < 200 #4
        > GET /b
        < 200 #4"),
    ("9111 §3.3: a part that is not as long as its range is not stored", "
        : partial
        > GET /a | Range: bytes=2-5
        = 206 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Range: bytes 2-5/10 | =23
        < 206 | =23
        > GET /a | Range: bytes=2-5
        = 206 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Range: bytes 2-5/10 | =2345
        < 206 | =2345
    "),
    ("9111 §3.3: a stored part answers for what it has, as a 206, and for nothing else", "
        : partial
        > GET /a | Range: bytes=2-5
        ? Range: bytes=2-5
        = 206 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Range: bytes 2-5/10 | =2345
        < 206 | =2345
        > GET /a | Range: bytes=3-4
        < 206 | =34 | Content-Range: bytes 3-4/10
        > GET /a | Range: bytes=4-6
        = 206 | Cache-Control: no-store | Content-Range: bytes 4-6/10 | =456
        < 206 | =456
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\" | =0123456789
        < 200 | =0123456789"),
    ("9111 §3.4: parts with the same strong validator are put together", "
        : partial
        > GET /a | Range: bytes=0-4
        = 206 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Range: bytes 0-4/10 | X: old | =01234
        < 206 | =01234
        > GET /a | Range: bytes=5-9
        = 206 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Range: bytes 5-9/10 | X: new | =56789
        < 206 | =56789
        > GET /a
        < 200 | =0123456789 | X: new | !Content-Range | Content-Length: 10"),
    ("9111 §3.4: MUST NOT combine by a weak validator, or by another one", "
        : partial
        > GET /a | Range: bytes=0-4
        = 206 | Cache-Control: max-age=60 | ETag: W/\"1\" | Content-Range: bytes 0-4/10 | =01234
        < 206 | =01234
        > GET /a | Range: bytes=5-9
        = 206 | Cache-Control: max-age=60 | ETag: W/\"1\" | Content-Range: bytes 5-9/10 | =56789
        < 206 | =56789
        > GET /a
        = 200 | Cache-Control: max-age=60 | =0123456789
        < 200 | =0123456789
        > GET /b | Range: bytes=0-4
        = 206 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Range: bytes 0-4/10 | =01234
        < 206 | =01234
        > GET /b | Range: bytes=5-9
        = 206 | Cache-Control: max-age=60 | ETag: \"2\" | Content-Range: bytes 5-9/10 | =56789
        < 206 | =56789
        > GET /b
        = 200
        < 200 #6"),
    ("9111 §4: MUST write unsafe methods through, and says nothing before the origin has", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > PATCH /a | Content-Length: 3 | =abc
        ? Content-Length: 3
        = 202
        < 202 #2"),
];

#[tokio::test]
async fn storing() {
    run(CASES).await;
}
