//! Threads that do everything at once, and what must hold all the same.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{runtime, task::LocalSet, time::timeout};

use super::{Meta, content, fresh, key, own_reader};
use crate::{Broken, Leader, Lookup, Mode, Purge, Reader, Store, Turn};

const THREADS: u64 = 4;
const KEYS: u64 = 8;
const LEN: usize = 60_000;

/// The upstream: what it says of a key is the newest version, until that changes.
struct Origin {
    versions: Vec<AtomicU64>,
    whole: Vec<u8>,
}

impl Origin {
    fn body(&self, key: u64, version: u64) -> Vec<u8> {
        let mut body = self.whole.clone();
        body.truncate(LEN / 2 + usize::try_from((version * 7919 + key) % (LEN as u64 / 2)).unwrap());
        body.splice(..0, version.to_le_bytes());
        body
    }

    fn version(&self, key: u64) -> u64 {
        self.versions[usize::try_from(key).unwrap()].load(SeqCst)
    }
}

/// Chance that can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Client {
    store: Store<Meta>,
    origin: Arc<Origin>,
    dice: Dice,
}

impl Client {
    /// What a request for `key` gets; nothing, where it broke off.
    async fn ask(&mut self, number: u64) -> Option<(u64, Vec<u8>)> {
        let (store, url) = (self.store.clone(), format!("https://a.test/{number}"));
        let key = key(&store, &url);
        let mut next = store.lookup(&key, Instant::now(), fresh);
        loop {
            next = match next {
                Lookup::Hit(stored) => return Some((stored.meta().version, stored.body().chunks().concat())),
                Lookup::Lead(leader) => return self.fetch(number, leader).await,
                Lookup::Pass(_) => {
                    let version = self.origin.version(number);
                    return Some((version, self.origin.body(number, version)));
                }
                Lookup::Follow(mut follower) => {
                    if self.dice.roll(20) == 0 {
                        return None;
                    }
                    match follower.turn(fresh).await {
                        Turn::Stream(reader) => return self.read(reader).await,
                        Turn::Hit(stored) => Lookup::Hit(stored),
                        Turn::Lead(leader) => Lookup::Lead(leader),
                        Turn::Pass(stale) => Lookup::Pass(stale),
                        Turn::Again => store.lookup(&key, Instant::now(), fresh),
                    }
                }
            };
        }
    }

    async fn fetch(&mut self, number: u64, mut leader: Leader<Meta>) -> Option<(u64, Vec<u8>)> {
        let version = self.origin.version(number);
        let body = self.origin.body(number, version);
        tokio::task::yield_now().await;
        match self.dice.roll(10) {
            0 => return None,
            1 => {
                leader.release(Instant::now() + Duration::from_micros(200));
                return Some((version, body));
            }
            _ => {}
        }
        let meta = Meta { version, tags: vec!["all"], ..Meta::default() };
        let limit = if self.dice.roll(10) == 0 { 20_000 } else { u64::MAX };
        let mut fill = leader.begin(meta, limit);
        let reader = own_reader(&fill);
        let breaks_off = self.dice.roll(10) == 0;
        let mut pieces = &body[..];
        while !pieces.is_empty() {
            let len = usize::try_from(self.dice.roll(9000)).unwrap() + 1;
            let (now, later) = pieces.split_at(len.min(pieces.len()));
            fill.append(now);
            pieces = later;
            if self.dice.roll(3) == 0 {
                tokio::task::yield_now().await;
            }
            if breaks_off && self.dice.roll(4) == 0 {
                return None;
            }
        }
        fill.finish();
        self.read(reader).await
    }

    async fn read(&mut self, mut reader: Reader<Meta>) -> Option<(u64, Vec<u8>)> {
        let version = reader.meta().version;
        let mut all = Vec::new();
        while let Some(piece) = reader.next().await {
            match piece {
                Ok(piece) => all.extend_from_slice(&piece),
                Err(Broken::Aborted | Broken::Outpaced) => return None,
            }
            if self.dice.roll(3) == 0 {
                tokio::task::yield_now().await;
            }
        }
        Some((version, all))
    }

    /// The origin changes, and says so.
    fn change(&mut self, number: u64) -> u64 {
        let version = self.origin.versions[usize::try_from(number).unwrap()].fetch_add(1, SeqCst) + 1;
        let url = format!("https://a.test/{number}");
        let key = key(&self.store, &url);
        match self.dice.roll(5) {
            0 => self.store.invalidate(&key),
            1 => self.store.purge(Purge::Url(url.as_bytes()), Mode::Hard),
            2 => self.store.purge(Purge::Host(b"a.test"), Mode::Hard),
            3 => self.store.purge(Purge::Tag(b"all"), Mode::Soft),
            _ => self.store.purge(Purge::Prefix(url.as_bytes()), Mode::Hard),
        }
        version
    }

