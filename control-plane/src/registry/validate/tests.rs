mod consumers;
mod purges;
mod routes;

use gateway_proto::registry::v1 as pb;

use super::{MAX_RECORDS, Named, added_endpoints, name, removed_endpoints, service, service_query};
use crate::{
    error::RegistryError,
    registry::{
        draft::{Draft, Wanted},
        list::PageToken,
        model::{HealthCheck, Probe, ProbePolicy, Timeouts},
        sample,
    },
};

fn good() -> pb::Service {
    pb::Service {
        name: "mail".into(),
        hosts: vec!["mail.test".into()],
        endpoints: vec![endpoint("127.0.0.1:3001")],
        ..pb::Service::default()
    }
}

fn endpoint(address: &str) -> pb::Endpoint {
    pb::Endpoint { address: address.into(), weight: 0 }
}

fn change(services: Vec<pb::Service>, routes: Vec<pb::Route>) -> Result<Wanted, RegistryError> {
    super::change(Named { services, routes, ..Named::default() })
}

fn services(wire: Vec<pb::Service>) -> Result<Vec<Draft>, RegistryError> {
    change(wire, vec![]).map(|wanted| wanted.services)
}

/// What is wrong, as `field: message`.
fn wrong<T: std::fmt::Debug>(result: Result<T, RegistryError>) -> Vec<String> {
    match result {
        Err(RegistryError::Invalid(violations)) => violations.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

/// That a change to a good service is refused for exactly one reason, at this field, in these words.
#[track_caller]
fn refuses(field: &str, words: &str, change: impl FnOnce(&mut pb::Service)) {
    let mut wire = good();
    change(&mut wire);
    let found = wrong(service(Some(wire)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("{field}: ")) && found[0].contains(words), "{found:?}");
}

#[track_caller]
fn refuses_check(field: &str, words: &str, change: impl FnOnce(&mut pb::HealthCheck)) {
    refuses(&format!("service.health_check.{field}"), words, |wire| {
        let mut check = pb::HealthCheck::default();
        change(&mut check);
        wire.health_check = Some(check);
    });
}

fn http(probe: pb::HttpProbe) -> Option<pb::health_check::Probe> {
    Some(pb::health_check::Probe::Http(probe))
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn millis(millis: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: 0, nanos: millis * 1_000_000 })
}

#[test]
fn defaults_are_filled_in() {
    let read = service(Some(good())).unwrap().into_service();
    let expected = crate::registry::model::Service { title: String::new(), ..sample::service("mail", &["mail.test"]) };
    assert_eq!(read, expected);
    assert_eq!(read.timeouts, Timeouts::default());

    let mut wire = good();
    wire.health_check = Some(pb::HealthCheck { interval: millis(500), ..pb::HealthCheck::default() });
    let HealthCheck::Enabled(policy) = service(Some(wire)).unwrap().into_service().health_check else { panic!() };
    let interval = std::time::Duration::from_millis(500);
    assert_eq!(policy, ProbePolicy { interval, timeout: interval, ..ProbePolicy::default() });
    assert!(matches!(policy.probe, Probe::Http { path, host: None, .. } if path == "/healthcheck"));
}

#[test]
fn texts_are_brought_into_one_form() {
    let mut wire = good();
    wire.hosts = vec!["MAIL.Test.".into(), "*.Mail.test".into(), "[2001:DB8:0::1]".into()];
    wire.endpoints = vec![endpoint("Mail.Internal.:80"), endpoint("[::0:1]:81")];
    wire.tags = vec!["b".into(), "a".into(), "b".into()];
    let read = service(Some(wire)).unwrap();
    let hosts: Vec<String> = read.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["mail.test", "*.mail.test", "[2001:db8::1]"]);
    let addresses: Vec<String> = read.endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect();
    assert_eq!(addresses, ["mail.internal:80", "[::1]:81"]);
    assert_eq!(read.tags, ["a", "b"]);
}

