use std::{net::SocketAddr, sync::Arc, time::Duration};

use gateway_proto::host::HostPattern;
use serde_json::json;

use super::{
    Changes, Conflict, Endpoint, Entry, Limits, Policies, RoutingTable, Service, Stamp, Timeouts, Version,
    WeightedEndpoint,
};

pub(crate) mod routes;

/// A service without endpoints.
pub(crate) fn service(name: &str) -> Service {
    let timeouts = Timeouts {
        connect: Duration::from_millis(250),
        response: Duration::from_secs(30),
        idle: Duration::from_secs(90),
        total: None,
    };
    Service {
        name: name.into(),
        healthy: Box::default(),
        timeouts,
        limits: Limits::default(),
        policies: Policies::default(),
    }
}

pub(crate) fn entry(name: &str, hosts: &[&str]) -> Option<Arc<Entry>> {
    let hosts = hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect();
    Some(Arc::new(Entry { service: Arc::new(service(name)), hosts, endpoints: Box::default() }))
}

pub(crate) fn stamp(sequence: u64) -> Stamp {
    Stamp { cluster_id: "c1".into(), version: Version { epoch: 0xabc, sequence }, revision: 7 }
}

fn changes<const N: usize>(services: [(&str, Option<Arc<Entry>>); N]) -> Changes {
    let services = services.into_iter().map(|(name, entry)| (Arc::from(name), entry)).collect();
    Changes { services, ..Changes::default() }
}

fn owner<'t>(table: &'t RoutingTable, host: &str) -> Option<&'t str> {
    table.bound(host).and_then(|bound| bound.owner.as_ref()).map(|service| &*service.name)
}

#[test]
fn the_default_is_no_table_and_an_empty_snapshot_is_one() {
    let none = RoutingTable::default();
    assert!(!none.is_ready());
    assert_eq!((none.stamp(), owner(&none, "a.test")), (None, None));
    assert!(none.amend(stamp(1), &changes([])).unwrap().is_ready());
}

#[test]
fn hosts_move_between_services_in_one_change() {
    let first = changes([("a", entry("a", &["x.test", "*.x.test"])), ("b", entry("b", &["y.test"]))]);
    let table = RoutingTable::default().amend(stamp(1), &first).unwrap();
    let swapped = changes([("a", entry("a", &["y.test"])), ("b", entry("b", &["x.test"]))]);
    let next = table.amend(stamp(2), &swapped).unwrap();
    assert_eq!(
        (owner(&next, "x.test"), owner(&next, "y.test"), owner(&next, "z.x.test")),
        (Some("b"), Some("a"), None)
    );
    assert_eq!((owner(&table, "x.test"), owner(&table, "z.x.test")), (Some("a"), Some("a")), "the old table stays");
    let gone = next.amend(stamp(3), &changes([("a", None)])).unwrap();
    assert_eq!((owner(&gone, "y.test"), gone.services()), (None, 1));
}

#[test]
fn a_host_of_two_services_is_refused_with_every_claimant() {
    let table = RoutingTable::default().amend(stamp(1), &changes([("c", entry("c", &["x.test"]))])).unwrap();
    let claims = changes([
        ("a", entry("a", &["x.test", "*.y.test"])),
        ("b", entry("b", &["x.test", "*.y.test", "z.test"])),
        ("d", entry("d", &["y.test", "y.test"])),
    ]);
    let conflicts = table.amend(stamp(2), &claims).unwrap_err();
    let conflict = |host: &str, services: &[&str]| Conflict::Owners {
        host: HostPattern::parse(host).unwrap(),
        services: services.iter().map(|name| Arc::from(*name)).collect(),
    };
    assert_eq!(conflicts, [conflict("x.test", &["a", "b", "c"]), conflict("*.y.test", &["a", "b"])]);
}

#[test]
fn the_view_shows_everything_that_is_held() {
    let address: SocketAddr = "127.0.0.1:3001".parse().unwrap();
    let other: SocketAddr = "[::1]:3002".parse().unwrap();
    let healthy = Box::new([WeightedEndpoint { address, cumulative_weight: 2 }]);
    let mut held = Service { healthy, limits: Limits { request_body: Some(10 << 20) }, ..service("mail") };
    held.timeouts.total = Some(Duration::from_secs(300));
    let mail = Entry {
        service: Arc::new(held),
        hosts: ["mail.test", "*.mail.test"].map(|host| HostPattern::parse(host).unwrap()).into(),
        endpoints: Box::new([
            Endpoint { address, weight: 2, healthy: true },
            Endpoint { address: other, weight: 1, healthy: false },
        ]),
    };
    let both = changes([("mail", Some(Arc::new(mail))), ("plain", entry("plain", &[]))]);
    let table = RoutingTable::default().amend(stamp(5), &both).unwrap();
    assert_eq!(
        serde_json::to_value(table.view()).unwrap(),
        json!({
            "cluster_id": "c1",
            "version": "0000000000000abc-5",
            "revision": 7,
            "services": [{
                "name": "mail",
                "hosts": ["mail.test", "*.mail.test"],
                "endpoints": [
                    {"address": "127.0.0.1:3001", "weight": 2, "health": "healthy"},
                    {"address": "[::1]:3002", "weight": 1, "health": "unhealthy"},
                ],
                "timeouts": {"connect": "250ms", "response": "30s", "idle": "1m 30s", "total": "5m"},
                "limits": {"request_body": "10MiB"},
            }, {
                "name": "plain",
                "hosts": [],
                "endpoints": [],
                "timeouts": {"connect": "250ms", "response": "30s", "idle": "1m 30s"},
                "limits": {},
            }],
        })
    );
    assert_eq!(
        serde_json::to_value(RoutingTable::default().view()).unwrap(),
        json!({"cluster_id": null, "version": null, "revision": null, "services": []})
    );
}
