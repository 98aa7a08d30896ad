//! The control plane's gRPC services: the edge where wire types become our own and back.

pub mod admin;
mod ask;
mod audit;
pub mod auth;
mod cache_stats;
pub mod convert;
pub mod discovery;
mod explain;
mod leases;
mod limits;
pub mod queries;
pub mod refusal;
pub mod registry;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::HashMap;

use gateway_proto::{
    code::{DOMAIN, Reason},
    registry::v1 as pb,
};
use tonic::{Request, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    auth::{Actor, Identity},
    health::{EndpointHealth, EndpointKey, Health},
    time::timestamp,
};

/// The status of a refusal that concerns no single field.
pub(crate) fn refuse(reason: Reason, message: impl Into<String>) -> Status {
    let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, HashMap::new());
    Status::with_error_details(reason.grpc(), message, details)
}

/// The status of a request with a field that is wrong.
pub(crate) fn invalid(field: &str, description: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(Reason::Invalid.as_str(), DOMAIN, HashMap::new());
    details.add_bad_request_violation(field, description);
    Status::with_error_details(Reason::Invalid.grpc(), format!("{field} {description}"), details)
}

/// Who makes a call, as the door in front of the services has found out.
pub(crate) fn caller<T>(request: &Request<T>) -> Identity {
    request.extensions().get::<Identity>().cloned().unwrap_or_default()
}

/// The same, as history has it.
pub(crate) fn actor<T>(request: &Request<T>) -> Actor {
    caller(request).actor
}

/// What is known of an address as it is sent.
pub(crate) fn endpoint_status(key: &EndpointKey, health: &EndpointHealth) -> pb::EndpointStatus {
    let EndpointKey { service, endpoint, address } = key;
    let EndpointHealth { weight, health, reason, since, last_probe } = health;
    let health = match health {
        Health::Pending => pb::Health::Pending,
        Health::Healthy => pb::Health::Healthy,
        Health::Unhealthy => pb::Health::Unhealthy,
    };
    pb::EndpointStatus {
        service: service.to_string(),
        endpoint: endpoint.to_string(),
        address: address.map(|address| address.to_string()).unwrap_or_default(),
        weight: *weight,
        health: health.into(),
        reason: reason.clone(),
        since: Some(timestamp(*since)),
        last_probe: last_probe.get().map(timestamp),
    }
}
