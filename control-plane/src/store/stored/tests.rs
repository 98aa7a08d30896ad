use std::time::Duration;

use gateway_proto::registry::v1 as pb;
use jiff::Timestamp;
use prost::Message;

use super::{StoredHealth, StoredService, into_route, of_route};
use crate::{
    registry::{
        model::{HealthCheck, Probe, ProbePolicy, Revision, Service},
        sample,
    },
    store::HealthRecord,
};

fn read_back(service: &Service) -> Option<Service> {
    let bytes = StoredService::from(service).encode_to_vec();
    StoredService::decode(&*bytes).unwrap().into_service()
}

#[test]
fn a_service_is_read_back_as_it_was() {
    let mut service = sample::service("mail", &["mail.test", "*.mail.test", "[2001:db8::1]"]);
    service.title = "Mail".into();
    service.tags = vec!["a".into(), "b".into()];
    service.endpoints = ["10.0.0.1:1", "[::1]:65535", "mail.internal:80"].map(sample::endpoint).into();
    service.endpoints[1].weight = 1000;
    service.timeouts.idle = Duration::from_secs(24 * 3600);
    service.timeouts.total = Some(Duration::from_millis(1));
    service.limits.request_body = Some(0);
    service.policies = sample::policies();
    service.revision = Revision(u64::MAX);
    service.created_at = Timestamp::new(1, 999_999_999).unwrap();
    service.updated_at = Timestamp::new(-1, -1).unwrap();
    assert_eq!(read_back(&service).as_ref(), Some(&service));

    service.health_check = HealthCheck::Disabled;
    assert_eq!(read_back(&service).as_ref(), Some(&service));

    let probe = Probe::Http {
        path: "/ok?x=1".into(),
        expected_statuses: vec![100..=100, 200..=599],
        host: Some("probe.test".into()),
    };
    let policy = ProbePolicy { probe, rise: 3, fall: 4, jitter_percent: 0, ..ProbePolicy::default() };
    service.health_check = HealthCheck::Enabled(policy);
    assert_eq!(read_back(&service).as_ref(), Some(&service));

    service.health_check = HealthCheck::Enabled(ProbePolicy { probe: Probe::Tcp, ..ProbePolicy::default() });
    assert_eq!(read_back(&service).as_ref(), Some(&service));
}

#[test]
fn a_record_from_before_there_were_limits_and_policies_has_none() {
    let record = b"\n\x04mail\"\tmail.test*\x12\n\x0e127.0.0.1:3001\x10\x010\x01:(\n\x14\n\x0c/healthcheck\
        \x12\x04\xc8\x01\xab\x02\x10\x80\xe4\x97\xd0\x12\x18\x80\xa8\xd6\xb9\x07 \x01(\x020\n@\x80\xa8\xd6\xb9\x07\
        H\x80\xd8\x8e\xe1oP\x80\xb0\x9d\xc2\xdf\x01b\x00j\x00";
    let service = sample::service("mail", &["mail.test"]);
    assert_eq!(StoredService::decode(&record[..]).unwrap().into_service().as_ref(), Some(&service));
    // And what has none is still written so: an earlier version reads it, too.
    assert_eq!(StoredService::from(&service).encode_to_vec(), record);
}

#[test]
fn what_is_no_service_is_refused() {
    let good = StoredService::from(&sample::service("mail", &["mail.test"]));
    assert!(good.clone().into_service().is_some());
    assert!(StoredService { name: "Mail".into(), ..good.clone() }.into_service().is_none());
    assert!(StoredService { hosts: vec!["a:1".into()], ..good.clone() }.into_service().is_none());
    assert!(StoredService { load_balancing: 9, ..good.clone() }.into_service().is_none());
    let mut odd = good.clone();
    odd.probes.as_mut().unwrap().http.as_mut().unwrap().expected_statuses.push(200);
    assert!(odd.into_service().is_none());
    let mut address = good;
    address.endpoints[0].address = "nowhere".into();
    assert!(address.into_service().is_none());
}

#[test]
fn a_route_is_read_back_as_it_was() {
    let mut route = sample::full_route("canary", ["a", "b"], "shadow");
    route.revision = Revision(u64::MAX);
    route.created_at = Timestamp::new(1, 999_999_999).unwrap();
    route.updated_at = Timestamp::new(-1, -1).unwrap();
    for route in [route, sample::route("plain", &["x.test"], "/", "a")] {
        let bytes = of_route(&route).encode_to_vec();
        let read = into_route(Message::decode(&*bytes).unwrap()).unwrap();
        assert_eq!(read, route);
        // One form for each route.
        assert_eq!(of_route(&read).encode_to_vec(), bytes);
    }
}

/// What the first program that knew routes wrote, which every later one has to read.
#[test]
fn a_route_is_written_as_it_always_was() {
    let record =
        b"\n\x06canary\x1a\x06x.test\x1a\x08*.x.test\"\x08\n\x06\x12\x04/api2\x0b\n\t\n\x04shop\x10\xe8\x07j\0r\0";
    let route = sample::route("canary", &["x.test", "*.x.test"], "/api", "shop");
    assert_eq!(of_route(&route).encode_to_vec(), record);
}

#[test]
fn what_is_no_route_is_refused_and_it_is_said_why() {
    let good = of_route(&sample::route("canary", &["x.test"], "/", "a"));
    assert!(into_route(good.clone()).is_ok());
    for (bad, words) in [
        (pb::Route { name: "Canary".into(), ..good.clone() }, "route.name: "),
        (pb::Route { hosts: vec![], ..good.clone() }, "route.hosts: "),
        (pb::Route { action: None, ..good.clone() }, "route: "),
        (pb::Route { created_at: None, ..good.clone() }, "its created_at is no time"),
        (
            pb::Route { updated_at: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }), ..good },
            "its updated_at",
        ),
    ] {
        let err = into_route(bad).unwrap_err();
        assert!(err.starts_with(words), "{err}");
    }
    let policies = Some(pb::Policies { ambiguous_paths: 9, ..pb::Policies::default() });
    let service = StoredService::from(&sample::service("mail", &[]));
    assert!(StoredService { policies, ..service }.into_service().is_none());
}

#[test]
fn health_is_read_back_as_it_was() {
    let record = HealthRecord {
        service: sample::name("mail"),
        endpoint: sample::endpoint("mail.internal:80").address,
        addresses: vec![("10.0.0.1:80".parse().unwrap(), true), ("[::1]:80".parse().unwrap(), false)],
    };
    assert_eq!(StoredHealth::from(&record).into_record(), Some(record));
}
