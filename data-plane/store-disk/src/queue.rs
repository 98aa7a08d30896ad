//! How much waits to be written.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bytes that may wait to be written. It is what one batch holds, so that foyer drops nothing on its
/// own.
pub const QUEUE: u64 = 16 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    bytes: u64,
    /// How many there are of each key, by its hash.
    keys: HashMap<u128, u32>,
}

impl Queue {
    /// A place for so many bytes, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, key: u128, bytes: u64) -> Option<Place> {
        let mut waiting = self.lock();
        waiting.bytes = waiting.bytes.checked_add(bytes).filter(|sum| *sum <= QUEUE)?;
        *waiting.keys.entry(key).or_default() += 1;
        drop(waiting);
        Some(Place { queue: Arc::clone(self), key, bytes })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Whether something of this key waits.
    pub(crate) fn has(&self, key: u128) -> bool {
        self.lock().keys.contains_key(&key)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that wait. Dropped, they do no longer: they are written, or never will be.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<Queue>,
    key: u128,
    bytes: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.bytes -= self.bytes;
        let left = waiting.keys.get_mut(&self.key).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            waiting.keys.remove(&self.key);
        }
    }
}
