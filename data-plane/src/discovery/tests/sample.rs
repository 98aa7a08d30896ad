//! Resources and responses as a publisher makes them.

use gateway_proto::{discovery::v1 as pb, registry::v1 as registry};
use prost_types::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// The epoch of every version unless a test says otherwise.
pub(crate) const EPOCH: u64 = 7;

pub(crate) fn version(sequence: u64) -> pb::Version {
    pb::Version { epoch: EPOCH, sequence }
}

/// A service of this name for these hosts, with one healthy endpoint on this port.
pub(crate) fn resource(name: &str, hosts: &[&str], port: u16) -> pb::Resource {
    let duration = |seconds| Some(Duration { seconds, nanos: 0 });
    let service = pb::Service {
        name: name.into(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        endpoints: vec![pb::Endpoint { address: format!("127.0.0.1:{port}"), weight: 1, healthy: true }],
        timeouts: Some(pb::Timeouts { connect: duration(2), response: duration(30), idle: duration(60), total: None }),
        limits: None,
        policies: None,
    };
    digested(pb::Resource {
        name: format!("services/{name}"),
        digest: 0,
        body: Some(pb::resource::Body::Service(service)),
    })
}

/// A route of this name for these hosts, for a prefix, that leads to a service.
pub(crate) fn route_resource(name: &str, hosts: &[&str], prefix: &str, service: &str) -> pb::Resource {
    let path = registry::path_match::Kind::Prefix(prefix.into());
    let forward = registry::Forward {
        services: vec![registry::WeightedService { name: service.into(), weight: Some(1000) }],
        ..registry::Forward::default()
    };
    let route = registry::Route {
        name: name.into(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        r#match: Some(registry::RouteMatch {
            path: Some(registry::PathMatch { kind: Some(path) }),
            ..registry::RouteMatch::default()
        }),
        action: Some(registry::route::Action::Forward(forward)),
        ..registry::Route::default()
    };
    digested(pb::Resource { name: format!("routes/{name}"), digest: 0, body: Some(pb::resource::Body::Route(route)) })
}

/// A hard purge by this commit.
pub(crate) fn purge(revision: u64, what: registry::cache_purge::What, floor: u64) -> pb::Resource {
    let purge = registry::CachePurge { revision, what: Some(what), soft: false, created_at: None };
    let body = pb::resource::Body::Purge(pb::Purge { purge: Some(purge), floor });
    digested(pb::Resource { name: format!("purges/{revision}"), digest: 0, body: Some(body) })
}

/// The same purge, but soft.
pub(crate) fn soft(mut resource: pb::Resource) -> pb::Resource {
    if let Some(pb::resource::Body::Purge(pb::Purge { purge: Some(purge), floor: _ })) = &mut resource.body {
        purge.soft = true;
    }
    digested(resource)
}

/// With a digest over its name and content.
pub(crate) fn digested(resource: pb::Resource) -> pb::Resource {
    let content = format!("{}{:?}", resource.name, resource.body);
    pb::Resource { digest: xxh3_64(content.as_bytes()), ..resource }
}

/// The digest of these and nothing else.
pub(crate) fn digest<'a>(resources: impl IntoIterator<Item = &'a pb::Resource>) -> u64 {
    resources.into_iter().fold(0, |sum, resource| sum.wrapping_add(resource.digest))
}

/// A full snapshot of cluster "c1" at the revision of the same number.
pub(crate) fn full(sequence: u64, resources: &[pb::Resource]) -> pb::DiscoveryResponse {
    pb::DiscoveryResponse {
        nonce: sequence,
        version: Some(version(sequence)),
        revision: sequence,
        cluster_id: "c1".into(),
        upserts: resources.to_vec(),
        last_chunk: true,
        digest: digest(resources),
        ..Default::default()
    }
}

/// A delta from the version before, after which `all` is held.
pub(crate) fn delta(
    sequence: u64,
    upserts: &[pb::Resource],
    removals: &[&str],
    all: &[pb::Resource],
) -> pb::DiscoveryResponse {
    pb::DiscoveryResponse {
        base: Some(version(sequence - 1)),
        removals: removals.iter().map(|name| format!("services/{name}")).collect(),
        digest: digest(all),
        ..full(sequence, upserts)
    }
}
