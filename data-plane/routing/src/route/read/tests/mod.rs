//! What is refused, with where it is and what would be right.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations},
};

use super::{policies, route};
use crate::route::{Policies, Route};

mod actions;
mod auth;
mod cache;
mod matches;
mod policy;
mod rate_limit;
mod vain;

fn good() -> pb::Route {
    pb::Route {
        name: "shop".into(),
        hosts: vec!["shop.test".into()],
        r#match: path(pb::path_match::Kind::Prefix("/api".into())),
        action: Some(pb::route::Action::Forward(pb::Forward {
            services: vec![service("shop", None)],
            ..pb::Forward::default()
        })),
        ..pb::Route::default()
    }
}

fn service(name: &str, weight: Option<u32>) -> pb::WeightedService {
    pb::WeightedService { name: name.into(), weight }
}

#[allow(clippy::unnecessary_wraps, reason = "as the contract has it")]
fn path(kind: pb::path_match::Kind) -> Option<pb::RouteMatch> {
    Some(pb::RouteMatch { path: Some(pb::PathMatch { kind: Some(kind) }), ..pb::RouteMatch::default() })
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// The route, or what is wrong, as `field: message`.
fn read(wire: &pb::Route) -> Result<Route, Vec<String>> {
    let mut violations = Violations::default();
    let route = route(wire, &Path::Root("route"), &mut violations);
    violations.finish(route).map_err(|found| found.iter().map(ToString::to_string).collect())
}

fn changed(change: impl FnOnce(&mut pb::Route)) -> Result<Route, Vec<String>> {
    let mut wire = good();
    change(&mut wire);
    read(&wire)
}

/// That a change to a good route is refused for exactly one reason, at this field, in these words.
#[track_caller]
fn refuses(field: &str, words: &str, change: impl FnOnce(&mut pb::Route)) {
    let found = changed(change).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("route.{field}: ")) && found[0].contains(words), "{found:?}");
}

#[track_caller]
fn accepts(change: impl FnOnce(&mut pb::Route)) -> Route {
    changed(change).unwrap()
}

fn read_policies(wire: &pb::Policies) -> Result<Policies, Vec<String>> {
    let mut violations = Violations::default();
    let policies = policies(wire, &Path::Root("policies"), &mut violations);
    violations.finish(Some(policies)).map_err(|found| found.iter().map(ToString::to_string).collect())
}

#[test]
fn names_hosts_and_priorities() {
    for bad in ["Shop", "-a", "a-", "a.b", "ä", &"a".repeat(64)] {
        refuses("name", "is not a name; use 1 to 63", |wire| wire.name = bad.into());
    }
    refuses("name", "is empty; use 1 to 63", |wire| wire.name.clear());
    refuses("hosts", "is empty; give at least one", |wire| wire.hosts.clear());
    refuses("hosts[1]", "holds ' '", |wire| wire.hosts.push("a b".into()));
    refuses("hosts[0]", "leave it away", |wire| wire.hosts = vec!["a.test:80".into()]);
    refuses("hosts[1]", "the same as number 0", |wire| wire.hosts.push("SHOP.test.".into()));
    let hosts = |count| (0..count).map(|at| format!("h{at}.test")).collect();
    refuses("hosts", "are 257; give 256 at the most", |wire| wire.hosts = hosts(257));
    assert_eq!(accepts(|wire| wire.hosts = hosts(256)).hosts.len(), 256);
    for bad in [-1001, 1001, i32::MIN, i32::MAX] {
        refuses("priority", "is not from -1000 to 1000", |wire| wire.priority = bad);
    }
    for good in [-1000, 1000] {
        assert_eq!(i32::from(accepts(|wire| wire.priority = good).rule.priority), good);
    }
}