#[test]
fn names_titles_and_tags() {
    for bad in ["Mail", "-a", "a-", "a.b", "a_b", "ä", &"a".repeat(64)] {
        refuses("service.name", "is not a name; use 1 to 63", |wire| wire.name = bad.into());
        refuses("service.tags[0]", "is not a tag; use 1 to 63", |wire| wire.tags = vec![bad.into()]);
    }
    refuses("service.name", "is empty; use 1 to 63", |wire| wire.name.clear());
    refuses("service.title", "longer than 200", |wire| wire.title = "ü".repeat(201));
    refuses("service.title", "control character", |wire| wire.title = "a\nb".into());
    refuses("service.tags", "are 33; give 32", |wire| wire.tags = (0..33).map(|at| format!("t{at}")).collect());
    let mut wire = good();
    (wire.name, wire.title) = ("0-9".into(), "ü".repeat(200));
    wire.tags = vec!["a".repeat(63); 40];
    assert!(service(Some(wire)).is_ok());
}

#[test]
fn hosts() {
    for (bad, words) in [
        ("", "is empty"),
        ("a b", "holds ' '"),
        ("*", "'*'"),
        ("a.*.test", "'*'"),
        ("mail.test:80", "leave it away"),
        ("bücher.test", "xn--"),
        ("a..b", "empty label"),
        ("http://mail.test", "has a port"),
    ] {
        refuses("service.hosts[0]", words, |wire| wire.hosts = vec![bad.into()]);
    }
    refuses("service.hosts[2]", "the same as number 0", |wire| {
        wire.hosts = vec!["a.test".into(), "b.test".into(), "A.test.".into()];
    });
    refuses("service.hosts", "are 257; give 256", |wire| {
        wire.hosts = (0..257).map(|at| format!("h{at}.test")).collect();
    });
}

#[test]
fn endpoints() {
    for (bad, words) in [
        ("", "is empty; give HOST:PORT"),
        ("mail", "no port from 1 to 65535"),
        ("mail:0", "no port from 1 to 65535"),
        ("mail:", "no port from 1 to 65535"),
        ("mail:65536", "port that is not a number"),
        (":80", "is empty"),
        ("::1:80", "port"),
        ("[::1]", "no port"),
        ("http://mail:80", "port"),
        ("127.1:80", "is no IPv4 address"),
        ("256.0.0.1:80", "is no IPv4 address"),
        ("a b:80", "holds ' '"),
        ("*.test:80", "holds '*'"),
    ] {
        refuses("service.endpoints[0].address", words, |wire| wire.endpoints = vec![endpoint(bad)]);
    }
    refuses("service.endpoints[0].weight", "1001 is too large; use 1 to 1000", |wire| wire.endpoints[0].weight = 1001);
    refuses("service.endpoints[1]", "the same as number 0", |wire| {
        wire.endpoints = vec![endpoint("[::1]:80"), endpoint("[0::1]:80")];
    });
    refuses("service.endpoints", "are 1001; give 1000", |wire| {
        wire.endpoints = (1..=1001).map(|port| endpoint(&format!("h:{port}"))).collect();
    });
    refuses("service.load_balancing", "9 is unknown", |wire| wire.load_balancing = 9);
}

#[test]
fn health_checks() {
    refuses_check("interval", "is too short; use 100ms to 1h", |check| check.interval = millis(99));
    refuses_check("interval", "is too long; use 100ms to 1h", |check| check.interval = seconds(3601));
    refuses_check("interval", "is negative", |check| check.interval = seconds(-1));
    refuses_check("interval", "is too long", |check| check.interval = seconds(i64::MAX));
    refuses_check("timeout", "is too short; use 10ms to 1m", |check| check.timeout = millis(9));
    refuses_check("timeout", "longer than the interval, 5s", |check| check.timeout = seconds(6));
    for (seconds, nanos) in [(0, 1_000_000_000), (1, -1), (-1, 1), (0, i32::MIN), (i64::MIN, -1_000_000_000)] {
        refuses_check("interval", "is no duration", |check| {
            check.interval = Some(prost_types::Duration { seconds, nanos });
        });
    }
    refuses_check("rise", "11 is too large; use 1 to 10", |check| check.rise = 11);
    refuses_check("fall", "11 is too large; use 1 to 10", |check| check.fall = 11);
    refuses_check("jitter_percent", "51 is too large; use 0 to 50", |check| check.jitter_percent = Some(51));
}

