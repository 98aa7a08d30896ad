//! The forms of what is stored, apart from the wire's and the model's, so that neither of those
//! can change what was written. A new field takes a new tag; a changed meaning takes a new format.
//!
//! Routes, policies and limits are the exception. They are stored as the contract has them, in canonical form,
//! and read by the one reader that both planes have: the contract is never changed for what it has
//! said before, and whatever that reader admits it admits for good.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use gateway_proto::{
    host::HostPattern,
    registry::v1 as pb,
    violation::{Path, Violations},
};
use gateway_routing::route::{self, Policies, wire};
use jiff::Timestamp;
use prost::Message;

mod audit;
mod consumers;
mod purges;
mod routes;
mod tokens;

pub(super) use self::{
    audit::StoredEntry,
    consumers::StoredConsumer,
    purges::StoredPurge,
    routes::{into_route, of_route},
    tokens::StoredToken,
};
use super::HealthRecord;
use crate::registry::model::{
    Endpoint, EndpointAddress, HealthCheck, Limits, LoadBalancing, Probe, ProbePolicy, Revision, Service, ServiceName,
    Timeouts,
};

#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredService {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    title: String,
    #[prost(string, repeated, tag = "3")]
    tags: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    hosts: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    endpoints: Vec<StoredEndpoint>,
    /// 1: random.
    #[prost(uint32, tag = "6")]
    load_balancing: u32,
    /// Absent where health checks are disabled.
    #[prost(message, optional, tag = "7")]
    probes: Option<StoredProbes>,
    #[prost(uint64, tag = "8")]
    connect_timeout_ns: u64,
    #[prost(uint64, tag = "9")]
    response_timeout_ns: u64,
    #[prost(uint64, tag = "10")]
    idle_timeout_ns: u64,
    #[prost(uint64, tag = "11")]
    revision: u64,
    #[prost(message, required, tag = "12")]
    created_at: StoredTime,
    #[prost(message, required, tag = "13")]
    updated_at: StoredTime,
    /// Absent where there is no such limit, and where it was written before there could be one.
    #[prost(uint64, optional, tag = "14")]
    total_timeout_ns: Option<u64>,
    /// Absent likewise.
    #[prost(uint64, optional, tag = "15")]
    max_request_body: Option<u64>,
    /// Absent likewise.
    #[prost(message, optional, tag = "16")]
    policies: Option<pb::Policies>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredEndpoint {
    #[prost(string, tag = "1")]
    address: String,
    #[prost(uint32, tag = "2")]
    weight: u32,
}

#[derive(Clone, PartialEq, Message)]
struct StoredProbes {
    /// Absent for TCP.
    #[prost(message, optional, tag = "1")]
    http: Option<StoredHttp>,
    #[prost(uint64, tag = "2")]
    interval_ns: u64,
    #[prost(uint64, tag = "3")]
    timeout_ns: u64,
    #[prost(uint32, tag = "4")]
    rise: u32,
    #[prost(uint32, tag = "5")]
    fall: u32,
    #[prost(uint32, tag = "6")]
    jitter_percent: u32,
}

