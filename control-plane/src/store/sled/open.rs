//! Opening a store: every step that can fail, in order.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::process::getuid;

use super::{
    Directory, Marker,
    audit::Audit,
    fault,
    marker::{self, Marked},
    meta_key, piece_key,
};
use crate::{
    auth::token::Tokens,
    registry::model::{Desired, Record, Revision},
    store::{
        HealthRecord, Loaded, StoreError,
        codec::{self, Meta, RecordError},
        state,
        stored::{self, StoredConsumer, StoredHealth, StoredPurge, StoredService, StoredToken},
    },
};

/// sled's page cache; everything is read once and then kept elsewhere.
const CACHE: u64 = 64 * 1024 * 1024;
/// How often sled cleans up and, where nothing waits for it, writes.
const UPKEEP_MS: u64 = 1000;
/// sled's threads may hold its file for a moment after it was closed in this process.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

pub(super) fn open(path: PathBuf, newborn_id: String) -> Result<(Directory, Loaded), StoreError> {
    let shown = path.clone();
    let opened = catch_unwind(AssertUnwindSafe(|| open_directory(path, newborn_id)));
    // Damage makes sled panic in places.
    opened.unwrap_or_else(|panic| Err(StoreError::Damaged { path: shown, what: fault::panic_text(&*panic) }))
}

fn open_directory(path: PathBuf, newborn_id: String) -> Result<(Directory, Loaded), StoreError> {
    let failed = |err| fault::of_io(&path, &err);
    make_private(&path).map_err(failed)?;
    let lock = lock(&path)?;
    let db = open_sled(&path)?;
    let mut marker = Marker::open(&path).map_err(failed)?;
    let marked = marker.read().map_err(failed)?;
    let loaded = match read_all(&path, &db)? {
        Some(loaded) => loaded,
        None => give_birth(&path, &db, newborn_id, marked)?,
    };
    check_marker(&path, marked, loaded.desired.revision)?;
    marker.set(loaded.desired.revision).map_err(failed)?;
    let file = File::open(path.join("db")).map_err(failed)?;
    let busy = Arc::new(fault::Busy::default());
    let watchdog = fault::watch_over(db.clone(), Arc::clone(&busy)).map_err(failed)?;
    let cluster_id = loaded.cluster_id.clone();
    let audit = Audit::open(&db, path.clone()).map_err(|err| fault::of_sled(&path, err))?;
    let watchdog = Some(watchdog);
    let directory = Directory { watchdog, busy, db, audit, file, marker, cluster_id, path, _lock: lock };
    Ok((directory, loaded))
}

/// Makes the directory, if it is not there, for this user alone: the store holds hashes of passwords. One that is
/// there is as its owner wants it.
fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let metadata = fs::metadata(path)?;
    if metadata.uid() == getuid().as_raw() && metadata.mode() & 0o077 != 0 {
        let mode = format!("{:04o}", metadata.mode() & 0o7777);
        tracing::warn!(directory = %path.display(), mode, "the data directory is open to other users; close it with chmod 700");
    }
    Ok(())
}

/// Keeps other processes away as long as the file is open.
fn lock(path: &Path) -> Result<File, StoreError> {
    let failed = |err| fault::of_io(path, &err);
    let options = OpenOptions::new().write(true).create(true).truncate(false).open(path.join("lock"));
    let file = options.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(err)) => Err(failed(err)),
    }
}

pub(super) fn open_sled(path: &Path) -> Result<::sled::Db, StoreError> {
    let config = ::sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(Some(UPKEEP_MS));
    for _ in 0..LOCK_TRIES {
        match config.open() {
            Ok(db) => return Ok(db),
            Err(::sled::Error::Io(err)) if err.to_string().contains("could not acquire lock") => {
                thread::sleep(LOCK_PAUSE);
            }
            Err(err) => return Err(fault::of_sled(path, err)),
        }
    }
    Err(StoreError::InUse { path: path.to_owned() })
}

/// Writes the first record of a new store. Nothing may have been acknowledged before.
fn give_birth(path: &Path, db: &::sled::Db, cluster_id: String, marked: Marked) -> Result<Loaded, StoreError> {
    check_marker(path, marked, Revision::default())?;
    let meta = Meta { cluster_id: cluster_id.clone(), revision: 0, digest: 0 };
    let key = meta_key();
    let written = db.insert(piece_key(&key, 0), codec::seal(&key, codec::FIRST, &meta)).and_then(|_| db.flush());
    written.map_err(|err| fault::of_sled(path, err))?;
    // The files themselves must survive too.
    let synced = File::open(path.join("db")).and_then(|file| file.sync_all());
    synced.and_then(|()| File::open(path)?.sync_all()).map_err(|err| fault::of_io(path, &err))?;
    Ok(Loaded { cluster_id, desired: Desired::default(), health: Vec::new(), tokens: Tokens::new() })
}

fn check_marker(path: &Path, marked: Marked, found: Revision) -> Result<(), StoreError> {
    let damaged = |what: &str| StoreError::Damaged { path: path.to_owned(), what: what.into() };
    match marked {
        Marked::Nothing => Ok(()),
        Marked::Damaged => Err(damaged("its file \"acknowledged\" is not what was written")),
        Marked::At(acknowledged) if acknowledged <= found => Ok(()),
        Marked::At(acknowledged) => {
            Err(StoreError::Lost { path: path.to_owned(), marker: path.join(marker::NAME), found, acknowledged })
        }
    }
}

