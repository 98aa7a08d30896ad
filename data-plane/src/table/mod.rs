//! What the workers route by: immutable, compiled by the control thread, shared by all workers.

use std::{fmt, iter, sync::Arc};

use gateway_proto::host::HostPattern;
use gateway_routing::route::Route;
use imbl::{GenericHashMap, OrdSet, shared_ptr::DefaultSharedPtr};
use serde::Serialize;

mod amend;
pub(crate) mod consumers;
mod host;
mod keys;
mod service;
mod tellers;
mod view;

pub(crate) use self::amend::{Changes, Conflict};
pub(crate) use self::{
    consumers::Consumer,
    keys::KeySources,
    service::{Endpoint, Entry},
};
use self::{consumers::Consumers, host::HostIndex, tellers::Tellers};
pub use self::{
    host::{Bound, Routes},
    service::{Limits, Policies, Service, Timeouts, WeightedEndpoint},
};

/// By name. A hash trie: a change costs O(log n), and what did not change is shared with the table
/// before.
type Map<V> = GenericHashMap<Arc<str>, V, foldhash::fast::RandomState, DefaultSharedPtr>;

/// A compiled snapshot. Compiling a change costs in proportion to the change: what did not change
/// is shared with the table before.
///
/// The default is no table at all, as before the first snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RoutingTable {
    stamp: Option<Stamp>,
    index: HostIndex,
    services: Map<Arc<Entry>>,
    routes: Map<Arc<Route>>,
    /// The names of the routes that lead to a service, by the service's.
    references: Map<OrdSet<Arc<str>>>,
    /// How many services and routes have responses cached.
    caching: usize,
    consumers: Consumers,
    key_sources: KeySources,
    tellers: Tellers,
}

/// Which snapshot a table was compiled from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The cluster's identity.
    pub cluster_id: Arc<str>,
    /// The publisher's version.
    pub version: Version,
    /// The store's revision that the version reflects.
    pub revision: u64,
}

/// A place in one run of one publisher; sequences are compared only within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The publisher's run.
    pub epoch: u64,
    /// Grows with each published snapshot.
    pub sequence: u64,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, sequence } = self;
        write!(f, "{epoch:016x}-{sequence}")
    }
}

impl RoutingTable {
    /// What decides about requests for a host in the form of
    /// [`gateway_proto::host::Authority::host`]: what is bound to that very host, else to the longest
    /// wildcard that covers it.
    #[must_use]
    pub fn bound(&self, host: &str) -> Option<&Bound> {
        self.index.find(host)
    }

    /// The service of this name. Every service that a route of this table leads to is there.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name).map(|entry| &*entry.service)
    }

    /// The route of this name.
    #[must_use]
    pub(crate) fn route(&self, name: &str) -> Option<&Route> {
        self.routes.get(name).map(|route| &**route)
    }

    /// The host or wildcard that [`RoutingTable::bound`] finds something bound to.
    pub(crate) fn pattern(&self, host: &str) -> Option<HostPattern> {
        let below = host.match_indices('.').map(|(at, _)| HostPattern::Wildcard(host[at + 1..].into()));
        let mut patterns = iter::once(HostPattern::Exact(host.into())).chain(below);
        patterns.find(|pattern| self.index.get(pattern).is_some())
    }

    /// The service of this name with all that belongs to it.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.services.get(name).map(|entry| &**entry)
    }

    /// Whether this was compiled from a snapshot, be it an empty one.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.stamp.is_some()
    }

    /// The snapshot it was compiled from; `None` for the default, which is no table yet.
    #[must_use]
    pub fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    /// Those who call.
    pub(crate) fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// Whether responses are cached for any service or route.
    #[must_use]
    pub(crate) fn caches(&self) -> bool {
        self.caching > 0
    }

    /// Where its policies take the keys from that tokens are verified by.
    pub(crate) fn key_sources(&self) -> &KeySources {
        &self.key_sources
    }

    /// The number of services.
    #[must_use]
    pub fn services(&self) -> usize {
        self.services.len()
    }

    /// The number of routes.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.routes.len()
    }

    /// Every service, in no order.
    pub(crate) fn all_services(&self) -> impl Iterator<Item = &Service> {
        self.services.values().map(|entry| &*entry.service)
    }

    /// Every route, in no order.
    pub(crate) fn all_routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.values().map(|route| &**route)
    }

    /// Whether there is a service of that name.
    #[must_use]
    pub(crate) fn has_service(&self, name: &str) -> bool {
        self.services.contains_key(name)
    }

    /// Whether there is a route of that name.
    #[must_use]
    pub(crate) fn has_route(&self, name: &str) -> bool {
        self.routes.contains_key(name)
    }

    /// Whether requests of the route may come to the service.
    #[must_use]
    pub(crate) fn leads_to(&self, route: &str, service: &str) -> bool {
        self.references.get(service).is_some_and(|routes| routes.contains(route))
    }

    /// All of it in the order of names, for `/config`; serialised as it is walked.
    #[must_use]
    pub fn view(&self) -> impl Serialize + '_ {
        view::Table(self)
    }
}

#[cfg(test)]
pub(crate) mod tests;
