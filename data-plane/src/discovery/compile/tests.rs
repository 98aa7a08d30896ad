use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use gateway_proto::{discovery::v1 as pb, registry::v1 as registry};
use gateway_routing::route::AmbiguousPaths;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::compile;
use crate::{
    discovery::{
        apply::{Changes, State},
        tests::{full, resource, route_resource},
    },
    table::{RoutingTable, Service, Stamp, Version},
};

fn stamp(sequence: u64) -> Stamp {
    Stamp { cluster_id: "c1".into(), version: Version { epoch: 7, sequence }, revision: sequence }
}

fn changes(resources: impl IntoIterator<Item = pb::Resource>) -> Changes {
    resources.into_iter().map(|resource| (Arc::from(&*resource.name), Some(Arc::new(resource)))).collect()
}

fn owner<'t>(table: &'t RoutingTable, host: &str) -> &'t Service {
    table.bound(host).unwrap().owner.as_deref().unwrap()
}

/// The violations of a service called "a" that was good before this edit.
fn violations(edit: impl FnOnce(&mut pb::Service)) -> Vec<String> {
    let mut resource = resource("a", &["a.test"], 1);
    let Some(pb::resource::Body::Service(service)) = &mut resource.body else { panic!("a service") };
    edit(service);
    compile(&RoutingTable::default(), stamp(1), &changes([resource])).unwrap_err()
}

fn endpoint(address: &str, weight: u32, healthy: bool) -> pb::Endpoint {
    pb::Endpoint { address: address.into(), weight, healthy }
}

#[test]
fn only_healthy_endpoints_get_traffic_each_by_its_weight() {
    let mut resource = resource("a", &["a.test"], 1);
    if let Some(pb::resource::Body::Service(service)) = &mut resource.body {
        service.endpoints =
            vec![endpoint("127.0.0.1:1", 3, true), endpoint("127.0.0.1:2", 9, false), endpoint("[::1]:3", 1, true)];
    }
    let table = compile(&RoutingTable::default(), stamp(1), &changes([resource])).unwrap();
    let service = owner(&table, "a.test");
    let healthy: Vec<_> =
        service.healthy.iter().map(|endpoint| (endpoint.address.to_string(), endpoint.cumulative_weight)).collect();
    assert_eq!(healthy, [("127.0.0.1:1".into(), 3), ("[::1]:3".into(), 4)]);
    assert_eq!(service.timeouts.response.as_secs(), 30);
    let view = serde_json::to_value(table.view()).unwrap();
    assert_eq!(view["services"][0]["endpoints"][1]["health"], "unhealthy");
}

#[test]
fn limits_that_are_not_given_are_none() {
    let mut limited = resource("limited", &["limited.test"], 1);
    if let Some(pb::resource::Body::Service(service)) = &mut limited.body {
        service.timeouts.as_mut().unwrap().total = Some(prost_types::Duration { seconds: 90, nanos: 0 });
        service.limits = Some(pb::Limits { request_body: Some(0) });
    }
    let all = changes([limited, resource("free", &["free.test"], 1)]);
    let table = compile(&RoutingTable::default(), stamp(1), &all).unwrap();
    let limits = |host: &str| {
        let service = owner(&table, host);
        (service.timeouts.total, service.limits.request_body)
    };
    assert_eq!(limits("limited.test"), (Some(Duration::from_secs(90)), Some(0)), "0 is a limit");
    assert_eq!(limits("free.test"), (None, None));
}

#[test]
fn the_largest_service_fits() {
    let many = |weight| (1..=1000).map(|port| endpoint(&format!("127.0.0.1:{port}"), weight, true)).collect::<Vec<_>>();
    let mut largest = resource("a", &["a.test"], 1);
    if let Some(pb::resource::Body::Service(service)) = &mut largest.body {
        service.endpoints = many(1000);
    }
    let table = compile(&RoutingTable::default(), stamp(1), &changes([largest])).unwrap();
    assert_eq!(owner(&table, "a.test").healthy[999].cumulative_weight, 1_000_000);
    let told = violations(|service| service.endpoints = many(u32::MAX / 2));
    assert_eq!(told, ["services/a: the weights of its endpoints add up to more than 4294967295"]);
}