/// Reads every record; `None` if there is none.
fn read_all(path: &Path, db: &::sled::Db) -> Result<Option<Loaded>, StoreError> {
    let mut reader =
        Reader { path, meta: None, desired: Desired::default(), health: Vec::new(), tokens: Tokens::new() };
    let mut key: Vec<u8> = Vec::new();
    let mut record: Vec<u8> = Vec::new();
    let mut next = 0_u16;
    for piece in db.iter() {
        let (piece_key, piece) = piece.map_err(|err| fault::of_sled(path, err))?;
        let parts = piece_key.split_last_chunk().and_then(|(front, place)| Some((front.strip_suffix(&[0])?, *place)));
        let (of, place) = parts.ok_or_else(|| reader.damaged("there is a record of an unknown kind"))?;
        if of != key {
            reader.record(&key, &record)?;
            key = of.to_vec();
            record.clear();
            next = 0;
        }
        if u16::from_be_bytes(place) != next {
            return Err(reader.damaged("a piece of a record is missing"));
        }
        next += 1;
        record.extend_from_slice(&piece);
    }
    reader.record(&key, &record)?;
    reader.finish()
}

/// Gathers records into what the store holds.
struct Reader<'a> {
    path: &'a Path,
    meta: Option<Meta>,
    desired: Desired,
    health: Vec<HealthRecord>,
    tokens: Tokens,
}

impl Reader<'_> {
    fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { path: self.path.to_owned(), what: what.to_owned() }
    }

    fn refuse(&self, err: &RecordError) -> StoreError {
        match err {
            RecordError::Damaged(what) => self.damaged(what),
            RecordError::Future(found) => {
                StoreError::FutureFormat { path: self.path.to_owned(), found: *found, supported: codec::LATEST }
            }
        }
    }

    fn record(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        match key.first() {
            // Before the first record.
            None if record.is_empty() => Ok(()),
            Some(b'm') => {
                self.meta = Some(codec::open(key, record).map_err(|err| self.refuse(&err))?);
                Ok(())
            }
            Some(b's') => self.service(key, record),
            Some(b'r') => self.route(key, record),
            Some(b'u') => self.consumer(key, record),
            Some(b'p') => {
                let stored: StoredPurge = codec::open(key, record).map_err(|err| self.refuse(&err))?;
                let purge = stored.into_purge().ok_or_else(|| self.damaged("a purge record is none"))?;
                self.desired.put(Record::from(purge));
                Ok(())
            }
            Some(b'h') => {
                let stored: StoredHealth = codec::open(key, record).map_err(|err| self.refuse(&err))?;
                self.health.push(stored.into_record().ok_or_else(|| self.damaged("a health record is none"))?);
                Ok(())
            }
            Some(b't') => {
                let stored: StoredToken = codec::open(key, record).map_err(|err| self.refuse(&err))?;
                let kept = stored.into_kept().ok_or_else(|| self.damaged("a token record is none"))?;
                self.tokens.insert(kept.id.clone(), Arc::new(kept));
                Ok(())
            }
            _ => Err(self.damaged("there is a record of an unknown kind")),
        }
    }

    fn service(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        let stored: StoredService = codec::open(key, record).map_err(|err| self.refuse(&err))?;
        let service = stored.into_service().ok_or_else(|| self.damaged("a service record is none"))?;
        if service.hosts.iter().any(|host| self.desired.hosts.contains_key(host)) {
            return Err(self.damaged("two services have the same host"));
        }
        self.desired.put(Record::from(service));
        Ok(())
    }

    fn route(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        let stored = codec::open(key, record).map_err(|err| self.refuse(&err))?;
        let route =
            stored::into_route(stored).map_err(|what| self.damaged(&format!("a route record is none: {what}")))?;
        if route.claims().any(|claim| self.desired.holder(&claim).is_some()) {
            return Err(self.damaged("two routes match the same requests"));
        }
        self.desired.put(Record::from(route));
        Ok(())
    }

    fn consumer(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        let stored: StoredConsumer = codec::open(key, record).map_err(|err| self.refuse(&err))?;
        let consumer = stored.into_consumer().ok_or_else(|| self.damaged("a consumer record is none"))?;
        if consumer.keys.iter().any(|key| self.desired.key_holder(&key.id).is_some()) {
            return Err(self.damaged("two consumers have the same key"));
        }
        self.desired.put(Record::from(consumer));
        Ok(())
    }

    fn finish(mut self) -> Result<Option<Loaded>, StoreError> {
        let Some(Meta { cluster_id, revision, digest }) = self.meta.take() else {
            let Desired { services, routes, consumers, purges, .. } = &self.desired;
            let registered = !(services.is_empty() && routes.is_empty() && consumers.is_empty() && purges.is_empty());
            let empty = !registered && self.health.is_empty() && self.tokens.is_empty();
            return if empty { Ok(None) } else { Err(self.damaged("the record of the store itself is missing")) };
        };
        self.desired.revision = Revision(revision);
        if digest != state::digest(&self.desired) {
            return Err(self.damaged("records are missing or outdated"));
        }
        Ok(Some(Loaded { cluster_id, desired: self.desired, health: self.health, tokens: self.tokens }))
    }
}
