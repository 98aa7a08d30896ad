use std::{sync::Arc, time::Duration};

use gateway_proto::discovery::v1 as pb;
use proptest::prelude::*;

use super::compile;
use crate::{
    discovery::{
        apply::{Changes, State},
        tests::{full, resource},
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

/// A service of few names with few hosts, so that hosts move and collide; now and then malformed.
fn edit() -> impl Strategy<Value = (String, Option<(Vec<String>, u16)>)> {
    let host = "(\\*\\.)?[a-e]\\.test";
    let service = (prop::collection::vec(host, 0..3), 0..20_u16);
    ("[a-f]", prop::option::weighted(0.75, service))
}

proptest! {
    #[test]
    fn compiling_changes_is_compiling_everything(
        steps in prop::collection::vec(prop::collection::vec(edit(), 1..4), 1..20),
    ) {
        let mut state = State::default();
        let mut table = RoutingTable::default();
        let mut resources = std::collections::BTreeMap::new();
        for (sequence, edits) in (1..).zip(steps) {
            let good = resources.clone();
            for (name, service) in edits {
                match service {
                    Some((hosts, port)) => {
                        let hosts: Vec<_> = hosts.iter().map(|host| &**host).collect();
                        resources.insert(name.clone(), resource(&name, &hosts, port))
                    }
                    None => resources.remove(&name),
                };
            }
            let all: Vec<_> = resources.values().cloned().collect();
            let (next, changed) = state.apply(full(sequence, &all)).unwrap();
            let incremental = compile(&table, stamp(sequence), &changed);
            let whole = compile(&RoutingTable::default(), stamp(sequence), &changes(all));
            prop_assert_eq!(&incremental, &whole);
            match incremental {
                Ok(compiled) => (state, table) = (next, compiled),
                Err(_) => resources = good,
            }
        }
    }
}
