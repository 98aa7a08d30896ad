//! What data planes are to serve, and how they are brought there with as few bytes as possible.
//!
//! `publisher` turns the desired state and the view of health into one `Snapshot` after another,
//! `delta` says how two of them differ, `session` decides what one data plane is sent, and `nodes`
//! remembers how far each has come.

pub mod delta;
pub mod digest;
pub mod nodes;
pub mod publisher;
pub mod resource;
#[cfg(test)]
pub(crate) mod sample;
pub mod session;

use std::{fmt, sync::Arc};

use imbl::OrdMap;

use self::{
    digest::Digests,
    resource::{Resource, ResourceName},
};
use crate::registry::model::{Revision, ServiceName};

/// A place in one run of one publisher; not to be confused with the store's [`Revision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// The publisher's run.
    pub epoch: u64,
    /// Grows with each published snapshot.
    pub sequence: u64,
}

impl Version {
    /// Whether whoever holds this has seen `other` too, which can be said only within an epoch.
    #[must_use]
    pub const fn includes(self, other: Self) -> bool {
        self.epoch == other.epoch && self.sequence >= other.sequence
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.epoch, self.sequence)
    }
}

/// Every resource by its name.
pub type Resources = OrdMap<ResourceName, Arc<Resource>>;

/// What data planes are to serve: immutable, and cheap to copy and to compare.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its place in the publisher's run.
    pub version: Version,
    /// The store's revision that it reflects.
    pub revision: Revision,
    /// The store's identity.
    pub cluster_id: Arc<str>,
    /// What it holds.
    pub resources: Resources,
    /// The digests of what it holds.
    pub digests: Digests,
    /// How many addresses or unresolved names of a service had no verdict yet; only services
    /// that have any. It may change without the version, for data planes do not see it.
    pub pending: OrdMap<ServiceName, u32>,
}

impl Snapshot {
    /// Nothing at all, before the first.
    #[must_use]
    pub fn empty(cluster_id: Arc<str>, epoch: u64) -> Self {
        Self {
            version: Version { epoch, sequence: 0 },
            revision: Revision::default(),
            cluster_id,
            resources: Resources::new(),
            digests: Digests::default(),
            pending: OrdMap::new(),
        }
    }

    /// Adds a resource, or replaces the one of its name. Returns whether that changed anything.
    pub fn put(&mut self, resource: Resource) -> bool {
        if self.resources.get(&resource.name).is_some_and(|old| **old == resource) {
            return false;
        }
        self.remove(&resource.name);
        self.digests.add(resource.bucket, resource.digest);
        self.resources.insert(resource.name.clone(), Arc::new(resource));
        true
    }

    /// Removes a resource. Returns whether there was one.
    pub fn remove(&mut self, name: &ResourceName) -> bool {
        let Some(old) = self.resources.remove(name) else { return false };
        self.digests.subtract(old.bucket, old.digest);
        true
    }
}
