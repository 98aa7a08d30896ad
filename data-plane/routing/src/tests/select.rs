//! What is found, and what it costs nothing to find.

use http::Method;

use super::{Asked, led, route};
use crate::{HostRoutes, Match, Methods, PathMatcher, Request, Test};

/// A request of which nobody may look at path and query.
struct Unseen;

impl Request for Unseen {
    fn method(&self) -> &Method {
        &Method::GET
    }

    fn path(&self) -> &[u8] {
        unreachable!("the path was looked at")
    }

    fn query(&self) -> &[u8] {
        unreachable!("the query was looked at")
    }

    fn headers(&self, _: &str) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&b"1"[..])
    }
}

#[test]
fn what_no_route_asks_about_is_not_looked_at() {
    let rule = Match::default().header("x-canary", Test::Present).unwrap();
    let routes = HostRoutes::build(vec![route("canary", rule)]).unwrap();
    let selected = routes.select(&Unseen).unwrap();
    assert_eq!((&*selected.route().name, selected.path()), ("canary", None));
    assert!(HostRoutes::<super::Named>::build(Vec::new()).unwrap().select(&Unseen).is_none());
}

#[test]
fn prefixes_cover_whole_segments() {
    let rule = |prefix| Match::new(PathMatcher::prefix(prefix).unwrap());
    let routes = HostRoutes::build(vec![route("a", rule("/a")), route("bc", rule("/b/c/"))]).unwrap();
    for (path, expected) in [
        ("/a", "a"),
        ("/a/", "a"),
        ("/a/b//c", "a"),
        ("/ab", "nowhere"),
        ("/A", "nowhere"),
        ("/b/c", "bc"),
        ("/b/c/d", "bc"),
        ("/b/cd", "nowhere"),
        ("/b", "nowhere"),
        ("/", "nowhere"),
        ("//a", "nowhere"),
        ("/b%2Fc", "nowhere"),
        ("/x/%2e./%61/..%2f", "a"),
    ] {
        assert_eq!(led(&routes, &Asked::get(path)), expected, "{path}");
    }
}

#[test]
fn a_parameter_is_one_segment_and_known_afterwards() {
    let rule = Match::new(PathMatcher::template("/users/{id}/orders/{order}").unwrap());
    let routes = HostRoutes::build(vec![route("orders", rule)]).unwrap();
    let asked = Asked::get("/x/../users/%6a%2fo/orders/7");
    let selected = routes.select(&asked).unwrap();
    assert_eq!(selected.param("id"), Some(&b"j%2Fo"[..]));
    assert_eq!(selected.param("order"), Some(&b"7"[..]));
    assert_eq!(selected.param("other"), None);
    assert_eq!(selected.path(), Some(&b"/users/j%2Fo/orders/7"[..]));
    for path in ["/users//orders/7", "/users/1/orders/", "/users/1/orders", "/users/1/orders/7/", "/users/1/2/orders/7"]
    {
        assert_eq!(led(&routes, &Asked::get(path)), "nowhere", "{path}");
    }
}

#[test]
fn where_a_literal_leads_nowhere_the_parameter_is_tried() {
    let template = |text| Match::new(PathMatcher::template(text).unwrap());
    let routes = vec![route("b", template("/a/{x}/b/{y}")), route("c", template("/{x}/a/{y}/c"))];
    let routes = HostRoutes::build(routes).unwrap();
    assert_eq!(led(&routes, &Asked::get("/a/a/b/c")), "b");
    assert_eq!(led(&routes, &Asked::get("/a/a/a/c")), "c");
    assert_eq!(led(&routes, &Asked::get("/a/a/a/a")), "nowhere");
}

#[test]
fn the_asterisk_is_below_no_path() {
    let routes = vec![
        route("root", Match::new(PathMatcher::prefix("/").unwrap())),
        route("server", Match::default().methods(Methods::parse(["OPTIONS"]).unwrap())),
    ];
    let routes = HostRoutes::build(routes).unwrap();
    assert_eq!(led(&routes, &Asked::get("*").method("OPTIONS")), "server");
    assert_eq!(led(&routes, &Asked::get("/").method("OPTIONS")), "root");
}

#[test]
fn one_of_several_values_has_to_pass_and_all_conditions_have_to_hold() {
    let rule = Match::default()
        .header("X-Version", Test::Exact("2".into()))
        .unwrap()
        .query("q", Test::Prefix("a b".into()))
        .unwrap();
    let routes = HostRoutes::build(vec![route("v2", rule)]).unwrap();
    for (asked, expected) in [
        (Asked::get("/?q=a%20bc").header("x-version", "1").header("X-VERSION", "2"), "v2"),
        (Asked::get("/?q=x&q=a+b").header("x-version", "2"), "v2"),
        (Asked::get("/?q=a+b").header("x-version", "1, 2"), "nowhere"),
        (Asked::get("/?q=a").header("x-version", "2"), "nowhere"),
        (Asked::get("/?q=a+b"), "nowhere"),
    ] {
        assert_eq!(led(&routes, &asked), expected, "{asked:?}");
    }
}

#[test]
fn methods_are_what_they_say_and_nothing_else() {
    let rule = Match::default().methods(Methods::parse(["GET", "PURGE"]).unwrap());
    let routes = HostRoutes::build(vec![route("some", rule)]).unwrap();
    for (method, expected) in
        [("GET", "some"), ("PURGE", "some"), ("HEAD", "nowhere"), ("purge", "nowhere"), ("OTHER", "nowhere")]
    {
        assert_eq!(led(&routes, &Asked::get("/").method(method)), expected, "{method}");
    }
}

#[test]
fn a_regex_is_found_in_the_normal_form() {
    for (regex, path, is_found) in [
        ("^/v[0-9]+/", "/v12/x", true),
        ("^/v[0-9]+/", "/x/../%76%31/", true),
        ("^/v[0-9]+/", "/a/v1/", false),
        ("^/a/v[0-9]$", "/a/v1", true),
        ("^/a/v[0-9]$", "/a/v1/", false),
        ("^/a/b|^/c", "/c", true),
        ("^/a/b|/c", "/x/c", true),
        ("(?i)^/api/", "/API/x", true),
        ("^/a/b?", "/a/", true),
        ("^/a/(b/)*", "/a/", true),
        ("b$", "/a/b", true),
        ("^\\*$", "*", true),
        (".", "*", true),
    ] {
        let rule = Match::new(PathMatcher::regex(regex).unwrap());
        let routes = HostRoutes::build(vec![route("found", rule)]).unwrap();
        assert_eq!(led(&routes, &Asked::get(path)) == "found", is_found, "{regex} {path}");
    }
}
