//! Keys that nobody is to wait for, for a while.

use std::time::Instant;

use quick_cache::{UnitWeighter, sync::Cache};

use crate::key::{BuildHashed, Id};

/// More are not remembered: then one of those that were forgotten is waited for once more.
const MAX: usize = 16_384;

/// Until when each key is passed.
#[derive(Debug)]
pub(crate) struct Passes(Cache<Id, Instant, UnitWeighter, BuildHashed>);

impl Passes {
    pub(crate) fn new() -> Self {
        Self(Cache::with(MAX, MAX as u64, UnitWeighter, BuildHashed::default(), Default::default()))
    }

    pub(crate) fn add(&self, id: Id, until: Instant) {
        self.0.insert(id, until);
    }

    pub(crate) fn has(&self, id: Id, now: Instant) -> bool {
        self.0.get(&id).is_some_and(|until| now < until)
    }
}
