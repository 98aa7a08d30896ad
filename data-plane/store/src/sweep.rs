//! Purging, and taking out what was purged.

use std::{
    sync::{MutexGuard, PoisonError, TryLockError},
    task::Waker,
};

use crate::{
    flight::Woken,
    purge::{Mode, Purge},
    stats::Count,
    store::Store,
    stored::Metadata,
};

impl<M: Metadata> Store<M> {
    /// Purges. Whoever looks up after it returns, on any thread, meets the purge, and so does whatever
    /// was asked for before; what is being sent is sent on. Costs the same whatever is hit, except
    /// when too many purges wait for [`Store::sweep`]: then it does that first.
    pub fn purge(&self, purge: Purge<'_>, mode: Mode) {
        let purges = &self.inner().purges;
        if purges.is_full() {
            let sweeping = self.inner().sweeping.lock().unwrap_or_else(PoisonError::into_inner);
            self.sweep_all(&sweeping);
            if purges.is_full() {
                self.forget_all();
            }
        }
        purges.add(purge, mode);
    }

    /// Takes out what was purged hard, so that its memory is free, and forgets the purges that all
    /// have heard of. Looks at every response that is stored, which takes a second or less for a
    /// million; no worker waits meanwhile. To be called some time after a purge, outside of the
    /// workers. Does nothing while another one sweeps.
    pub fn sweep(&self) {
        match self.inner().sweeping.try_lock() {
            Ok(sweeping) => self.sweep_all(&sweeping),
            Err(TryLockError::Poisoned(sweeping)) => self.sweep_all(&sweeping.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn sweep_all(&self, _sweeping: &MutexGuard<'_, ()>) {
        let inner = self.inner();
        // First of all: what happens from here on is for the next time. Then the flights: what they
        // bring later is checked against what came after they began. Then what is stored, with all
        // that came of flights which are over.
        let mut until = inner.purges.latest();
        inner.flights.for_each(|flight| until = until.min(flight.stamp()));
        for (key, variants) in inner.memory.iter() {
            let key = key.by_ref();
            if variants.as_slice().iter().all(|stored| inner.is_there(&key, stored)) {
                continue;
            }
            let shard = inner.flights.lock(key.id());
            let gone = inner.memory.retain(&key, &inner.counters, |stored| inner.is_there(&key, stored));
            drop(shard);
            inner.counters.count(Count::Purged, gone as u64);
        }
        inner.purges.forget(until);
    }

    /// What is on its way is not stored, so that no purge has to be remembered for it.
    fn forget_all(&self) {
        let inner = self.inner();
        let until = inner.purges.latest();
        let mut woken = Woken::new();
        inner.flights.for_each(|flight| {
            if flight.stamp() < until {
                woken.extend(flight.outdate());
            }
        });
        inner.purges.forget(until);
        woken.into_iter().for_each(Waker::wake);
    }
}
