//! What unsafe methods make invalid (RFC 9111 section 4.4).

use super::{Case, run};

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("9111 §4.4: MUST invalidate the target of POST, PUT, DELETE and of what is unknown", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > POST /a | Content-Length: 0
        = 200
        < 200 #2
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #3
        > PUT /a | Content-Length: 0
        = 204
        < 204
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #5
        > DELETE /a
        = 200
        < 200 #6
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #7
        > BREW /a
        = 302 | Location: /x
        < 302
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #9"),
    ("9111 §4.4: an error invalidates nothing", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > POST /a | Content-Length: 0
        = 404
        < 404 #2
        > POST /a | Content-Length: 0
        = 500
        < 500 #3
        > GET /a
        < 200 #1"),
    ("9111 §4.4: safe methods invalidate nothing", "
        > GET /a
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > OPTIONS /a
        = 200
        < 200 #2
        > GET /a
        < 200 #1"),
    ("9111 §4.4: Location and Content-Location of the same origin", "
        > GET /b
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /c
        = 200 | Cache-Control: max-age=60
        < 200 #2
        > POST /a | Content-Length: 0
        = 201 | Location: /b | Content-Location: http://a.test/c
        < 201
        > GET /b
        = 200
        < 200 #4
        > GET /c
        = 200
        < 200 #5"),
    ("9111 §4.4: MUST NOT invalidate another origin's", "
        > GET /b
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > POST /a | Content-Length: 0
        = 201 | Location: http://b.test/b | Content-Location: https://a.test/b
        < 201
        > GET /b
        < 200 #1"),
    ("9111 §4.4: every variant goes", "
        > GET /a | X: 1
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #1
        > GET /a | X: 2
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #2
        > DELETE /a
        = 204
        < 204
        > GET /a | X: 1
        = 200
        < 200 #4
        > GET /a | X: 2
        = 200
        < 200 #5"),
    ("9111 §4.4: another query is another resource", "
        > GET /a?1
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > DELETE /a
        = 204
        < 204
        > GET /a?1
        < 200 #1"),
    ("9111 §4.4: what has to be validated anyway goes, too, and so does what HEAD would get", "
        > GET /a
        = 200 | Cache-Control: no-cache | ETag: \"1\"
        < 200 #1
        > POST /a | Content-Length: 0
        = 303 | Location: /a
        < 303
        > HEAD /a
        ? !If-None-Match
        = 200 | Cache-Control: max-age=60
        < 200
        > GET /a
        ? !If-None-Match
        = 200
        < 200 #4"),
    ("9111 §4.4: a relative Location is resolved against the target", "
        > GET /d/b
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > POST /d/a | Content-Length: 0
        = 201 | Location: b
        < 201
        > GET /d/b
        = 200
        < 200 #3"),
];

#[tokio::test]
async fn invalidation() {
    run(CASES).await;
}
