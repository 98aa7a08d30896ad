//! The store on disk, in sled.
//!
//! Keys are `m` for what the store knows of itself, `s` and a name for services, `r` and a name for
//! routes, `u` and a name for consumers (earlier programs must come upon `m` first), `p` and a revision
//! for purges, `h`, a service's name and an endpoint for health, `t` and an id for tokens. A record is cut
//! into pieces, each under its key, a zero byte and its place: sled puts a page of pieces larger than these
//! into a file of its own, which it never flushes. The audit is in a tree beside them.

mod audit;
mod fault;
mod marker;
mod open;

use std::{any::Any, convert::Infallible, fs::File, path::PathBuf, sync::Arc, thread, time::Duration};

use ::sled::transaction::{TransactionError, TransactionResult, Transactional};
use tokio::sync::{oneshot, watch};

use self::{audit::Audit, marker::Marker};
use super::{
    AuditPage, AuditQuery, Batch, Changes, HealthRecord, Loaded, Store, StoreError, TokenNote, WatchError,
    audit::ReadAudit,
    codec::{self, Meta},
    image::{Head, Image},
    stored::{self, StoredConsumer, StoredHealth, StoredPurge, StoredService, StoredToken},
    writer::{Disk, Writer},
};
use crate::{
    auth::token::{TokenId, Tokens},
    registry::model::{Desired, EndpointAddress, Key, Record, Revision, ServiceName},
};

/// Bytes of a piece: sixteen of them, the most that sled keeps on a page, stay below the 128 KiB
/// at which a page gets a file of its own.
const PIECE: usize = 7 * 1024;
/// How often a write in progress is looked after.
const WATCHDOG: Duration = Duration::from_millis(250);

/// A store in a directory.
#[derive(Debug)]
pub struct SledStore(Writer);

impl SledStore {
    /// Opens the store in a directory; makes both where there is none, with `newborn_id` as the
    /// cluster's identity. It blocks until everything is read.
    ///
    /// # Errors
    /// Why it cannot be opened: anything from a missing permission to damage. It does not panic.
    pub fn open(path: PathBuf, newborn_id: &str) -> Result<Self, StoreError> {
        let newborn_id = newborn_id.to_owned();
        Writer::start(move || open::open(path, newborn_id)).map(Self)
    }
}

impl Store for SledStore {
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

/// The directory of an open store. The fields are dropped in this order: the lock goes last.
struct Directory {
    watchdog: Option<thread::JoinHandle<()>>,
    busy: Arc<fault::Busy>,
    db: ::sled::Db,
    audit: Audit,
    /// sled's own file, for flushing it to the disk itself: sled flushes to its cache only.
    file: File,
    marker: Marker,
    cluster_id: String,
    path: PathBuf,
    _lock: File,
}

impl Directory {
    fn batch(&self, image: &Image) -> Result<::sled::Batch, ::sled::Error> {
        let Image { head, records, health, tokens, audit: _ } = image;
        let mut batch = ::sled::Batch::default();
        if let Some(Head { revision, digest, format }) = *head {
            let meta = Meta { cluster_id: self.cluster_id.clone(), revision: revision.0, digest };
            let key = meta_key();
            self.stage(&mut batch, &key, &codec::seal(&key, format, &meta))?;
        }
        for (key, record) in records {
            let key = record_key(key);
            let record = record.as_ref().map(|record| sealed(&key, record));
            self.stage(&mut batch, &key, &record.unwrap_or_default())?;
        }
        for ((service, endpoint), record) in health {
            let key = health_key(service, endpoint);
            let record = record.as_ref().map(|record| codec::seal(&key, codec::FIRST, &StoredHealth::from(&**record)));
            self.stage(&mut batch, &key, &record.unwrap_or_default())?;
        }
        for (id, kept) in tokens {
            let key = token_key(id);
            let record = kept.as_ref().map(|kept| codec::seal(&key, codec::TOKENS, &StoredToken::from(&**kept)));
            self.stage(&mut batch, &key, &record.unwrap_or_default())?;
        }
        Ok(batch)
    }

