//! Which control plane to try next, and when.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The longest wait after the first round in which every control plane failed; each further round
/// doubles it. A wait is drawn from the upper half, so that data planes that lost the same control
/// plane do not come back in step.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait of all.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A walk around the control planes. A round is tried without pausing; then follows a wait.
#[derive(Debug)]
pub(super) struct Itinerary {
    planes: usize,
    at: usize,
    failures: usize,
}

impl Itinerary {
    /// Starts at the first of so many.
    pub(super) fn new(planes: usize) -> Self {
        Self { planes: planes.max(1), at: 0, failures: 0 }
    }

    /// The place of the one to try now.
    pub(super) fn current(&self) -> usize {
        self.at
    }

    /// The stream to the current one had been good until it was lost: what is next is tried at once.
    pub(super) fn lost(&mut self) {
        self.failures = 0;
        self.advance();
    }

    /// The current one did not do; the next one may.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.advance();
    }

    /// The current one is to be tried once more.
    pub(super) fn again(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    fn advance(&mut self) {
        self.at = (self.at + 1) % self.planes;
    }

    /// How long to wait before the next try: 50 ms to 5 s after each round of failures, else nothing.
    pub(super) fn wait(&self, rng: &mut impl Rng) -> Duration {
        if self.failures == 0 || !self.failures.is_multiple_of(self.planes) {
            return Duration::ZERO;
        }
        let doublings = u32::try_from(self.failures / self.planes - 1).unwrap_or(u32::MAX).min(16);
        let longest = LONGEST_WAIT.min(FIRST_WAIT * 2_u32.pow(doublings));
        longest.mul_f64(rng.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{SeedableRng, rngs::SmallRng};

    use super::Itinerary;

    #[test]
    fn a_round_has_no_pauses_and_waits_grow_from_round_to_round() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut itinerary = Itinerary::new(2);
        let mut visits = Vec::new();
        let mut waits = Vec::new();
        for _ in 0..20 {
            let wait = itinerary.wait(&mut rng);
            visits.push(itinerary.current());
            if itinerary.current() == 0 {
                waits.push(wait);
            } else {
                assert_eq!(wait, Duration::ZERO);
            }
            itinerary.failed();
        }
        assert_eq!(visits, [0, 1].repeat(10));
        assert_eq!(waits[0], Duration::ZERO);
        for (wait, longest) in waits[1..].iter().zip([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]) {
            let longest = Duration::from_millis(longest);
            assert!((longest / 2..=longest).contains(wait), "{waits:?}");
        }
    }

    #[test]
    fn after_a_good_stream_the_next_try_is_at_once() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut itinerary = Itinerary::new(1);
        itinerary.failed();
        itinerary.failed();
        itinerary.lost();
        assert_eq!(itinerary.wait(&mut rng), Duration::ZERO);
        itinerary.failed();
        assert!(itinerary.wait(&mut rng) <= Duration::from_millis(100));
    }

    #[test]
    fn a_control_plane_that_keeps_breaking_the_rules_is_not_asked_in_a_hurry() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut itinerary = Itinerary::new(1);
        itinerary.again();
        assert_eq!(itinerary.current(), 0);
        assert!(itinerary.wait(&mut rng) >= Duration::from_millis(50));
    }

    #[test]
    fn waits_stay_in_bounds_for_ever() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut itinerary = Itinerary { planes: 1, at: 0, failures: usize::MAX };
        itinerary.failed();
        assert!(itinerary.wait(&mut rng) <= Duration::from_secs(5));
    }
}
