//! What export writes, apply reads back.

mod auth;
mod cache;
mod consumer;
mod policies;
mod rate_limit;
mod route;

use gateway_proto::registry::v1::{self as pb, health_check::Probe};
use proptest::{collection::vec, option, prelude::*};

use self::{
    consumer::{consumer, consumer_without_read_only, stored_consumer},
    policies::{policies, stored_policies},
    route::{route, route_without_read_only, stored_route},
};
use super::{SAMPLE, consumers, mistakes, routes, sample, seconds, services};
use crate::{file::Document, output};

fn duration(range: std::ops::Range<u64>) -> impl Strategy<Value = Option<prost_types::Duration>> {
    range.prop_map(|millis| std::time::Duration::from_millis(millis).try_into().ok())
}

fn probe() -> impl Strategy<Value = Option<Probe>> {
    let range = (100u32..=599).prop_flat_map(|first| (Just(first), prop_oneof![Just(first), first..=599]));
    let range = range.prop_map(|(first, last)| pb::StatusRange { first, last });
    let http = (prop_oneof![Just("/healthcheck".to_owned()), "/\\PC{0,9}"], vec(range, 1..3), "[a-z]{0,3}");
    let http = http.prop_map(|(path, expected_statuses, host)| pb::HttpProbe { path, expected_statuses, host });
    prop_oneof![http.prop_map(|http| Some(Probe::Http(http))), Just(Some(Probe::Tcp(pb::TcpProbe {})))]
}

fn health_check() -> impl Strategy<Value = pb::HealthCheck> {
    let disabled = pb::HealthCheck { probe: Some(Probe::Disabled(pb::DisabledProbe {})), ..pb::HealthCheck::default() };
    let intervals = prop_oneof![Just(seconds(5)), duration(100..3_600_000)];
    let timeouts = prop_oneof![Just(seconds(2)), duration(10..60_000)];
    let enabled = (probe(), intervals, timeouts, 1..=10u32, 1..=10u32, 0..=50u32).prop_map(
        |(probe, interval, timeout, rise, fall, jitter)| pb::HealthCheck {
            probe,
            interval,
            timeout,
            rise,
            fall,
            jitter_percent: Some(jitter),
        },
    );
    prop_oneof![4 => enabled, 1 => Just(disabled)]
}

fn bytes() -> impl Strategy<Value = u64> {
    prop_oneof![0..=1_u64 << 40, (0..=1024_u64).prop_map(|mebibytes| mebibytes << 20)]
}

/// Texts that YAML might take for something else.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,40}", "(a| |\n|\"|'|: |#|- |\\||\t|yes|0x1|~){0,9}", "(word ){0,40}"]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

prop_compose! {
    /// A service as the control plane stores it: every default filled in.
    fn service()(
        title in text(),
        tags in vec("[a-z0-9]{1,6}", 0..3),
        hosts in vec("(\\*\\.)?[a-z0-9]{1,5}(\\.[a-z0-9]{1,3}){0,2}", 0..3),
        endpoints in vec(("[a-z0-9\\[\\]:.]{1,9}:[0-9]{1,5}", 1..=1000u32), 0..3),
        health_check in health_check(),
        connect in duration(1..86_400_000),
        response in option::weighted(0.5, duration(1..86_400_000)),
        idle in option::weighted(0.5, duration(1..86_400_000)),
        total in option::weighted(0.5, duration(1..86_400_000)),
        request_body in option::of(bytes()),
        policies in policies(),
    ) -> pb::Service {
        pb::Service {
            name: String::new(),
            title,
            tags,
            hosts,
            endpoints: endpoints.into_iter().map(|(address, weight)| pb::Endpoint { address, weight }).collect(),
            load_balancing: pb::LoadBalancing::Random.into(),
            health_check: Some(health_check),
            timeouts: Some(pb::Timeouts {
                connect,
                response: response.unwrap_or(seconds(30)),
                idle: idle.unwrap_or(seconds(60)),
                total: total.flatten(),
            }),
            // Sent where something is limited only.
            limits: request_body.map(|bytes| pb::Limits { request_body: Some(bytes) }),
            policies,
            revision: 7,
            created_at: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
            updated_at: Some(prost_types::Timestamp { seconds: 9, nanos: 0 }),
        }
    }
}

