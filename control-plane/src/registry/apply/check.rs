//! What holds between services and routes, and must hold when a change is done.
//!
//! Each check looks at what a change touches, not at all that is registered.

use std::collections::{HashMap, HashSet};

use gateway_proto::{host::HostPattern, violation::Path};
use gateway_routing::route::{Action, Forward};

use super::{ChangeKind, Outcome, RoutePath};
use crate::{
    error::{ConflictingRoute, MissingService, RegistryError, TakenHost},
    registry::model::{Claim, Desired, Route, RouteName, Service, ServiceName},
};

/// Whether each host is free, its service's own, or given up by its owner in the same change.
pub(super) fn hosts(now: &Desired, services: &[Outcome<Service>]) -> Result<(), RegistryError> {
    let puts = || changed(services).map(|(_, service)| service);
    let changed: HashMap<&ServiceName, &Service> = puts().map(|service| (&service.name, service)).collect();
    let mut claimed: HashMap<&HostPattern, &ServiceName> = HashMap::new();
    let mut taken = Vec::new();
    for service in puts() {
        for host in &service.hosts {
            let keeps = |owner: &&ServiceName| changed.get(*owner).is_none_or(|owner| owner.hosts.contains(host));
            let owner = now.hosts.get(host).filter(|owner| **owner != service.name).filter(keeps);
            if let Some(owner) = owner.or_else(|| claimed.get(host).copied()) {
                taken.push(TakenHost { host: host.clone(), owner: owner.clone(), wanted_by: service.name.clone() });
            }
            claimed.entry(host).or_insert(&service.name);
        }
    }
    if taken.is_empty() { Ok(()) } else { Err(RegistryError::HostTaken(taken)) }
}

/// Whether routes lead to services that there are when the change is done. Those that did not change
/// still do, for a service goes only if no route leads to it.
pub(super) fn references(next: &Desired, routes: &[Outcome<Route>], path: RoutePath) -> Result<(), RegistryError> {
    let mut missing = Vec::new();
    for (at, route) in changed(routes) {
        let Action::Forward(Forward { services, mirror, .. }) = &route.route.action else { continue };
        let mut check = |service: &str, field: &Path<'_>| {
            if !next.services.contains_key(service) {
                let (field, service) = (field.to_string(), service.to_owned());
                missing.push(MissingService { field, service, wanted_by: route.name() });
            }
        };
        let path = path(at);
        let forward = path.field("forward");
        for (place, service) in services.iter().enumerate() {
            check(&service.name, &forward.field("services").item(place).field("name"));
        }
        if let Some(mirror) = mirror {
            check(&mirror.service, &forward.field("mirror").field("service"));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(RegistryError::ServiceMissing(missing)) }
}

/// Whether the requests that each route matches are nobody's, its own, or given up by their holder in
/// the same change.
#[allow(clippy::mutable_key_type, reason = "what a regex remembers has no part in a claim's hash")]
pub(super) fn claims(now: &Desired, routes: &[Outcome<Route>], path: RoutePath) -> Result<(), RegistryError> {
    let names: HashSet<RouteName> = changed(routes).map(|(_, route)| route.name()).collect();
    // Who keeps what it has comes first, so that it is the others that are told.
    let kept = changed(routes).flat_map(|(_, route)| route.claims().map(|claim| (claim, route.name())));
    let mut claimed: HashMap<Claim, RouteName> = kept.filter(|(claim, name)| now.holder(claim) == Some(name)).collect();
    let mut conflicts = Vec::new();
    for (at, route) in changed(routes) {
        let name = route.name();
        for (place, claim) in route.claims().enumerate() {
            let holder = now.holder(&claim).filter(|holder| !names.contains(*holder));
            let other = holder.or_else(|| claimed.get(&claim)).filter(|other| **other != name);
            if let Some(other) = other.cloned() {
                let field = path(at).field("hosts").item(place).to_string();
                conflicts.push(ConflictingRoute { field, host: claim.host.clone(), other, wanted_by: name.clone() });
            }
            claimed.entry(claim).or_insert_with(|| name.clone());
        }
    }
    if conflicts.is_empty() { Ok(()) } else { Err(RegistryError::RouteConflict(conflicts)) }
}

/// Whether no route leads to a service.
pub(super) fn is_unused(now: &Desired, service: &ServiceName) -> Result<(), RegistryError> {
    let routes: Vec<RouteName> = now.routes_to(service).map(|route| route.name()).collect();
    if routes.is_empty() { Ok(()) } else { Err(RegistryError::ServiceInUse { service: service.clone(), routes }) }
}

/// Those that a change writes, with their places in it.
fn changed<T>(outcomes: &[Outcome<T>]) -> impl Iterator<Item = (usize, &T)> {
    let outcomes = outcomes.iter().enumerate();
    outcomes
        .filter(|(_, outcome)| outcome.change != ChangeKind::Unchanged)
        .map(|(at, outcome)| (at, &*outcome.resource))
}
