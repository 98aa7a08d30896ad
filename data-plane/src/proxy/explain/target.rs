//! A service that a request may go to, and what holds there.

use gateway_routing::route::{Policies, Policy};

use super::super::destination::{Destination, InForce};
use crate::{
    table::{Endpoint, RoutingTable, Service, Timeouts},
    worker::limits::{Limits, narrower},
};

/// A service that a request may go to.
#[derive(Debug)]
pub(crate) struct Target<'t> {
    pub service: &'t Service,
    /// Its share in per mille; `None` where it gets a copy.
    pub weight: Option<u32>,
    /// In any state.
    pub endpoints: &'t [Endpoint],
    pub timeouts: Timeouts,
    /// The largest body in bytes.
    pub max_body: Option<u64>,
    pub policies: Policies,
}

impl<'t> Target<'t> {
    /// Where a request goes to on a data plane with these limits.
    pub(super) fn new(table: &'t RoutingTable, limits: &Limits, weight: u32, to: &Destination<'t>) -> Self {
        let total = narrower(to.timeouts.total, limits.request_timeout);
        Self {
            timeouts: Timeouts { total, ..to.timeouts },
            weight: Some(weight),
            max_body: narrower(to.max_body, limits.max_request_body),
            policies: in_force(&to.policies),
            ..Self::copied(table, to.service)
        }
    }

    /// Where a copy goes to, about whose answer nothing is said.
    pub(super) fn copied(table: &'t RoutingTable, service: &'t Service) -> Self {
        let endpoints = table.entry(&service.name).map(|entry| &*entry.endpoints).unwrap_or_default();
        let (timeouts, policies) = (service.timeouts, Policies::default());
        Self { service, weight: None, endpoints, timeouts, max_body: None, policies }
    }
}

fn in_force(policies: &InForce<'_>) -> Policies {
    let InForce {
        cors,
        compression,
        request_fields,
        response_fields,
        ambiguous_paths,
        cache,
        rate_limits,
        auth,
        passed_over: _,
        told: _,
    } = *policies;
    Policies {
        cors: cors.cloned().map_or(Policy::Unset, Policy::On),
        compression: compression.cloned().map_or(Policy::Unset, Policy::On),
        request_headers: request_fields.0.cloned(),
        response_headers: response_fields.0.cloned(),
        ambiguous_paths: Some(ambiguous_paths),
        cache: cache.cloned().map_or(Policy::Unset, Policy::On),
        auth: auth.cloned().map(Box::new).map_or(Policy::Unset, Policy::On),
        rate_limits: if rate_limits.is_empty() { Policy::Unset } else { Policy::On(rate_limits.into()) },
    }
}
