use gateway_routing::{Match, Methods, PathMatcher, Request, route::Route};
use http::Method;

use super::{Asked, select};
use crate::{
    error::ProxyError,
    proxy::parse::ParsedRequest,
    table::{
        Changes, RoutingTable,
        tests::{entry, routes::route, stamp},
    },
};

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

#[test]
fn what_decides_is_known_after_the_head_is_gone() {
    let users = Match::new(PathMatcher::template("/users/{id}/orders").unwrap());
    let all = [
        route("api", &["a.test"], "/api", "a"),
        Route { rule: users.into(), ..route("users", &["a.test"], "/", "a") },
        Route {
            rule: Match::default().methods(Methods::parse(["TRACE"]).unwrap()).into(),
            ..route("any", &["b.test"], "/", "a")
        },
    ];
    let routes = all.map(|route| (route.name.clone(), Some(route.into())));
    let services = [("a".into(), entry("a", &["a.test", "c.test"]))];
    let changes = Changes { services: services.into(), routes: routes.into() };
    let table = RoutingTable::default().amend(stamp(1), &changes).unwrap();
    for (line, host, expected) in [
        ("GET /api/x", "a.test", Ok((Some("api"), Some("a"), "/api/x"))),
        ("GET /x/../users/j%6f%2fe/orders?q", "a.test", Ok((Some("users"), Some("a"), "/users/jo%2Fe/orders"))),
        ("GET /x/../y", "a.test", Ok((None, Some("a"), "/x/../y"))),
        ("GET /x/../y", "c.test", Ok((None, Some("a"), "/x/../y"))),
        ("TRACE /x/../y", "b.test", Ok((Some("any"), None, "/x/../y"))),
        ("GET /", "b.test", Err(ProxyError::NoRoute)),
        ("GET /", "d.test", Err(ProxyError::NoRoute)),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let request = parsed(&head);
        let asked = Asked::new(&request, head.as_bytes());
        let routed = select(&table, &asked);
        let told = routed.as_ref().map(|routed| {
            let path = str::from_utf8(routed.path(&asked)).unwrap();
            (routed.route.map(|route| &*route.name), routed.owner.map(|service| &*service.name), path)
        });
        assert_eq!(told.map_err(|err| *err), expected, "{line} {host}");
        let id = routed.ok().and_then(|routed| routed.parameter("id", &asked).map(<[u8]>::to_vec));
        assert_eq!(id.as_deref(), line.contains("users").then_some(&b"jo%2Fe"[..]));
    }
    let head = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let none = select(&RoutingTable::default(), &Asked::new(&parsed(head), head.as_bytes())).map(|_| ());
    assert_eq!(none, Err(ProxyError::NotReady));
}