#[test]
fn http_probes() {
    for (bad, words) in [
        ("health", "does not begin with '/'"),
        ("/a b", "not visible ASCII"),
        ("/ä", "not visible ASCII"),
        ("/a\r\nX: y", "not visible ASCII"),
        ("/a#b", "fragment"),
        (&format!("/{}", "a".repeat(2048)), "longer than 2048"),
    ] {
        refuses_check("http.path", words, |check| {
            check.probe = http(pb::HttpProbe { path: bad.into(), ..pb::HttpProbe::default() });
        });
    }
    refuses_check("http.host", "holds", |check| {
        check.probe = http(pb::HttpProbe { host: "a/b".into(), ..pb::HttpProbe::default() });
    });
    for ((first, last), words) in
        [((99, 200), "use 100 to 599"), ((200, 600), "use 100 to 599"), ((204, 200), "lower status first")]
    {
        refuses_check("http.expected_statuses[0]", words, |check| {
            let expected_statuses = vec![pb::StatusRange { first, last }];
            check.probe = http(pb::HttpProbe { expected_statuses, ..pb::HttpProbe::default() });
        });
    }
    refuses_check("http.expected_statuses", "are 33; give 32", |check| {
        let expected_statuses = vec![pb::StatusRange { first: 200, last: 200 }; 33];
        check.probe = http(pb::HttpProbe { expected_statuses, ..pb::HttpProbe::default() });
    });
}

#[test]
fn timeouts() {
    refuses("service.timeouts.connect", "is too short; use 1ms to 1day", |wire| {
        wire.timeouts = Some(pb::Timeouts { connect: seconds(0), ..pb::Timeouts::default() });
    });
    refuses("service.timeouts.response", "is too long; use 1ms to 1day", |wire| {
        wire.timeouts = Some(pb::Timeouts { response: seconds(86_401), ..pb::Timeouts::default() });
    });
    refuses("service.timeouts.idle", "is negative", |wire| {
        wire.timeouts = Some(pb::Timeouts { idle: millis(-1), ..pb::Timeouts::default() });
    });
    for (total, words) in [(seconds(0), "is too short; use 1ms to 1day"), (seconds(86_401), "is too long")] {
        refuses("service.timeouts.total", words, |wire| {
            wire.timeouts = Some(pb::Timeouts { total, ..pb::Timeouts::default() });
        });
    }
    let timeouts = Some(pb::Timeouts { total: seconds(86_400), ..pb::Timeouts::default() });
    let read = service(Some(pb::Service { timeouts, ..good() })).unwrap().into_service().timeouts;
    assert_eq!(read, Timeouts { total: Some(std::time::Duration::from_secs(86_400)), ..Timeouts::default() });
}

#[test]
fn limits() {
    let limited = |request_body| pb::Service { limits: Some(pb::Limits { request_body }), ..good() };
    for bytes in [None, Some(0), Some(1 << 40)] {
        assert_eq!(service(Some(limited(bytes))).unwrap().into_service().limits.request_body, bytes);
    }
    refuses("service.limits.request_body", "1025GiB is too large; use 0B to 1TiB, or leave it away", |wire| {
        wire.limits = Some(pb::Limits { request_body: Some(1025 << 30) });
    });
    let wrong =
        wrong(services(vec![good(), pb::Service { name: "big".into(), hosts: vec![], ..limited(Some(u64::MAX)) }]));
    assert!(wrong[0].starts_with("services[1].limits.request_body: 18446744073709551615B is too large"), "{wrong:?}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wire = pb::Service {
        name: "Mail".into(),
        hosts: vec!["a b".into(), "ok.test".into(), "*".into()],
        endpoints: vec![pb::Endpoint { address: "mail".into(), weight: 5000 }],
        ..pb::Service::default()
    };
    let found = wrong(service(Some(wire.clone())));
    let fields: Vec<&str> = found.iter().map(|line| line.split_once(": ").unwrap().0).collect();
    let expected = [
        "service.name",
        "service.hosts[0]",
        "service.hosts[2]",
        "service.endpoints[0].weight",
        "service.endpoints[0].address",
    ];
    assert_eq!(fields, expected);
    let found = wrong(services(vec![good(), wire]));
    assert_eq!(found.len(), 5);
    assert!(found[1].starts_with("services[1].hosts[0]: "), "{found:?}");
    assert_eq!(wrong(service(None)), ["service: is missing; give a service"]);
}

