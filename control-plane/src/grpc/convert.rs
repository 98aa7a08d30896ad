//! The registry's types as they are sent.

use std::{ops::RangeInclusive, time::Duration};

use gateway_proto::registry::v1 as pb;
use gateway_routing::route::wire;

use crate::{
    registry::{
        apply::{ChangeKind, Outcome},
        model::{Consumer, Endpoint, HealthCheck, Limits, LoadBalancing, Probe, ProbePolicy, Route, Service, Timeouts},
    },
    time::timestamp,
};

/// A service as it is sent.
#[must_use]
pub fn service(service: &Service) -> pb::Service {
    let Service {
        name,
        title,
        tags,
        hosts,
        endpoints,
        load_balancing,
        health_check,
        timeouts,
        limits,
        policies,
        revision,
        created_at,
        updated_at,
    } = service;
    let endpoint =
        |Endpoint { address, weight }: &Endpoint| pb::Endpoint { address: address.to_string(), weight: *weight };
    let load_balancing = match load_balancing {
        LoadBalancing::Random => pb::LoadBalancing::Random,
    };
    pb::Service {
        name: name.to_string(),
        title: title.clone(),
        tags: tags.clone(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        endpoints: endpoints.iter().map(endpoint).collect(),
        load_balancing: load_balancing.into(),
        health_check: Some(wire_health_check(health_check)),
        timeouts: Some(wire_timeouts(*timeouts)),
        limits: wire_limits(*limits),
        policies: wire::policies(policies),
        revision: revision.0,
        created_at: Some(timestamp(*created_at)),
        updated_at: Some(timestamp(*updated_at)),
    }
}

fn wire_health_check(check: &HealthCheck) -> pb::HealthCheck {
    let policy = match check {
        HealthCheck::Enabled(policy) => policy,
        HealthCheck::Disabled => {
            let probe = Some(pb::health_check::Probe::Disabled(pb::DisabledProbe {}));
            return pb::HealthCheck { probe, ..pb::HealthCheck::default() };
        }
    };
    let ProbePolicy { probe, interval, timeout, rise, fall, jitter_percent } = policy;
    let probe = match probe {
        Probe::Tcp => pb::health_check::Probe::Tcp(pb::TcpProbe {}),
        Probe::Http { path, expected_statuses, host } => pb::health_check::Probe::Http(pb::HttpProbe {
            path: path.clone(),
            expected_statuses: expected_statuses.iter().map(wire_statuses).collect(),
            host: host.clone().unwrap_or_default(),
        }),
    };
    pb::HealthCheck {
        probe: Some(probe),
        interval: Some(duration(*interval)),
        timeout: Some(duration(*timeout)),
        rise: *rise,
        fall: *fall,
        jitter_percent: Some(*jitter_percent),
    }
}

fn wire_statuses(range: &RangeInclusive<u16>) -> pb::StatusRange {
    pb::StatusRange { first: u32::from(*range.start()), last: u32::from(*range.end()) }
}

fn wire_timeouts(timeouts: Timeouts) -> pb::Timeouts {
    let Timeouts { connect, response, idle, total } = timeouts;
    pb::Timeouts {
        connect: Some(duration(connect)),
        response: Some(duration(response)),
        idle: Some(duration(idle)),
        total: total.map(duration),
    }
}

fn wire_limits(limits: Limits) -> Option<pb::Limits> {
    let Limits { request_body } = limits;
    request_body.map(|bytes| pb::Limits { request_body: Some(bytes) })
}

/// Durations of the registry are at most a day.
fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// What a change came to, as it is sent.
#[must_use]
pub fn change(kind: ChangeKind) -> pb::ChangeKind {
    match kind {
        ChangeKind::Created => pb::ChangeKind::Created,
        ChangeKind::Updated => pb::ChangeKind::Updated,
        ChangeKind::Unchanged => pb::ChangeKind::Unchanged,
    }
}

/// What became of one service, as it is sent.
#[must_use]
pub fn service_change(outcome: &Outcome<Service>) -> pb::ServiceChange {
    let Outcome { resource, change: kind } = outcome;
    pb::ServiceChange { name: resource.name.to_string(), change: change(*kind).into() }
}

/// What became of one route, as it is sent.
#[must_use]
pub fn route_change(outcome: &Outcome<Route>) -> pb::RouteChange {
    let Outcome { resource, change: kind } = outcome;
    pb::RouteChange { name: resource.name().to_string(), change: change(*kind).into() }
}

/// What became of one consumer, as it is sent.
#[must_use]
pub fn consumer_change(outcome: &Outcome<Consumer>) -> pb::ConsumerChange {
    let Outcome { resource, change: kind } = outcome;
    pb::ConsumerChange { name: resource.name.to_string(), change: change(*kind).into() }
}

#[cfg(test)]
mod tests {
    use gateway_proto::registry::v1 as pb;
    use jiff::Timestamp;

    use super::service;
    use crate::registry::{
        model::{HealthCheck, Probe, ProbePolicy, Revision, Route, Service},
        sample, validate,
    };

    #[test]
    fn what_is_sent_is_read_back_as_the_same_service() {
        let mut full = sample::service("mail", &["mail.test", "*.mail.test"]);
        full.title = "Mail".into();
        full.tags = vec!["a".into(), "b".into()];
        full.endpoints = ["10.0.0.1:1", "[::1]:65535", "mail.internal:80"].map(sample::endpoint).into();
        full.timeouts.total = Some(std::time::Duration::from_millis(1));
        full.limits.request_body = Some(0);
        full.policies = sample::policies();
        let probe = Probe::Http {
            path: "/ok?x=1".into(),
            expected_statuses: vec![200..=204, 301..=301],
            host: Some("probe.test:81".into()),
        };
        let policy = ProbePolicy { probe, rise: 3, fall: 4, jitter_percent: 0, ..ProbePolicy::default() };
        for check in [
            HealthCheck::Enabled(policy),
            HealthCheck::Enabled(ProbePolicy { probe: Probe::Tcp, ..ProbePolicy::default() }),
            HealthCheck::Disabled,
        ] {
            let sent = Service { health_check: check, ..full.clone() };
            let read = validate::service(Some(service(&sent))).unwrap().into_service();
            assert!(read.asks_the_same_as(&sent), "{read:?}");
        }
    }

    #[test]
    fn a_route_that_is_sent_is_read_back_as_the_same_route() {
        let route = sample::full_route("canary", ["a", "b"], "shadow");
        let read = validate::route(Some((&route).into())).unwrap();
        assert!(read.asks_the_same_as(&route), "{read:?}");
        let revised = Route { revision: Revision(7), updated_at: Timestamp::new(3, 5).unwrap(), ..route };
        let sent = pb::Route::from(&revised);
        let time = prost_types::Timestamp { seconds: 3, nanos: 5 };
        assert_eq!((sent.revision, sent.updated_at, sent.title.as_str()), (7, Some(time), "Ürsprung"));
    }
}
