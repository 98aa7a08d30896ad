//! The responses that this data plane has stored, as far as purges and operators have to do with them.
//! The one place where the cache is joined to what comes from outside.

use std::{fmt, sync::Arc};

use gateway_cache_store::{Metadata, Mode, Purge, Stats, Store};
use gateway_proto::discovery::v1 as pb;

/// A handle on the cache, whatever is kept of a response there. A clone is another one.
#[derive(Clone)]
pub struct Responses {
    purge: Arc<dyn Fn(Purge<'_>, Mode) + Send + Sync>,
    sweep: Arc<dyn Fn() + Send + Sync>,
    stats: Arc<dyn Fn() -> pb::CacheStats + Send + Sync>,
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
        }
    }

    /// See [`Store::purge`].
    pub(super) fn purge(&self, purge: Purge<'_>, mode: Mode) {
        (self.purge)(purge, mode);
    }

    /// See [`Store::sweep`].
    pub(super) fn sweep(&self) {
        (self.sweep)();
    }

    /// What there is and what has been done.
    pub(super) fn stats(&self) -> pb::CacheStats {
        (self.stats)()
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
    }
}
