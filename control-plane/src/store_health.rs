//! Whether the store still takes changes. After its first failure it takes none until it is
//! opened again, which operators must hear of even if nobody asks for a change.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::{
    registry::model::{Desired, Revision},
    store::{Batch, Changes, HealthRecord, Loaded, Store, StoreError, WatchError},
};

/// A store whose failure is told.
pub(crate) struct ToldStore {
    store: Arc<dyn Store>,
    failure: watch::Sender<Option<StoreError>>,
}

impl ToldStore {
    /// Watches over a store.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, failure: watch::Sender::new(None) }
    }

    /// Why the store takes no more changes; `None` as long as it does.
    pub(crate) fn failure(&self) -> watch::Receiver<Option<StoreError>> {
        self.failure.subscribe()
    }
}

impl Store for ToldStore {
    fn load(&self) -> Result<Loaded, StoreError> {
        self.store.load()
    }

    fn commit(&self, batch: Batch) -> oneshot::Receiver<Result<Revision, StoreError>> {
        let committed = self.store.commit(batch);
        let (answer, receiver) = oneshot::channel();
        let failure = self.failure.clone();
        tokio::spawn(async move {
            // Without an answer the writer is gone, and whoever asked is told so in the same way.
            let Ok(result) = committed.await else { return };
            if let Err(err) = &result
                && is_final(err)
            {
                failure.send_replace(Some(err.clone()));
            }
            let _ = answer.send(result);
        });
        receiver
    }

    fn record_health(&self, records: Vec<HealthRecord>) {
        self.store.record_health(records);
    }

    fn desired(&self) -> watch::Receiver<Desired> {
        self.store.desired()
    }

    fn watch(&self, after: Revision) -> Result<Changes, WatchError> {
        self.store.watch(after)
    }

    fn size(&self) -> u64 {
        self.store.size()
    }
}

/// Whether the store takes no more changes after this.
fn is_final(err: &StoreError) -> bool {
    match err {
        StoreError::NotADirectory { .. }
        | StoreError::Permission { .. }
        | StoreError::InUse { .. }
        | StoreError::DiskFull { .. }
        | StoreError::Damaged { .. }
        | StoreError::Lost { .. }
        | StoreError::FutureFormat { .. }
        | StoreError::Failed { .. }
        | StoreError::Closed => true,
        StoreError::Moved { .. } | StoreError::Precondition { .. } | StoreError::Busy => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use jiff::Timestamp;
    use tokio::sync::{oneshot, watch};

    use super::ToldStore;
    use crate::{
        registry::model::{Desired, Revision},
        store::{Batch, Changes, HealthRecord, Loaded, Store, StoreError, WatchError, memory::MemoryStore},
    };

    /// Answers commits as it is told.
    struct Scripted(MemoryStore, Mutex<Vec<Result<Revision, StoreError>>>);

    impl Store for Scripted {
        fn load(&self) -> Result<Loaded, StoreError> {
            self.0.load()
        }

        fn commit(&self, _: Batch) -> oneshot::Receiver<Result<Revision, StoreError>> {
            let (answer, receiver) = oneshot::channel();
            answer.send(self.1.lock().unwrap().remove(0)).unwrap();
            receiver
        }

        fn record_health(&self, records: Vec<HealthRecord>) {
            self.0.record_health(records);
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
    }

    #[tokio::test]
    async fn a_failure_is_told_and_a_refusal_is_not() {
        let full = StoreError::DiskFull { path: "/data".into() };
        let script = vec![Ok(Revision(1)), Err(StoreError::Busy), Err(full.clone())];
        let store = ToldStore::new(Arc::new(Scripted(MemoryStore::new("c").unwrap(), Mutex::new(script))));
        let failure = store.failure();
        let batch = || Batch { at: Timestamp::UNIX_EPOCH, ..Batch::default() };
        assert_eq!(store.commit(batch()).await.unwrap(), Ok(Revision(1)));
        assert_eq!(store.commit(batch()).await.unwrap(), Err(StoreError::Busy));
        assert_eq!(*failure.borrow(), None);
        assert_eq!(store.commit(batch()).await.unwrap(), Err(full.clone()));
        assert_eq!(*failure.borrow(), Some(full));
    }
}