#[test]
fn limits() {
    refuses("timeouts.connect", "is too short; use 1ms to 1day", |wire| {
        wire.timeouts = Some(pb::Timeouts { connect: seconds(0), ..pb::Timeouts::default() });
    });
    refuses("timeouts.total", "is too long; use 1ms to 1day", |wire| {
        wire.timeouts = Some(pb::Timeouts { total: seconds(86_401), ..pb::Timeouts::default() });
    });
    refuses("limits.request_body", "1025GiB is too large; use 0B to 1TiB, or leave it away", |wire| {
        wire.limits = Some(pb::Limits { request_body: Some(1025 << 30) });
    });
    let route = accepts(|wire| {
        wire.timeouts = Some(pb::Timeouts { idle: seconds(86_400), ..pb::Timeouts::default() });
        wire.limits = Some(pb::Limits { request_body: Some(1 << 40) });
    });
    assert_eq!((route.timeouts.idle, route.timeouts.total), (Some(crate::route::MAX_DURATION), None));
    assert_eq!(route.limits.request_body, Some(1 << 40));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wire = pb::Route {
        name: "Shop".into(),
        hosts: vec!["a b".into()],
        r#match: Some(pb::RouteMatch {
            path: Some(pb::PathMatch { kind: Some(pb::path_match::Kind::Template("/{".into())) }),
            methods: vec!["get".into()],
            headers: vec![pb::Condition::default()],
            query: vec![],
        }),
        priority: 2000,
        action: Some(pb::route::Action::Forward(pb::Forward {
            services: vec![service("", Some(1001)), service("b", None)],
            sticky: Some(pb::Sticky::default()),
            mirror: Some(pb::Mirror::default()),
            rewrite: Some(pb::Rewrite {
                host: "/".into(),
                path_rewrite: Some(pb::rewrite::PathRewrite::Prefix("x".into())),
            }),
        })),
        timeouts: Some(pb::Timeouts { idle: seconds(-1), ..pb::Timeouts::default() }),
        policies: Some(pb::Policies { ambiguous_paths: 7, ..pb::Policies::default() }),
        ..pb::Route::default()
    };
    let found = read(&wire).unwrap_err();
    let fields: Vec<&str> = found.iter().map(|line| line.split_once(": ").unwrap().0).collect();
    let expected = [
        "route.name",
        "route.hosts[0]",
        "route.match.path.template",
        "route.match.methods[0]",
        "route.match.headers[0].name",
        "route.match.headers[0]",
        "route.priority",
        "route.forward.services[0].name",
        "route.forward.services[0].weight",
        "route.forward.services[1].weight",
        "route.forward.sticky",
        "route.forward.mirror.service",
        "route.forward.rewrite.prefix",
        "route.forward.rewrite.host",
        "route.timeouts.idle",
        "route.policies.ambiguous_paths",
    ];
    assert_eq!(fields, expected);
    refuses_action(None, "does nothing; give one of forward, redirect and respond");
}

#[track_caller]
fn refuses_action(action: Option<pb::route::Action>, words: &str) {
    let found = changed(|wire| wire.action = action).unwrap_err();
    assert!(found.len() == 1 && found[0].starts_with("route: ") && found[0].contains(words), "{found:?}");
}

#[test]
fn long_texts_are_cut_where_they_are_shown() {
    let long = "x".repeat(100_000);
    let found = changed(|wire| wire.hosts = vec![long.clone(); 256]).unwrap_err();
    assert!(found.iter().all(|line| line.len() < 400), "{}", found[0]);
    let found = changed(|wire| wire.r#match = path(pb::path_match::Kind::Regex(format!("({long}")))).unwrap_err();
    assert!(found[0].len() < 400, "{}", found[0]);
}

#[test]
fn routes_that_differ_in_the_meaning_of_their_parameters_are_not_equal() {
    let swapped = |template: &str| {
        accepts(|wire| {
            wire.r#match = path(pb::path_match::Kind::Template(template.into()));
            let Some(pb::route::Action::Forward(forward)) = &mut wire.action else { panic!() };
            let path_rewrite = Some(pb::rewrite::PathRewrite::Path("/{a}/{b}".into()));
            forward.rewrite = Some(pb::Rewrite { host: String::new(), path_rewrite });
        })
    };
    assert_eq!(swapped("/{a}/{b}").rule, swapped("/{b}/{a}").rule);
    assert_ne!(swapped("/{a}/{b}"), swapped("/{b}/{a}"));
}
