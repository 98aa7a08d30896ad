//! What changes make invalid.

use super::*;
use crate::{
    invalidation::invalidated,
    key::{Scheme, Target},
};

type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

const ITSELF: &[&str] = &["/a/b?c"];

/// Rule, request for `http://x.test/a/b?c`, answer, and what is invalid after it.
#[rustfmt::skip] // A case is a line.
const CASES: &[Case] = &[
    ("9111 §4.4: MUST, the target", "POST", "200", ITSELF),
    ("9111 §4.4: MUST, the target", "PUT", "201", ITSELF),
    ("9111 §4.4: MUST, the target", "DELETE", "204", ITSELF),
    ("9111 §4.4: MUST, the target", "PATCH", "303", ITSELF),
    ("9111 §4.4: MUST, of unknown safety", "BREW", "200", ITSELF),
    ("9111 §4.4: MUST, of unknown safety", "get", "200", ITSELF),
    ("9111 §4.4: not for errors", "POST", "404", &[]),
    ("9111 §4.4: not for errors", "POST", "500", &[]),
    ("9111 §4.4: not for safe methods", "GET", "200", &[]),
    ("9111 §4.4: not for safe methods", "HEAD", "200 | Location: /d", &[]),
    ("9111 §4.4: not for safe methods", "OPTIONS", "200", &[]),
    ("9111 §4.4: MAY, Location", "POST", "201 | Location: /d", &["/a/b?c", "/d"]),
    ("9111 §4.4: MAY, Content-Location", "POST", "200 | Content-Location: /d?e", &["/a/b?c", "/d?e"]),
    ("9111 §4.4: MAY, both", "POST", "200 | Content-Location: /d | Location: /e", &["/a/b?c", "/e", "/d"]),
    ("9111 §4.4: each once", "POST", "200 | Content-Location: /a/b?c | Location: ?c", ITSELF),
    ("9111 §4.4: the same origin", "POST", "201 | Location: http://x.test/d", &["/a/b?c", "/d"]),
    ("9111 §4.4: the same origin", "POST", "201 | Location: HTTP://X.test:80/d#e", &["/a/b?c", "/d"]),
    ("9111 §4.4: the same origin", "POST", "201 | Location: //x.test?d", &["/a/b?c", "/?d"]),
    ("9111 §4.4: MUST NOT, another origin", "POST", "201 | Location: http://y.test/d", ITSELF),
    ("9111 §4.4: MUST NOT, another origin", "POST", "201 | Location: //y.test/d", ITSELF),
    ("9111 §4.4: MUST NOT, another origin", "POST", "201 | Location: https://x.test/d", ITSELF),
    ("9111 §4.4: MUST NOT, another origin", "POST", "201 | Location: http://x.test:8080/d", ITSELF),
    ("9111 §4.4: MUST NOT, another origin", "POST", "201 | Location: http://x.test@y.test/d", ITSELF),
    ("9111 §4.4: MUST NOT, another origin", "POST", "201 | Location: http:/d", ITSELF),
    ("9111 §4.4: MUST NOT, another origin", "POST", "201 | Location: mailto:a", ITSELF),
    ("own: what is no URI", "POST", "201 | Location: /d e", ITSELF),
    ("own: what is no URI", "POST", "201 | Location: \\\\y.test\td", ITSELF),
    // References (RFC 3986 section 5.4).
    ("3986 §5.2", "POST", "201 | Location: d", &["/a/b?c", "/a/d"]),
    ("3986 §5.2", "POST", "201 | Location: ./d/../e?f#g", &["/a/b?c", "/a/e?f"]),
    ("3986 §5.2", "POST", "201 | Location: ../d", &["/a/b?c", "/d"]),
    ("3986 §5.2", "POST", "201 | Location: ../../../d/..", &["/a/b?c", "/"]),
    ("3986 §5.2", "POST", "201 | Location: .", &["/a/b?c", "/a/"]),
    ("3986 §5.2", "POST", "201 | Location: ?d", &["/a/b?c", "/a/b?d"]),
    ("3986 §5.2", "POST", "201 | Location: ?", &["/a/b?c", "/a/b?"]),
    ("3986 §5.2", "POST", "201 | Location: #d", ITSELF),
    ("3986 §5.2", "POST", "201 | Location: d:e/f", ITSELF),
    ("3986 §5.2", "POST", "201 | Location: ./d:e", &["/a/b?c", "/a/d:e"]),
];

#[test]
fn what_changes_make_invalid() {
    let target = Target {
        service: "s",
        route: "",
        scheme: Scheme::Http,
        authority: b"x.test",
        path: b"/a/b",
        query: Some(b"c"),
    };
    hold(CASES, |(_, request, response, ought)| {
        let (request, response) = (Message::of(request), Message::of(response));
        let all = invalidated(&request.method(), &target, response.status(), response.fields());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let query = |query: Option<&[u8]>| query.map_or_else(String::new, |query| format!("?{}", text(query)));
        let all = all.iter().map(|each| text(&each.path) + &query(each.query));
        (all.collect::<Vec<_>>(), ought.iter().map(|uri| (*uri).to_owned()).collect())
    });
}
