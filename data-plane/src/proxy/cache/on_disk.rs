//! The disk behind the memory. Who leads looks there before the endpoint is asked, and what is stored then
//! is written there, too: so hits in memory never come by.

use std::{future::poll_fn, pin::pin, task::Poll};

use gateway_cache_disk::{Disk, Stamp};
use gateway_cache_store::{KeyRef, Leader, Restored, Store, Stored};
use gateway_caching::key::Key;

use super::{Visit, entry::Entry};
use crate::{
    error::ProxyError,
    proxy::{
        exchange::{Exchange, Stage},
        forward::poll_gone,
    },
    worker::Worker,
};

/// Where on the disk that is which an endpoint is asked for from now on.
#[derive(Debug)]
pub(super) struct OnDisk {
    disk: Disk<Entry>,
    store: Store<Entry>,
    key: Key,
    stamp: Stamp,
}

impl OnDisk {
    /// To be called before the endpoint is asked. None without a disk.
    pub(super) fn of(worker: &Worker, key: &Key) -> Option<Self> {
        let disk = worker.disk()?.clone();
        let stamp = disk.stamp();
        Some(Self { disk, store: worker.cache().clone(), key: key.clone(), stamp })
    }

    fn key(&self) -> KeyRef<'_> {
        self.store.key(self.key.bytes(), self.key.url(), self.key.host())
    }

    /// Has written what memory has stored.
    pub(super) fn put(&self, stored: &Stored<Entry>) {
        self.disk.put(&self.key(), stored.meta(), stored.body(), self.stamp);
    }

    /// Whatever is there, memory knows better.
    pub(super) fn remove(&self) {
        self.disk.remove(&self.key());
    }
}

impl Visit<'_, '_> {
    /// Looks where memory has nothing; what is found is for all who wait.
    pub(super) async fn restore(
        &self,
        leader: Leader<Entry>,
        on_disk: Option<&OnDisk>,
        exchange: &mut Exchange<'_>,
    ) -> Result<Restored<Entry>, ProxyError> {
        let Some(OnDisk { disk, .. }) = on_disk.filter(|_| leader.stale().is_none()) else {
            return Ok(Restored::Lead(leader));
        };
        let timeouts = self.to.timeouts;
        exchange.buffers.settle();
        exchange.stage = Stage::Response;
        // The disk gives up long before.
        exchange.watch.arm(timeouts.connect.saturating_add(timeouts.response));
        let key = self.store().key(self.key.bytes(), self.key.url(), self.key.host());
        let now = self.worker.now();
        let mut reading = pin!(disk.get(&key, |entry| self.wanted.judge(entry, now)));
        let client = &exchange.client;
        let found = poll_fn(|cx| {
            let read = reading.as_mut().poll(cx);
            if read.is_pending() && poll_gone(cx, client).is_ready() {
                return Poll::Ready(Err(ProxyError::ClientGone));
            }
            read.map(Ok)
        });
        let Some(found) = found.await? else { return Ok(Restored::Lead(leader)) };
        Ok(leader.restore(found, |entry| self.wanted.judge(entry, now)))
    }
}
