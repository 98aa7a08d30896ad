//! Where the registry is kept: an atomic, durable, revisioned set of records, after etcd's model.

mod audit;
mod codec;
mod error;
mod history;
mod image;
pub mod memory;
pub mod sled;
mod state;
mod stored;
#[cfg(test)]
mod suite;
mod writer;

use std::{net::SocketAddr, sync::Arc};

use jiff::Timestamp;
use rand::Rng;
use tokio::sync::{oneshot, watch};

pub use self::{
    audit::{AuditPage, AuditQuery, Entry, Place},
    error::StoreError,
    history::{Change, Changes, WatchError},
};
use crate::{
    auth::{
        Actor,
        token::{Kept, TokenId, Tokens},
    },
    registry::model::{ConsumerName, Desired, EndpointAddress, Key, KeyId, Record, Revision, ServiceName},
};

/// Batches that may wait for the writer; one more is answered with [`StoreError::Busy`].
pub const QUEUE: usize = 1024;

/// A store. There is one writer at a time; `commit` may be called from many tasks.
pub trait Store: Send + Sync + 'static {
    /// Everything that is durable, as of now.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn load(&self) -> Result<Loaded, StoreError>;
    /// Queues a batch. The answer comes only after it is durable; batches that wait together share
    /// one flush, and are answered in the order of their revisions. Whoever sees an answer sees it
    /// in [`Self::desired`] and [`Self::watch`] too. A dropped receiver changes nothing.
    fn commit(&self, batch: Batch) -> oneshot::Receiver<Result<Revision, StoreError>>;
    /// Queues what is known of these endpoints, in place of what was known. The same writer writes
    /// it, and it consumes no revision. No addresses means that nothing is known; an endpoint that
    /// is not registered is passed over. What is known goes with its endpoint. The answer comes
    /// once it is durable, or cannot be made so.
    fn record_health(&self, records: Vec<HealthRecord>) -> oneshot::Receiver<()>;
    /// Queues what is to be kept of tokens beside commits; it consumes no revision. The answer comes once
    /// it is durable, or cannot be made so.
    fn note_tokens(&self, notes: Vec<TokenNote>) -> oneshot::Receiver<()>;
    /// The tokens as they are durable.
    fn tokens(&self) -> watch::Receiver<Tokens>;
    /// Who changed what, the newest first: a part of what is durable. It may wait for the disk.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;
    /// The latest durable state; it changes in the order of revisions, and may skip some.
    fn desired(&self) -> watch::Receiver<Desired>;
    /// The durable changes after a revision, one by one.
    ///
    /// # Errors
    /// The history that is kept begins later, or the revision is still to come.
    fn watch(&self, after: Revision) -> Result<Changes, WatchError>;
    /// Bytes on disk; 0 where nothing is on disk.
    fn size(&self) -> u64;
    /// Why the store takes no more changes, be it a batch or what is known of health that could not
    /// be written; `None` as long as it does.
    fn failure(&self) -> watch::Receiver<Option<StoreError>>;
}

/// What a store holds.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The identity that the store was born with.
    pub cluster_id: String,
    /// The desired state.
    pub desired: Desired,
    /// The last known health, so that a restart does not take healthy endpoints out.
    pub health: Vec<HealthRecord>,
    /// Who may speak with the control plane.
    pub tokens: Tokens,
}

/// What is committed as one: all of it or nothing.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The revision that the store must be at; `None` means any.
    pub base: Option<Revision>,
    /// What must hold of single records.
    pub preconditions: Vec<Precondition>,
    /// Records to delete; one that is not there is passed over.
    pub deletes: Vec<Key>,
    /// Records to write after the deletes, each under its key. The store sets their revision.
    pub puts: Vec<Record>,
    /// Tokens to make and to end, in this order.
    pub tokens: Vec<TokenChange>,
    /// What it comes to for what consumers are known by; for the history and the audit alone.
    pub credentials: Vec<CredentialChange>,
    /// When it was asked for.
    pub at: Timestamp,
    /// Who asked for it.
    pub actor: Actor,
}

/// What becomes of something that a consumer is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialChange {
    /// He has a key of this id.
    CreateKey(ConsumerName, KeyId),
    /// He does not have it any more.
    RevokeKey(ConsumerName, KeyId),
    /// He has a password, or another one.
    SetPassword(ConsumerName),
    /// He has none any more.
    RemovePassword(ConsumerName),
}

/// What a batch does to a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenChange {
    /// It is made.
    Create(Arc<Kept>),
    /// It is ended; one that is not there is passed over.
    Revoke(TokenId),
}

/// What is kept of a token without a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenNote {
    /// It was there from the start.
    First(Arc<Kept>),
    /// It was used.
    Used(TokenId, Timestamp),
}

/// What must hold of a record for a batch to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precondition {
    /// Which record.
    pub key: Key,
    /// What must hold.
    pub expect: Expect,
}

/// What may be expected of a record; no precondition means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is none under that key.
    Absent,
    /// It was changed last by this revision.
    At(Revision),
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

/// An identity for a store that is about to be born: 128 random bits in hexadecimal.
#[must_use]
pub fn new_cluster_id(rng: &mut impl Rng) -> String {
    format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64())
}
