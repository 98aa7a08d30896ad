//! From resources to the table that workers route by, or every reason why not.

use std::{collections::BTreeSet, sync::Arc};

use gateway_proto::{
    discovery::v1 as pb,
    violation::{Path, Violation, Violations},
};
use gateway_routing::route::{self, Route};

use super::{apply::Changes, purges::PURGES};
use crate::table::{self, Conflict, RoutingTable, Stamp};

mod consumer;
mod service;

/// The kinds of resources, as they begin a resource's name.
const SERVICES: &str = "services/";
const ROUTES: &str = "routes/";
const CONSUMERS: &str = "consumers/";
/// More violations than these are counted only: a Nack is one small message, for people.
const MAX_VIOLATIONS: usize = 30;
/// The longest violation in characters.
const MAX_VIOLATION: usize = 1_000;

/// The table after the changes. It is the same as if everything were compiled from the start.
///
/// # Errors
/// Every violation, one sentence each, naming its resource.
pub(crate) fn compile(previous: &RoutingTable, stamp: Stamp, changes: &Changes) -> Result<RoutingTable, Vec<String>> {
    let mut violations = Vec::new();
    let mut read = table::Changes::default();
    for (name, resource) in changes {
        let mut reader = Reader { resource: name, violations: &mut violations };
        let resource = resource.as_deref();
        if let Some(name) = name.strip_prefix(SERVICES) {
            let entry = resource.and_then(|resource| reader.service(name, resource));
            read.services.insert(name.into(), entry.map(Arc::new));
        } else if let Some(name) = name.strip_prefix(ROUTES) {
            let route = resource.and_then(|resource| reader.route(name, resource));
            read.routes.insert(name.into(), route.map(Arc::new));
        } else if let Some(name) = name.strip_prefix(CONSUMERS) {
            let consumer = resource.and_then(|resource| reader.consumer(name, resource));
            read.consumers.insert(name.into(), consumer);
        } else if !name.starts_with(PURGES) {
            reader.violation("is of a kind that this data plane does not know; update the data plane");
        }
    }
    match previous.amend(stamp, &read) {
        Ok(table) if violations.is_empty() => return Ok(table),
        Ok(_) => {}
        Err(conflicts) => violations.extend(conflicts.iter().filter(|conflict| !follows(conflict, changes)).map(told)),
    }
    for violation in &mut violations {
        if let Some((end, _)) = violation.char_indices().nth(MAX_VIOLATION) {
            violation.truncate(end);
        }
    }
    if violations.len() > MAX_VIOLATIONS {
        let more = violations.len() - MAX_VIOLATIONS;
        violations.truncate(MAX_VIOLATIONS);
        violations.push(format!("and {more} more"));
    }
    Err(violations)
}

/// Whether there is the conflict only because a service could not be read, which is told already.
fn follows(conflict: &Conflict, changes: &Changes) -> bool {
    match conflict {
        Conflict::Owners { .. } | Conflict::Routes { .. } | Conflict::Keys { .. } => false,
        Conflict::NoService { service, routes: _ } => {
            changes.get(&*format!("{SERVICES}{service}")).is_some_and(Option::is_some)
        }
    }
}

fn told(conflict: &Conflict) -> String {
    let names = |kind, names: &BTreeSet<Arc<str>>| {
        names.iter().map(|name| format!("{kind}{name}")).collect::<Vec<_>>().join(", ")
    };
    match conflict {
        Conflict::Owners { host, services } => {
            format!("the host {host} is claimed by {}; a host belongs to one service", names(SERVICES, services))
        }
        Conflict::Routes { hosts, first, second } => {
            let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
            format!(
                "{ROUTES}{first} and {ROUTES}{second} match the same requests of {}; change what one of them matches, \
                 or its priority",
                hosts.join(", ")
            )
        }
        Conflict::Keys { consumers } => {
            format!(
                "{} have keys that cannot be told apart; revoke one, and create another",
                names(CONSUMERS, consumers)
            )
        }
        Conflict::NoService { service, routes } => {
            format!("{SERVICES}{service} is not there, but {} would lead to it", names(ROUTES, routes))
        }
    }
}

/// Reads one resource and notes everything that is wrong with it.
struct Reader<'a> {
    resource: &'a str,
    violations: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn violation(&mut self, what: &str) {
        let resource = self.resource;
        self.violations.push(format!("{resource}: {what}"));
    }

    /// The route; `None` with at least one violation noted.
    fn route(&mut self, expected: &str, resource: &pb::Resource) -> Option<Route> {
        let pb::Resource { name: _, digest: _, body } = resource;
        let Some(pb::resource::Body::Route(wire)) = body else {
            self.violation("holds nothing that this data plane knows; update the data plane");
            return None;
        };
        let route = self.all(|violations| route::route(wire, &Path::Root("route"), violations))?;
        if *route.name == *expected {
            return Some(route);
        }
        self.violation(&format!("holds a route named {:?}", route.name));
        None
    }

    /// What the planes read with the same code.
    fn all<T>(&mut self, read: impl FnOnce(&mut Violations) -> Option<T>) -> Option<T> {
        let mut violations = Violations::default();
        let value = read(&mut violations);
        let note = |violation: Violation| self.violation(&violation.to_string());
        violations.finish(value).map_err(|all| all.into_iter().for_each(note)).ok()
    }
}

#[cfg(test)]
mod tests;
