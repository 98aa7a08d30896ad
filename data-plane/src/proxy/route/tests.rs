use gateway_routing::Request;
use http::Method;

use super::Asked;
use crate::proxy::parse::ParsedRequest;

fn parsed(head: &str) -> ParsedRequest {
    let mut request = ParsedRequest::default();
    request.parse(head.as_bytes(), 20).unwrap();
    request
}

#[test]
fn a_request_is_seen_by_its_parts_in_every_form_of_its_target() {
    for (target, path, query) in [
        ("GET /a/../%61?b=c?d", "/a/../%61", "b=c?d"),
        ("GET /a?", "/a", ""),
        ("GET /", "/", ""),
        ("GET http://a.test/x?y", "/x", "y"),
        ("GET http://a.test?y=/z", "/", "y=/z"),
        ("GET http://a.test", "/", ""),
        ("OPTIONS *", "*", ""),
    ] {
        let head = format!("{target} HTTP/1.1\r\nHost: a.test\r\nX-One: 1\r\nx-ONE:  2 \r\nX-One-More: 3\r\n\r\n");
        let request = parsed(&head);
        let asked = Asked::new(&request, head.as_bytes());
        assert_eq!((asked.path(), asked.query()), (path.as_bytes(), query.as_bytes()), "{target}");
        assert_eq!(asked.headers("x-one").collect::<Vec<_>>(), [b"1", b"2"], "{target}");
        assert_eq!(asked.headers("host").collect::<Vec<_>>(), [b"a.test"], "{target}");
        assert_eq!(asked.headers("x").count(), 0, "{target}");
    }
}

#[test]
fn a_preflight_can_be_routed_by_the_method_that_it_asks_for() {
    let head = "OPTIONS /a HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let request = parsed(head);
    let asked = Asked::new(&request, head.as_bytes());
    assert_eq!(asked.method(), Method::OPTIONS);
    assert_eq!(Asked { method: &Method::PUT, ..asked }.method(), Method::PUT);
}
