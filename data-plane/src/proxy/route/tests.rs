use gateway_routing::{Match, Methods, PathMatcher, Request, route::Route};
use http::Method;

use super::{Asked, Routed, select};
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
fn the_host_that_is_seen_is_the_one_that_is_sent() {
    for (target, field, expected) in [
        ("GET http://a.test:81/x", "Host: B.test\r\n", "a.test:81"),
        ("GET http://A.test", "hOST: a.test\r\n", "A.test"),
        ("OPTIONS *", "Host: a.test:80\r\n", "a.test:80"),
    ] {
        let head = format!("{target} HTTP/1.1\r\n{field}\r\n");
        let request = parsed(&head);
        let asked = Asked::new(&request, head.as_bytes());
        assert_eq!(asked.headers("host").collect::<Vec<_>>(), [expected.as_bytes()], "{target}");
    }
    let head = "GET http://a.test/ HTTP/1.0\r\n\r\n";
    let request = parsed(head);
    assert!(Asked::new(&request, head.as_bytes()).has_header("host"));
}

#[test]
fn a_field_that_is_announced_is_there_and_has_no_value() {
    let head = "OPTIONS /a HTTP/1.1\r\nHost: a.test\r\nX-One: 1\r\n\r\n";
    let request = parsed(head);
    let announced = ["x-two".parse().unwrap()];
    let asked = Asked { announced: &announced, ..Asked::new(&request, head.as_bytes()) };
    assert_eq!(["x-one", "x-two", "x-three"].map(|name| asked.has_header(name)), [true, true, false]);
    assert_eq!(asked.headers("x-two").count(), 0);
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
fn a_route_of_the_host_decides_else_the_service_that_owns_it() {
    let users = Match::new(PathMatcher::template("/users/{id}/orders").unwrap());
    let all = [
        route("api", &["a.test"], "/api", "a"),
        Route { rule: users, ..route("users", &["a.test"], "/", "a") },
        Route {
            rule: Match::default().methods(Methods::parse(["TRACE"]).unwrap()),
            ..route("any", &["b.test"], "/", "a")
        },
    ];
    let routes = all.map(|route| (route.name.clone(), Some(route.into())));
    let services = [("a".into(), entry("a", &["a.test", "c.test"]))];
    let changes = Changes { services: services.into(), routes: routes.into(), ..Changes::default() };
    let table = RoutingTable::default().amend(stamp(1), &changes).unwrap();
    for (line, host, expected) in [
        ("GET /api/x", "a.test", Ok("the route api")),
        ("GET /x/../users/j%6f%2fe/orders?q", "a.test", Ok("the route users")),
        ("GET /x/../y", "a.test", Ok("the service a")),
        ("GET /x/../y", "c.test", Ok("the service a")),
        ("TRACE /x/../y", "b.test", Ok("the route any")),
        ("GET /", "b.test", Err(ProxyError::NoRoute)),
        ("GET /", "d.test", Err(ProxyError::NoRoute)),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let request = parsed(&head);
        let told = select(&table, &Asked::new(&request, head.as_bytes())).map(|routed| match routed {
            Routed::Route(route) => format!("the route {}", route.name),
            Routed::Owner(service) => format!("the service {}", service.name),
        });
        assert_eq!(told.as_deref().map_err(|err| *err), expected, "{line} {host}");
    }
    let head = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let none = select(&RoutingTable::default(), &Asked::new(&parsed(head), head.as_bytes())).map(|_| ());
    assert_eq!(none, Err(ProxyError::NotReady));
}