#[test]
fn every_violation_is_told_at_once_with_its_resource() {
    let told = violations(|service| {
        service.hosts = vec!["ok.test".into(), "a b".into(), "*".into()];
        service.endpoints = vec![endpoint("localhost:80", 1, true), endpoint("127.0.0.1:0", 0, false)];
        service.timeouts = Some(pb::Timeouts {
            connect: None,
            response: Some(prost_types::Duration { seconds: i64::MIN, nanos: 1 }),
            idle: Some(prost_types::Duration { seconds: 0, nanos: 0 }),
            total: Some(prost_types::Duration { seconds: 0, nanos: -1 }),
        });
    });
    assert_eq!(
        told,
        [
            "services/a: hosts[1] \"a b\" holds ' '; use letters, digits, '-', '_' and '.'",
            "services/a: hosts[2] \"*\" has a '*' that is not its whole first label; write \"*.example.com\"",
            "services/a: endpoints[0].address \"localhost:80\" is not IP:PORT",
            "services/a: endpoints[1].address \"127.0.0.1:0\" is not IP:PORT",
            "services/a: endpoints[1].weight is 0; it must be at least 1",
            "services/a: timeouts.connect is not a time longer than 0",
            "services/a: timeouts.response is not a time longer than 0",
            "services/a: timeouts.idle is not a time longer than 0",
            "services/a: timeouts.total is not a time longer than 0",
        ]
    );
    assert_eq!(violations(|service| service.timeouts = None), ["services/a: has no timeouts"]);
    assert_eq!(violations(|service| service.name = "b".into()), ["services/a: holds a service named \"b\""]);
}

#[test]
fn unknown_kinds_are_refused_and_other_violations_are_told_beside_them() {
    let empty = pb::Resource { body: None, ..resource("a", &[], 1) };
    let listener = pb::Resource { name: "listeners/x".into(), ..resource("x", &[], 1) };
    let told = compile(
        &RoutingTable::default(),
        stamp(1),
        &changes([empty, listener, resource("b", &["x.test"], 1), resource("c", &["x.test"], 1)]),
    );
    assert_eq!(
        told.unwrap_err(),
        [
            "listeners/x: is of a kind that this data plane does not know; update the data plane",
            "services/a: holds nothing that this data plane knows; update the data plane",
            "the host x.test is claimed by services/b, services/c; a host belongs to one service",
        ]
    );
}

#[test]
fn a_flood_of_violations_is_counted_and_long_ones_are_cut() {
    let told = violations(|service| service.hosts = vec!["é".repeat(5000); 300]);
    assert_eq!((told.len(), &*told[30]), (31, "and 270 more"));
    assert_eq!(told[0].chars().count(), 1000);
}

/// The violations of a route called "r" that was good before this edit, beside a service called "a".
fn route_violations(edit: impl FnOnce(&mut pb::Resource)) -> Vec<String> {
    let mut route = route_resource("r", &["a.test"], "/api", "a");
    edit(&mut route);
    compile(&RoutingTable::default(), stamp(1), &changes([resource("a", &["a.test"], 1), route])).unwrap_err()
}

fn wire(resource: &mut pb::Resource) -> &mut registry::Route {
    let Some(pb::resource::Body::Route(route)) = &mut resource.body else { panic!("a route") };
    route
}

#[test]
fn routes_are_compiled_with_their_policies() {
    let mut service = resource("a", &["a.test"], 1);
    let policies = registry::Policies {
        ambiguous_paths: registry::AmbiguousPaths::Refuse.into(),
        ..registry::Policies::default()
    };
    if let Some(pb::resource::Body::Service(service)) = &mut service.body {
        service.policies = Some(policies.clone());
    }
    let mut route = route_resource("r", &["a.test", "*.b.test"], "/api", "a");
    wire(&mut route).policies = Some(policies);
    let table = compile(&RoutingTable::default(), stamp(1), &changes([service, route])).unwrap();
    assert_eq!(owner(&table, "a.test").policies.ambiguous_paths, Some(AmbiguousPaths::Refuse));
    for host in ["a.test", "x.b.test"] {
        let routes = table.bound(host).unwrap().routes.routes();
        let told = routes.iter().map(|route| (&*route.name, route.policies.ambiguous_paths)).collect::<Vec<_>>();
        assert_eq!(told, [("r", Some(AmbiguousPaths::Refuse))], "{host}");
    }
}

#[test]
fn every_violation_of_a_route_is_told_with_its_resource() {
    let told = route_violations(|resource| {
        let route = wire(resource);
        route.hosts.push("a b".into());
        route.priority = 1001;
        route.action = None;
    });
    assert_eq!(told.len(), 3, "{told:#?}");
    for (field, told) in ["routes/r: route.hosts[1]", "routes/r: route.priority", "routes/r: route: "].iter().zip(&told)
    {
        assert!(told.starts_with(field), "{field} in {told}");
    }
    assert_eq!(route_violations(|resource| wire(resource).name = "s".into()), ["routes/r: holds a route named \"s\""]);
    let service = resource("r", &[], 1).body;
    let nothing = ["routes/r: holds nothing that this data plane knows; update the data plane"];
    assert_eq!(route_violations(|resource| resource.body = service), nothing);
}

#[test]
fn policies_of_a_service_are_read_with_the_others() {
    let told = violations(|service| {
        service.hosts = vec!["a b".into()];
        service.policies = Some(registry::Policies { ambiguous_paths: 99, ..registry::Policies::default() });
        service.timeouts = None;
    });
    let fields = ["services/a: hosts[0]", "services/a: policies.ambiguous_paths", "services/a: has no timeouts"];
    assert_eq!(told.len(), 3, "{told:#?}");
    for (field, told) in fields.iter().zip(&told) {
        assert!(told.starts_with(field), "{field} in {told}");
    }
}

