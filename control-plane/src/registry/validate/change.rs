//! Reading the services and routes of one change.

use std::collections::HashMap;

use gateway_proto::{
    host::HostPattern,
    registry::v1 as pb,
    violation::{Path, Violations},
};
use prost::Message;

use super::{read_service, route::read_route};
use crate::{
    error::RegistryError,
    registry::{
        draft::Draft,
        model::{Route, RouteName, ServiceName},
        patterns,
    },
};

/// Services and routes of one change at the most, together.
pub const MAX_RECORDS: usize = 10_000;
/// Bytes of one change at the most, as it is sent.
pub const MAX_APPLY_BYTES: usize = 4 * 1024 * 1024;
/// Regular expressions of one change at the most: a few bytes are compiled into up to 64 KiB.
pub const MAX_PATTERNS: usize = 2000;

const SERVICES: Path<'static> = Path::Root("services");
const ROUTES: Path<'static> = Path::Root("routes");

/// Reads the services and routes of one change. The names of each kind must be distinct, and so must
/// the hosts of the services.
///
/// # Errors
/// Everything that is wrong with them.
pub fn change(services: Vec<pb::Service>, routes: Vec<pb::Route>) -> Result<(Vec<Draft>, Vec<Route>), RegistryError> {
    let mut violations = Violations::default();
    if !is_of_a_size(&services, &routes, &mut violations) {
        return violations.finish(None).map_err(RegistryError::Invalid);
    }
    let read = |(at, wire)| read_service(wire, &SERVICES.item(at), &mut violations);
    let services: Vec<Option<Draft>> = services.into_iter().enumerate().map(read).collect();
    check_services(&services, &mut violations);
    let read = |(at, wire)| read_route(wire, &ROUTES.item(at), &mut violations);
    let routes: Vec<Option<Route>> = routes.into_iter().enumerate().map(read).collect();
    check_routes(&routes, &mut violations);
    let services: Option<_> = services.into_iter().collect();
    let routes: Option<_> = routes.into_iter().collect();
    violations.finish(services.zip(routes)).map_err(RegistryError::Invalid)
}

/// Whether a change is small enough to be looked at.
fn is_of_a_size(services: &[pb::Service], routes: &[pb::Route], violations: &mut Violations) -> bool {
    let sizes = services.iter().map(Message::encoded_len).chain(routes.iter().map(Message::encoded_len));
    let bytes: usize = sizes.sum();
    let path = if services.is_empty() { ROUTES } else { SERVICES };
    if services.len() + routes.len() > MAX_RECORDS || bytes > MAX_APPLY_BYTES {
        let (services, routes, limit) = (services.len(), routes.len(), MAX_APPLY_BYTES / 1024 / 1024);
        violations.add(
            &path,
            format_args!(
                "are {services} services and {routes} routes in {bytes} bytes; one change may hold {MAX_RECORDS} in {limit} MiB, so split it"
            ),
        );
        return false;
    }
    let of_services: usize = services.iter().map(|wire| patterns::of_policies(wire.policies.as_ref())).sum();
    let of_routes: usize = routes.iter().map(patterns::of_route).sum();
    let patterns = of_services + of_routes;
    if patterns > MAX_PATTERNS {
        let message =
            format_args!("have {patterns} regular expressions; one change may hold {MAX_PATTERNS}, so split it");
        violations.add(if of_routes > of_services { &ROUTES } else { &SERVICES }, message);
        return false;
    }
    true
}

fn check_services(drafts: &[Option<Draft>], violations: &mut Violations) {
    let mut names: HashMap<&ServiceName, usize> = HashMap::new();
    let mut hosts: HashMap<&HostPattern, (usize, &ServiceName)> = HashMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        let Some(draft) = draft else { continue };
        let path = SERVICES.item(at);
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

/// Whether their names are distinct. Routes that conflict are told apart by `apply`, beside those that
/// are registered already.
fn check_routes(routes: &[Option<Route>], violations: &mut Violations) {
    let mut names: HashMap<RouteName, usize> = HashMap::new();
    for (at, route) in routes.iter().enumerate() {
        let Some(route) = route else { continue };
        let name = route.name();
        if let Some(first) = names.get(&name) {
            let message = format_args!("\"{name}\" is also routes[{first}]; give it once");
            violations.add(&ROUTES.item(at).field("name"), message);
        }
        names.entry(name).or_insert(at);
    }
}