    /// Whoever asks after a purge gets nothing that was there before it, and all of it or nothing.
    async fn run(mut self, rounds: u64) -> u64 {
        let mut whole = 0;
        for _ in 0..rounds {
            let number = self.dice.roll(KEYS);
            let least = if self.dice.roll(20) == 0 { self.change(number) } else { 0 };
            let Some((version, body)) = self.ask(number).await else { continue };
            assert!(body == self.origin.body(number, version), "a part, or a mixture");
            assert!(version >= least, "{version} after {least} was purged");
            whole += 1;
        }
        whole
    }
}

fn storm(memory: u64, rounds: u64) -> Store<Meta> {
    let store: Store<Meta> = Store::new(memory, 7);
    let origin = Arc::new(Origin { versions: (0..KEYS).map(|_| AtomicU64::new(0)).collect(), whole: content(LEN) });
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (store, origin) = (store.clone(), Arc::clone(&origin));
                scope.spawn(move || {
                    let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
                    LocalSet::new().block_on(&runtime, async {
                        let client = |client| {
                            let dice = Dice(thread * 1000 + client);
                            Client { store: store.clone(), origin: Arc::clone(&origin), dice }
                        };
                        let clients: Vec<_> =
                            (0..8).map(|at| tokio::task::spawn_local(client(at).run(rounds))).collect();
                        let mut whole = 0;
                        for client in clients {
                            let ended = timeout(Duration::from_secs(60), client).await;
                            whole += ended.expect("nobody waits for ever").unwrap();
                        }
                        whole
                    })
                })
            })
            .collect();
        let sweeper = scope.spawn(|| {
            while !is_over.load(SeqCst) {
                store.sweep();
                thread::yield_now();
            }
        });
        let ended: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, SeqCst);
        sweeper.join().unwrap();
        let whole: u64 = ended.into_iter().map(Result::unwrap).sum();
        assert!(whole > THREADS * 8 * rounds / 2, "{whole}");
    });
    store
}

#[test]
fn nothing_is_mixed_or_lost_or_left_over() {
    let store = storm(super::MEMORY, 300);
    assert!(store.inner().flights.is_empty(), "every flight has ended");
    let stats = store.stats();
    assert!(stats.held_bytes <= stats.stored_bytes, "{stats:?}");
    assert!([stats.coalesced, stats.handed_over, stats.released, stats.aborted, stats.passed].iter().all(|n| *n > 0));
    store.purge(Purge::Prefix(b""), Mode::Hard);
    store.sweep();
    let stats = store.stats();
    assert_eq!((stats.entries, stats.stored_bytes, stats.held_bytes, store.inner().purges.len()), (0, 0, 0, 0));
}

#[test]
fn the_same_holds_where_memory_is_short() {
    let store = storm(crate::MIN_MEMORY, 200);
    assert!(store.inner().flights.is_empty());
    let stats = store.stats();
    assert!(stats.held_bytes <= stats.stored_bytes, "{stats:?}");
}

/// One thread changes and purges; what any thread gets after that is at least as new.
#[test]
fn after_a_purge_nobody_gets_what_was_there_before() {
    const CHANGES: u64 = 500;
    let store: Store<Meta> = Store::new(super::MEMORY, 7);
    let (current, purged, asked) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let url = "https://a.test/x";
    let ask = || loop {
        match store.lookup(&key(&store, url), Instant::now(), fresh) {
            Lookup::Hit(stored) => return stored.meta().version,
            Lookup::Lead(leader) => {
                let version = current.load(SeqCst);
                let mut fill = leader.begin(Meta { version, tags: vec!["all"], ..Meta::default() }, u64::MAX);
                fill.append(b"body");
                fill.finish();
                return version;
            }
            Lookup::Follow(_) => thread::yield_now(),
            Lookup::Pass(_) => panic!("nothing is passed"),
        }
    };
    thread::scope(|scope| {
        let clients = [(); 3].map(|()| {
            scope.spawn(|| {
                loop {
                    let least = purged.load(SeqCst);
                    let version = ask();
                    asked.fetch_add(1, SeqCst);
                    assert!(version >= least, "{version} after {least} was purged");
                    if least == CHANGES {
                        return;
                    }
                }
            })
        });
        let mut asked_before = 0;
        for version in 1..=CHANGES {
            // Each is asked for, as long as somebody is there to ask.
            while asked.load(SeqCst) == asked_before && !clients.iter().all(thread::ScopedJoinHandle::is_finished) {
                thread::yield_now();
            }
            asked_before = asked.load(SeqCst);
            current.store(version, SeqCst);
            match version % 5 {
                0 => store.invalidate(&key(&store, url)),
                1 => store.purge(Purge::Url(url.as_bytes()), Mode::Hard),
                2 => store.purge(Purge::Tag(b"all"), Mode::Hard),
                3 => store.purge(Purge::Prefix(b"https://a"), Mode::Soft),
                _ => store.purge(Purge::Host(b"a.test"), Mode::Hard),
            }
            purged.store(version, SeqCst);
            if version % 7 == 0 {
                store.sweep();
            }
        }
    });
    assert!(store.stats().stored > CHANGES / 2, "{:?}", store.stats());
}
