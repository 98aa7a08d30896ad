//! Requests as they came, read into what cannot be wrong, or refused with everything that is wrong.

mod change;
mod consumer;
mod health;
mod purge;
mod query;
mod route;

use gateway_proto::{
    host::HostPattern,
    name::{RULE, is_name},
    registry::v1 as pb,
    violation::{Path, Shown, Violations, check_count, distinct},
};
use gateway_routing::route::{self as routing, TimeoutOverrides};

pub use self::{
    change::{MAX_APPLY_BYTES, MAX_PATTERNS, MAX_RECORDS, Named, change},
    consumer::{consumer, consumer_name, key_id, lifetime, password},
    purge::purge,
    query::{consumer_query, key_query, route_query, service_query},
    route::{route, route_name},
};
use super::{
    draft::{Draft, DraftEndpoint, MAX_ENDPOINTS, MAX_HOSTS, MAX_TAGS},
    model::{EndpointAddress, Limits, LoadBalancing, ServiceName, Timeouts},
};
use crate::error::RegistryError;

/// Characters of a title at the most.
const MAX_TITLE: usize = 200;
const MAX_WEIGHT: u32 = 1000;

/// Reads the service of a request.
///
/// # Errors
/// Everything that is wrong with it.
pub fn service(wire: Option<pb::Service>) -> Result<Draft, RegistryError> {
    let Some(wire) = wire else { return Err(RegistryError::invalid("service", "is missing; give a service")) };
    let mut violations = Violations::default();
    let draft = read_service(wire, &Path::Root("service"), &mut violations);
    violations.finish(draft).map_err(RegistryError::Invalid)
}

/// Reads a service's name.
///
/// # Errors
/// It is none.
pub fn name(wire: &str) -> Result<ServiceName, RegistryError> {
    let mut violations = Violations::default();
    let name = named(wire, ServiceName::parse, &Path::Root("name"), &mut violations);
    violations.finish(name).map_err(RegistryError::Invalid)
}

/// Reads a service's name and endpoints to add.
///
/// # Errors
/// Everything that is wrong with them.
pub fn added_endpoints(
    service: &str,
    wire: &[pb::Endpoint],
) -> Result<(ServiceName, Vec<DraftEndpoint>), RegistryError> {
    let mut violations = Violations::default();
    let name = named(service, ServiceName::parse, &Path::Root("name"), &mut violations);
    let path = Path::Root("endpoints");
    if wire.is_empty() {
        violations.add(&path, "is empty; give at least one endpoint");
    }
    let endpoints = read_endpoints(wire, &path, &mut violations);
    violations.finish(name.map(|name| (name, endpoints))).map_err(RegistryError::Invalid)
}

/// Reads a service's name and addresses to take away.
///
/// # Errors
/// Everything that is wrong with them.
pub fn removed_endpoints(service: &str, wire: &[String]) -> Result<(ServiceName, Vec<EndpointAddress>), RegistryError> {
    let mut violations = Violations::default();
    let name = named(service, ServiceName::parse, &Path::Root("name"), &mut violations);
    let path = Path::Root("addresses");
    if wire.is_empty() {
        violations.add(&path, "is empty; give at least one address");
    }
    let addresses = distinct(wire.iter(), MAX_ENDPOINTS, &path, &mut violations, |text, path, violations| {
        read_address(text, path, violations)
    });
    violations.finish(name.map(|name| (name, addresses))).map_err(RegistryError::Invalid)
}

fn read_service(wire: pb::Service, path: &Path<'_>, violations: &mut Violations) -> Option<Draft> {
    let pb::Service {
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
        revision: _,
        created_at: _,
        updated_at: _,
    } = wire;
    let name = named(&name, ServiceName::parse, &path.field("name"), violations);
    let title = read_title(title, &path.field("title"), violations);
    let tags = read_labels("tag", &tags, MAX_TAGS, &path.field("tags"), violations);
    let hosts = distinct(hosts.iter(), MAX_HOSTS, &path.field("hosts"), violations, |text, path, violations| {
        let host = HostPattern::parse(text);
        host.map_err(|err| violations.add(path, format_args!("{} {err}", Shown(text)))).ok()
    });
    let endpoints = read_endpoints(&endpoints, &path.field("endpoints"), violations);
    let load_balancing = read_load_balancing(load_balancing, &path.field("load_balancing"), violations);
    let health_check = health_check.map(|wire| health::check(wire, &path.field("health_check"), violations));
    let timeouts = timeouts.map(|wire| read_timeouts(&wire, &path.field("timeouts"), violations));
    let limits = limits.map(|wire| read_limits(&wire, &path.field("limits"), violations));
    let policies = policies.map(|wire| {
        let path = path.field("policies");
        routing::check_policies(&wire, &path, violations);
        routing::policies(&wire, &path, violations)
    });
    Some(Draft { name: name?, title, tags, hosts, endpoints, load_balancing, health_check, timeouts, limits, policies })
}

