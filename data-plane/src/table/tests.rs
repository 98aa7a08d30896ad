use std::{sync::Arc, time::Duration};

use gateway_proto::host::HostPattern;

use super::{Changes, Conflict, Entry, Limits, Policies, RoutingTable, Service, Stamp, Timeouts, Version};

pub(crate) mod routes;
mod tellers;
mod view;

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
        told: Arc::default(),
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
