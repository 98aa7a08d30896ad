//! Stories of the whole crate; each file its own.

mod capacity;
mod coalescing;
mod filling;
mod purging;
mod reading;
mod restoring;
mod stress;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use crate::{Broken, Fill, Follower, KeyRef, Leader, Lookup, Metadata, Reader, Store, Stored, Turn, Verdict};

const MEMORY: u64 = 64 * 1024 * 1024;
const LIMIT: u64 = 8 * 1024 * 1024;
const URL: &str = "https://a.test/x";

/// A head, as far as the store can tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Meta {
    /// Whom it is for.
    variant: usize,
    /// Tells one answer from another.
    version: u64,
    tags: Vec<&'static str>,
}

impl Metadata for Meta {
    fn weight(&self) -> usize {
        0
    }

    fn replaces(&self, older: &Self) -> bool {
        self.variant == older.variant
    }

    fn tags(&self) -> impl Iterator<Item = &[u8]> {
        self.tags.iter().map(|tag| tag.as_bytes())
    }
}

fn version(version: u64) -> Meta {
    Meta { version, ..Meta::default() }
}

fn tagged(tags: &[&'static str]) -> Meta {
    Meta { tags: tags.into(), ..Meta::default() }
}

fn variant(variant: usize) -> Meta {
    Meta { variant, ..Meta::default() }
}

fn fresh(_: &Meta) -> Verdict {
    Verdict::Fresh
}

fn stale(_: &Meta) -> Verdict {
    Verdict::Stale
}

/// Fresh, if it is for `wanted`.
fn only(wanted: usize) -> impl Fn(&Meta) -> Verdict {
    move |meta| if meta.variant == wanted { Verdict::Fresh } else { Verdict::Other }
}

fn store() -> Store<Meta> {
    Store::new(MEMORY, 7)
}

/// A URL is the whole key, and its host what comes behind `//`.
fn key<'a>(store: &Store<Meta>, url: &'a str) -> KeyRef<'a> {
    let start = url.find("//").map_or(0, |at| at + 2);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    store.key(url.as_bytes(), url.len(), start..end)
}

fn lead(store: &Store<Meta>, url: &str, judge: impl FnMut(&Meta) -> Verdict) -> Leader<Meta> {
    match store.lookup(&key(store, url), Instant::now(), judge) {
        Lookup::Lead(leader) => leader,
        other @ (Lookup::Hit(_) | Lookup::Follow(_) | Lookup::Pass(_)) => panic!("{other:?}"),
    }
}

fn follow(store: &Store<Meta>, url: &str, judge: impl FnMut(&Meta) -> Verdict) -> Follower<Meta> {
    match store.lookup(&key(store, url), Instant::now(), judge) {
        Lookup::Follow(follower) => follower,
        other @ (Lookup::Hit(_) | Lookup::Lead(_) | Lookup::Pass(_)) => panic!("{other:?}"),
    }
}

fn hit(store: &Store<Meta>, url: &str) -> Option<Arc<Stored<Meta>>> {
    let (stored, verdict) = store.get(&key(store, url), fresh)?;
    (verdict == Verdict::Fresh).then_some(stored)
}

/// Stores `body`.
fn fill(store: &Store<Meta>, url: &str, meta: Meta, body: &[u8]) -> Option<Arc<Stored<Meta>>> {
    let variant = meta.variant;
    let mut fill = lead(store, url, only(variant)).begin(meta, LIMIT);
    fill.append(body);
    fill.finish()
}

fn bytes(stored: &Stored<Meta>) -> Vec<u8> {
    stored.body().chunks().concat()
}

/// Something that repeats late, so that no piece can be taken for another one.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at / 251) as u8).collect()
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Bell {
    fn rung(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// Polls once; the bell tells of what comes later.
fn turn_or_bell(follower: &mut Follower<Meta>, judge: impl FnMut(&Meta) -> Verdict) -> Result<Turn<Meta>, Arc<Bell>> {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    match follower.poll_turn(&mut Context::from_waker(&waker), judge) {
        Poll::Ready(turn) => Ok(turn),
        Poll::Pending => Err(bell),
    }
}

/// What there is for a reader now; nothing, if it has to wait.
fn read_now(reader: &mut Reader<Meta>) -> Option<Option<Result<Vec<u8>, Broken>>> {
    match reader.poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(read) => Some(read.map(|piece| piece.map(|piece| piece.to_vec()))),
        Poll::Pending => None,
    }
}

/// Everything up to a wait or an end.
fn drain(reader: &mut Reader<Meta>) -> (Vec<u8>, Option<Result<(), Broken>>) {
    let mut all = Vec::new();
    loop {
        match read_now(reader) {
            None => return (all, None),
            Some(None) => return (all, Some(Ok(()))),
            Some(Some(Err(broken))) => return (all, Some(Err(broken))),
            Some(Some(Ok(piece))) => all.extend(piece),
        }
    }
}

fn own_reader(fill: &Fill<Meta>) -> Reader<Meta> {
    fill.reader().expect("it is not only passed on")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}