/// A name of one kind.
fn named<N>(text: &str, parse: impl Fn(&str) -> Option<N>, path: &Path<'_>, violations: &mut Violations) -> Option<N> {
    let name = parse(text);
    match (&name, text) {
        (Some(_), _) => {}
        (None, "") => violations.add(path, format_args!("is empty; {RULE}")),
        (None, text) => violations.add(path, format_args!("{} is not a name; {RULE}", Shown(text))),
    }
    name
}

fn read_title(title: String, path: &Path<'_>, violations: &mut Violations) -> Option<String> {
    if title.chars().nth(MAX_TITLE).is_some() {
        violations.add(path, format_args!("is longer than {MAX_TITLE} characters; shorten it"));
    }
    if title.chars().any(char::is_control) {
        violations.add(path, "holds a line break or another control character; write it as one line of text");
    }
    Some(title).filter(|title| !title.is_empty())
}

/// Names as which things are told apart, sorted and distinct.
fn read_labels(noun: &str, wire: &[String], max: usize, path: &Path<'_>, violations: &mut Violations) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for (at, label) in wire.iter().enumerate() {
        if !is_name(label) {
            violations.add(&path.item(at), format_args!("{} is not a {noun}; {RULE}", Shown(label)));
        }
        labels.push(label.clone());
    }
    labels.sort_unstable();
    labels.dedup();
    check_count(labels.len(), max, path, violations);
    labels
}

fn read_endpoints(wire: &[pb::Endpoint], path: &Path<'_>, violations: &mut Violations) -> Vec<DraftEndpoint> {
    let mut weights = Vec::with_capacity(wire.len().min(MAX_ENDPOINTS));
    let addresses = distinct(wire.iter(), MAX_ENDPOINTS, path, violations, |wire, path, violations| {
        let pb::Endpoint { address, weight } = wire;
        if *weight > MAX_WEIGHT {
            let message = format_args!("{weight} is too large; use 1 to {MAX_WEIGHT}, or 0 for the default");
            violations.add(&path.field("weight"), message);
        }
        weights.push(Some(*weight).filter(|weight| *weight > 0));
        read_address(address, &path.field("address"), violations)
    });
    // Where an address is wrong the two differ in length, and the request is refused.
    addresses.into_iter().zip(weights).map(|(address, weight)| DraftEndpoint { address, weight }).collect()
}

fn read_address(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<EndpointAddress> {
    let address = EndpointAddress::parse(text);
    address.map_err(|err| violations.add(path, format_args!("{} {err}", Shown(text)))).ok()
}

/// Time limits, with defaults for what is left open.
fn read_timeouts(wire: &pb::Timeouts, path: &Path<'_>, violations: &mut Violations) -> Timeouts {
    let TimeoutOverrides { connect, response, idle, total } = routing::timeouts(wire, path, violations);
    let default = Timeouts::default();
    Timeouts {
        connect: connect.unwrap_or(default.connect),
        response: response.unwrap_or(default.response),
        idle: idle.unwrap_or(default.idle),
        total,
    }
}

fn read_limits(wire: &pb::Limits, path: &Path<'_>, violations: &mut Violations) -> Limits {
    let routing::Limits { request_body } = routing::limits(wire, path, violations);
    Limits { request_body }
}

fn read_load_balancing(wire: i32, path: &Path<'_>, violations: &mut Violations) -> Option<LoadBalancing> {
    match pb::LoadBalancing::try_from(wire) {
        Ok(pb::LoadBalancing::Unspecified) => None,
        Ok(pb::LoadBalancing::Random) => Some(LoadBalancing::Random),
        Err(_) => {
            violations.add(path, format_args!("{wire} is unknown; use LOAD_BALANCING_RANDOM or leave it away"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
