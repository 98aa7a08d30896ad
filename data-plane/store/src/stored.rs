//! A response, and what the store has to know of it.

use std::sync::{
    Arc, OnceLock,
    atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use crate::{
    body::Body,
    ledger::{Account, Ledger},
};

static EMPTY: Body = Body::EMPTY;

/// What the caller knows of a response: its head, its freshness, what it varies on. The store asks
/// for nothing else. None of this may call the store: it is asked while a part of it is locked.
pub trait Metadata: Send + Sync + 'static {
    /// Bytes on the heap, beyond its own size. Never changes.
    fn weight(&self) -> usize;

    /// Whether it is for the very requests that `older` is for, which was stored under the same key
    /// and has to make room for it.
    fn replaces(&self, older: &Self) -> bool;

    /// Whether it is chosen before newer ones of the same key that are not so particular about requests
    /// (RFC 9111 section 4.1: one with a `Vary` before one without).
    fn is_particular(&self) -> bool {
        false
    }

    /// What it can be purged by, beside its URL and its host.
    fn tags(&self) -> impl Iterator<Item = &[u8]>;
}

/// A whole response that comes from elsewhere than the upstream: from a disk.
#[derive(Debug, Clone)]
pub struct Whole<M> {
    /// Its head.
    pub meta: M,
    /// The whole of it.
    pub body: Body,
    /// Whether it is stale, whatever its head says: a soft purge was about it.
    pub is_stale: bool,
}

/// A response that is stored, or was: who holds it can send it, whatever becomes of the store.
#[derive(Debug)]
pub struct Stored<M> {
    meta: M,
    /// Comes last; who is handed a `Stored` gets a whole one.
    body: OnceLock<Body>,
    account: Account,
    /// No purge up to here is about it.
    checked: AtomicU64,
    marked_stale: AtomicBool,
}

impl<M: Metadata> Stored<M> {
    /// One whose body is still to come.
    pub(crate) fn begun(meta: M, ledger: &Arc<Ledger>) -> Self {
        Self {
            meta,
            body: OnceLock::new(),
            account: Account::new(Arc::clone(ledger)),
            checked: AtomicU64::new(0),
            marked_stale: AtomicBool::new(false),
        }
    }

    /// One that comes as a whole.
    pub(crate) fn whole(whole: Whole<M>, ledger: &Arc<Ledger>) -> Self {
        let Whole { meta, body, is_stale } = whole;
        let new = Self::begun(meta, ledger);
        new.complete(body);
        new.marked_stale.store(is_stale, Relaxed);
        new
    }

    /// The same body under a new head.
    pub(crate) fn with_meta(&self, meta: M) -> Self {
        let new = Self::begun(meta, &self.account.ledger());
        new.complete(self.body().clone());
        new
    }

    /// The body is whole.
    pub(crate) fn complete(&self, body: Body) {
        let weight = size_of::<Self>() + self.meta.weight() + body.weight();
        // Only its one filler comes here, and once.
        let _ = self.body.set(body);
        self.account.set(weight as u64);
    }

    /// What was said of it when it was stored, or validated last.
    pub const fn meta(&self) -> &M {
        &self.meta
    }

    /// The whole of it.
    pub fn body(&self) -> &Body {
        self.body.get().unwrap_or(&EMPTY)
    }

    /// In bytes: metadata, body, and what it takes to keep them.
    pub fn weight(&self) -> u64 {
        self.account.bytes()
    }

    /// Whether a soft purge was about it: it is stale, whatever its head says.
    pub fn is_marked_stale(&self) -> bool {
        self.marked_stale.load(Relaxed)
    }

    pub(crate) const fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn mark_stale(&self) {
        self.marked_stale.store(true, Relaxed);
    }

    pub(crate) fn checked(&self) -> u64 {
        self.checked.load(Acquire)
    }

    /// The mark, if there is one, is seen by whoever sees this.
    pub(crate) fn set_checked(&self, stamp: u64) {
        self.checked.store(stamp, Release);
    }
}
