//! Requests as they came, read into what cannot be wrong, or refused with everything that is wrong.

mod health;

use std::{collections::HashMap, hash::Hash};

use gateway_proto::{
    host::{Authority, HostPattern},
    registry::v1 as pb,
    violation::{Path, Shown, Violations},
};
use prost::Message;

use super::{
    draft::{Draft, DraftEndpoint, MAX_ENDPOINTS, MAX_HOSTS, MAX_TAGS},
    list::{MAX_PAGE, PageToken, Query},
    model::{EndpointAddress, LoadBalancing, ServiceName},
};
use crate::error::RegistryError;

/// Services of one change at the most.
pub const MAX_SERVICES: usize = 10_000;
/// Bytes of one change at the most, as it is sent.
pub const MAX_APPLY_BYTES: usize = 4 * 1024 * 1024;
/// Characters of a title at the most.
const MAX_TITLE: usize = 200;
const MAX_WEIGHT: u32 = 1000;
const NAME_RULE: &str = "use 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit";

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

/// Reads the services of one change, whose names and hosts must be distinct.
///
/// # Errors
/// Everything that is wrong with them.
pub fn services(wire: Vec<pb::Service>) -> Result<Vec<Draft>, RegistryError> {
    let root = Path::Root("services");
    let mut violations = Violations::default();
    let bytes: usize = wire.iter().map(Message::encoded_len).sum();
    if wire.len() > MAX_SERVICES || bytes > MAX_APPLY_BYTES {
        let (services, limit) = (wire.len(), MAX_APPLY_BYTES / 1024 / 1024);
        let message =
            format!("are {services} in {bytes} bytes; one change may hold {MAX_SERVICES} in {limit} MiB, so split it");
        violations.add(&root, message);
        return violations.finish(None).map_err(RegistryError::Invalid);
    }
    let read = |(at, wire)| read_service(wire, &root.item(at), &mut violations);
    let drafts: Vec<Option<Draft>> = wire.into_iter().enumerate().map(read).collect();
    check_distinct(&drafts, &root, &mut violations);
    violations.finish(drafts.into_iter().collect()).map_err(RegistryError::Invalid)
}

fn check_distinct(drafts: &[Option<Draft>], root: &Path<'_>, violations: &mut Violations) {
    let mut names: HashMap<&ServiceName, usize> = HashMap::new();
    let mut hosts: HashMap<&HostPattern, (usize, &ServiceName)> = HashMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        let Some(draft) = draft else { continue };
        let path = root.item(at);
        let name = &draft.name;
        if let Some(first) = names.get(name) {
            violations.add(&path.field("name"), format_args!("\"{name}\" is also services[{first}]; give it once"));
            continue;
        }
        names.insert(name, at);
        for (place, host) in draft.hosts.iter().enumerate() {
            if let Some((first, other)) = hosts.get(host) {
                let message =
                    format_args!("\"{host}\" is also a host of services[{first}], \"{other}\"; one service owns it");
                violations.add(&path.field("hosts").item(place), message);
            }
            hosts.entry(host).or_insert((at, name));
        }
    }
}

/// Reads a service's name.
///
/// # Errors
/// It is none.
pub fn name(wire: &str) -> Result<ServiceName, RegistryError> {
    let mut violations = Violations::default();
    let name = read_name(wire, &Path::Root("name"), &mut violations);
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
    let name = read_name(service, &Path::Root("name"), &mut violations);
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
    let name = read_name(service, &Path::Root("name"), &mut violations);
    let path = Path::Root("addresses");
    if wire.is_empty() {
        violations.add(&path, "is empty; give at least one address");
    }
    let addresses = distinct(wire.iter(), MAX_ENDPOINTS, &path, &mut violations, |text, path, violations| {
        read_address(text, path, violations)
    });
    violations.finish(name.map(|name| (name, addresses))).map_err(RegistryError::Invalid)
}

