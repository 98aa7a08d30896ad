//! One body, its writer and its readers, on whatever threads they are.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use super::tape::{End, Tape};
use crate::{
    stats::{Count, Counters},
    stored::{Metadata, Stored},
};

/// A response that is being received.
#[derive(Debug)]
pub(crate) struct Stream<M> {
    /// Its body is missing until it is whole.
    stored: Arc<Stored<M>>,
    tape: Mutex<Tape>,
    counters: Arc<Counters>,
}

impl<M: Metadata> Stream<M> {
    pub(crate) fn new(stored: Stored<M>, counters: &Arc<Counters>) -> Self {
        Self { stored: Arc::new(stored), tape: Mutex::default(), counters: Arc::clone(counters) }
    }

    pub(crate) fn meta(&self) -> &M {
        self.stored.meta()
    }

    pub(crate) const fn stored(&self) -> &Arc<Stored<M>> {
        &self.stored
    }

    /// Nothing is woken or dropped that could come back here, while it is locked.
    pub(crate) fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, what: Count) {
        self.counters.count(what, 1);
    }

    /// No more will come.
    pub(crate) fn finish(&self, end: End) {
        let mut woken = Vec::new();
        self.tape().finish(end, &mut woken);
        woken.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_passing(&self) -> bool {
        self.tape().is_passing()
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.tape().end() == Some(End::Broken)
    }
}
