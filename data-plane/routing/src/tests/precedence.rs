//! Which of two routes comes first, and that nothing else decides.

use super::{Asked, led, route};
use crate::{Conflict, HostRoutes, Match, Methods, PathMatcher, Test, Why};

fn exact(path: &str) -> Match {
    Match::new(PathMatcher::exact(path).unwrap())
}

fn prefix(path: &str) -> Match {
    Match::new(PathMatcher::prefix(path).unwrap())
}

fn template(path: &str) -> Match {
    Match::new(PathMatcher::template(path).unwrap())
}

fn regex(path: &str) -> Match {
    Match::new(PathMatcher::regex(path).unwrap())
}

fn get(rule: Match) -> Match {
    rule.methods(Methods::parse(["GET"]).unwrap())
}

fn header(rule: Match, name: &str, value: &str) -> Match {
    rule.header(name, Test::Exact(value.into())).unwrap()
}

fn query(rule: Match, name: &str) -> Match {
    rule.query(name, Test::Present).unwrap()
}

fn all() -> Match {
    Match::default()
}

/// Each pair matches the request below; the first is to win, though its name comes last.
#[test]
fn the_first_difference_decides() {
    let kinds = "exact paths come before templates, prefixes, regexes and every path";
    for (first, second, because) in [
        (all().priority(1).unwrap(), exact("/a/b/c"), "its priority is higher"),
        (exact("/a/b/c"), get(template("/a/b/{x}")), kinds),
        (template("/{x}/{y}/{z}"), get(prefix("/a/b/c")), kinds),
        (prefix("/"), get(regex("^/a/b/c$")), kinds),
        (regex("."), header(get(all()), "x-a", "1"), kinds),
        (exact("/a/b/c").priority(-1).unwrap(), all().priority(-2).unwrap(), "its priority is higher"),
        (template("/{x}/b/c"), get(template("/a/{y}/{z}")), "its template is more literal"),
        (
            template("/a/{x}/{y}"),
            get(template("/{x}/{y}/c")),
            "its template is literal where the other has a parameter",
        ),
        (template("/a/b/{x}"), template("/a/{x}/c"), "its template is literal where the other has a parameter"),
        (prefix("/a/b"), get(prefix("/a")), "its prefix has more segments"),
        (regex("^/a/b/[c]"), get(regex("^/a/b/")), "its regex is longer"),
        (get(exact("/a/b/c")), header(exact("/a/b/c"), "x-a", "1"), "it names methods"),
        (header(header(all(), "x-a", "1"), "x-b", "123"), header(all(), "x-b", "123"), "it has more header conditions"),
        (header(all(), "x-a", "1"), query(query(all(), "q"), "r"), "it has more header conditions"),
        (query(query(all(), "q"), "r"), query(all(), "r"), "it has more query conditions"),
        (header(all(), "x-b", "123"), header(all(), "x-a", "1"), "the values of its conditions are longer"),
    ] {
        let asked = Asked::get("/a/b/c?q=1&r=2").header("x-a", "1").header("x-b", "123");
        let pair = [route("z", first), route("a", second)];
        for routes in [pair.clone().to_vec(), pair.iter().rev().cloned().collect()] {
            let routes = HostRoutes::build(routes).unwrap();
            assert_eq!(led(&routes, &asked), "z", "{pair:?}");
            let why = routes.explain(&asked, 9).passed_over.remove(0).why;
            assert_eq!(why, Why::Behind { winner: "z", because }, "{pair:?}");
        }
    }
}

#[test]
fn among_equals_the_name_decides() {
    let routes = vec![route("b", query(all(), "q")), route("a", query(all(), "r"))];
    let routes = HostRoutes::build(routes).unwrap();
    let asked = Asked::get("/?q&r");
    let explanation = routes.explain(&asked, 9);
    assert_eq!(&*explanation.selected.unwrap().route().name, "a");
    assert_eq!(explanation.passed_over[0].why.to_string(), "\"a\" comes first: its name comes first");
}

/// Longer ones come first even where the two can never meet: the order is total.
#[test]
fn templates_of_other_lengths_and_prefixes_of_other_bytes_have_their_place() {
    let names = ["c", "b", "a", "f", "e", "d"];
    let rules = ["/a/{x}/{y}", "/a/{x}", "/{x}/a", "/abc/a", "/ab/a", "/ab"];
    let rule = |path: &str| if path.contains('{') { template(path) } else { prefix(path) };
    let mut routes: Vec<_> = std::iter::zip(names, rules).map(|(name, path)| route(name, rule(path))).collect();
    routes.sort_by(|a, b| a.name.cmp(&b.name));
    let routes = HostRoutes::build(routes).unwrap();
    let order: Vec<_> = routes.routes().iter().map(|route| &*route.name).collect();
    assert_eq!(order, names);
}

#[test]
fn every_conflict_is_reported_with_both_names() {
    let routes = vec![
        route("d", prefix("/x/")),
        route("c", template("/u/{id}")),
        route("a", prefix("/x")),
        route("e", template("/u/{name}")),
        route("b", header(query(all(), "q"), "x-a", "1")),
        route("f", query(header(all(), "X-A", "1"), "q")),
        route("g", prefix("/x").priority(1).unwrap()),
        route("h", prefix("/x")),
        route("i", query(all(), "Q")),
    ];
    let conflicts = HostRoutes::build(routes).unwrap_err();
    let conflict = |first: &str, second: &str| Conflict { first: first.into(), second: second.into() };
    assert_eq!(conflicts, [conflict("c", "e"), conflict("a", "d"), conflict("a", "h"), conflict("b", "f")]);
    let text = "the routes \"c\" and \"e\" match the same requests; change what one of them matches, or its priority";
    assert_eq!(conflicts[0].to_string(), text);
}
