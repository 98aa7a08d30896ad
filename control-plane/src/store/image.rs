//! What a group of commits comes to on disk: the last word on each record.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    HealthRecord,
    audit::{Entry, Place},
};
use crate::{
    auth::token::{Kept, TokenId},
    registry::model::{EndpointAddress, Key, Record, Revision, ServiceName},
};

/// Records to write, or to delete where there is `None`.
#[derive(Debug, Default)]
pub(super) struct Image {
    /// What is reached, if there was a commit.
    pub(super) head: Option<Head>,
    /// By key.
    pub(super) records: BTreeMap<Key, Option<Record>>,
    /// By service and endpoint.
    pub(super) health: BTreeMap<(ServiceName, EndpointAddress), Option<Arc<HealthRecord>>>,
    /// By id.
    pub(super) tokens: BTreeMap<TokenId, Option<Arc<Kept>>>,
    /// What the audit is to say of it; it comes with a head.
    pub(super) audit: BTreeMap<Place, Entry>,
}

/// What the store knows of itself after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The commit's revision.
    pub(super) revision: Revision,
    /// The digest of all records.
    pub(super) digest: u64,
    /// The earliest format by which all of them are understood.
    pub(super) format: u16,
}

impl Image {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        let Self { head, records, health, tokens, audit } = self;
        head.is_none() && records.is_empty() && health.is_empty() && tokens.is_empty() && audit.is_empty()
    }
}
