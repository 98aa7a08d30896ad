//! Which of several responses a request gets (RFC 9111 section 4.1).

use super::{Case, run};

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("9111 §4.1: MUST NOT use a response whose fields differ", "
        > GET /a | X: 1
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #1
        > GET /a | X: 2
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #2
        > GET /a | X: 1
        < 200 #1
        > GET /a | X: 2
        < 200 #2"),
    ("9111 §4.1: an absent field matches an absent one only", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #1
        > GET /a | X: 
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #2
        > GET /a
        < 200 #1"),
    ("9111 §4.1: all nominated fields have to match", "
        > GET /a | X: 1 | Y: 1
        = 200 | Cache-Control: max-age=60 | Vary: X, Y
        < 200 #1
        > GET /a | X: 1
        = 200 | Cache-Control: max-age=60 | Vary: X, Y
        < 200 #2
        > GET /a | Y: 1 | X: 1
        < 200 #1"),
    ("9111 §4.1: Vary may come in several lines", "
        > GET /a | X: 1 | Y: 1
        = 200 | Cache-Control: max-age=60 | Vary: X | Vary: Y
        < 200 #1
        > GET /a | X: 1 | Y: 2
        = 200
        < 200 #2"),
    ("9111 §4.1: names in any case", "
        > GET /a | X-Y: 1
        = 200 | Cache-Control: max-age=60 | Vary: x-Y
        < 200 #1
        > GET /a | x-y: 1
        < 200 #1"),
    ("9111 §4.1: white space where the syntax allows it means nothing", "
        > GET /a | Accept-Language: de,en;q=0.5
        = 200 | Cache-Control: max-age=60 | Vary: Accept-Language
        < 200 #1
        > GET /a | Accept-Language: de, en;q=0.5
        < 200 #1"),
    ("9111 §4.1: lines of one name are one value", "
        > GET /a | X: 1 | X: 2
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #1
        > GET /a | X: 1, 2
        < 200 #1"),
    ("9111 §4.1: * always fails to match", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Vary: *
        < 200 #1
        > GET /a
        = 200 | Cache-Control: max-age=60 | Vary: X, *
        < 200 #2
        > GET /a
        = 200
        < 200 #3"),
    ("9111 §4.1: what the policy does not name is no key", "
        > GET /a | X-Forwarded-Host: evil.test
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a
        < 200 #1"),
    ("9111 §4: the most recent of several that match", "
        > GET /a | X: 1
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #1
        + 1
        > GET /a | X: 1 | Cache-Control: no-cache
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #2
        > GET /a | X: 1
        < 200 #2"),
    ("9111 §4.1: a response without Vary is for all", "
        > GET /a | X: 1
        = 200 | Cache-Control: max-age=60
        < 200 #1
        > GET /a | X: 2
        < 200 #1"),
    ("9111 §4.1: one that has a Vary goes before a newer one that has none", "
        > GET /a | X: 1
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #1
        + 1
        > GET /a | X: 2
        = 200 | Cache-Control: max-age=60
        < 200 #2
        > GET /a | X: 1
        < 200 #1
        > GET /a | X: 3
        < 200 #2"),
    ("9111 §4.1: a name that cannot be one fails to match", "
        > GET /a
        = 200 | Cache-Control: max-age=60 | Vary: a b
        < 200 #1
        > GET /a
        = 200
        < 200 #2"),
    ("9111 §4.1: a response that is validated stays for those whom it was for", "
        > GET /a | X: 1
        = 200 | Cache-Control: max-age=1 | Vary: X | ETag: \"1\"
        < 200 #1
        + 1
        > GET /a | X: 1
        ? X: 1 | If-None-Match: \"1\"
        = 304 | Cache-Control: max-age=60 | Vary: X | ETag: \"1\"
        < 200 #1
        > GET /a | X: 2
        = 200 | Cache-Control: max-age=60 | Vary: X
        < 200 #3
        > GET /a | X: 1
        < 200 #1"),
];

#[tokio::test]
async fn vary() {
    run(CASES).await;
}
