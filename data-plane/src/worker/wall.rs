//! What time it is, for all that is dated.

#[cfg(test)]
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};
use std::{cell::Cell, time::SystemTime};

use gateway_caching::Time;

/// The time of day, as precise as the worker's ticks: asking costs nothing.
#[derive(Debug)]
pub(crate) struct Wall {
    now: Cell<Time>,
    source: Source,
}

/// Where it is from.
#[derive(Debug, Clone, Default)]
pub(crate) enum Source {
    /// The system's clock.
    #[default]
    System,
    /// A clock that a test sets, in milliseconds since 1970.
    #[cfg(test)]
    Set(Arc<AtomicI64>),
}

impl Wall {
    pub(crate) fn new(source: Source) -> Self {
        Self { now: Cell::new(SystemTime::now().into()), source }
    }

    /// To be called at every tick.
    pub(crate) fn tick(&self) {
        self.now.set(SystemTime::now().into());
    }

    pub(crate) fn now(&self) -> Time {
        match &self.source {
            Source::System => self.now.get(),
            #[cfg(test)]
            Source::Set(millis) => Time::from_millis(millis.load(Relaxed)),
        }
    }
}
