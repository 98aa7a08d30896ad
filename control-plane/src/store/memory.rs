//! A store that forgets everything: for tests and for trying things out.

use std::{
    any::Any,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{oneshot, watch};

use super::{
    AuditPage, AuditQuery, Batch, Changes, Entry, HealthRecord, Loaded, Place, Store, StoreError, TokenNote,
    WatchError,
    audit::{self, ReadAudit},
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
        Writer::start(move || Ok((Nothing::default(), loaded))).map(Self)
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

    fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.0.audit(query)
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

/// The disk of a store that has none: what nobody else keeps in memory.
#[derive(Debug, Clone, Default)]
struct Nothing(Arc<Mutex<BTreeMap<Place, Entry>>>);

impl Nothing {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Place, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Nothing {
    fn write(&mut self, image: &Image) -> Result<(), StoreError> {
        let mut entries = self.entries();
        entries.extend(image.audit.clone());
        if let Some(head) = image.head {
            *entries = entries.split_off(&Place::outdated(head.revision).end);
        }
        Ok(())
    }

    fn audit(&self) -> Box<dyn ReadAudit> {
        Box::new(self.clone())
    }

    fn size(&self) -> u64 {
        0
    }

    fn panicked(&self, _: &(dyn Any + Send)) -> StoreError {
        StoreError::Closed
    }
}

impl ReadAudit for Nothing {
    fn page(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let entries = self.entries();
        let until = query.before.unwrap_or(Place(u64::MAX));
        audit::page(entries.range(..until).rev().map(|(place, entry)| Ok((*place, entry.clone()))), query)
    }
}