/// Reads what to list.
///
/// # Errors
/// Everything that is wrong with it.
pub fn query(wire: pb::ListServicesRequest) -> Result<Query, RegistryError> {
    let pb::ListServicesRequest { filter, page_size, page_token } = wire;
    let pb::ServiceFilter { name_prefix, tag, host } = filter.unwrap_or_default();
    let mut violations = Violations::default();
    let path = Path::Root("filter");
    let host = Some(host).filter(|host| !host.is_empty()).and_then(|host| match Authority::parse(&host) {
        Ok(authority) => Some(authority.host.into_owned()),
        Err(err) => {
            violations.add(&path.field("host"), format_args!("{} {err}", Shown(&host)));
            None
        }
    });
    if page_size > MAX_PAGE {
        let message = format_args!("{page_size} is too large; use 1 to {MAX_PAGE}, or 0 for the default");
        violations.add(&Path::Root("page_size"), message);
    }
    let after = Some(page_token).filter(|token| !token.is_empty()).and_then(|token| {
        let after = PageToken::read(&token);
        if after.is_none() {
            violations.add(&Path::Root("page_token"), "is none; use the last response's next_page_token, or none");
        }
        after
    });
    let tag = Some(tag).filter(|tag| !tag.is_empty());
    violations.finish(Some(Query { name_prefix, tag, host, page_size, after })).map_err(RegistryError::Invalid)
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
        policies: _,
        revision: _,
        created_at: _,
        updated_at: _,
    } = wire;
    let name = read_name(&name, &path.field("name"), violations);
    let title = read_title(title, &path.field("title"), violations);
    let tags = read_tags(&tags, &path.field("tags"), violations);
    let hosts = distinct(hosts.iter(), MAX_HOSTS, &path.field("hosts"), violations, |text, path, violations| {
        let host = HostPattern::parse(text);
        host.map_err(|err| violations.add(path, format_args!("{} {err}", Shown(text)))).ok()
    });
    let endpoints = read_endpoints(&endpoints, &path.field("endpoints"), violations);
    let load_balancing = read_load_balancing(load_balancing, &path.field("load_balancing"), violations);
    let health_check = health_check.map(|wire| health::check(wire, &path.field("health_check"), violations));
    let timeouts = timeouts.map(|wire| health::timeouts(wire, &path.field("timeouts"), violations));
    let limits = limits.map(|wire| health::limits(wire, &path.field("limits"), violations));
    Some(Draft { name: name?, title, tags, hosts, endpoints, load_balancing, health_check, timeouts, limits })
}

fn read_name(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<ServiceName> {
    let name = ServiceName::parse(text);
    match (&name, text) {
        (Some(_), _) => {}
        (None, "") => violations.add(path, format_args!("is empty; {NAME_RULE}")),
        (None, text) => violations.add(path, format_args!("{} is not a name; {NAME_RULE}", Shown(text))),
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

fn read_tags(wire: &[String], path: &Path<'_>, violations: &mut Violations) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for (at, tag) in wire.iter().enumerate() {
        if ServiceName::parse(tag).is_none() {
            violations.add(&path.item(at), format_args!("{} is not a tag; {NAME_RULE}", Shown(tag)));
        }
        tags.push(tag.clone());
    }
    tags.sort_unstable();
    tags.dedup();
    check_count(tags.len(), MAX_TAGS, path, violations);
    tags
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

/// Reads items that must be distinct and not too many.
fn distinct<I, T: Clone + Eq + Hash>(
    wire: impl ExactSizeIterator<Item = I>,
    max: usize,
    path: &Path<'_>,
    violations: &mut Violations,
    mut read: impl FnMut(I, &Path<'_>, &mut Violations) -> Option<T>,
) -> Vec<T> {
    check_count(wire.len(), max, path, violations);
    let mut items = Vec::with_capacity(wire.len().min(max));
    let mut seen: HashMap<T, usize> = HashMap::new();
    for (at, wire) in wire.enumerate().take(max) {
        let path = path.item(at);
        let Some(item) = read(wire, &path, violations) else { continue };
        if let Some(first) = seen.insert(item.clone(), at) {
            violations
                .add(&path, format_args!("is the same as number {first} of the list, counted from 0; give it once"));
        }
        items.push(item);
    }
    items
}

fn check_count(count: usize, max: usize, path: &Path<'_>, violations: &mut Violations) {
    if count > max {
        violations.add(path, format_args!("are {count}; give {max} at the most"));
    }
}

#[cfg(test)]
mod tests;
