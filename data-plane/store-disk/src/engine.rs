//! foyer, and what surrounds it.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    time::Duration,
};

use foyer::{
    BlockEngineConfig, DeviceBuilder, FifoPicker, FsDeviceBuilder, HybridCache, HybridCacheBuilder, HybridCachePolicy,
    Load, PsyncIoEngineConfig, RecoverMode, Spawner,
};
use gateway_cache_store::{Body, KeyRef, PurgeLog};
use tokio::{runtime, sync::Semaphore, time::timeout};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::{
    error::OpenError,
    folder::{Cut, Folder},
    knowledge::{Knowledge, Stamp},
    queue::{QUEUE, Queue},
    record::Record,
    removals::Removals,
    state::State,
    stats::{Count, Counters},
};

/// Entries that are read at a time.
const READS: usize = 32;
const THREADS: usize = 2;
/// What foyer aligns entries to, and what it writes in front of each batch.
const PAGE: u64 = 4096;
/// What foyer writes with each entry.
const ENTRY_HEAD: u64 = 36 + 16;

pub(crate) struct Engine {
    cache: HybridCache<u128, Record>,
    spawner: Spawner,
    folder: Folder,
    pub(crate) cut: Cut,
    knowledge: Mutex<Knowledge>,
    /// As it is written down.
    state: Mutex<State>,
    pub(crate) queue: Arc<Queue>,
    reads: Arc<Semaphore>,
    pub(crate) counters: Counters,
    /// The largest entry, in bytes.
    largest: u64,
    /// A request waits no longer for an entry.
    patience: Duration,
    seed: u64,
    is_ready: AtomicBool,
    is_closed: AtomicBool,
}

impl Engine {
    pub(crate) async fn open(
        folder: Folder,
        former: Option<State>,
        cut: Cut,
        (seed, patience): (u64, Duration),
    ) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { dir: folder.path().to_owned(), source };
        let (seed, run, cluster, kept) = match former {
            Some(State { seed, run, cluster, is_closed, kept, .. }) => {
                (seed, run + 1, cluster, Some(kept).filter(|_| is_closed))
            }
            None => (seed, 1, 0, None),
        };
        let removals = Removals::begin(run, kept);
        let Cut { block, blocks } = cut;
        let state = State { seed, block, blocks, run, cluster, is_closed: false, kept: removals.keep() };
        // From here on, an end that is none is known as such.
        folder.write_state(&state).map_err(failed)?;
        folder.reserve(cut)?;
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(READS + THREADS)
            .thread_name("cache-disk")
            .enable_time()
            .build()
            .map_err(failed)?;
        let spawner = Spawner::from(runtime);
        let cache = build(&folder, cut, &spawner)
            .await
            .map_err(|error| OpenError::Engine { dir: folder.path().to_owned(), reason: error.to_string() })?;
        Ok(Self {
            cache,
            spawner,
            folder,
            cut,
            knowledge: Mutex::new(Knowledge { purges: PurgeLog::new(seed), removals }),
            state: Mutex::new(state),
            queue: Arc::default(),
            reads: Arc::new(Semaphore::new(READS)),
            counters: Counters::default(),
            largest: QUEUE.min(block - PAGE),
            patience,
            seed,
            is_ready: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn knowledge(&self) -> MutexGuard<'_, Knowledge> {
        lock(&self.knowledge)
    }

    /// Purges are numbered by somebody else.
    pub(crate) fn forget_purges(&self) {
        self.knowledge().purges = PurgeLog::new(self.seed);
    }

    /// Everything so far is gone.
    pub(crate) fn forget_entries(&self) {
        self.knowledge().removals.remove_all();
    }

    /// The same in every run.
    pub(crate) fn hash(&self, key: &KeyRef<'_>) -> u128 {
        xxh3_128_with_seed(key.bytes(), self.seed)
    }

    pub(crate) const fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready.load(Acquire)
    }

