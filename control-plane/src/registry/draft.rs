//! What a client asks for: validated, but with what it left open still open.

use gateway_proto::host::HostPattern;
use gateway_routing::route::Policies;
use jiff::Timestamp;

use super::model::{
    Consumer, Endpoint, EndpointAddress, HealthCheck, Limits, LoadBalancing, ProbePolicy, Revision, Route, Service,
    ServiceName, Timeouts,
};
use crate::error::{RegistryError, Violation};

/// Tags of a service at the most.
pub const MAX_TAGS: usize = 32;
/// Hosts of a service at the most.
pub const MAX_HOSTS: usize = 256;
/// Endpoints of a service at the most.
pub const MAX_ENDPOINTS: usize = 1000;

/// What one change is to create and to replace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Of distinct names.
    pub services: Vec<Draft>,
    /// Of distinct names.
    pub routes: Vec<Route>,
    /// Of distinct names, each without keys and password, which stay as they are.
    pub consumers: Vec<Consumer>,
}

/// A service as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Which service.
    pub name: ServiceName,
    /// `None` if it was left open.
    pub title: Option<String>,
    /// Sorted and distinct.
    pub tags: Vec<String>,
    /// Distinct.
    pub hosts: Vec<HostPattern>,
    /// Distinct by address.
    pub endpoints: Vec<DraftEndpoint>,
    /// `None` if it was left open.
    pub load_balancing: Option<LoadBalancing>,
    /// `None` if it was left open.
    pub health_check: Option<HealthCheck>,
    /// `None` if it was left open.
    pub timeouts: Option<Timeouts>,
    /// `None` if it was left open.
    pub limits: Option<Limits>,
    /// `None` if it was left open.
    pub policies: Option<Policies>,
}

/// An endpoint as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftEndpoint {
    /// Where it is.
    pub address: EndpointAddress,
    /// 1 to 1,000; `None` if it was left open.
    pub weight: Option<u32>,
}

impl DraftEndpoint {
    fn into_endpoint(self) -> Endpoint {
        let Self { address, weight } = self;
        Endpoint { address, weight: weight.unwrap_or(1) }
    }
}

impl Draft {
    /// The whole service, with defaults for what was left open; not yet of any revision.
    #[must_use]
    pub fn into_service(self) -> Service {
        let Self { name, title, tags, hosts, endpoints, load_balancing, health_check, timeouts, limits, policies } =
            self;
        Service {
            name,
            title: title.unwrap_or_default(),
            tags,
            hosts,
            endpoints: endpoints.into_iter().map(DraftEndpoint::into_endpoint).collect(),
            load_balancing: load_balancing.unwrap_or_default(),
            health_check: health_check.unwrap_or_else(|| HealthCheck::Enabled(ProbePolicy::default())),
            timeouts: timeouts.unwrap_or_default(),
            limits: limits.unwrap_or_default(),
            policies: policies.unwrap_or_default(),
            revision: Revision::default(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// The service of this name with what is asked for added to it.
    ///
    /// # Errors
    /// It would have too many of something.
    pub fn merged_into(self, service: &Service) -> Result<Service, RegistryError> {
        let Self { name: _, title, tags, hosts, endpoints, load_balancing, health_check, timeouts, limits, policies } =
            self;
        let mut merged = service.clone();
        merged.tags.extend(tags);
        merged.tags.sort_unstable();
        merged.tags.dedup();
        for host in hosts {
            if !merged.hosts.contains(&host) {
                merged.hosts.push(host);
            }
        }
        merge_endpoints(&mut merged.endpoints, endpoints);
        merged.title = title.unwrap_or(merged.title);
        merged.load_balancing = load_balancing.unwrap_or(merged.load_balancing);
        merged.health_check = health_check.unwrap_or(merged.health_check);
        merged.timeouts = timeouts.unwrap_or(merged.timeouts);
        merged.limits = limits.unwrap_or(merged.limits);
        merged.policies = policies.unwrap_or(merged.policies);
        check_counts(&merged, "service.")?;
        Ok(merged)
    }
}

/// Adds endpoints; one that is there takes the weight that is asked for, if one is.
pub(super) fn merge_endpoints(endpoints: &mut Vec<Endpoint>, more: Vec<DraftEndpoint>) {
    for endpoint in more {
        match endpoints.iter_mut().find(|known| known.address == endpoint.address) {
            Some(known) => known.weight = endpoint.weight.unwrap_or(known.weight),
            None => endpoints.push(endpoint.into_endpoint()),
        }
    }
}

/// Whether a service has too many of something, as a merge may bring about.
pub(super) fn check_counts(service: &Service, path: &str) -> Result<(), RegistryError> {
    let Service { name, tags, hosts, endpoints, .. } = service;
    let counts = [
        ("tags", tags.len(), MAX_TAGS),
        ("hosts", hosts.len(), MAX_HOSTS),
        ("endpoints", endpoints.len(), MAX_ENDPOINTS),
    ];
    let violations: Vec<Violation> = counts
        .into_iter()
        .filter(|(_, count, max)| count > max)
        .map(|(what, count, max)| Violation {
            field: format!("{path}{what}"),
            message: format!("service \"{name}\" would have {count} {what}; it can have {max}, so remove some first"),
        })
        .collect();
    if violations.is_empty() { Ok(()) } else { Err(RegistryError::Invalid(violations)) }
}
