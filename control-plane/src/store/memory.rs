//! A store that forgets everything: for tests and for trying things out.

use std::{any::Any, sync::Arc};

use tokio::sync::{oneshot, watch};

use super::{
    Batch, Change, Changes, HealthRecord, Loaded, Store, StoreError, TokenNote, WatchError,
    image::Image,
    writer::{Disk, Writer},
};
use crate::{
    auth::token::Tokens,
    registry::model::{Desired, Revision},
};

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore(Writer);

impl MemoryStore {
    /// Makes an empty store of this identity.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(cluster_id: &str) -> Result<Self, StoreError> {
        Self::from_loaded(Loaded {
            cluster_id: cluster_id.to_owned(),
            desired: Desired::default(),
            health: Vec::new(),
            tokens: Tokens::new(),
        })
    }

    /// Makes a store that holds this.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn from_loaded(loaded: Loaded) -> Result<Self, StoreError> {
        Writer::start(move || Ok((Nothing, loaded))).map(Self)
    }
}

impl Store for MemoryStore {
    fn load(&self) -> Result<Loaded, StoreError> {
        Ok(self.0.load())
    }

    fn commit(&self, batch: Batch) -> oneshot::Receiver<Result<Revision, StoreError>> {
        self.0.commit(batch)
    }

    fn record_health(&self, records: Vec<HealthRecord>) -> oneshot::Receiver<()> {
        self.0.record_health(records)
    }

    fn note_tokens(&self, notes: Vec<TokenNote>) -> oneshot::Receiver<()> {
        self.0.note_tokens(notes)
    }

    fn tokens(&self) -> watch::Receiver<Tokens> {
        self.0.tokens()
    }

    fn latest(&self, limit: usize) -> Vec<Arc<Change>> {
        self.0.latest(limit)
    }

    fn desired(&self) -> watch::Receiver<Desired> {
        self.0.desired()
    }

    fn watch(&self, after: Revision) -> Result<Changes, WatchError> {
        self.0.watch(after)
    }

    fn size(&self) -> u64 {
        self.0.size()
    }

    fn failure(&self) -> watch::Receiver<Option<StoreError>> {
        self.0.failure()
    }
}

/// The disk of a store that has none.
struct Nothing;

impl Disk for Nothing {
    fn write(&mut self, _: &Image) -> Result<(), StoreError> {
        Ok(())
    }

    fn size(&self) -> u64 {
        0
    }

    fn panicked(&self, _: &(dyn Any + Send)) -> StoreError {
        StoreError::Closed
    }
}
