//! What was removed, and when (pure).
//!
//! Moments are numbers that grow with each removal. Those of a later run are greater than all of an
//! earlier one, however that ended.

use std::collections::HashMap;

/// Removals that are remembered, of either kind.
pub(crate) const MAX_REMOVALS: usize = 65_536;
/// Moments of one run, as a power of two.
const RUN: u32 = 40;

#[derive(Debug)]
pub(crate) struct Removals {
    /// The last moment at which something was removed.
    moment: u64,
    /// What is older is gone.
    gone: u64,
    /// What is older may have been removed.
    doubtful: u64,
    /// What is older is not to be put any more.
    late: u64,
    /// By hash: of what may be on the disk.
    held: HashMap<u128, u64>,
    /// By hash: of what is not, but may be put by who has asked before.
    absent: HashMap<u128, u64>,
}

/// What is written down of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) gone: u64,
    pub(crate) doubtful: u64,
    pub(crate) held: Vec<(u128, u64)>,
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    There,
    /// It may have been removed.
    Doubtful,
    Gone,
}

/// Whether what is removed can be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Held,
    /// It is not there, and does not wait to be written.
    Absent,
}

impl Removals {
    /// At the beginning of a run. `kept` is what the run before has written down, if it came to that.
    pub(crate) fn begin(run: u64, kept: Option<Kept>) -> Self {
        let moment = run << RUN;
        let kept = kept.unwrap_or_else(|| Kept { doubtful: moment, ..Kept::default() });
        let Kept { gone, doubtful, held } = kept;
        Self { moment, gone, doubtful, late: 0, held: held.into_iter().collect(), absent: HashMap::new() }
    }

    pub(crate) const fn now(&self) -> u64 {
        self.moment
    }

    fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// Whatever was asked for so far under this hash is gone.
    pub(crate) fn remove(&mut self, hash: u128, presence: Presence) {
        let moment = self.next();
        let list = match presence {
            Presence::Held => &mut self.held,
            Presence::Absent => &mut self.absent,
        };
        if list.len() < MAX_REMOVALS || list.contains_key(&hash) {
            list.insert(hash, moment);
            return;
        }
        list.clear();
        match presence {
            Presence::Held => self.doubtful = moment,
            // It can only still come, and then it is refused.
            Presence::Absent => self.late = moment,
        }
    }

    /// Whatever was asked for so far is gone.
    pub(crate) fn remove_all(&mut self) {
        self.gone = self.next();
        self.held.clear();
        self.absent.clear();
    }

    /// Whether what was asked for at `moment` may be put.
    pub(crate) fn admits(&self, hashes: [u128; 2], moment: u64) -> bool {
        moment >= self.late && self.left(hashes, moment) == Left::There
    }

    /// What became of what was asked for at `moment`.
    pub(crate) fn left(&self, hashes: [u128; 2], moment: u64) -> Left {
        let removed =
            |list: &HashMap<u128, u64>| hashes.iter().any(|hash| list.get(hash).is_some_and(|at| moment < *at));
        if moment < self.gone || removed(&self.held) || removed(&self.absent) {
            Left::Gone
        } else if moment < self.doubtful {
            Left::Doubtful
        } else {
            Left::There
        }
    }

    /// To be written down at the end of a run.
    pub(crate) fn keep(&self) -> Kept {
        let held = self.held.iter().map(|(hash, moment)| (*hash, *moment)).collect();
        Kept { gone: self.gone, doubtful: self.doubtful, held }
    }
}
