//! Reading the services, routes and consumers of one change.

use std::{collections::HashMap, fmt, hash::Hash};

use gateway_proto::{
    host::HostPattern,
    registry::v1 as pb,
    violation::{Path, Violations},
};
use prost::Message;

use super::{consumer::read_consumer, read_service, route::read_route};
use crate::{
    error::RegistryError,
    registry::{
        draft::{Draft, Wanted},
        model::{Consumer, Route, ServiceName},
        patterns,
    },
};

/// Services, routes and consumers of one change at the most, together.
pub const MAX_RECORDS: usize = 200_000;
/// Bytes of one change at the most, as it is sent.
pub const MAX_APPLY_BYTES: usize = 64 * 1024 * 1024;
/// Regular expressions of one change at the most: a few bytes are compiled into up to 64 KiB.
pub const MAX_PATTERNS: usize = 2000;

const SERVICES: Path<'static> = Path::Root("services");
const ROUTES: Path<'static> = Path::Root("routes");
const CONSUMERS: Path<'static> = Path::Root("consumers");

/// What one change names, as it is sent.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// Whole services.
    pub services: Vec<pb::Service>,
    /// Whole routes.
    pub routes: Vec<pb::Route>,
    /// Whole consumers.
    pub consumers: Vec<pb::Consumer>,
}

/// Reads what one change names. The names of each kind must be distinct, and so must the hosts of the
/// services.
///
/// # Errors
/// Everything that is wrong with it.
pub fn change(named: Named) -> Result<Wanted, RegistryError> {
    let mut violations = Violations::default();
    if !named.is_of_a_size(&mut violations) {
        return violations.finish(None).map_err(RegistryError::Invalid);
    }
    let Named { services, routes, consumers } = named;
    let read = |(at, wire)| read_service(wire, &SERVICES.item(at), &mut violations);
    let services: Vec<Option<Draft>> = services.into_iter().enumerate().map(read).collect();
    check_services(&services, &mut violations);
    let read = |(at, wire)| read_route(wire, &ROUTES.item(at), &mut violations);
    let routes: Vec<Option<Route>> = routes.into_iter().enumerate().map(read).collect();
    // Routes that conflict are told apart by `apply`, beside those that are registered already.
    check_names(&routes, Route::name, &ROUTES, &mut violations);
    let read = |(at, wire)| read_consumer(wire, &CONSUMERS.item(at), &mut violations);
    let consumers: Vec<Option<Consumer>> = consumers.into_iter().enumerate().map(read).collect();
    check_names(&consumers, |consumer| consumer.name.clone(), &CONSUMERS, &mut violations);
    let services: Option<_> = services.into_iter().collect();
    let routes: Option<_> = routes.into_iter().collect();
    let consumers: Option<_> = consumers.into_iter().collect();
    let wanted = services.zip(routes).zip(consumers);
    let wanted = wanted.map(|((services, routes), consumers)| Wanted { services, routes, consumers });
    violations.finish(wanted).map_err(RegistryError::Invalid)
}

impl Named {
    /// Whether it is small enough to be looked at.
    fn is_of_a_size(&self, violations: &mut Violations) -> bool {
        let Self { services, routes, consumers } = self;
        let counts = (services.len(), routes.len(), consumers.len());
        let bytes = encoded(services) + encoded(routes) + encoded(consumers);
        if counts.0 + counts.1 + counts.2 > MAX_RECORDS || bytes > MAX_APPLY_BYTES {
            let path = match counts {
                (0, 0, _) => CONSUMERS,
                (0, _, _) => ROUTES,
                (_, _, _) => SERVICES,
            };
            let ((services, routes, consumers), limit) = (counts, MAX_APPLY_BYTES / 1024 / 1024);
            violations.add(
                &path,
                format_args!(
                    "are {services} services, {routes} routes and {consumers} consumers in {bytes} bytes; one change may hold {MAX_RECORDS} in {limit} MiB, so split it, with services before the routes that lead to them"
                ),
            );
            return false;
        }
        let of_services = services.iter().map(|wire| patterns::of_policies(wire.policies.as_ref())).sum();
        let of_routes = routes.iter().map(patterns::of_route).sum();
        let of_consumers = consumers.iter().map(|wire| patterns::of_rate_limits(wire.rate_limits.as_ref())).sum();
        let patterns: [(Path<'static>, usize); 3] =
            [(CONSUMERS, of_consumers), (ROUTES, of_routes), (SERVICES, of_services)];
        let all: usize = patterns.iter().map(|(_, count)| count).sum();
        if all > MAX_PATTERNS {
            let most = patterns.iter().max_by_key(|(_, count)| count).map_or(SERVICES, |(path, _)| *path);
            let message =
                format_args!("have {all} regular expressions; one change may hold {MAX_PATTERNS}, so split it");
            violations.add(&most, message);
            return false;
        }
        true
    }
}

fn encoded(messages: &[impl Message]) -> usize {
    messages.iter().map(Message::encoded_len).sum()
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

/// Whether the names of those of one kind are distinct.
fn check_names<T, N: Eq + Hash + fmt::Display>(
    items: &[Option<T>],
    name: impl Fn(&T) -> N,
    path: &Path<'_>,
    violations: &mut Violations,
) {
    let mut names: HashMap<N, usize> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        let Some(item) = item else { continue };
        let name = name(item);
        if let Some(first) = names.get(&name) {
            let message = format_args!("\"{name}\" is also {path}[{first}]; give it once");
            violations.add(&path.item(at).field("name"), message);
        }
        names.entry(name).or_insert(at);
    }
}
