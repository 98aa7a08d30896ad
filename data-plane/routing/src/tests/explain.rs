//! What an operator is told.

use super::Named;
use super::{Asked, route};
use crate::{HostRoutes, Match, Methods, PathMatcher, Test};

fn shop() -> HostRoutes<Named> {
    let api = || Match::new(PathMatcher::prefix("/api").unwrap());
    let get = Methods::parse(["GET", "HEAD"]).unwrap();
    let routes = vec![
        route("api", api()),
        route("api-read", api().methods(get)),
        route("canary", api().header("x-canary", Test::Exact("1".into())).unwrap()),
        route("beta", api().header("cookie", Test::Regex(crate::Pattern::parse("beta=1").unwrap())).unwrap()),
        route("debug", api().query("debug", Test::Present).unwrap()),
        route("orders", Match::new(PathMatcher::template("/users/{id}/orders").unwrap())),
        route("health", Match::new(PathMatcher::exact("/healthz").unwrap())),
    ];
    HostRoutes::build(routes).unwrap()
}

fn told(asked: &Asked, limit: usize) -> (Option<String>, Vec<String>, usize) {
    let routes = shop();
    let explanation = routes.explain(asked, limit);
    let told = explanation.passed_over.iter().map(|passed| format!("{}: {}", passed.name, passed.why));
    (explanation.selected.map(|selected| selected.route().name.to_string()), told.collect(), explanation.others)
}

#[test]
fn the_winner_and_why_every_other_route_lost() {
    let asked = Asked::get("/api/x?debug").method("POST").header("x-canary", "0").header("cookie", "s=secret");
    let (winner, passed_over, others) = told(&asked, 10);
    assert_eq!((winner.as_deref(), others), (Some("debug"), 0));
    assert_eq!(
        passed_over,
        [
            "health: the path does not match exact /healthz",
            "orders: the path does not match template /users/{id}/orders",
            "api-read: the method is none of GET, HEAD",
            "beta: no header field \"cookie\" matches \"beta=1\"",
            "canary: no header field \"x-canary\" is \"1\"",
            "api: \"debug\" comes first: it has more query conditions",
        ]
    );
}

#[test]
fn the_nearest_are_told_and_the_others_counted() {
    let (winner, passed_over, others) = told(&Asked::get("/api").method("POST"), 3);
    assert_eq!((winner.as_deref(), others), (Some("api"), 3));
    assert_eq!(
        passed_over,
        [
            "beta: no header field \"cookie\" matches \"beta=1\"",
            "canary: no header field \"x-canary\" is \"1\"",
            "debug: there is no query parameter \"debug\"",
        ]
    );
}

#[test]
fn without_a_route_there_is_nothing_but_near_misses() {
    let (winner, passed_over, others) = told(&Asked::get("/apis"), 0);
    assert_eq!((winner.as_deref(), passed_over.len(), others), (None, 0, 7));
}
