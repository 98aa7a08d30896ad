//! The keys that tokens are verified by, wherever they come from.
//!
//! One task keeps what comes from one place, however many policies go by it ([`keeper`]); it decides by
//! [`pace`] when to look again. Whatever comes that is no key set, or nothing at all, the last good one
//! stays. Workers read what is there by a [`View`], which waits for nobody.

mod fetch;
mod keeper;
mod pace;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    cell::{Ref, RefCell},
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use gateway_auth::jwt::Keys;
use gateway_caching::Time;
use gateway_routing::route::Jwks;
use tokio::sync::{Notify, watch};

pub(crate) use keeper::{Means, keep};

use crate::{outside::shown, telemetry::counter::Counter};

/// A key set as it was read, which never changes.
#[derive(Debug)]
pub(crate) struct KeySet {
    pub keys: Keys,
    /// No other set of this process has the same.
    pub generation: u64,
}

/// By where they are.
type Directory = HashMap<Jwks, Arc<Source>, foldhash::fast::RandomState>;

/// Every place that a policy in force takes keys from.
#[derive(Debug)]
pub(crate) struct Sources {
    directory: watch::Sender<Arc<Directory>>,
    generations: Arc<AtomicU64>,
}

impl Default for Sources {
    fn default() -> Self {
        Self { directory: watch::Sender::new(Arc::default()), generations: Arc::default() }
    }
}

impl Sources {
    /// One thread's view of what comes from there; none if nobody keeps it yet.
    pub(crate) fn view(&self, place: &Jwks) -> Option<View> {
        let source = Arc::clone(self.directory.borrow().get(place)?);
        let receiver = source.sets.subscribe();
        let current = RefCell::new(receiver.borrow().clone());
        Some(View { source, receiver: RefCell::new(receiver), current })
    }

    /// Puts a set in force that nobody keeps, as tests and benchmarks do.
    pub(crate) fn put(&self, place: &Jwks, keys: Keys, now: Time) {
        self.directory.send_modify(|directory| {
            let source = Arc::make_mut(directory).entry(place.clone());
            source.or_insert_with(|| Arc::new(Source::new(&self.generations))).publish(keys, now);
        });
    }

    /// Names a place of which nothing has come yet.
    #[cfg(test)]
    pub(crate) fn name(&self, place: &Jwks) {
        let source = Arc::new(Source::new(&self.generations));
        self.directory.send_modify(|directory| drop(Arc::make_mut(directory).insert(place.clone(), source)));
    }

    /// Whether a newer set was wanted from there since the last time.
    #[cfg(test)]
    pub(crate) fn is_newer_wanted(&self, place: &Jwks) -> bool {
        let source = Arc::clone(&self.directory.borrow()[place]);
        std::pin::pin!(source.wanted.notified()).as_mut().enable()
    }

    /// How things are with each of them, by a name that shows no secret. Of those that look alike, what is
    /// worse is told.
    pub(crate) fn totals(&self, now: Time) -> SourceTotals {
        let mut totals = SourceTotals::new();
        for (place, source) in &**self.directory.borrow() {
            let (read, keys) = (source.read.load(Relaxed), source.keys());
            let age = (read > 0).then(|| now.seconds().saturating_sub(read).unsigned_abs());
            let total = totals.entry(name_of(place)).or_insert(SourceTotal { keys, age, ..SourceTotal::default() });
            // None is younger than any.
            total.age = age.and(total.age).map(|known| known.max(age.unwrap_or_default()));
            total.keys = total.keys.min(keys);
            total.succeeded += source.succeeded.get();
            total.failed += source.failed.get();
        }
        totals
    }
}

/// The state of each source, by its name.
pub(crate) type SourceTotals = BTreeMap<String, SourceTotal>;

/// How things are with a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SourceTotal {
    /// Keys that verify.
    pub keys: u64,
    /// Seconds since it was last read with success.
    pub age: Option<u64>,
    pub succeeded: u64,
    pub failed: u64,
}

/// How a source is called in logs and metrics.
fn name_of(place: &Jwks) -> String {
    match place {
        Jwks::File(path) => format!("file:{path}"),
        Jwks::Url(url) => shown(url),
        Jwks::Inline(_) => "inline".to_owned(),
    }
}

/// One place, and the newest set from there.
#[derive(Debug)]
pub(crate) struct Source {
    sets: watch::Sender<Option<Arc<KeySet>>>,
    generations: Arc<AtomicU64>,
    /// A token was met whose key is not in the set, or is another one there.
    wanted: Notify,
    /// When it was last read with success, in seconds since 1970; 0 is never.
    read: AtomicI64,
    succeeded: Counter,
    failed: Counter,
}

impl Source {
    fn new(generations: &Arc<AtomicU64>) -> Self {
        Self {
            sets: watch::Sender::new(None),
            generations: Arc::clone(generations),
            wanted: Notify::new(),
            read: AtomicI64::new(0),
            succeeded: Counter::default(),
            failed: Counter::default(),
        }
    }

    /// It was read, and is as it was.
    fn confirm(&self, now: Time) {
        self.read.store(now.seconds(), Relaxed);
        self.succeeded.add_one();
    }

    /// It was read, and these are its keys from now on.
    fn publish(&self, keys: Keys, now: Time) {
        self.confirm(now);
        let generation = self.generations.fetch_add(1, Relaxed);
        self.sets.send_replace(Some(Arc::new(KeySet { keys, generation })));
    }

    fn keys(&self) -> u64 {
        self.sets.borrow().as_ref().map_or(0, |set| set.keys.len() as u64)
    }
}

/// What one thread sees of a source.
#[derive(Debug)]
pub(crate) struct View {
    source: Arc<Source>,
    receiver: RefCell<watch::Receiver<Option<Arc<KeySet>>>>,
    /// The set as this thread last saw it, so that looking again counts nothing that others count.
    current: RefCell<Option<Arc<KeySet>>>,
}

impl View {
    /// The newest set; none before the first.
    pub(crate) fn current(&self) -> Ref<'_, Option<Arc<KeySet>>> {
        if self.receiver.borrow().has_changed().is_ok_and(|changed| changed) {
            self.current.replace(self.receiver.borrow_mut().borrow_and_update().clone());
        }
        self.current.borrow()
    }

    /// A token was met whose key is not there, or is another one: perhaps there is a newer set.
    pub(crate) fn want_newer(&self) {
        self.source.wanted.notify_one();
    }
}
