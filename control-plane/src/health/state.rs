//! What the outcomes of probes mean: a verdict that needs several of them in a row to turn.

/// The verdict on one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Never probed: the first outcome alone decides.
    Pending,
    /// Gets traffic.
    Healthy {
        /// Failures in a row.
        failed: u32,
    },
    /// Gets none.
    Unhealthy {
        /// Passes in a row.
        passed: u32,
    },
}

/// A verdict that has just been reached or turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    /// It gets traffic from now on.
    Up,
    /// It gets none from now on.
    Down,
}

impl State {
    /// A verdict from an earlier time, which turns only as `rise` and `fall` say.
    pub(super) const fn restored(healthy: bool) -> Self {
        if healthy { Self::Healthy { failed: 0 } } else { Self::Unhealthy { passed: 0 } }
    }

    /// Takes in one outcome. `rise` passes in a row make an unhealthy address healthy, `fall`
    /// failures in a row a healthy one unhealthy.
    pub(super) fn on_probe(&mut self, passed: bool, rise: u32, fall: u32) -> Option<Transition> {
        let (next, transition) = match (*self, passed) {
            (Self::Pending, true) => (Self::restored(true), Some(Transition::Up)),
            (Self::Pending, false) => (Self::restored(false), Some(Transition::Down)),
            (Self::Healthy { .. }, true) => (Self::restored(true), None),
            (Self::Unhealthy { .. }, false) => (Self::restored(false), None),
            (Self::Healthy { failed }, false) if failed + 1 >= fall => (Self::restored(false), Some(Transition::Down)),
            (Self::Healthy { failed }, false) => (Self::Healthy { failed: failed + 1 }, None),
            (Self::Unhealthy { passed }, true) if passed + 1 >= rise => (Self::restored(true), Some(Transition::Up)),
            (Self::Unhealthy { passed }, true) => (Self::Unhealthy { passed: passed + 1 }, None),
        };
        *self = next;
        transition
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{State, Transition};

    #[test]
    fn the_first_outcome_alone_decides() {
        assert_eq!(State::Pending.on_probe(true, 5, 5), Some(Transition::Up));
        assert_eq!(State::Pending.on_probe(false, 5, 5), Some(Transition::Down));
    }

    #[test]
    fn a_restored_verdict_turns_only_after_rise_or_fall() {
        let mut state = State::restored(true);
        assert_eq!(state.on_probe(false, 1, 2), None);
        assert_eq!(state.on_probe(false, 1, 2), Some(Transition::Down));
        let mut state = State::restored(false);
        assert_eq!(state.on_probe(true, 2, 2), None);
        assert_eq!(state.on_probe(true, 2, 2), Some(Transition::Up));
    }

    proptest! {
        /// Against a plain reading of the rule: a verdict turns exactly when the last `rise` or
        /// `fall` outcomes since it was reached all speak against it.
        #[test]
        fn turns_exactly_after_enough_outcomes_in_a_row(
            outcomes in proptest::collection::vec(any::<bool>(), 1..60), rise in 1u32..5, fall in 1u32..5,
        ) {
            let mut state = State::Pending;
            let mut expected: Option<bool> = None;
            let mut since = 0;
            for (i, passed) in outcomes.iter().copied().enumerate() {
                let transition = state.on_probe(passed, rise, fall);
                let needed = match expected { None => 1, Some(true) => fall, Some(false) => rise } as usize;
                let run = outcomes[since..=i].iter().rev().take_while(|o| **o == passed).count();
                let turns = expected != Some(passed) && run >= needed;
                let wanted = turns.then_some(if passed { Transition::Up } else { Transition::Down });
                prop_assert_eq!(transition, wanted);
                if turns {
                    expected = Some(passed);
                    since = i + 1;
                }
            }
        }
    }
}
