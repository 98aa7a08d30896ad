//! Where the registry is kept: an atomic, durable, revisioned set of services, after etcd's model.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::oneshot;

use crate::registry::model::{Desired, EndpointAddress, Revision, Service, ServiceName};

/// A store. There is one writer at a time; `commit` may be called from many tasks.
pub trait Store: Send + Sync + 'static {
    /// Everything that was acknowledged, as of now.
    fn load(&self) -> Result<Loaded, StoreError>;
    /// Queues a batch. The answer comes only after it is durable; batches that wait together share
    /// one flush, and are answered in the order of their revisions.
    fn commit(&self, batch: Batch) -> oneshot::Receiver<Result<Revision, StoreError>>;
    /// Bytes on disk; 0 where nothing is on disk.
    fn size(&self) -> u64;
}

/// What a store holds when it is opened.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The identity that the store was born with.
    pub cluster_id: String,
    /// The desired state.
    pub desired: Desired,
    /// The last known health, so that a restart does not take healthy endpoints out.
    pub health: Vec<HealthRecord>,
}

/// What is committed as one: all of it or nothing.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Services to write, each under its name.
    pub puts: Vec<Arc<Service>>,
    /// Services to delete.
    pub deletes: Vec<ServiceName>,
}

/// The addresses of one endpoint, and whether each was healthy when it was last known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRecord {
    /// The service's name.
    pub service: ServiceName,
    /// The endpoint as registered.
    pub endpoint: EndpointAddress,
    /// Addresses that had a verdict.
    pub addresses: Vec<(SocketAddr, bool)>,
}

/// Why a store failed. The registry is unchanged by a batch that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {}
