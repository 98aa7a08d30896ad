//! Freshness and age (RFC 9111 sections 4.2, 5.1 and 5.3).

use super::{Case, run};

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("9111 §4.2: fresh up to its lifetime, and not at its end", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        + 59
        > GET /a
        < 200 #1 | Age: 59
        + 1
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #2 | Age: 0"),
    ("9111 §4.2.1: s-maxage goes before max-age and Expires", "
        > GET /a
        = 200 | Cache-Control: max-age=1, s-maxage=60 | Expires: @1
        < 200 #1
        + 59
        > GET /a
        < 200 #1
        + 1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §4.2.1: max-age goes before Expires", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Expires: @1
        < 200 #1
        + 30
        > GET /a
        < 200 #1"),
    ("9111 §4.2.1: Expires less Date", "
        > GET /a
        = 200 | Expires: @60
        < 200 #1
        + 59
        > GET /a
        < 200 #1
        + 1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §5.3: an invalid Expires, 0 too, is in the past", "
        : default_ttl 10
        > GET /a
        = 200 | Expires: 0 | ETag: \"1\"
        < 200 #1
        > GET /a
        = 200 | Expires: -1 | ETag: \"1\"
        < 200 #2
        > GET /a
        = 200 | Expires: tomorrow
        < 200 #3
        > GET /a
        = 200
        < 200 #4"),
    ("9111 §5.3: a year of two digits is read as the near one", "
        > GET /a
        = 200 | Expires: Thursday, 18-Aug-50 02:01:18 GMT
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §4.2.1: directives that come twice with different values are stale, or the smaller one", "
        > GET /a
        = 200 | Cache-Control: max-age=60, max-age=1
        < 200 #1
        + 2
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §4.2.1: invalid freshness information is stale", "
        : default_ttl 10
        > GET /a
        = 200 | Cache-Control: max-age=6o | ETag: \"1\"
        < 200 #1
        > GET /a
        ? If-None-Match: \"1\"
        = 200 | Cache-Control: max-age=-1 | ETag: \"1\"
        < 200 #2
        > GET /a
        = 200
        < 200 #3"),
    ("9111 §1.2.2: numbers that are too large are forever, not negative", "
        > GET /a
        = 200 | Cache-Control: max-age=99999999999999999999
        < 200 #1
        + 1000000
        > GET /a
        < 200 #1"),
    ("9111 §5.2: arguments as tokens and as quoted strings", "
        > GET /a
        = 200 | Cache-Control: max-age=\"60\"
        < 200 #1
        + 59
        > GET /a
        < 200 #1"),
    ("9111 §4.2.2: a default lifetime where there is none", "
        : default_ttl 10
        > GET /a
        = 200
        < 200 #1
        + 9
        > GET /a
        < 200 #1
        + 1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §4.2.2: MUST NOT use heuristics where there is an explicit expiration", "
        : default_ttl 10
        > GET /a
        = 200 | Cache-Control: max-age=1
        < 200 #1
        + 2
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §4.2.2: a tenth of the time since Last-Modified", "
        : heuristic_ttl 86400
        > GET /a
        = 200 | Last-Modified: @-1000
        < 200 #1
        + 99
        > GET /a
        < 200 #1
        + 1
        > GET /a
        ? If-Modified-Since: @-1000
        = 304 | Last-Modified: @-1000
        < 200 #1"),
    ("9111 §4.2.2: heuristics are for statuses that allow them", "
        : default_ttl 10
        > GET /a
        = 302 | Location: /b
        < 302
        > GET /a
        = 302 | Location: /b
        < 302
        > GET /c
        = 301 | Location: /b
        < 301
        > GET /c
        < 301 | Location: /b"),
    ("9111 §4.2.2: public allows heuristics for any status", "
        : default_ttl 10
        > GET /a
        = 302 | Location: /b | Cache-Control: public
        < 302
        > GET /a
        < 302 | Location: /b"),
    ("9111 §4.2.3: the age that came with it counts", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Age: 50
        < 200 #1
        + 9
        > GET /a
        < 200 #1 | Age: 59
        + 1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §4.2.3: an old Date is an age", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Date: @-50
        < 200 #1
        + 9
        > GET /a
        < 200 #1 | Age: 59
        + 1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §4.2.3: a Date of the future is no age", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Date: @50
        < 200 #1
        > GET /a
        < 200 #1 | Age: 0"),
    ("9111 §5.1: an invalid Age is ignored", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Age: old
        < 200 #1
        + 1
        > GET /a
        < 200 #1 | Age: 1"),
    ("9111 §5.1: Age on what is served from the cache, and one of it", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Age: 7
        < 200 #1
        + 3
        > GET /a
        < 200 #1 | Age: 10"),
    ("9111 §4.2.4: MUST NOT serve stale unless disconnected or permitted", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | ETag: \"1\"
        < 200 #1
        + 2
        > GET /a
        ? If-None-Match: \"1\"
        = 200 | Cache-Control: max-age=60
        < 200 #2"),
    ("9110 §6.6.1: a response without Date is dated when it came", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | !Date
        < 200 #1 | Date: @0
        + 10
        > GET /a
        < 200 #1 | Date: @0 | Age: 10"),
    ("9111 §5.1: of several ages the first one counts", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Age: 10, 50
        < 200 #1
        + 1
        > GET /a
        < 200 #1 | Age: 11"),
    ("9111 §4.2.1: Expires that comes twice with different values is stale", "
        > GET /a
        = 200 | Expires: @60 | Expires: @600 | ETag: \"1\"
        < 200 #1
        > GET /a
        ? If-None-Match: \"1\"
        = 200
        < 200 #2"),
    ("9111 §5.3: max-age makes Expires mean nothing, s-maxage too", "
        > GET /a
        = 200 | Cache-Control: max-age=1 | Expires: @600
        < 200 #1
        > GET /b
        = 200 | Cache-Control: s-maxage=1 | Expires: @600
        < 200 #2
        + 2
        > GET /a
        = 200
        < 200 #3
        > GET /b
        = 200
        < 200 #4"),
    ("9111 §4.2.3: the larger of the apparent age and the one that it has", "
        > GET /a
        = 200 | Cache-Control: max-age=600 | Age: 30 | Date: @-50
        < 200 #1
        > GET /a
        < 200 #1 | Age: 50
        > GET /b
        = 200 | Cache-Control: max-age=600 | Age: 50 | Date: @-30
        < 200 #2
        > GET /b
        < 200 #2 | Age: 50"),
    ("9111 §4: a response that was validated has the age of that", "
        > GET /a
        = 200 | Cache-Control: max-age=10 | ETag: \"1\" | Age: 5
        < 200 #1
        + 20
        > GET /a
        = 304 | Cache-Control: max-age=60 | ETag: \"1\"
        < 200 #1 | Age: 0
        + 7
        > GET /a
        < 200 #1 | Age: 7"),
];

#[tokio::test]
async fn freshness() {
    run(CASES).await;
}
