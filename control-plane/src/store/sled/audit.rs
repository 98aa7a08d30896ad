//! The audit on disk: a tree of its own beside the records. Opening a store does not read it, and programs
//! that know nothing of it never come upon it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use super::fault;
use crate::store::{
    StoreError,
    audit::{AuditPage, AuditQuery, Entry, Place, ReadAudit, page},
    codec::{self, RecordError},
    image::{Head, Image},
    stored::StoredEntry,
};

/// The tree's name.
const TREE: &str = "audit";

/// The tree of entries by their places; a copy is the same one.
#[derive(Clone)]
pub(super) struct Audit {
    tree: ::sled::Tree,
    path: PathBuf,
}

impl Audit {
    /// Opens the tree, or makes it.
    pub(super) fn open(db: &::sled::Db, path: PathBuf) -> Result<Self, ::sled::Error> {
        Ok(Self { tree: db.open_tree(TREE)?, path })
    }

    pub(super) fn tree(&self) -> &::sled::Tree {
        &self.tree
    }

    /// What a group of commits adds to it and takes away. An entry is small enough to be one piece.
    pub(super) fn batch(&self, image: &Image) -> Result<::sled::Batch, ::sled::Error> {
        let mut batch = ::sled::Batch::default();
        let Some(Head { revision, .. }) = image.head else { return Ok(batch) };
        let outdated = Place::outdated(revision);
        for key in self.tree.range(..key(outdated.end)).keys() {
            batch.remove(key?);
        }
        for (place, entry) in image.audit.range(outdated.end..) {
            let key = key(*place);
            batch.insert(&key, codec::seal(&key, codec::FIRST, &StoredEntry::from(entry)));
        }
        Ok(batch)
    }

    fn read(&self, item: ::sled::Result<(::sled::IVec, ::sled::IVec)>) -> Result<(Place, Entry), StoreError> {
        let (key, record) = item.map_err(|err| fault::of_sled(&self.path, err))?;
        let damaged = |what: &str| StoreError::Damaged { path: self.path.clone(), what: format!("the audit: {what}") };
        let place = <[u8; 8]>::try_from(&*key).map_err(|_| damaged("an entry has no place"))?;
        let stored: StoredEntry = codec::open(&key, &record).map_err(|err| match err {
            RecordError::Damaged(what) => damaged(what),
            RecordError::Future(found) => {
                StoreError::FutureFormat { path: self.path.clone(), found, supported: codec::LATEST }
            }
        })?;
        let entry = stored.into_entry().ok_or_else(|| damaged("an entry is none"))?;
        Ok((Place(u64::from_be_bytes(place)), entry))
    }
}

impl ReadAudit for Audit {
    fn page(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let end = key(query.before.unwrap_or(Place(u64::MAX)));
        let read = || page(self.tree.range(..end).rev().map(|item| self.read(item)), query);
        // Damage makes sled panic in places.
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
            Err(StoreError::Failed { path: self.path.clone(), what: fault::panic_text(&*panic) })
        })
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("path", &self.path).finish_non_exhaustive()
    }
}

/// In the order of places.
fn key(place: Place) -> [u8; 8] {
    place.0.to_be_bytes()
}