    pub(crate) fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready && !self.is_closed(), Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Acquire)
    }

    /// Whether something is there, written or waiting; it may turn out to be dead.
    pub(crate) fn has(&self, place: u128) -> bool {
        self.cache.storage().may_contains(&place)
    }

    pub(crate) fn forget(&self, place: u128) {
        self.cache.storage().delete(&place);
    }

    /// What an entry takes up on the disk; nothing, if it is too large.
    pub(crate) fn fits(&self, record: &Record) -> Option<u64> {
        let len = record.len().checked_add(ENTRY_HEAD)?.checked_next_multiple_of(PAGE)?;
        Some(len).filter(|len| *len <= self.largest)
    }

    pub(crate) fn write(&self, place: u128, record: Record) {
        self.counters.count(Count::Written);
        // It stays in no memory of foyer's.
        self.cache.storage_writer(place).force().insert(record);
    }

    /// Reads on the disk's own threads; when it takes too long, the read goes on and nobody waits.
    pub(crate) async fn read(&self, key: &KeyRef<'_>, place: u128) -> Option<(Stamp, Box<[u8]>, Body)> {
        let Ok(permit) = Arc::clone(&self.reads).try_acquire_owned() else {
            self.counters.count(Count::Busy);
            return None;
        };
        let is_changing = self.queue.has(self.hash(key));
        let storage = self.cache.storage().clone();
        let read = self.spawner.spawn(async move {
            let loaded = storage.load(&place).await;
            drop(permit);
            loaded
        });
        let patience = self.patience;
        let in_time = self.spawner.spawn(async move { timeout(patience, read).await });
        let record = match in_time.await {
            Ok(Ok(Ok(Ok(Load::Entry { value, .. })))) => Some((value.is_of(key), value.stamp, value.meta, value.body)),
            Ok(Ok(Ok(Ok(Load::Piece { piece, .. })))) => {
                let value = piece.value();
                Some((value.is_of(key), value.stamp, value.meta.clone(), value.body.clone()))
            }
            Ok(Ok(Ok(Ok(Load::Miss)))) => {
                // The index had it, and its bytes were not what was written.
                if !is_changing {
                    self.counters.count(Count::Damaged);
                }
                None
            }
            Ok(Ok(Ok(Ok(Load::Throttled)))) | Ok(Err(_)) => {
                self.counters.count(Count::Busy);
                None
            }
            Ok(Ok(Ok(Err(_)) | Err(_))) | Err(_) => {
                self.counters.count(Count::Failed);
                None
            }
        };
        record.filter(|(is_of_key, ..)| *is_of_key).map(|(_, stamp, meta, body)| (stamp, meta, body))
    }

    pub(crate) fn cluster(&self) -> u64 {
        lock(&self.state).cluster
    }

    /// Writes down whose purges the entries know from now on.
    pub(crate) fn write_cluster(&self, cluster: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.cluster = cluster;
        state.kept = self.knowledge().removals.keep();
        self.folder.write_state(&state)
    }

    pub(crate) async fn close(&self) -> io::Result<()> {
        self.is_closed.store(true, Release);
        self.is_ready.store(false, Release);
        self.cache.close().await.map_err(io::Error::other)
    }

    /// Writes down that all is written, and what was removed.
    pub(crate) fn write_end(&self) -> io::Result<()> {
        self.folder.sync_blocks()?;
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.kept = self.knowledge().removals.keep();
        self.folder.write_state(&state)
    }
}

async fn build(folder: &Folder, cut: Cut, spawner: &Spawner) -> foyer::Result<HybridCache<u128, Record>> {
    let narrow = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let device = FsDeviceBuilder::new(folder.path()).with_capacity(narrow(cut.size())).build()?;
    let blocks = BlockEngineConfig::new(device)
        .with_block_size(narrow(cut.block))
        .with_buffer_pool_size(narrow(QUEUE))
        // What waits is bounded by the queue.
        .with_submit_queue_size_threshold(usize::MAX)
        .with_eviction_pickers(vec![Box::<FifoPicker>::default()]);
    HybridCacheBuilder::new()
        .with_name("cache-disk")
        .with_policy(HybridCachePolicy::WriteOnInsertion)
        .with_flush_on_close(false)
        .memory(1)
        .with_shards(1)
        .storage()
        .with_io_engine_config(PsyncIoEngineConfig::new())
        .with_engine_config(blocks)
        .with_recover_mode(RecoverMode::Quiet)
        .with_spawner(spawner.clone())
        .build()
        .await
}

/// Nothing is done while it is held that could fail halfway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
