//! From resources to the table that workers route by, or every reason why not.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use gateway_proto::{discovery::v1 as pb, host::HostPattern};

use super::apply::Changes;
use crate::table::{Conflict, Endpoint, Entry, Limits, RoutingTable, Service, Stamp, Timeouts, WeightedEndpoint};

/// The kind of resource that describes a service, as it begins the resource's name.
const SERVICES: &str = "services/";
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
    let mut entries = BTreeMap::new();
    for (name, resource) in changes {
        let Some(service) = name.strip_prefix(SERVICES) else {
            violations.push(format!("{name}: is of a kind that this data plane does not know; update the data plane"));
            continue;
        };
        let mut read = Reader { resource: name, violations: &mut violations };
        let entry = resource.as_ref().and_then(|resource| read.entry(service, resource));
        entries.insert(Arc::from(service), entry.map(Arc::new));
    }
    match previous.amend(stamp, &entries) {
        Ok(table) if violations.is_empty() => return Ok(table),
        Ok(_) => {}
        Err(conflicts) => violations.extend(conflicts.iter().map(conflict)),
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

fn conflict(Conflict { host, services }: &Conflict) -> String {
    let names: Vec<_> = services.iter().map(|name| format!("{SERVICES}{name}")).collect();
    format!("the host {host} is claimed by {}; a host belongs to one service", names.join(", "))
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

    /// The entry; `None` with at least one violation noted.
    fn entry(&mut self, expected: &str, resource: &pb::Resource) -> Option<Entry> {
        let before = self.violations.len();
        let pb::Resource { name: _, digest: _, body } = resource;
        let Some(pb::resource::Body::Service(pb::Service { name, hosts, endpoints, timeouts, limits, policies: _ })) =
            body
        else {
            self.violation("holds nothing that this data plane knows; update the data plane");
            return None;
        };
        if name.is_empty() || name != expected {
            self.violation(&format!("holds a service named {name:?}"));
        }
        let hosts = self.hosts(hosts);
        let endpoints = self.endpoints(endpoints);
        let healthy = self.healthy(&endpoints);
        let timeouts = self.timeouts(timeouts.as_ref())?;
        if self.violations.len() > before {
            return None;
        }
        let pb::Limits { request_body } = limits.unwrap_or_default();
        let service = Arc::new(Service { name: expected.into(), healthy, timeouts, limits: Limits { request_body } });
        Some(Entry { service, hosts, endpoints })
    }

    fn hosts(&mut self, texts: &[String]) -> Box<[HostPattern]> {
        let mut hosts = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            match HostPattern::parse(text) {
                Ok(host) => hosts.push(host),
                Err(err) => self.violation(&format!("hosts[{at}] {text:?} {err}")),
            }
        }
        hosts.into()
    }

    fn endpoints(&mut self, wire: &[pb::Endpoint]) -> Box<[Endpoint]> {
        let mut endpoints = Vec::with_capacity(wire.len());
        for (at, pb::Endpoint { address: text, weight, healthy }) in wire.iter().enumerate() {
            let address = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
            if address.is_none() {
                self.violation(&format!("endpoints[{at}].address {text:?} is not IP:PORT"));
            }
            if *weight == 0 {
                self.violation(&format!("endpoints[{at}].weight is 0; it must be at least 1"));
            }
            endpoints.extend(address.map(|address| Endpoint { address, weight: *weight, healthy: *healthy }));
        }
        endpoints.into()
    }

    fn healthy(&mut self, endpoints: &[Endpoint]) -> Box<[WeightedEndpoint]> {
        let mut sum = 0_u32;
        let mut healthy = Vec::new();
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.healthy) {
            let Some(cumulative_weight) = sum.checked_add(endpoint.weight) else {
                self.violation(&format!("the weights of its endpoints add up to more than {}", u32::MAX));
                break;
            };
            sum = cumulative_weight;
            healthy.push(WeightedEndpoint { address: endpoint.address, cumulative_weight });
        }
        healthy.into()
    }

    fn timeouts(&mut self, wire: Option<&pb::Timeouts>) -> Option<Timeouts> {
        let Some(pb::Timeouts { connect, response, idle, total }) = wire else {
            self.violation("has no timeouts");
            return None;
        };
        let connect = self.timeout("connect", *connect);
        let response = self.timeout("response", *response);
        let idle = self.timeout("idle", *idle);
        // One that is wrong is noted, and then its entry is refused.
        let total = total.and_then(|total| self.timeout("total", Some(total)));
        Some(Timeouts { connect: connect?, response: response?, idle: idle?, total })
    }

    fn timeout(&mut self, field: &str, wire: Option<prost_types::Duration>) -> Option<Duration> {
        let duration = wire.and_then(|prost_types::Duration { seconds, nanos }| {
            let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
            Some(Duration::new(u64::try_from(seconds).ok()?, nanos)).filter(|duration| !duration.is_zero())
        });
        if duration.is_none() {
            self.violation(&format!("timeouts.{field} is not a time longer than 0"));
        }
        duration
    }
}

#[cfg(test)]
mod tests;