#[test]
fn routes_that_do_not_go_together_are_told_by_name() {
    let all = [
        route_resource("r", &["a.test", "b.test"], "/api", "a"),
        route_resource("s", &["a.test", "b.test", "c.test"], "/api", "gone"),
        resource("a", &[], 1),
    ];
    assert_eq!(
        compile(&RoutingTable::default(), stamp(1), &changes(all)).unwrap_err(),
        [
            "routes/r and routes/s match the same requests of a.test, b.test; change what one of them matches, or its \
             priority",
            "services/gone is not there, but routes/s would lead to it",
        ]
    );
}

#[test]
fn what_follows_from_a_service_that_cannot_be_read_is_not_told_beside_it() {
    let mut service = resource("a", &[], 1);
    let Some(pb::resource::Body::Service(wire)) = &mut service.body else { panic!("a service") };
    wire.timeouts = None;
    let all = changes([service, route_resource("r", &["a.test"], "/", "a")]);
    let told = compile(&RoutingTable::default(), stamp(1), &all).unwrap_err();
    assert_eq!(told, ["services/a: has no timeouts"]);
}

/// A change of one resource: what is to be there, or nothing.
#[derive(Debug, Clone)]
enum Edit {
    /// With its hosts and a port.
    Service(String, Option<(Vec<String>, u16)>),
    /// With its hosts, a prefix and a service.
    Route(String, Option<(BTreeSet<String>, String, String)>),
}

impl Edit {
    fn name(&self) -> String {
        match self {
            Self::Service(name, _) => format!("services/{name}"),
            Self::Route(name, _) => format!("routes/{name}"),
        }
    }

    fn resource(&self) -> Option<pb::Resource> {
        match self {
            Self::Service(name, service) => {
                let (hosts, port) = service.as_ref()?;
                Some(resource(name, &hosts.iter().map(|host| &**host).collect::<Vec<_>>(), *port))
            }
            Self::Route(name, route) => {
                let (hosts, prefix, service) = route.as_ref()?;
                Some(route_resource(name, &hosts.iter().map(|host| &**host).collect::<Vec<_>>(), prefix, service))
            }
        }
    }
}

/// Few names, hosts and prefixes, so that services and routes move and collide; now and then one is
/// malformed, or leads to a service that is not there.
fn edit() -> impl Strategy<Value = Edit> {
    let host = || "(\\*\\.)?[a-e]\\.test";
    let service = (prop::collection::vec(host(), 0..3), 0..20_u16);
    let route = (prop::collection::btree_set(host(), 0..4), "/[a-d]?", "[a-d]");
    prop_oneof![
        ("[a-f]", prop::option::weighted(0.8, service)).prop_map(|(name, service)| Edit::Service(name, service)),
        ("[r-w]", prop::option::weighted(0.8, route)).prop_map(|(name, route)| Edit::Route(name, route)),
    ]
}

/// How many of the steps were good.
fn check(steps: Vec<Vec<Edit>>) -> Result<usize, TestCaseError> {
    // Something for routes to lead to.
    let mut resources: BTreeMap<_, _> =
        ["a", "b", "c"].map(|name| (format!("services/{name}"), resource(name, &[], 1))).into();
    let first: Vec<_> = resources.values().cloned().collect();
    let mut state = State::default().apply(full(1, &first)).unwrap().0;
    let mut table = compile(&RoutingTable::default(), stamp(1), &changes(first)).unwrap();
    let mut good = 0;
    for (sequence, edits) in (2..).zip(steps) {
        let before = resources.clone();
        for edit in edits {
            match edit.resource() {
                Some(resource) => resources.insert(edit.name(), resource),
                None => resources.remove(&edit.name()),
            };
        }
        let all: Vec<_> = resources.values().cloned().collect();
        let (next, changed) = state.apply(full(sequence, &all)).unwrap();
        let incremental = compile(&table, stamp(sequence), &changed);
        let whole = compile(&RoutingTable::default(), stamp(sequence), &changes(all));
        prop_assert_eq!(&incremental, &whole);
        match incremental {
            Ok(compiled) => (state, table, good) = (next, compiled, good + 1),
            Err(_) => resources = before,
        }
    }
    Ok(good)
}

#[test]
fn compiling_changes_is_compiling_everything() {
    let steps = prop::collection::vec(prop::collection::vec(edit(), 1..4), 1..20);
    let (mut good, mut all) = (Cell::new(0), Cell::new(0));
    let run = TestRunner::new(Config { failure_persistence: None, ..Config::default() }).run(&steps, |steps| {
        all.set(all.get() + steps.len());
        good.set(good.get() + check(steps)?);
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
    // Refusals alone prove little.
    let (good, all) = (*good.get_mut(), *all.get_mut());
    assert!(good > all / 4 && good < all, "{good} of {all} were good");
}