#[test]
fn services_of_one_change_are_distinct() {
    let named = |name: &str, host: &str| pb::Service { name: name.into(), hosts: vec![host.into()], ..good() };
    let found = wrong(services(vec![named("a", "a.test"), named("b", "A.test"), named("a", "c.test")]));
    assert_eq!(
        found,
        [
            "services[1].hosts[0]: \"a.test\" is also a host of services[0], \"a\"; one service owns it",
            "services[2].name: \"a\" is also services[0]; give it once",
        ]
    );
    assert_eq!(services(vec![]).unwrap(), []);
}

#[test]
fn a_change_has_a_size() {
    let found = wrong(services(vec![pb::Service::default(); MAX_RECORDS + 1]));
    assert!(
        found.len() == 1 && found[0].starts_with("services: are 200001 services, 0 routes and 0 consumers in "),
        "{found:?}"
    );
    let large = pb::Service { title: "x".repeat(33 * 1024 * 1024), ..good() };
    assert!(wrong(services(vec![large.clone(), large]))[0].contains("in 64 MiB, so split it"));
}

#[test]
fn there_is_an_end_to_the_list_of_mistakes() {
    let bad = pb::Service { hosts: vec![" ".into(); 256], ..good() };
    let found = wrong(services(vec![bad; 100]));
    assert_eq!(found.len(), 1001);
    assert!(found[1000].contains("24699 more"), "{}", found[1000]);
}

#[test]
fn long_texts_are_cut_where_they_are_shown() {
    let found = wrong(name(&"Ü".repeat(100_000)));
    assert!(found[0].len() < 400 && found[0].contains('…'), "{found:?}");
    assert!(wrong(name("a\"\n\u{1b}[31m"))[0].contains(r#""a\"\n\u{1b}[31m""#));
}

#[test]
fn endpoints_by_themselves() {
    let (name, endpoints) =
        added_endpoints("mail", &[pb::Endpoint { address: "h:1".into(), weight: 3 }, endpoint("h:2")]).unwrap();
    assert_eq!((name.as_str(), endpoints[0].weight, endpoints[1].weight), ("mail", Some(3), None));
    let found = wrong(added_endpoints("", &[]));
    assert_eq!(found.len(), 2, "{found:?}");
    let found = wrong(removed_endpoints("mail", &["h:1".into(), "H:1".into(), "h".into()]));
    assert!(
        found.len() == 2 && found[0].starts_with("addresses[1]: ") && found[1].starts_with("addresses[2]: "),
        "{found:?}"
    );
    assert!(wrong(removed_endpoints("mail", &[]))[0].contains("at least one"));
}

#[test]
fn queries() {
    let filter = pb::ServiceFilter { host: "MAIL.test:80".into(), ..pb::ServiceFilter::default() };
    let token = PageToken::write("a");
    let wire = pb::ListServicesRequest { filter: Some(filter), page_size: 1000, page_token: token };
    let read = service_query(wire).unwrap();
    assert_eq!((read.host.as_deref(), read.page_size, read.after), (Some("mail.test"), 1000, Some(sample::name("a"))));
    assert_eq!(
        service_query(pb::ListServicesRequest::default()).unwrap(),
        crate::registry::list::ServiceQuery::default()
    );

    let filter = pb::ServiceFilter { host: "a b".into(), ..pb::ServiceFilter::default() };
    let found =
        wrong(service_query(pb::ListServicesRequest { filter: Some(filter), page_size: 1001, page_token: "x".into() }));
    let fields: Vec<&str> = found.iter().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(fields, ["filter.host", "page_size", "page_token"]);
}
