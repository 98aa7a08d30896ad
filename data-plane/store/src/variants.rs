//! What is stored under one key.

use std::{slice, sync::Arc};

use crate::stored::{Metadata, Stored};

/// Responses under one key at the most; the oldest makes room.
pub const MAX_VARIANTS: usize = 64;

/// The responses under one key, the newest first of those that are particular, and then of the others. One is what most keys have, and it needs no list.
#[derive(Debug)]
pub(crate) enum Variants<M> {
    One(Arc<Stored<M>>),
    Many(Arc<[Arc<Stored<M>>]>),
}

impl<M> Clone for Variants<M> {
    fn clone(&self) -> Self {
        match self {
            Self::One(one) => Self::One(Arc::clone(one)),
            Self::Many(many) => Self::Many(Arc::clone(many)),
        }
    }
}

impl<M: Metadata> Variants<M> {
    fn new(mut list: Vec<Arc<Stored<M>>>) -> Option<Self> {
        match list.len() {
            0 | 1 => list.pop().map(Self::One),
            2.. => Some(Self::Many(list.into())),
        }
    }

    pub(crate) fn as_slice(&self) -> &[Arc<Stored<M>>] {
        match self {
            Self::One(one) => slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    /// In bytes.
    pub(crate) fn weight(&self) -> u64 {
        self.as_slice().iter().map(|stored| stored.weight()).sum()
    }

    /// These and a new one, without those that it replaces and those that are too many, or too large
    /// for `largest` bytes.
    pub(crate) fn with(before: Option<&Self>, new: Arc<Stored<M>>, largest: u64) -> Self {
        let mut weight = new.weight();
        let older = before.map_or(&[][..], Self::as_slice);
        let kept = older.iter().filter(|older| !new.meta().replaces(older.meta())).take(MAX_VARIANTS - 1);
        let kept = kept.take_while(|older| {
            weight += older.weight();
            weight <= largest
        });
        let mut kept: Vec<_> = kept.cloned().collect();
        if kept.is_empty() {
            return Self::One(new);
        }
        let in_front = kept.iter().take_while(|older| !new.meta().is_particular() && older.meta().is_particular());
        kept.insert(in_front.count(), new);
        Self::Many(kept.into())
    }

    /// Those that are wanted, if any are.
    pub(crate) fn filter(&self, is_wanted: impl Fn(&Arc<Stored<M>>) -> bool) -> Option<Self> {
        Self::new(self.as_slice().iter().filter(|stored| is_wanted(stored)).cloned().collect())
    }
}
