//! Views and snapshots for tests.

use std::sync::Arc;

use gateway_proto::discovery::v1 as pb;
use jiff::Timestamp;

use super::{
    Snapshot,
    resource::{Resource, ResourceName},
};
use crate::{
    health::{EndpointHealth, EndpointKey, Health, HealthView},
    registry::{model::EndpointAddress, sample},
};

/// Puts a verdict into a view.
pub(crate) fn heard(view: &mut HealthView, service: &str, endpoint: &str, address: Option<&str>, health: Health) {
    let key = EndpointKey {
        service: sample::name(service),
        endpoint: EndpointAddress::parse(endpoint).unwrap(),
        address: address.map(|address| address.parse().unwrap()),
    };
    let (reason, since, last_probe) = (String::new(), Timestamp::UNIX_EPOCH, Arc::default());
    view.insert(key, Arc::new(EndpointHealth { weight: 1, health, reason, since, last_probe }));
}

/// A resource whose content is `content`.
pub(crate) fn resource(name: &str, content: &str) -> Resource {
    let service = pb::Service { name: name.into(), hosts: vec![content.into()], ..pb::Service::default() };
    Resource::new(ResourceName::of_service(&sample::name(name)), pb::resource::Body::Service(service))
}

/// A snapshot of these resources.
pub(crate) fn snapshot(epoch: u64, sequence: u64, entries: &[(&str, &str)]) -> Arc<Snapshot> {
    let mut snapshot = Snapshot::empty("cluster".into(), epoch);
    snapshot.version.sequence = sequence;
    snapshot.revision.0 = sequence;
    for (name, content) in entries {
        snapshot.put(resource(name, content));
    }
    Arc::new(snapshot)
}
