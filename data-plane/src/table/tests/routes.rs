//! Routes in the table: what is bound to hosts, what conflicts, and what a change leaves alone.

use std::sync::Arc;

use gateway_proto::host::HostPattern;
use gateway_routing::{
    Match, PathMatcher,
    route::{Action, Forward, Limits, Mirror, Policies, Route, TimeoutOverrides, WeightedService},
};

use super::{changes, entry, stamp};
use crate::table::{Bound, Changes, Conflict, RoutingTable};

/// A route of these hosts, for a prefix, that leads to a service.
pub(crate) fn route(name: &str, hosts: &[&str], prefix: &str, service: &str) -> Route {
    let forward = Forward {
        services: [WeightedService { name: service.into(), weight: 1000 }].into(),
        sticky: None,
        mirror: None,
        path: None,
        host: None,
    };
    Route {
        name: name.into(),
        hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
        rule: Match::new(PathMatcher::prefix(prefix).unwrap()),
        action: Action::Forward(forward),
        timeouts: TimeoutOverrides::default(),
        limits: Limits::default(),
        policies: Policies::default(),
    }
}

pub(super) fn mirrored(name: &str, hosts: &[&str], service: &str, shadow: &str) -> Route {
    let mut route = route(name, hosts, "/", service);
    let Action::Forward(forward) = &mut route.action else { unreachable!("it was just made") };
    forward.mirror = Some(Mirror { service: shadow.into(), per_mille: 1000 });
    route
}

/// The same changes, with these of routes.
fn with<const N: usize>(changes: Changes, routes: [(&str, Option<Route>); N]) -> Changes {
    let routes = routes.into_iter().map(|(name, route)| (Arc::from(name), route.map(Arc::new))).collect();
    Changes { routes, ..changes }
}

fn bound<'t>(table: &'t RoutingTable, host: &str) -> Option<(Vec<&'t str>, Option<&'t str>)> {
    let Bound { routes, owner } = table.bound(host)?;
    let names = routes.routes().iter().map(|route| &*route.name);
    Some((names.collect(), owner.as_ref().map(|service| &*service.name)))
}

fn references(table: &RoutingTable) -> Vec<(String, Vec<String>)> {
    let names = |routes: &imbl::OrdSet<Arc<str>>| routes.iter().map(ToString::to_string).collect();
    let mut all: Vec<_> = table.references.iter().map(|(name, routes)| (name.to_string(), names(routes))).collect();
    all.sort();
    all
}

fn set(names: &[&str]) -> std::collections::BTreeSet<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

#[test]
fn routes_and_the_owner_of_a_host_are_found_together() {
    let services = changes([("a", entry("a", &["x.test", "*.x.test"])), ("b", entry("b", &[]))]);
    let routes = [
        ("r", Some(route("r", &["x.test", "y.test"], "/api", "b"))),
        ("s", Some(route("s", &["y.test", "*.z.test"], "/", "a"))),
    ];
    let table = RoutingTable::default().amend(stamp(1), &with(services, routes)).unwrap();
    assert_eq!(bound(&table, "x.test"), Some((vec!["r"], Some("a"))));
    assert_eq!(bound(&table, "y.test"), Some((vec!["r", "s"], None)));
    assert_eq!(bound(&table, "1.x.test"), Some((vec![], Some("a"))));
    assert_eq!(bound(&table, "1.z.test"), Some((vec!["s"], None)));
    assert_eq!(bound(&table, "z.test"), None);
    assert_eq!((table.services(), table.routes()), (2, 2));
    let (x, y) = (table.bound("x.test").unwrap(), table.bound("y.test").unwrap());
    let rules = [x, y].map(|bound| &bound.routes.routes()[0]);
    assert!(Arc::ptr_eq(rules[0], rules[1]), "a route is compiled once for all its hosts");

    let gone = table.amend(stamp(2), &with(changes([("a", entry("a", &[]))]), [("r", None)])).unwrap();
    assert_eq!((bound(&gone, "x.test"), bound(&gone, "y.test")), (None, Some((vec!["s"], None))));
    let gone = gone.amend(stamp(3), &with(Changes::default(), [("s", None)])).unwrap();
    let fresh = changes([("a", entry("a", &[])), ("b", entry("b", &[]))]);
    assert_eq!(gone, RoutingTable::default().amend(stamp(3), &fresh).unwrap(), "nothing is left of them");
}

