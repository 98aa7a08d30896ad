//! What the workers of a data plane have in common to limit requests by: the counters, and the shares of
//! limits that hold for the whole cluster.

pub(crate) mod leasing;

use std::{
    cell::RefCell,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering::Acquire, Ordering::Release},
    },
    time::Instant,
};

use gateway_limiting::{Asked, Demand, InFlight, Shares, Table, report};

use crate::worker::stats::CounterTotals;

/// The part of the memory in which it is counted what is under way.
const IN_FLIGHT: usize = 32;

/// All counters of rate limits of a data plane.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory: NonZeroUsize,
    seed: u64,
    /// What moments are counted from.
    began: Instant,
    /// Made when the first request is limited: who has no limits, has no memory taken up by them.
    counters: OnceLock<Counters>,
    shares: Mutex<Arc<Shares>>,
    /// Grows with each change of the shares, so that workers need not look at them.
    version: AtomicU64,
    /// One of each worker.
    demands: Mutex<Vec<Arc<Demand>>>,
}

/// The counters themselves.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Of what there is so much of in a period.
    pub cells: Table,
    /// Of requests under way.
    pub in_flight: InFlight,
}

impl Limiter {
    /// With so many bytes for counters, and a seed that no client can know.
    pub(crate) fn new(memory: NonZeroUsize, seed: u64) -> Self {
        Self {
            memory,
            seed,
            began: Instant::now(),
            counters: OnceLock::new(),
            shares: Mutex::default(),
            version: AtomicU64::new(0),
            demands: Mutex::default(),
        }
    }

    /// The counters; the first one who asks makes them, which takes some milliseconds.
    pub(crate) fn counters(&self) -> &Counters {
        self.counters.get_or_init(|| {
            let in_flight = self.memory.get() / IN_FLIGHT;
            let cells = Table::new(self.memory.get() - in_flight, self.seed);
            Counters { cells, in_flight: InFlight::new(in_flight) }
        })
    }

    /// How full they are, for a scrape.
    pub(crate) fn totals(&self) -> CounterTotals {
        let Some(Counters { cells, in_flight }) = self.counters.get() else { return CounterTotals::default() };
        CounterTotals {
            memory: (cells.memory() + in_flight.memory()) as u64,
            places: cells.capacity() as u64,
            taken: cells.held(self.nanos(Instant::now())) as u64,
            shared: cells.shared(),
            unreported: self.demands().iter().map(|demand| demand.missed()).sum(),
        }
    }

    /// A moment, as counters count them.
    pub(crate) fn nanos(&self, at: Instant) -> u64 {
        // In 584 years they come to an end.
        u64::try_from(at.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }

    /// One worker's part.
    pub(crate) fn for_worker(self: &Arc<Self>) -> WorkerLimiter {
        let demand = Arc::<Demand>::default();
        self.demands().push(Arc::clone(&demand));
        WorkerLimiter { limiter: Arc::clone(self), demand, shares: RefCell::default() }
    }

    fn demands(&self) -> MutexGuard<'_, Vec<Arc<Demand>>> {
        self.demands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These shares hold from now on.
    pub(crate) fn share(&self, shares: Shares) {
        *self.shares.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(shares);
        self.version.fetch_add(1, Release);
    }

    /// What was asked of cluster-wide limits since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let demands = self.demands();
        report(demands.iter().map(|demand| &**demand))
    }
}

/// What one worker has of the limits.
#[derive(Debug)]
pub(crate) struct WorkerLimiter {
    limiter: Arc<Limiter>,
    /// What is asked of this worker.
    pub demand: Arc<Demand>,
    /// The shares, and which version they are.
    shares: RefCell<(u64, Arc<Shares>)>,
}

impl WorkerLimiter {
    pub(crate) fn all(&self) -> &Limiter {
        &self.limiter
    }

    /// Looks at the shares. They are fetched when they have changed, and not just then when somebody is
    /// changing them.
    pub(crate) fn with_shares<T>(&self, look: impl FnOnce(&Shares) -> T) -> T {
        let version = self.limiter.version.load(Acquire);
        if self.shares.borrow().0 != version {
            let fetched = match self.limiter.shares.try_lock() {
                Ok(shares) => Some(Arc::clone(&shares)),
                Err(TryLockError::Poisoned(poisoned)) => Some(Arc::clone(&poisoned.into_inner())),
                Err(TryLockError::WouldBlock) => None,
            };
            if let Some(shares) = fetched {
                self.shares.replace((version, shares));
            }
        }
        look(&self.shares.borrow().1)
    }
}
