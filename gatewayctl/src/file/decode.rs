//! From the tree to the wire. Whatever is wrong is noted, and what is right goes on.

use std::ops::RangeInclusive;

use gateway_proto::registry::v1 as pb;

use super::{Declaration, Declared, Mistakes, at::At, consumer, health, node::Node, policy, route};

/// The fields of a document.
pub(super) const DOCUMENT: [&str; 3] = ["services", "routes", "consumers"];
/// The fields of a service.
pub(super) const SERVICE: [&str; 17] = [
    "name",
    "title",
    "tags",
    "hosts",
    "endpoints",
    "load_balancing",
    "health_check",
    "timeouts",
    "limits",
    "cors",
    "compression",
    "request_headers",
    "response_headers",
    "ambiguous_paths",
    "cache",
    "rate_limits",
    "auth",
];
/// The fields of an endpoint.
pub(super) const ENDPOINT: [&str; 2] = ["address", "weight"];
/// The weights of endpoints that there are.
pub(super) const WEIGHT: RangeInclusive<u32> = 1..=1000;

/// What one document declares.
pub(super) fn document(node: &Node, mistakes: &mut Mistakes) -> Declaration {
    let mut at = At::document(node, mistakes);
    if !at.has_fields(&DOCUMENT) {
        return Declaration::default();
    }
    Declaration {
        services: at.field("services", |at| at.items(|at| declared(at, service))).unwrap_or_default(),
        routes: at.field("routes", |at| at.items(|at| declared(at, route::route))).unwrap_or_default(),
        consumers: at.field("consumers", |at| at.items(|at| declared(at, consumer::consumer))).unwrap_or_default(),
    }
}

fn declared<T>(at: &mut At<'_>, read: impl FnOnce(&mut At<'_>) -> T) -> Declared<T> {
    Declared { wire: read(at), path: at.path.clone(), node: at.node.clone() }
}

fn service(at: &mut At<'_>) -> pb::Service {
    if !at.has_fields(&SERVICE) {
        return pb::Service::default();
    }
    at.needs("name");
    pb::Service {
        name: at.field("name", |at| at.filled_text()).unwrap_or_default(),
        title: at.field("title", |at| at.text()).unwrap_or_default(),
        tags: at.field("tags", |at| at.texts()).unwrap_or_default(),
        hosts: at.field("hosts", |at| at.texts()).unwrap_or_default(),
        endpoints: at.field("endpoints", |at| at.items(endpoint)).unwrap_or_default(),
        load_balancing: at.field("load_balancing", load_balancing).unwrap_or_default().into(),
        health_check: at.field("health_check", health::health_check),
        timeouts: at.field("timeouts", policy::timeouts),
        limits: at.field("limits", policy::limits),
        policies: policy::policies(at),
        revision: 0,
        created_at: None,
        updated_at: None,
    }
}

fn endpoint(at: &mut At<'_>) -> pb::Endpoint {
    if !at.has_fields(&ENDPOINT) {
        return pb::Endpoint::default();
    }
    at.needs("address");
    pb::Endpoint {
        address: at.field("address", |at| at.filled_text()).unwrap_or_default(),
        weight: at.field("weight", |at| at.number(WEIGHT)).unwrap_or_default(),
    }
}

fn load_balancing(at: &mut At<'_>) -> Option<pb::LoadBalancing> {
    if at.text()? == "random" {
        return Some(pb::LoadBalancing::Random);
    }
    at.mistake("is no way to pick an endpoint; there is: random");
    None
}
