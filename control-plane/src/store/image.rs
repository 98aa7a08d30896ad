//! What a group of commits comes to on disk: the last word on each record.

use std::{collections::BTreeMap, sync::Arc};

use super::HealthRecord;
use crate::registry::model::{EndpointAddress, Revision, Service, ServiceName};

/// Records to write, or to delete where there is `None`.
#[derive(Debug, Default)]
pub(super) struct Image {
    /// The revision that is reached and the digest of all services, if there was a commit.
    pub(super) head: Option<(Revision, u64)>,
    /// By name.
    pub(super) services: BTreeMap<ServiceName, Option<Arc<Service>>>,
    /// By service and endpoint.
    pub(super) health: BTreeMap<(ServiceName, EndpointAddress), Option<Arc<HealthRecord>>>,
}

impl Image {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        let Self { head, services, health } = self;
        head.is_none() && services.is_empty() && health.is_empty()
    }
}
