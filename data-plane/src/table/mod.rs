//! What the workers route by: immutable, compiled by the control thread, shared by all workers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use gateway_proto::host::HostPattern;
use imbl::OrdMap;
use serde::Serialize;

mod host;
mod view;

use host::HostIndex;

/// A compiled snapshot. Compiling a change costs in proportion to the change: what did not change
/// is shared with the table before.
///
/// The default is no table at all, as before the first snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RoutingTable {
    stamp: Option<Stamp>,
    index: HostIndex,
    services: OrdMap<Arc<str>, Arc<Entry>>,
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

/// A service to route to.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// The registry's name; also the label in logs and metrics.
    pub name: Arc<str>,
    /// Its healthy endpoints; each with the sum of the weights up to and with its own, so that a
    /// pick is one random number and a search.
    pub healthy: Box<[WeightedEndpoint]>,
    /// Time limits of its requests.
    pub timeouts: Timeouts,
    /// Other limits of its requests.
    pub limits: Limits,
}

/// A healthy endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightedEndpoint {
    /// Where it is.
    pub address: SocketAddr,
    /// The sum of the weights up to and with its own.
    pub cumulative_weight: u32,
}

/// Time limits of a service's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is made.
    pub connect: Duration,
    /// From the request sent to the response head received.
    pub response: Duration,
    /// How long an upstream body may stand still, and a pooled connection idle.
    pub idle: Duration,
    /// From the end of the request's head to the last byte of the answer, tunnels excepted; `None` is
    /// no limit.
    pub total: Option<Duration>,
}

/// Limits of a service's requests that are not of time; without any by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body in bytes; `None` leaves it to the data plane's own limit. The
    /// smaller of the two holds.
    pub request_body: Option<u64>,
}

/// A service with what requests do not need: its hosts, and its endpoints in any state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What requests need.
    pub(crate) service: Arc<Service>,
    /// What it answers for.
    pub(crate) hosts: Box<[HostPattern]>,
    /// Every address of it.
    pub(crate) endpoints: Box<[Endpoint]>,
}

/// An endpoint in any state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Where it is.
    pub(crate) address: SocketAddr,
    /// Its share relative to the others.
    pub(crate) weight: u32,
    /// Whether it gets traffic.
    pub(crate) healthy: bool,
}

/// A host that several services claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The host or wildcard.
    pub(crate) host: HostPattern,
    /// The services, in order.
    pub(crate) services: BTreeSet<Arc<str>>,
}

impl RoutingTable {
    /// The service for a host in the form of [`gateway_proto::host::Authority::host`]: the owner of
    /// that very host, else of the longest wildcard that covers it.
    #[must_use]
    pub fn service_for(&self, host: &str) -> Option<&Arc<Service>> {
        self.index.find(host)
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

    /// The number of services.
    #[must_use]
    pub fn services(&self) -> usize {
        self.services.len()
    }

    /// Whether there is a service of that name.
    #[must_use]
    pub(crate) fn has_service(&self, name: &str) -> bool {
        self.services.contains_key(name)
    }

    /// All of it in the order of the services' names, for `/config`; serialised as it is walked.
    #[must_use]
    pub fn view(&self) -> impl Serialize + '_ {
        view::Table(self)
    }

    /// The table after these changes, each a service's name with what it is now.
    ///
    /// # Errors
    /// Every host that more than one service would own.
    pub(crate) fn amend(
        &self,
        stamp: Stamp,
        changes: &BTreeMap<Arc<str>, Option<Arc<Entry>>>,
    ) -> Result<Self, Vec<Conflict>> {
        let Self { stamp: _, mut index, mut services } = self.clone();
        // Every old host goes before the first new one comes: hosts may move between services.
        for name in changes.keys() {
            if let Some(old) = services.remove(name) {
                old.hosts.iter().for_each(|host| index.remove(host));
            }
        }
        let mut conflicts = BTreeMap::<_, BTreeSet<_>>::new();
        for (name, entry) in changes {
            let Some(entry) = entry else { continue };
            for host in &entry.hosts {
                match index.owner(host) {
                    Some(owner) if owner.name != *name => {
                        conflicts.entry(host).or_default().extend([Arc::clone(&owner.name), Arc::clone(name)]);
                    }
                    Some(_) | None => index.insert(host, &entry.service),
                }
            }
            services.insert(Arc::clone(name), Arc::clone(entry));
        }
        if conflicts.is_empty() {
            return Ok(Self { stamp: Some(stamp), index, services });
        }
        Err(conflicts.into_iter().map(|(host, services)| Conflict { host: host.clone(), services }).collect())
    }
}

#[cfg(test)]
mod tests;
