//! Reads a service as data planes get it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gateway_proto::{discovery::v1 as pb, host::HostPattern, violation::Path};
use gateway_routing::route;

use super::Reader;
use crate::table::{Endpoint, Entry, Limits, Service, Timeouts, WeightedEndpoint};

impl Reader<'_> {
    /// The entry; `None` with at least one violation noted.
    pub(super) fn service(&mut self, expected: &str, resource: &pb::Resource) -> Option<Entry> {
        let before = self.violations.len();
        let pb::Resource { name: _, digest: _, body } = resource;
        let Some(pb::resource::Body::Service(service)) = body else {
            self.violation("holds nothing that this data plane knows; update the data plane");
            return None;
        };
        let pb::Service { name, hosts, endpoints, timeouts, limits, policies } = service;
        if name.is_empty() || name != expected {
            self.violation(&format!("holds a service named {name:?}"));
        }
        let hosts = self.hosts(hosts);
        let endpoints = self.endpoints(endpoints);
        let healthy = self.healthy(&endpoints);
        let policies = self.all(|violations| {
            let policies = policies.as_ref();
            Some(policies.map(|wire| route::policies(wire, &Path::Root("policies"), violations)).unwrap_or_default())
        });
        let timeouts = self.timeouts(timeouts.as_ref())?;
        if self.violations.len() > before {
            return None;
        }
        let pb::Limits { request_body } = limits.unwrap_or_default();
        let limits = Limits { request_body };
        let (policies, told) = (policies?, Arc::default());
        let service = Arc::new(Service { name: expected.into(), healthy, timeouts, limits, policies, told });
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
