//! Who holds how many bytes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Bytes of everything that is alive: stored, being received, or gone from the store but still being
/// sent to somebody.
#[derive(Debug)]
pub(crate) struct Ledger {
    total: AtomicU64,
    /// What the total is to stay below.
    memory: u64,
}

impl Ledger {
    pub(crate) fn new(memory: u64) -> Arc<Self> {
        Arc::new(Self { total: AtomicU64::new(0), memory })
    }

    pub(crate) const fn memory(&self) -> u64 {
        self.memory
    }

    pub(crate) fn room(&self) -> Room {
        if self.total() > self.memory { Room::Used } else { Room::Left }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }
}

/// The bytes of one response; when it is gone, they are.
#[derive(Debug)]
pub(crate) struct Account {
    ledger: Arc<Ledger>,
    bytes: AtomicU64,
}

/// Whether there is memory for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Left,
    Used,
}

impl Account {
    pub(crate) const fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, bytes: AtomicU64::new(0) }
    }

    pub(crate) fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Counts what is there in any case, and says whether it was too much.
    pub(crate) fn add(&self, bytes: u64) -> Room {
        self.bytes.fetch_add(bytes, Relaxed);
        self.ledger.total.fetch_add(bytes, Relaxed);
        self.ledger.room()
    }

    /// Counts anew what one thread has counted so far.
    pub(crate) fn set(&self, bytes: u64) {
        let before = self.bytes.swap(bytes, Relaxed);
        // Wraps around by as much as it has to come down.
        self.ledger.total.fetch_add(bytes.wrapping_sub(before), Relaxed);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.set(0);
    }
}
