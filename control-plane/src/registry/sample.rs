//! What is registered, for tests.

mod consumer;
mod route;

use gateway_proto::host::HostPattern;
use gateway_routing::route::Policies;
use jiff::Timestamp;

pub(crate) use self::{
    consumer::{PASSWORD_HASH, consumer, consumer_name, full_consumer, key, secret_key, wire_consumer},
    route::{full_route, policies, route, route_name, wire_policies, wire_route},
};
use super::model::{
    Endpoint, EndpointAddress, HealthCheck, Limits, LoadBalancing, ProbePolicy, Purge, Revision, Service, ServiceName,
    Timeouts,
};
use super::purge::{Mode, Target};

/// A name that is one.
pub(crate) fn name(text: &str) -> ServiceName {
    ServiceName::parse(text).unwrap()
}

/// A service with these hosts, one endpoint and every default.
pub(crate) fn service(text: &str, hosts: &[&str]) -> Service {
    Service {
        name: name(text),
        title: String::new(),
        tags: Vec::new(),
        hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
        endpoints: vec![endpoint("127.0.0.1:3001")],
        load_balancing: LoadBalancing::Random,
        health_check: HealthCheck::Enabled(ProbePolicy::default()),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        policies: Policies::default(),
        revision: Revision::default(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

/// A hard purge by this commit.
pub(crate) fn purge(revision: u64, target: Target) -> Purge {
    let (revision, floor) = (Revision(revision), Revision::default());
    Purge { revision, target, mode: Mode::Hard, floor, created_at: Timestamp::UNIX_EPOCH }
}

/// An endpoint of weight 1.
pub(crate) fn endpoint(address: &str) -> Endpoint {
    Endpoint { address: EndpointAddress::parse(address).unwrap(), weight: 1 }
}
