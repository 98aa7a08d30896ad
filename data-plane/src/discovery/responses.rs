//! The responses that this data plane has stored, as far as purges and operators have to do with them.
//! The one place where the cache is joined to what comes from outside.

use std::{fmt, io, sync::Arc};

use futures_util::future::BoxFuture;
use gateway_cache_disk::{Disk, Persist};
use gateway_cache_store::{Metadata, Mode, Purge, Stats, Store};
use gateway_proto::discovery::v1 as pb;

/// A handle on the cache, whatever is kept of a response there. A clone is another one.
#[derive(Clone)]
pub struct Responses {
    purge: Arc<dyn Fn(Purge<'_>, Mode) + Send + Sync>,
    sweep: Arc<dyn Fn() + Send + Sync>,
    stats: Arc<dyn Fn() -> pb::CacheStats + Send + Sync>,
    disk: Option<OnDisk>,
}

/// See [`Disk::purge`].
type PurgeDisk = dyn Fn(u64, Purge<'_>, Mode) + Send + Sync;
/// See [`Disk::begin`].
type BeginDisk = dyn Fn(&str, u64) -> BoxFuture<'static, io::Result<()>> + Send + Sync;

/// The same of what is behind it.
#[derive(Clone)]
struct OnDisk {
    purge: Arc<PurgeDisk>,
    begin: Arc<BeginDisk>,
    stats: Arc<dyn Fn() -> gateway_cache_disk::Stats + Send + Sync>,
}

/// What the workers count, all of them together, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Requests that were answered from the cache, stale answers among them, and those to which came what
    /// another one had asked for.
    pub hits: u64,
    /// Requests that could have been answered from the cache, and went to an endpoint.
    pub misses: u64,
    /// Of the hits, those with a stale response.
    pub stale: u64,
}

impl Responses {
    /// Those of this store; `served` is asked when somebody wants to know.
    pub fn of<M: Metadata>(store: &Store<M>, served: impl Fn() -> Served + Send + Sync + 'static) -> Self {
        let (purging, sweeping, counting) = (store.clone(), store.clone(), store.clone());
        Self {
            purge: Arc::new(move |purge, mode| purging.purge(purge, mode)),
            sweep: Arc::new(move || sweeping.sweep()),
            stats: Arc::new(move || wire(counting.stats(), served())),
            disk: None,
        }
    }

    /// With this disk behind them.
    #[must_use]
    pub fn and<M: Persist>(self, disk: &Disk<M>) -> Self {
        let (purging, beginning, counting) = (disk.clone(), disk.clone(), disk.clone());
        let begin = move |cluster: &str, floor| -> BoxFuture<'static, _> {
            let (disk, cluster) = (beginning.clone(), cluster.to_owned());
            Box::pin(async move { disk.begin(&cluster, floor).await })
        };
        let disk = OnDisk {
            purge: Arc::new(move |number, purge, mode| purging.purge(number, purge, mode)),
            begin: Arc::new(begin),
            stats: Arc::new(move || counting.stats()),
        };
        Self { disk: Some(disk), ..self }
    }

    /// See [`Store::purge`].
    pub(super) fn purge(&self, purge: Purge<'_>, mode: Mode) {
        (self.purge)(purge, mode);
    }

    /// Whether there is a disk behind them.
    pub(super) fn have_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// See [`Disk::purge`]; it comes before [`Self::purge`].
    pub(super) fn purge_disk(&self, number: u64, purge: Purge<'_>, mode: Mode) {
        if let Some(disk) = &self.disk {
            (disk.purge)(number, purge, mode);
        }
    }

    /// See [`Disk::begin`].
    pub(super) async fn begin_disk(&self, cluster: &str, floor: u64) -> io::Result<()> {
        match &self.disk {
            Some(disk) => (disk.begin)(cluster, floor).await,
            None => Ok(()),
        }
    }

    /// See [`Store::sweep`].
    pub(super) fn sweep(&self) {
        (self.sweep)();
    }

    /// What there is and what has been done.
    pub(super) fn stats(&self) -> pb::CacheStats {
        pb::CacheStats { disk: self.disk.as_ref().map(|disk| disk_to_wire((disk.stats)())), ..(self.stats)() }
    }
}

impl fmt::Debug for Responses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responses").finish_non_exhaustive()
    }
}

fn wire(stats: Stats, served: Served) -> pb::CacheStats {
    let Stats {
        entries,
        stored_bytes,
        held_bytes,
        memory_bytes,
        stored: _,
        evicted,
        purged,
        coalesced,
        handed_over: _,
        released: _,
        fills: _,
        aborted,
        passed: _,
        overtaken: _,
        outpaced: _,
    } = stats;
    let Served { hits, misses, stale } = served;
    pb::CacheStats {
        entries,
        stored_bytes,
        held_bytes,
        memory_bytes,
        hits,
        misses,
        stale,
        coalesced,
        evicted,
        purged,
        fill_errors: aborted,
        disk: None,
    }
}

fn disk_to_wire(stats: gateway_cache_disk::Stats) -> pb::CacheDiskStats {
    let gateway_cache_disk::Stats {
        size_bytes,
        queued_bytes,
        hits,
        misses,
        dead: _,
        damaged,
        failed,
        busy,
        written,
        dropped,
        too_large: _,
        overtaken: _,
    } = stats;
    pb::CacheDiskStats { size_bytes, queued_bytes, hits, misses, written, dropped, errors: damaged + failed, busy }
}