    /// Puts a record into a batch in pieces, and removes what is left of a longer one. No bytes
    /// mean no record.
    fn stage(&self, batch: &mut ::sled::Batch, key: &[u8], record: &[u8]) -> Result<(), ::sled::Error> {
        let mut place = 0_u16;
        for piece in record.chunks(PIECE) {
            batch.insert(piece_key(key, place), piece);
            place += 1;
        }
        while self.db.contains_key(piece_key(key, place))? {
            batch.remove(piece_key(key, place));
            place += 1;
        }
        Ok(())
    }

    fn write_batch(&mut self, image: &Image) -> Result<(), StoreError> {
        let failed = |err| fault::of_sled(&self.path, err);
        let (batch, audit) = (self.batch(image).map_err(failed)?, self.audit.batch(image).map_err(failed)?);
        let both = (&*self.db, self.audit.tree());
        let written: TransactionResult<(), Infallible> = both.transaction(|(into_records, into_audit)| {
            into_records.apply_batch(&batch)?;
            into_audit.apply_batch(&audit)?;
            Ok(())
        });
        written.map_err(|err| match err {
            TransactionError::Storage(err) => failed(err),
            TransactionError::Abort(never) => match never {},
        })?;
        self.db.flush().map_err(failed)?;
        self.file.sync_data().map_err(|err| fault::of_io(&self.path, &err))?;
        if let Some(head) = &image.head {
            self.marker.set(head.revision).map_err(|err| fault::of_io(&self.path, &err))?;
        }
        Ok(())
    }
}

impl Disk for Directory {
    fn write(&mut self, image: &Image) -> Result<(), StoreError> {
        let busy = Arc::clone(&self.busy);
        let _busy = busy.begin();
        self.write_batch(image)
    }

    fn audit(&self) -> Box<dyn ReadAudit> {
        Box::new(self.audit.clone())
    }

    fn size(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> StoreError {
        StoreError::Failed { path: self.path.clone(), what: fault::panic_text(panic) }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.busy.stop();
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.thread().unpark();
            // It has nothing to tell.
            let _ = watchdog.join();
        }
    }
}

fn meta_key() -> Vec<u8> {
    b"m".to_vec()
}

fn record_key(key: &Key) -> Vec<u8> {
    match key {
        Key::Service(name) => format!("s{name}").into_bytes(),
        Key::Route(name) => format!("r{name}").into_bytes(),
        Key::Consumer(name) => format!("u{name}").into_bytes(),
        Key::Purge(revision) => format!("p{revision}").into_bytes(),
    }
}

fn sealed(key: &[u8], record: &Record) -> Vec<u8> {
    let format = codec::format_of(record);
    match record {
        Record::Service(service) => codec::seal(key, format, &StoredService::from(&**service)),
        Record::Route(route) => codec::seal(key, format, &stored::of_route(route)),
        Record::Consumer(consumer) => codec::seal(key, format, &StoredConsumer::from(&**consumer)),
        Record::Purge(purge) => codec::seal(key, format, &StoredPurge::from(&**purge)),
    }
}

fn health_key(service: &ServiceName, endpoint: &EndpointAddress) -> Vec<u8> {
    // No name and no endpoint holds a space.
    format!("h{service} {endpoint}").into_bytes()
}

fn token_key(id: &TokenId) -> Vec<u8> {
    format!("t{id}").into_bytes()
}

fn piece_key(key: &[u8], place: u16) -> Vec<u8> {
    let mut piece = Vec::with_capacity(key.len() + 3);
    piece.extend_from_slice(key);
    piece.push(0);
    piece.extend_from_slice(&place.to_be_bytes());
    piece
}

#[cfg(test)]
mod tests;
