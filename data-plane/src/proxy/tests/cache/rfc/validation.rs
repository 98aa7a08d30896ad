//! Validation, both ways, and parts (RFC 9111 sections 3.2 to 3.4 and 4.3; RFC 9110 sections 13 and 14).

use super::{Case, run};

#[rustfmt::skip]
const ORIGIN: &[Case] = &[
    ("9111 §4.3.1: MUST send the entity tag, SHOULD send the date", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\" | Last-Modified: @-100
        < 200 #1
        + 1
        > GET /a
        ? If-None-Match: \"1\" | If-Modified-Since: @-100
        = 304 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §4.3.1: a weak tag as it is", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: W/\"1\"
        < 200 #1
        + 1
        > GET /a
        ? If-None-Match: W/\"1\"
        = 304 | ETag: W/\"1\"
        < 200 #1"),
    ("9111 §4.3.1: the client's own conditions do not reach the origin", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a | If-None-Match: \"0\" | If-Modified-Since: @50
        ? If-None-Match: \"1\" | !If-Modified-Since
        = 304 | ETag: \"1\"
        < 200 #1"),
    ("9111 §4.3.1: without a validator it is asked for anew", "
        > GET /a
        = 200 | Cache-Control: max-age=1
        < 200 #1
        + 1
        > GET /a
        ? !If-None-Match | !If-Modified-Since
        = 200 | Cache-Control: max-age=1
        < 200 #2"),
    ("9111 §4.3.3: a full response replaces what is stored", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"2\"
        < 200 #2
        > GET /a
        < 200 #2 | ETag: \"2\""),
    ("9111 §4.3.3: a 5xx is passed on where stale may not be served", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a
        = 503
        < 503 #2
        > GET /a
        ? If-None-Match: \"1\"
        = 304 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1"),
    ("9111 §4.3.4, §3.2: a 304 updates the stored fields", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\" | X: old | Y: kept
        < 200 #1
        + 1
        > GET /a
        = 304 | Cache-Control: max-age=60 | ETag: \"1\" | X: new | Z: added
        < 200 #1 | X: new | Y: kept | Z: added
        + 30
        > GET /a
        < 200 #1 | X: new | Y: kept | Z: added | Age: 30"),
    ("9111 §3.2: a 304 does not update Content-Length and what the content is coded by", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\" | Content-Type: text/plain
        < 200 #1
        + 1
        > GET /a
        = 304 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Length: 999 | Content-Range: bytes 0-1/2
        < 200 #1 | !Content-Range
        > GET /a
        < 200 #1 | !Content-Range"),
    ("9111 §4.3.4: a 304 of another entity tag is about nothing that is stored", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a
        = 304 | ETag: \"2\"
        ? !If-None-Match
        = 200 | Cache-Control: max-age=60 | ETag: \"2\"
        < 200 #3"),
    ("9111 §4.3.4: a 304 without a validator says nothing of what has one", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a
        = 304
        ? !If-None-Match
        = 200 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #3"),
    ("9111 §4.3.4: what the 304 says of storing holds", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a
        = 304 | Cache-Control: no-store | ETag: \"1\"
        < 200 #1
        > GET /a
        = 200
        < 200 #3"),
    ("9111 §4.3.5: HEAD updates what is stored where it is the same", "
        > GET /a
        = 200 | Cache-Control: max-age=10 | ETag: \"1\"
        < 200 #1
        + 10
        > HEAD /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Length: 8
        < 200
        > GET /a
        < 200 #1"),
    ("9111 §4.3.5: HEAD makes stale what has changed", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1
        > HEAD /a | Cache-Control: no-cache
        = 200 | Cache-Control: max-age=60 | ETag: \"2\"
        < 200
        > GET /a
        = 200
        < 200 #3"),
    ("9111 §4.3.1: SHOULD send Last-Modified where there is no entity tag", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | Last-Modified: @-100
        < 200 #1
        + 1
        > GET /a
        ? If-Modified-Since: @-100 | !If-None-Match
        = 304 | Cache-Control: max-age=60 | Last-Modified: @-100
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §3.2: all lines of a field are replaced, and fields that are not stored are not updated", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\" | X: 1 | X: 2 | Y: 1
        < 200 #1
        + 1
        > GET /a
        = 304 | Cache-Control: max-age=60 | ETag: \"1\" | X: 3 | Connection: Y | Y: 2 | Proxy-Authenticate: Basic
        < 200 #1 | X: 3 | Y: 1 | !Proxy-Authenticate
        > GET /a
        < 200 #1 | X: 3 | Y: 1 | !Proxy-Authenticate"),
    ("9111 §4.3.3: a full response that may not be stored replaces what is", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1
        > GET /a | Cache-Control: no-cache
        = 200 | Cache-Control: no-store
        < 200 #2
        > GET /a
        = 200
        < 200 #3"),
    ("9111 §4.3.3: an error of the client's kind replaces what is stored, too", "
        > GET /a
        = 200 | Cache-Control: max-age=1, stale-if-error=600 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a
        = 410
        < 410 #2
        > GET /a
        ? !If-None-Match
        = 200
        < 200 #3"),
    ("9111 §4.3.5: HEAD of another length makes it stale, and an error says nothing", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1
        > HEAD /a | Cache-Control: no-cache
        = 404
        < 404
        > GET /a
        < 200 #1
        > HEAD /a | Cache-Control: no-cache
        = 200 | Cache-Control: max-age=60 | ETag: \"1\" | Content-Length: 9
        < 200
        > GET /a
        = 200
        < 200 #4"),
];

#[rustfmt::skip]
const CLIENT: &[Case] = &[
    ("9111 §4.3.2: If-None-Match is answered from what is stored", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1
        > GET /a | If-None-Match: \"1\"
        < 304 | ETag: \"1\" | !Content-Length
        > GET /a | If-None-Match: W/\"1\"
        < 304
        > GET /a | If-None-Match: \"0\", \"1\"
        < 304
        > GET /a | If-None-Match: *
        < 304
        > GET /a | If-None-Match: \"2\"
        < 200 #1"),
    ("9111 §4.3.2: If-None-Match goes before If-Modified-Since", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\" | Last-Modified: @-100
        < 200 #1
        > GET /a | If-None-Match: \"2\" | If-Modified-Since: @0
        < 200 #1"),
    ("9111 §4.3.2: If-Modified-Since against Last-Modified, else Date", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Last-Modified: @-100
        < 200 #1
        > GET /a | If-Modified-Since: @-100
        < 304
        > GET /a | If-Modified-Since: @-101
        < 200 #1
        > GET /b
        = 200 | Cache-Control: max-age=60
        < 200 #2
        > GET /b | If-Modified-Since: @0
        < 304"),
    ("9110 §13.1.3: an invalid If-Modified-Since is ignored", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Last-Modified: @-100
        < 200 #1
        > GET /a | If-Modified-Since: yesterday
        < 200 #1"),
    ("9111 §4.3.2: conditions on a miss are answered from the new response", "
        > GET /a | If-None-Match: \"1\"
        ? !If-None-Match
        = 200 | Cache-Control: max-age=60 | ETag: \"1\"
        < 304 | ETag: \"1\"
        > GET /a
        < 200 #1"),
    ("9110 §13.1.1: If-Match and If-Unmodified-Since are the origin's", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1
        > GET /a | If-Match: \"0\"
        ? If-Match: \"0\"
        = 412
        < 412 #2
        > GET /a | If-Unmodified-Since: @-50
        = 412
        < 412 #3
        > GET /a
        < 200 #1"),
    ("9110 §14.2: a range of what is stored", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | =0123456789
        < 200
        > GET /a | Range: bytes=2-4
        < 206 | =234 | Content-Range: bytes 2-4/10 | Content-Length: 3
        > GET /a | Range: bytes=-3
        < 206 | =789 | Content-Range: bytes 7-9/10
        > GET /a | Range: bytes=8-
        < 206 | =89
        > GET /a | Range: bytes=8-100
        < 206 | =89
        > GET /a | Range: bytes=10-
        < 416 | Content-Range: bytes */10
        > GET /a | Range: lines=1-2
        < 200 | =0123456789
        > HEAD /a | Range: bytes=2-4
        < 200"),
    ("9110 §13.1.5: If-Range", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\" | Last-Modified: @-1000 | =0123456789
        < 200
        > GET /a | Range: bytes=2-4 | If-Range: \"1\"
        < 206 | =234
        > GET /a | Range: bytes=2-4 | If-Range: \"2\"
        < 200 | =0123456789
        > GET /a | Range: bytes=2-4 | If-Range: W/\"1\"
        < 200 | =0123456789
        > GET /a | Range: bytes=2-4 | If-Range: @-1000
        < 206 | =234"),
    ("9110 §13.2.2: a condition goes before a range", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\" | =0123456789
        < 200
        > GET /a | Range: bytes=2-4 | If-None-Match: \"1\"
        < 304"),
    ("9110 §15.4.5: a 304 has what a 200 would have had to update, and not what describes the content", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\" | Expires: @60 | Vary: X | Content-Location: /b | Content-Type: text/plain | Content-Language: de
        < 200 #1
        > GET /a | If-None-Match: \"1\"
        < 304 | Cache-Control: max-age=60 | ETag: \"1\" | Expires: @60 | Vary: X | Content-Location: /b | Date: @0 | Age: 0 | !Content-Type | !Content-Language"),
    ("9111 §4.3.2: what is stale is validated first, and then the client's condition is answered", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a | If-None-Match: \"1\"
        = 200 | Cache-Control: max-age=60 | ETag: \"2\"
        < 200 #2
        > GET /a | If-None-Match: \"2\"
        < 304"),
    ("9111 §4.3.2: a condition is for a 200 alone", "
        > GET /a
        = 404 | Cache-Control: max-age=60 | ETag: \"1\"
        < 404 #1
        > GET /a | If-None-Match: \"1\"
        < 404 #1"),
    ("9110 §9.3.2: HEAD with a condition", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1
        > HEAD /a | If-None-Match: \"1\"
        < 304 | ETag: \"1\""),
];

#[tokio::test]
async fn of_the_origin() {
    run(ORIGIN).await;
}

#[tokio::test]
async fn of_clients() {
    run(CLIENT).await;
}
