//! The disk as the workers see it.

use std::{fmt, io, marker::PhantomData, path::PathBuf, sync::Arc, time::Duration};

use gateway_cache_store::{Body, KeyRef, Mode, Purge, Verdict, Whole};
use tokio::time::timeout;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    engine::Engine,
    error::OpenError,
    folder::{Cut, Folder},
    knowledge::{Fate, Stamp},
    persist::Persist,
    record::Record,
    removals::Presence,
    stats::{Count, Stats},
};

/// Places of a key: more would have fewer responses meet there, and cost each miss more.
const PLACES: u64 = 16;
/// What a request may lose to a slow disk, before it is as if nothing were there.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// What waits gets this long to be written at the end.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// What a disk is made of.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where. It is made if it is not there, and belongs to one process.
    pub dir: PathBuf,
    /// How large, in bytes: [`crate::MIN_SIZE`] to [`crate::MAX_SIZE`]. What was stored with another
    /// size is removed.
    pub size: u64,
    /// Chance, and a secret: who knows it can choose keys that take each other's places.
    pub seed: u64,
    /// How long [`Disk::get`] waits for each response of a key: [`PATIENCE`], where nobody knows better.
    pub patience: Duration,
}

/// The responses on a disk. A clone is another handle.
pub struct Disk<M: Persist>(Arc<Engine>, PhantomData<fn() -> M>);

