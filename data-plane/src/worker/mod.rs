//! The threads that serve clients, and what each of them keeps to itself.

pub(crate) mod connection;
pub mod fleet;
pub(crate) mod listener;
pub(crate) mod stats;
pub(crate) mod thread;

use std::{
    cell::{RefCell, RefMut},
    rc::Rc,
    sync::Arc,
};

use rand::{make_rng, rngs::SmallRng};

use self::stats::WorkerStats;
use crate::{table::RoutingTable, upstream::pool::Pool};

/// What one worker keeps: nothing in it is written by another thread.
#[derive(Debug)]
pub(crate) struct Worker {
    // The Arc is shared with the other workers; a request counts on the Rc alone, which costs no
    // atomic operation on a line of memory that all of them write.
    #[expect(clippy::redundant_allocation, reason = "the second count is the point")]
    table: RefCell<Rc<Arc<RoutingTable>>>,
    pool: Rc<Pool>,
    rng: RefCell<SmallRng>,
    stats: Arc<WorkerStats>,
}

impl Worker {
    pub(crate) fn new(stats: Arc<WorkerStats>) -> Self {
        Self { table: RefCell::default(), pool: Rc::default(), rng: RefCell::new(make_rng()), stats }
    }

    /// The table as of now; a request keeps the one it began with.
    #[expect(clippy::redundant_allocation, reason = "see the field")]
    pub(crate) fn table(&self) -> Rc<Arc<RoutingTable>> {
        Rc::clone(&self.table.borrow())
    }

    fn swap(&self, table: Arc<RoutingTable>) {
        self.table.replace(Rc::new(table));
    }

    pub(crate) const fn pool(&self) -> &Rc<Pool> {
        &self.pool
    }

    /// Not to be held across an `await`.
    pub(crate) fn rng(&self) -> RefMut<'_, SmallRng> {
        self.rng.borrow_mut()
    }

    pub(crate) fn stats(&self) -> &WorkerStats {
        &self.stats
    }

    pub(crate) fn stats_handle(&self) -> Arc<WorkerStats> {
        Arc::clone(&self.stats)
    }
}