/// Fills in what the control plane would, by registry.proto.
fn stored(mut service: pb::Service) -> pb::Service {
    service.load_balancing = pb::LoadBalancing::Random.into();
    for endpoint in &mut service.endpoints {
        endpoint.weight = endpoint.weight.max(1);
    }
    let check = service.health_check.get_or_insert_default();
    let probe = check.probe.get_or_insert_with(|| Probe::Http(pb::HttpProbe::default()));
    if let Probe::Http(http) = probe {
        if http.path.is_empty() {
            http.path = "/healthcheck".into();
        }
        if http.expected_statuses.is_empty() {
            http.expected_statuses = vec![pb::StatusRange { first: 200, last: 299 }];
        }
    }
    if !matches!(probe, Probe::Disabled(_)) {
        check.interval = check.interval.or(seconds(5));
        check.timeout = check.timeout.or(seconds(2));
        check.rise = check.rise.max(1);
        check.fall = if check.fall == 0 { 2 } else { check.fall };
        check.jitter_percent = check.jitter_percent.or(Some(10));
    }
    let timeouts = service.timeouts.get_or_insert_default();
    timeouts.connect = timeouts.connect.or(seconds(2));
    timeouts.response = timeouts.response.or(seconds(30));
    timeouts.idle = timeouts.idle.or(seconds(60));
    service.policies = service.policies.map(stored_policies);
    service
}

fn without_read_only(service: pb::Service) -> pb::Service {
    pb::Service { revision: 0, created_at: None, updated_at: None, ..service }
}

#[test]
fn only_what_differs_from_the_defaults_is_written() {
    let document = Document::of(&[stored(sample())], &[], &[]);
    let expected = r#"services:
- name: mail
  title: Mail service
  tags:
  - mail-service
  hosts:
  - mail.example.com
  - "*.mail.example.com"
  endpoints:
  - address: 127.0.0.1:3001
  - address: mail-2.internal:3001
    weight: 2
  timeouts:
    total: 5m
  limits:
    request_body: 10MiB
  compression:
    min_size: 4KiB
    content_types:
    - text/*
  ambiguous_paths: refuse
  cache:
    default_ttl: 10s
    max_object_size: 1MiB
    key:
      query:
        drop:
        - utm_source
    bypass:
      cookies:
      - session
  rate_limits:
  - name: per-client
    requests: 100
    per: 1s
    burst: 200
    key: client_address
    scope: cluster
  auth:
    methods:
    - api_key:
        header: X-Key
    - jwt:
        issuer: https://issuer.test
        audience:
        - api
        jwks_file: keys.json
    - basic:
        {}
    allow:
    - group: staff
    deny:
    - consumer: mallory
consumers: []
"#;
    assert_eq!(output::yaml(&document).unwrap(), expected);
    assert_eq!(stored(services(expected).remove(0)), stored(services(SAMPLE).remove(0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn exports_read_back_to_the_same_state(
        mut given in vec(service(), 0..3),
        mut given_routes in vec(route(), 0..3),
        mut given_consumers in vec(consumer(), 0..3),
    ) {
        for (index, service) in given.iter_mut().enumerate() {
            service.name = format!("s{index}");
        }
        for (index, route) in given_routes.iter_mut().enumerate() {
            route.name = format!("r{index}");
        }
        for (index, consumer) in given_consumers.iter_mut().enumerate() {
            consumer.name = format!("c{index}");
        }
        let document = Document::of(&given, &given_routes, &given_consumers);
        let expected: Vec<_> = given.into_iter().map(without_read_only).collect();
        let expected_routes: Vec<_> = given_routes.into_iter().map(route_without_read_only).collect();
        let expected_consumers: Vec<_> = given_consumers.into_iter().map(consumer_without_read_only).collect();
        for text in [output::yaml(&document).unwrap(), output::json(&document).unwrap()] {
            let read: Vec<_> = services(&text).into_iter().map(stored).collect();
            prop_assert_eq!(&read, &expected, "{}", text);
            let read: Vec<_> = routes(&text).into_iter().map(stored_route).collect();
            prop_assert_eq!(&read, &expected_routes, "{}", text);
            let read: Vec<_> = consumers(&text).into_iter().map(stored_consumer).collect();
            prop_assert_eq!(&read, &expected_consumers, "{}", text);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}", marked in "([\\[\\]{}:,&*!|>'\"#%@`~-]| |\n|a|services|routes){0,60}") {
        mistakes(&text);
        mistakes(&marked);
    }
}