impl<M: Persist> Clone for Disk<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<M: Persist> fmt::Debug for Disk<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl<M: Persist> Disk<M> {
    /// Opens the folder, and finds what is there: it reads the head of every batch. It blocks for that
    /// long, and starts threads of its own. Nothing is found before [`Disk::begin`].
    ///
    /// # Errors
    /// What is wrong with the folder, or the size.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let Config { dir, size, seed, patience } = config;
        let cut = Cut::of(size)?;
        let (folder, former) = Folder::open(&dir, cut)?;
        let engine = Engine::open(folder, former, cut, (seed, patience)).await?;
        Ok(Self(Arc::new(engine), PhantomData))
    }

    /// From now on entries are found. To be called when every purge that the control plane keeps has
    /// come by [`Disk::purge`]; of those up to `floor`, not all are kept. What another cluster's
    /// purges were about is gone. To be called again where the floor has risen, and if the cluster changes,
    /// before its purges come.
    ///
    /// # Errors
    /// The cluster's name could not be written down; nothing is found then.
    pub async fn begin(&self, cluster: &str, floor: u64) -> io::Result<()> {
        let engine = &*self.0;
        let cluster = xxh3_64(cluster.as_bytes());
        if engine.cluster() != cluster {
            // Before the first call, those that have come are this cluster's.
            if engine.is_ready() {
                engine.forget_purges();
            }
            engine.set_ready(false);
            engine.forget_entries();
            let writer = Arc::clone(&self.0);
            let write = move || writer.write_cluster(cluster);
            engine.spawner().spawn_blocking(write).await.map_err(io::Error::other)??;
        }
        engine.knowledge().purges.raise_floor(floor);
        engine.set_ready(true);
        Ok(())
    }

    /// When something is asked for, to be told to [`Disk::put`].
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.0.knowledge().stamp()
    }

    /// What there is under `key`: the first that `judge` calls fresh, else one that it calls stale.
    /// Waits for the disk's own threads, [`Config::patience`] for each response of the key at the most.
    pub async fn get(&self, key: &KeyRef<'_>, mut judge: impl FnMut(&M) -> Verdict) -> Option<Whole<M>> {
        let engine = &*self.0;
        if !engine.is_ready() {
            return None;
        }
        let hash = engine.hash(key);
        let mut best = None;
        for place in places(hash).filter(|place| engine.has(*place)) {
            let Some(whole) = self.read(key, hash, place).await else { continue };
            match judge(&whole.meta) {
                Verdict::Fresh if !whole.is_stale => {
                    best = Some(whole);
                    break;
                }
                Verdict::Fresh | Verdict::Stale => best = best.or(Some(whole)),
                Verdict::Other => {}
            }
        }
        engine.counters.count(if best.is_some() { Count::Hits } else { Count::Misses });
        best
    }

    async fn read(&self, key: &KeyRef<'_>, hash: u128, place: u128) -> Option<Whole<M>> {
        let engine = &*self.0;
        let (stamp, meta, body) = engine.read(key, place).await?;
        let Some(meta) = M::decode(&meta) else {
            engine.counters.count(Count::Damaged);
            return None;
        };
        let fate = engine.knowledge().fate(key, [hash, place], &meta, stamp);
        match fate {
            Fate::Alive => Some(Whole { meta, body, is_stale: false }),
            Fate::Stale => Some(Whole { meta, body, is_stale: true }),
            Fate::Doubtful => Some(Whole { meta: meta.must_validate(), body, is_stale: true }),
            Fate::Dead => {
                engine.counters.count(Count::Dead);
                engine.forget(place);
                None
            }
        }
    }

    /// Has a whole response written, which was asked for at `stamp`. Returns at once. What it takes the
    /// place of is gone, even if there is no room for it. If that still waits to be written, nothing may be
    /// found until both are.
    pub fn put(&self, key: &KeyRef<'_>, meta: &M, body: &Body, stamp: Stamp) {
        let engine = &*self.0;
        if engine.is_closed() {
            return;
        }
        let hash = engine.hash(key);
        let place = at(hash, meta.variant() % PLACES);
        let mut record = Record::new(key, meta, body.clone(), stamp);
        let len = engine.fits(&record);
        // Held until it has its place in the queue: a removal comes before or after.
        let mut knowledge = engine.knowledge();
        if !knowledge.removals.admits([hash, place], stamp.moment) {
            engine.counters.count(Count::Overtaken);
            return;
        }
        let has_older = engine.queue.has(hash) || engine.has(place);
        record.place = len.and_then(|len| engine.queue.enter(hash, len));
        if record.place.is_some() {
            drop(knowledge);
            if has_older {
                // As long as the new one waits, foyer may find the old one: it finds neither then.
                engine.forget(place);
            }
            engine.write(place, record);
            return;
        }
        engine.counters.count(if len.is_none() { Count::TooLarge } else { Count::Dropped });
        if has_older {
            knowledge.removals.remove(place, Presence::Held);
        }
    }

    /// What is under `key` is gone: for what a request has changed (RFC 9111 section 4.4). So is what
    /// waits to be written, and what is put later but was asked for before.
    pub fn remove(&self, key: &KeyRef<'_>) {
        let engine = &*self.0;
        let hash = engine.hash(key);
        let mut knowledge = engine.knowledge();
        let is_held = engine.queue.has(hash) || places(hash).any(|place| engine.has(place));
        knowledge.removals.remove(hash, if is_held { Presence::Held } else { Presence::Absent });
    }

    /// Purges, by the number that the control plane has given; the same one again changes nothing.
    pub fn purge(&self, number: u64, purge: Purge<'_>, mode: Mode) {
        self.0.knowledge().purges.add(number, purge, mode);
    }

    /// What it has and has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let engine = &*self.0;
        let of = |what| engine.counters.of(what);
        Stats {
            size_bytes: engine.cut.size(),
            queued_bytes: engine.queue.bytes(),
            hits: of(Count::Hits),
            misses: of(Count::Misses),
            dead: of(Count::Dead),
            damaged: of(Count::Damaged),
            failed: of(Count::Failed),
            busy: of(Count::Busy),
            written: of(Count::Written),
            dropped: of(Count::Dropped),
            too_large: of(Count::TooLarge),
            overtaken: of(Count::Overtaken),
        }
    }

    /// Writes what waits, and what was removed. Nothing is found afterwards, and nothing taken. Gives up
    /// after five seconds; then, and without it, every entry is doubtful in the next run.
    ///
    /// # Errors
    /// It could not all be written.
    pub async fn close(&self) -> io::Result<()> {
        let engine = Arc::clone(&self.0);
        let close = async move {
            engine.close().await?;
            let writer = Arc::clone(&engine);
            engine.spawner().spawn_blocking(move || writer.write_end()).await.map_err(io::Error::other)?
        };
        // The caller's runtime need not have a clock.
        let in_time = self.0.spawner().spawn(timeout_of(close));
        in_time.await.map_err(io::Error::other)?
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Engine {
        &self.0
    }
}

async fn timeout_of(close: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(CLOSE_TIME, close).await.map_err(io::Error::from)?
}

fn at(hash: u128, place: u64) -> u128 {
    hash.wrapping_add(u128::from(1 + place))
}

fn places(hash: u128) -> impl Iterator<Item = u128> {
    (0..PLACES).map(move |place| at(hash, place))
}
