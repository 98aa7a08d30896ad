//! The threads that serve clients, and what each of them keeps to itself.

pub(crate) mod admission;
pub(crate) mod buffer;
pub(crate) mod connection;
pub mod fleet;
pub mod limits;
pub(crate) mod listener;
pub(crate) mod stats;
pub(crate) mod thread;
pub(crate) mod wall;
pub(crate) mod watchdog;

use std::{
    cell::{Cell, Ref, RefCell, RefMut},
    rc::Rc,
    sync::Arc,
    time::SystemTime,
};

use gateway_cache_disk::Disk;
use gateway_cache_store::Store;
use gateway_caching::Time;
use rand::{make_rng, rngs::SmallRng};

use self::{
    admission::Admission,
    buffer::{Blocks, Scratch},
    limits::Limits,
    stats::WorkerStats,
    wall::Wall,
    watchdog::Watchdog,
};
use crate::{
    limiter::WorkerLimiter,
    proxy::{
        auth::{WorkerPasswords, remote::WorkerRemote},
        cache::{Entry, Fills, Refreshes},
        compress::Presses,
        mirror::Mirrors,
    },
    table::RoutingTable,
    telemetry::Telemetry,
    upstream::pool::Pool,
};

/// The share of idle clients that is sent away when there is no room. Looking for them costs a walk
/// through all clients of the worker, so there has to be something in it for the next ones too.
const ENDED_AT_ONCE: usize = 64;
/// Buffers that are kept for the next connections; a burst gives its memory back.
const SPARE_BUFFERS: usize = 64;

/// What one worker keeps: nothing in it is written by another thread.
#[derive(Debug)]
pub(crate) struct Worker {
    // The Arc is shared with the other workers; a request counts on the Rc alone, which costs no
    // atomic operation on a line of memory that all of them write.
    #[expect(clippy::redundant_allocation, reason = "the second count is the point")]
    table: RefCell<Rc<Arc<RoutingTable>>>,
    pool: Pool,
    mirrors: Mirrors,
    presses: Presses,
    /// Of all workers.
    cache: Store<Entry>,
    /// Behind it, if there is one.
    disk: Option<Disk<Entry>>,
    fills: Fills,
    refreshes: Refreshes,
    passwords: Rc<WorkerPasswords>,
    wall: Wall,
    watchdog: Rc<Watchdog>,
    blocks: Rc<Blocks>,
    /// Buffers that no connection is using.
    buffers: RefCell<Vec<Scratch>>,
    limits: Limits,
    admission: Arc<Admission>,
    limiter: WorkerLimiter,
    remote: WorkerRemote,
    /// As `Date` fields have it.
    date: RefCell<String>,
    draining: Cell<bool>,
    rng: RefCell<SmallRng>,
    telemetry: Telemetry,
}

impl Worker {
    pub(crate) fn new(
        telemetry: Telemetry,
        limits: Limits,
        admission: Arc<Admission>,
        limiter: WorkerLimiter,
        (remote, passwords): (WorkerRemote, WorkerPasswords),
        (cache, disk): (Store<Entry>, Option<Disk<Entry>>),
        wall: Wall,
    ) -> Self {
        Self {
            table: RefCell::default(),
            pool: Pool::default(),
            mirrors: Mirrors::default(),
            presses: Presses::default(),
            cache,
            disk,
            fills: Fills::default(),
            refreshes: Refreshes::default(),
            passwords: Rc::new(passwords),
            wall,
            watchdog: Rc::default(),
            blocks: Rc::default(),
            buffers: RefCell::default(),
            limits,
            admission,
            limiter,
            remote,
            date: RefCell::default(),
            draining: Cell::new(false),
            rng: RefCell::new(make_rng()),
            telemetry,
        }
    }

    /// The table as of now; a request keeps the one it began with.
    #[expect(clippy::redundant_allocation, reason = "see the field")]
    pub(crate) fn table(&self) -> Rc<Arc<RoutingTable>> {
        Rc::clone(&self.table.borrow())
    }

    fn swap(&self, table: Arc<RoutingTable>) {
        self.table.replace(Rc::new(table));
    }

    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) const fn mirrors(&self) -> &Mirrors {
        &self.mirrors
    }

    pub(crate) const fn presses(&self) -> &Presses {
        &self.presses
    }

    /// The stored responses, which all workers share.
    pub(crate) const fn cache(&self) -> &Store<Entry> {
        &self.cache
    }

    /// What is behind them.
    pub(crate) const fn disk(&self) -> Option<&Disk<Entry>> {
        self.disk.as_ref()
    }

    pub(crate) const fn fills(&self) -> &Fills {
        &self.fills
    }

    pub(crate) const fn refreshes(&self) -> &Refreshes {
        &self.refreshes
    }

    /// What is known of consumers' passwords.
    pub(crate) const fn passwords(&self) -> &Rc<WorkerPasswords> {
        &self.passwords
    }

    /// The time of day, up to a tick ago.
    pub(crate) fn now(&self) -> Time {
        self.wall.now()
    }

    pub(crate) const fn watchdog(&self) -> &Rc<Watchdog> {
        &self.watchdog
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) const fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    pub(crate) const fn limiter(&self) -> &WorkerLimiter {
        &self.limiter
    }

    /// What tells who calls, beside the table.
    pub(crate) const fn remote(&self) -> &WorkerRemote {
        &self.remote
    }

    /// Ends clients that are idle, and tells whether there were any.
    pub(crate) fn end_idle_clients(&self) -> bool {
        self.watchdog.end_idle(ENDED_AT_ONCE) > 0
    }

    /// Frees descriptors that nobody would miss.
    pub(crate) fn free_descriptors(&self) {
        self.pool.clear();
        self.end_idle_clients();
    }

    /// What is due at every tick.
    fn tick(&self) {
        self.wall.tick();
        self.watchdog.tick();
    }

    /// The time as `Date` fields have it. Not to be held across an `await`.
    pub(crate) fn date(&self) -> Ref<'_, String> {
        self.date.borrow()
    }

    /// Sets the time that [`Worker::date`] tells.
    pub(crate) fn set_date(&self, now: SystemTime) {
        *self.date.borrow_mut() = httpdate::fmt_http_date(now);
    }

    /// Whether clients are to go elsewhere.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// From now on, every request is the last one of its connection.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        self.watchdog.wake_all();
    }

    pub(crate) fn borrow_buffers(&self) -> Scratch {
        self.buffers.borrow_mut().pop().unwrap_or_else(|| Scratch::new(&self.blocks))
    }

    pub(crate) fn return_buffers(&self, mut scratch: Scratch) {
        let mut buffers = self.buffers.borrow_mut();
        if buffers.len() < SPARE_BUFFERS {
            scratch.recycle();
            buffers.push(scratch);
        }
    }

    /// Not to be held across an `await`.
    pub(crate) fn rng(&self) -> RefMut<'_, SmallRng> {
        self.rng.borrow_mut()
    }

    pub(crate) const fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    pub(crate) fn stats(&self) -> &WorkerStats {
        self.telemetry.stats()
    }

    pub(crate) fn stats_handle(&self) -> Arc<WorkerStats> {
        Arc::clone(self.telemetry.stats())
    }
}
