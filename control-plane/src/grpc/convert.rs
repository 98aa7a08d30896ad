//! The registry's types as they are sent, and its errors as statuses.

use std::{collections::HashMap, ops::RangeInclusive, time::Duration};

use gateway_proto::{code::DOMAIN, registry::v1 as pb};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use super::timestamp;
use crate::{
    error::{RegistryError, TakenHost, Violation},
    registry::{
        apply::{ChangeKind, Outcome},
        model::{Endpoint, HealthCheck, Limits, LoadBalancing, Probe, ProbePolicy, Service, Timeouts},
    },
};

/// Bytes of a status message at the most. It travels in the trailers together with the details,
/// both encoded; 8 KiB is what every gRPC client takes.
const MAX_MESSAGE: usize = 2048;
/// Bytes of field violations in the details at the most.
const MAX_DETAILS: usize = 3072;
/// Bytes of one violation or metadata value at the most.
const MAX_TEXT: usize = 512;

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
        policies: None,
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
pub fn service_change(outcome: &Outcome) -> pb::ServiceChange {
    let Outcome { service, change: kind } = outcome;
    pb::ServiceChange { name: service.name.to_string(), change: change(*kind).into() }
}

/// A refusal as it is sent: the message for people, the details for programs.
#[must_use]
pub fn status(err: &RegistryError) -> Status {
    let reason = err.reason();
    let mut details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, metadata(err));
    let message = match err {
        RegistryError::Invalid(violations) => {
            add_violations(&mut details, violations);
            joined(violations)
        }
        RegistryError::HostTaken(taken) => joined(taken) + "; remove it there first, or choose another host",
        RegistryError::NotFound { .. }
        | RegistryError::EndpointsNotFound { .. }
        | RegistryError::Exists { .. }
        | RegistryError::StaleRevision { .. }
        | RegistryError::Compacted { .. }
        | RegistryError::StoreUnavailable(_)
        | RegistryError::ShuttingDown => cut(&err.to_string(), MAX_MESSAGE),
    };
    Status::with_error_details(reason.grpc(), message, details)
}

/// What a program may want to know of a refusal.
fn metadata(err: &RegistryError) -> HashMap<String, String> {
    let pairs: Vec<(&str, String)> = match err {
        RegistryError::Invalid(violations) => vec![("violations", violations.len().to_string())],
        RegistryError::NotFound { service } | RegistryError::Exists { service } => {
            vec![("service", service.to_string())]
        }
        RegistryError::EndpointsNotFound { service, endpoints } => {
            let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
            vec![("service", service.to_string()), ("endpoints", cut(&endpoints.join(","), MAX_TEXT))]
        }
        RegistryError::HostTaken(taken) => taken
            .first()
            .map(|TakenHost { host, owner, wanted_by }| {
                vec![
                    ("host", host.to_string()),
                    ("owner", owner.to_string()),
                    ("service", wanted_by.to_string()),
                    ("hosts", taken.len().to_string()),
                ]
            })
            .unwrap_or_default(),
        RegistryError::StaleRevision { service, expected, actual } => vec![
            ("service", service.to_string()),
            ("expected_revision", expected.to_string()),
            ("actual_revision", actual.to_string()),
        ],
        RegistryError::Compacted { oldest } => vec![("oldest_revision", oldest.to_string())],
        RegistryError::StoreUnavailable(_) | RegistryError::ShuttingDown => Vec::new(),
    };
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// As many violations as there is room for; the error's metadata tells how many there are.
fn add_violations(details: &mut ErrorDetails, violations: &[Violation]) {
    let mut room = MAX_DETAILS;
    for Violation { field, message } in violations {
        let (field, message) = (cut(field, MAX_TEXT), cut(message, MAX_TEXT));
        let Some(left) = room.checked_sub(field.len() + message.len() + 16) else { return };
        room = left;
        details.add_bad_request_violation(field, message);
    }
}

/// As many items as there is room for, and how many more there are.
fn joined(items: &[impl ToString]) -> String {
    let mut message = String::new();
    for (at, item) in items.iter().enumerate() {
        let item = cut(&item.to_string(), MAX_TEXT);
        if message.len() + item.len() > MAX_MESSAGE {
            let more = items.len() - at;
            return format!("{message}; and {more} more");
        }
        if at > 0 {
            message.push_str("; ");
        }
        message.push_str(&item);
    }
    message
}

fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(max)])
}

#[cfg(test)]
mod tests {
    use gateway_proto::code::Reason;
    use tonic_types::StatusExt;

    use super::{service, status};
    use crate::{
        error::{RegistryError, TakenHost, Violation},
        registry::{
            model::{HealthCheck, Probe, ProbePolicy, Revision, Service},
            sample, validate,
        },
    };

    #[test]
    fn what_is_sent_is_read_back_as_the_same_service() {
        let mut full = sample::service("mail", &["mail.test", "*.mail.test"]);
        full.title = "Mail".into();
        full.tags = vec!["a".into(), "b".into()];
        full.endpoints = ["10.0.0.1:1", "[::1]:65535", "mail.internal:80"].map(sample::endpoint).into();
        full.timeouts.total = Some(std::time::Duration::from_millis(1));
        full.limits.request_body = Some(0);
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
    fn every_violation_is_in_the_message_and_in_the_details() {
        let violation = |at: usize| Violation { field: format!("service.hosts[{at}]"), message: "is wrong".into() };
        let status = status(&RegistryError::Invalid((0..3).map(violation).collect()));
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "service.hosts[0]: is wrong; service.hosts[1]: is wrong; service.hosts[2]: is wrong"
        );
        let details = status.get_error_details();
        let fields = &details.bad_request().unwrap().field_violations;
        assert_eq!(fields.len(), 3);
        assert_eq!((fields[2].field.as_str(), fields[2].description.as_str()), ("service.hosts[2]", "is wrong"));
        assert_eq!(details.error_info().unwrap().reason, Reason::Invalid.as_str());
    }

    #[test]
    fn a_status_fits_the_trailers_whatever_is_wrong() {
        let violation = |at: usize| Violation { field: format!("services[{at}].name"), message: "ü".repeat(2000) };
        let invalid = RegistryError::Invalid((0..1000).map(violation).collect());
        let taken = TakenHost {
            host: gateway_proto::host::HostPattern::parse(&vec!["x".repeat(60); 4].join(".")).unwrap(),
            owner: sample::name(&"a".repeat(63)),
            wanted_by: sample::name(&"b".repeat(63)),
        };
        for err in [invalid, RegistryError::HostTaken(vec![taken; 10_000])] {
            let status = status(&err);
            let headers = status.into_http::<()>().into_parts().0.headers;
            let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            assert!(bytes < 15 * 1024, "{bytes}");
            assert!(status_message_ends(&err));
        }
    }

    fn status_message_ends(err: &RegistryError) -> bool {
        let message = status(err).message().to_owned();
        message.contains("more") && message.len() < 3000
    }

    #[test]
    fn each_refusal_names_what_it_is_about() {
        let stale =
            RegistryError::StaleRevision { service: sample::name("mail"), expected: Revision(1), actual: Revision(2) };
        let status = status(&stale);
        assert_eq!(status.code(), tonic::Code::Aborted);
        assert!(status.message().contains("at revision 2 and not at 1"), "{}", status.message());
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("STALE_REVISION", "gateway"));
        assert_eq!((info.metadata["service"].as_str(), info.metadata["actual_revision"].as_str()), ("mail", "2"));
    }
}
