//! How much is asked of a worker, by key: what the control plane shares limits out by.
//!
//! Two books are kept in turn. One is written in, while the other one is read and wiped. Only what the
//! table knew before is worth a line (see [`crate::Check::is_known`]), so that made-up keys fill none. Those
//! that come twice do, and give their lines up to keys that come more often.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::{
    SharedKey,
    admit::Check,
    key::{Key, LimitId},
    rate::Rate,
};

/// Lines of a book.
const LINES: usize = 4096;

/// How many lines a key may stand in.
const TRIES: usize = 8;

/// The most keys of one limit that are reported: those of which most is asked.
pub const MAX_REPORTED: usize = 1024;

/// What one worker writes down. Others may write too, but it is made for one.
#[derive(Debug)]
pub struct Demand {
    books: [Box<[Line]>; 2],
    turn: AtomicU64,
    missed: AtomicU64,
}

#[derive(Debug, Default)]
struct Line {
    /// Which key it is for; 0 for none.
    tag: AtomicU64,
    limit: AtomicU64,
    shared: [AtomicU64; 2],
    key: [AtomicU64; 2],
    rate: [AtomicU64; 3],
    asked: AtomicU64,
    admitted: AtomicU64,
    /// What was asked of others that found no line, since it became this key's.
    others: AtomicU64,
}

/// What was asked of a key in a period, in requests or in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// What it is called among data planes.
    pub shared: SharedKey,
    /// What it is called here; its limit, too.
    pub key: Key,
    /// What the whole limit admits.
    pub rate: Rate,
    /// How many came.
    pub asked: u64,
    /// How many of them were admitted.
    pub admitted: u64,
}

impl Default for Demand {
    fn default() -> Self {
        let book = || (0..LINES).map(|_| Line::default()).collect();
        Self { books: [book(), book()], turn: AtomicU64::new(0), missed: AtomicU64::new(0) }
    }
}

impl Line {
    /// Whether it is this key's; a line that is free becomes so.
    fn is_for(&self, tag: u64, shared: SharedKey, check: &Check<'_>) -> bool {
        let owner = self.tag.load(Relaxed);
        if owner != 0 {
            return owner == tag;
        }
        if let Err(other) = self.tag.compare_exchange(0, tag, Relaxed, Relaxed) {
            return other == tag;
        }
        self.begin(shared, check);
        true
    }

    /// Another key's from now on, if more was asked of others than of the one it is. Whether it is.
    fn gives_way(&self, tag: u64, shared: SharedKey, check: &Check<'_>, asked: u64) -> bool {
        let others = self.others.fetch_add(asked, Relaxed).saturating_add(asked);
        if others <= self.asked.load(Relaxed) {
            return false;
        }
        // First, for it is not told without.
        self.limit.store(0, Relaxed);
        self.tag.store(tag, Relaxed);
        [&self.asked, &self.admitted, &self.others].into_iter().for_each(|number| number.store(0, Relaxed));
        self.begin(shared, check);
        true
    }

    fn begin(&self, shared: SharedKey, check: &Check<'_>) {
        put(&self.shared, shared.0);
        put(&self.key, check.key().hash);
        self.rate.iter().zip(check.rate().to_parts()).for_each(|(part, value)| part.store(value, Relaxed));
        // Last, for without it the line is not told.
        self.limit.store(check.key().limit.0, Relaxed);
    }
}

impl Demand {
    /// What it takes up, in bytes.
    pub const MEMORY: usize = 2 * LINES * size_of::<Line>();

    /// Writes down that a request came for one of a limit's keys. Where there is no line, it is only
    /// counted ([`Self::missed`]), until so many have come that the least of those there are gives way.
    pub fn record(&self, check: &Check<'_>, shared: SharedKey, asked: u64, admitted: u64) {
        let book = &self.books[(self.turn.load(Relaxed) & 1) as usize];
        let tag = (shared.low() ^ check.key().limit.0).max(1);
        let lines = || (0..TRIES).map(|step| &book[(tag as usize).wrapping_add(step) % LINES]);
        let own = lines().find(|line| line.is_for(tag, shared, check)).or_else(|| {
            let least = lines().min_by_key(|line| line.asked.load(Relaxed));
            least.filter(|line| line.gives_way(tag, shared, check, asked))
        });
        match own {
            Some(line) => {
                line.asked.fetch_add(asked, Relaxed);
                line.admitted.fetch_add(admitted, Relaxed);
            }
            None => {
                self.missed.fetch_add(1, Relaxed);
            }
        }
    }

    /// How many requests found no line.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Relaxed)
    }

    /// Ends the period and calls `each` with what was asked in it. What a worker is writing at this very
    /// moment may be lost, or stand in the next period.
    fn turn(&self, mut each: impl FnMut(Asked)) {
        let book = &self.books[(self.turn.fetch_add(1, Relaxed) & 1) as usize];
        for line in book {
            if line.tag.load(Relaxed) == 0 {
                continue;
            }
            let limit = LimitId(line.limit.swap(0, Relaxed));
            let asked = Asked {
                shared: SharedKey(take(&line.shared)),
                key: Key { hash: take(&line.key), limit },
                rate: Rate::of_parts(line.rate.each_ref().map(|part| part.load(Relaxed))),
                asked: line.asked.swap(0, Relaxed),
                admitted: line.admitted.swap(0, Relaxed),
            };
            line.others.store(0, Relaxed);
            line.tag.store(0, Relaxed);
            if asked.asked > 0 && limit.0 != 0 {
                each(asked);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
fn put(halves: &[AtomicU64; 2], whole: u128) {
    halves[0].store(whole as u64, Relaxed);
    halves[1].store((whole >> 64) as u64, Relaxed);
}

fn take(halves: &[AtomicU64; 2]) -> u128 {
    let [low, high] = halves.each_ref().map(|half| u128::from(half.swap(0, Relaxed)));
    (high << 64) | low
}

/// Ends the period of all workers, and says what was asked in it: of each limit the [`MAX_REPORTED`] keys of
/// which most was asked, by limit, and the largest first.
pub fn report<'d>(workers: impl IntoIterator<Item = &'d Demand>) -> Vec<Asked> {
    let mut sums: HashMap<(LimitId, SharedKey), Asked, foldhash::fast::RandomState> = HashMap::default();
    for worker in workers {
        worker.turn(|line| {
            sums.entry((line.key.limit, line.shared))
                .and_modify(|sum| {
                    sum.asked += line.asked;
                    sum.admitted += line.admitted;
                })
                .or_insert(line);
        });
    }
    let mut all: Vec<_> = sums.into_values().collect();
    all.sort_unstable_by(|a, b| (a.key.limit, b.asked, a.shared).cmp(&(b.key.limit, a.asked, b.shared)));
    let (mut limit, mut count) = (None, 0);
    all.retain(|asked| {
        count = if limit == Some(asked.key.limit) { count + 1 } else { 1 };
        limit = Some(asked.key.limit);
        count <= MAX_REPORTED
    });
    all
}