#[test]
fn routes_move_between_hosts_and_take_their_place_in_one_change() {
    let services = || changes([("a", entry("a", &[]))]);
    let first = [
        ("r", Some(route("r", &["x.test"], "/", "a"))),
        ("s", Some(route("s", &["y.test"], "/", "a"))),
        ("t", Some(route("t", &["x.test"], "/t", "a"))),
    ];
    let table = RoutingTable::default().amend(stamp(1), &with(services(), first)).unwrap();
    let swapped =
        [("r", Some(route("r", &["y.test"], "/", "a"))), ("s", Some(route("s", &["x.test", "z.test"], "/", "a")))];
    let next = table.amend(stamp(2), &with(Changes::default(), swapped)).unwrap();
    assert_eq!(bound(&next, "x.test"), Some((vec!["t", "s"], None)));
    assert_eq!(bound(&next, "y.test"), Some((vec!["r"], None)));
    assert_eq!(bound(&next, "z.test"), Some((vec!["s"], None)));
    assert_eq!(bound(&table, "x.test"), Some((vec!["t", "r"], None)), "the old table stays");
}

#[test]
fn routes_that_match_the_same_are_refused_with_both_names_and_every_host() {
    let first = [("r", Some(route("r", &["x.test", "y.test", "z.test"], "/api", "a")))];
    let table = RoutingTable::default().amend(stamp(1), &with(changes([("a", entry("a", &[]))]), first)).unwrap();
    let second = [("q", Some(route("q", &["x.test", "y.test"], "/api", "a")))];
    let conflicts = table.amend(stamp(2), &with(Changes::default(), second)).unwrap_err();
    let hosts = ["x.test", "y.test"].iter().map(|host| HostPattern::parse(host).unwrap()).collect();
    assert_eq!(conflicts, [Conflict::Routes { hosts, first: "q".into(), second: "r".into() }]);
}

#[test]
fn a_service_that_is_not_there_is_refused_with_every_route_to_it() {
    let missing = |service: &str, routes: &[&str]| Conflict::NoService { service: service.into(), routes: set(routes) };
    let services = || changes([("a", entry("a", &["x.test"])), ("b", entry("b", &[])), ("c", entry("c", &[]))]);
    let routes = || {
        [
            ("q", Some(mirrored("q", &["q.test"], "b", "a"))),
            ("r", Some(route("r", &["r.test"], "/", "a"))),
            ("s", Some(route("s", &["s.test"], "/", "b"))),
        ]
    };
    let none = RoutingTable::default().amend(stamp(1), &with(Changes::default(), routes())).unwrap_err();
    assert_eq!(none, [missing("a", &["q", "r"]), missing("b", &["q", "s"])]);

    let table = RoutingTable::default().amend(stamp(1), &with(services(), routes())).unwrap();
    assert_eq!(
        references(&table),
        [("a".into(), vec!["q".into(), "r".into()]), ("b".into(), vec!["q".into(), "s".into()])]
    );
    let gone = table.amend(stamp(2), &changes([("a", None), ("c", None)])).unwrap_err();
    assert_eq!(gone, [missing("a", &["q", "r"])], "nothing leads to c");

    let moved = [("q", None), ("r", Some(route("r", &["r.test"], "/", "b")))];
    let next = table.amend(stamp(2), &with(changes([("a", None)]), moved)).unwrap();
    assert_eq!(references(&next), [("b".into(), vec!["r".into(), "s".into()])]);
}

#[test]
fn a_change_of_a_service_recompiles_no_route() {
    let services = changes([("a", entry("a", &["h0.test", "own.test"])), ("b", entry("b", &[]))]);
    let hosts: Vec<_> = (0..100).map(|number| format!("h{number}.test")).collect();
    let routes = (0..10_000).map(|number| {
        let name = format!("r{number}");
        let route = route(&name, &[&hosts[number % 100]], &format!("/{number}"), ["a", "b"][number % 2]);
        (Arc::from(name), Some(Arc::new(route)))
    });
    let all = Changes { routes: routes.collect(), ..services };
    let table = RoutingTable::default().amend(stamp(1), &all).unwrap();

    let next = table.amend(stamp(2), &changes([("a", entry("a", &["h0.test"]))])).unwrap();
    let compiled =
        |table: &'_ RoutingTable, host: &str| -> *const [Arc<Route>] { table.bound(host).unwrap().routes.routes() };
    for host in &hosts {
        assert!(std::ptr::eq(compiled(&table, host), compiled(&next, host)), "{host}");
    }
    assert!(!std::ptr::eq(table.service("a").unwrap(), next.service("a").unwrap()), "the service is another");

    // And a route that changes is compiled with those of its hosts, and nothing else.
    let changed = [("r7", Some(route("r7", &["h7.test"], "/new", "a")))];
    let next = table.amend(stamp(2), &with(Changes::default(), changed)).unwrap();
    for host in &hosts {
        let is_same = std::ptr::eq(compiled(&table, host), compiled(&next, host));
        assert_eq!(is_same, host != "h7.test", "{host}");
    }
}