#[derive(Clone, PartialEq, Message)]
struct StoredHttp {
    #[prost(string, tag = "1")]
    path: String,
    /// First and last by turns.
    #[prost(uint32, repeated, tag = "2")]
    expected_statuses: Vec<u32>,
    #[prost(string, optional, tag = "3")]
    host: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct StoredTime {
    #[prost(sint64, tag = "1")]
    seconds: i64,
    #[prost(sint32, tag = "2")]
    nanoseconds: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredHealth {
    #[prost(string, tag = "1")]
    service: String,
    #[prost(string, tag = "2")]
    endpoint: String,
    #[prost(message, repeated, tag = "3")]
    addresses: Vec<StoredVerdict>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredVerdict {
    #[prost(string, tag = "1")]
    address: String,
    #[prost(bool, tag = "2")]
    healthy: bool,
}

impl From<&Service> for StoredService {
    fn from(service: &Service) -> Self {
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
        let Timeouts { connect, response, idle, total } = *timeouts;
        let Limits { request_body } = *limits;
        let endpoint =
            |Endpoint { address, weight }: &Endpoint| StoredEndpoint { address: address.to_string(), weight: *weight };
        Self {
            name: name.to_string(),
            title: title.clone(),
            tags: tags.clone(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            endpoints: endpoints.iter().map(endpoint).collect(),
            load_balancing: match load_balancing {
                LoadBalancing::Random => 1,
            },
            probes: match health_check {
                HealthCheck::Disabled => None,
                HealthCheck::Enabled(policy) => Some(policy.into()),
            },
            connect_timeout_ns: nanoseconds(connect),
            response_timeout_ns: nanoseconds(response),
            idle_timeout_ns: nanoseconds(idle),
            revision: revision.0,
            created_at: (*created_at).into(),
            updated_at: (*updated_at).into(),
            total_timeout_ns: total.map(nanoseconds),
            max_request_body: request_body,
            policies: wire::policies(policies),
        }
    }
}

impl From<&ProbePolicy> for StoredProbes {
    fn from(policy: &ProbePolicy) -> Self {
        let ProbePolicy { probe, interval, timeout, rise, fall, jitter_percent } = policy;
        let http = match probe {
            Probe::Tcp => None,
            Probe::Http { path, expected_statuses, host } => Some(StoredHttp {
                path: path.clone(),
                expected_statuses: expected_statuses
                    .iter()
                    .flat_map(|range| [u32::from(*range.start()), u32::from(*range.end())])
                    .collect(),
                host: host.clone(),
            }),
        };
        Self {
            http,
            interval_ns: nanoseconds(*interval),
            timeout_ns: nanoseconds(*timeout),
            rise: *rise,
            fall: *fall,
            jitter_percent: *jitter_percent,
        }
    }
}

impl StoredService {
    /// The service that was stored; `None` if it is none.
    pub(super) fn into_service(self) -> Option<Service> {
        let Self {
            name,
            title,
            tags,
            hosts,
            endpoints,
            load_balancing,
            probes,
            connect_timeout_ns,
            response_timeout_ns,
            idle_timeout_ns,
            revision,
            created_at,
            updated_at,
            total_timeout_ns,
            max_request_body,
            policies,
        } = self;
        let endpoint = |StoredEndpoint { address, weight }| {
            Some(Endpoint { address: EndpointAddress::parse(&address).ok()?, weight })
        };
        Some(Service {
            name: ServiceName::parse(&name)?,
            title,
            tags,
            hosts: hosts.iter().map(|host| HostPattern::parse(host).ok()).collect::<Option<_>>()?,
            endpoints: endpoints.into_iter().map(endpoint).collect::<Option<_>>()?,
            load_balancing: match load_balancing {
                1 => LoadBalancing::Random,
                _ => return None,
            },
            health_check: match probes {
                None => HealthCheck::Disabled,
                Some(probes) => HealthCheck::Enabled(probes.into_policy()?),
            },
            timeouts: Timeouts {
                connect: Duration::from_nanos(connect_timeout_ns),
                response: Duration::from_nanos(response_timeout_ns),
                idle: Duration::from_nanos(idle_timeout_ns),
                total: total_timeout_ns.map(Duration::from_nanos),
            },
            limits: Limits { request_body: max_request_body },
            policies: match policies {
                None => Policies::default(),
                Some(policies) => read_policies(&policies)?,
            },
            revision: Revision(revision),
            created_at: created_at.into_timestamp()?,
            updated_at: updated_at.into_timestamp()?,
        })
    }
}

fn read_policies(stored: &pb::Policies) -> Option<Policies> {
    let mut violations = Violations::default();
    let policies = route::policies(stored, &Path::Root("policies"), &mut violations);
    violations.finish(Some(policies)).ok()
}

impl StoredProbes {
    fn into_policy(self) -> Option<ProbePolicy> {
        let Self { http, interval_ns, timeout_ns, rise, fall, jitter_percent } = self;
        let probe = match http {
            None => Probe::Tcp,
            Some(StoredHttp { path, expected_statuses, host }) => {
                Probe::Http { path, expected_statuses: status_ranges(&expected_statuses)?, host }
            }
        };
        let interval = Duration::from_nanos(interval_ns);
        Some(ProbePolicy { probe, interval, timeout: Duration::from_nanos(timeout_ns), rise, fall, jitter_percent })
    }
}

fn status_ranges(flat: &[u32]) -> Option<Vec<RangeInclusive<u16>>> {
    let range = |pair: &[u32]| match pair {
        [first, last] => Some(u16::try_from(*first).ok()?..=u16::try_from(*last).ok()?),
        _ => None,
    };
    flat.chunks(2).map(range).collect()
}

impl From<&HealthRecord> for StoredHealth {
    fn from(record: &HealthRecord) -> Self {
        let HealthRecord { service, endpoint, addresses } = record;
        let verdict =
            |(address, healthy): &(SocketAddr, bool)| StoredVerdict { address: address.to_string(), healthy: *healthy };
        Self {
            service: service.to_string(),
            endpoint: endpoint.to_string(),
            addresses: addresses.iter().map(verdict).collect(),
        }
    }
}

impl StoredHealth {
    /// The record that was stored; `None` if it is none.
    pub(super) fn into_record(self) -> Option<HealthRecord> {
        let Self { service, endpoint, addresses } = self;
        let verdict = |StoredVerdict { address, healthy }| Some((address.parse().ok()?, healthy));
        Some(HealthRecord {
            service: ServiceName::parse(&service)?,
            endpoint: EndpointAddress::parse(&endpoint).ok()?,
            addresses: addresses.into_iter().map(verdict).collect::<Option<_>>()?,
        })
    }
}

impl From<Timestamp> for StoredTime {
    fn from(time: Timestamp) -> Self {
        Self { seconds: time.as_second(), nanoseconds: time.subsec_nanosecond() }
    }
}

impl StoredTime {
    fn into_timestamp(self) -> Option<Timestamp> {
        Timestamp::new(self.seconds, self.nanoseconds).ok()
    }
}

/// Durations are at most a day.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
