//! When to look for a newer key set. Pure: time and chance are arguments.

use std::{ops::RangeInclusive, time::Duration};

use rand::{Rng, RngExt};
use tokio::time::Instant;

/// How long things take.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    /// How long a set is taken to be good for, whatever its server says.
    pub lifetime: RangeInclusive<Duration>,
    /// The same where its server says nothing.
    pub default_lifetime: Duration,
    /// Between a failure and the next try: at first, and in the end.
    pub retry: RangeInclusive<Duration>,
    /// Between two tries that tokens of unknown keys cause.
    pub wanted: Duration,
    /// Between two looks at a file.
    pub file: Duration,
    /// How long an answer may take.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        Self {
            lifetime: minute..=24 * 60 * minute,
            default_lifetime: 5 * minute,
            retry: second..=5 * minute,
            wanted: 10 * second,
            file: second,
            answer: 10 * second,
        }
    }
}

/// The pace at which one source is asked.
#[derive(Debug)]
pub(super) struct Pace {
    patience: Patience,
    /// Since the last success.
    failures: u32,
    /// When it was last asked.
    asked: Instant,
}

impl Pace {
    /// Of a source that is asked at `now` for the first time.
    pub(super) fn new(patience: Patience, now: Instant) -> Self {
        Self { patience, failures: 0, asked: now }
    }

    /// It is being asked.
    pub(super) fn ask(&mut self, now: Instant) {
        self.asked = now;
    }

    /// When to ask again after a good answer, which is good for so long: well before that is over, and not
    /// all at one time.
    pub(super) fn after_success(&mut self, said: Option<Duration>, now: Instant, rng: &mut impl Rng) -> Instant {
        self.failures = 0;
        let Patience { lifetime, default_lifetime, .. } = &self.patience;
        let lifetime = said.unwrap_or(*default_lifetime).clamp(*lifetime.start(), *lifetime.end());
        now + lifetime.mul_f64(rng.random_range(0.7..0.8))
    }

    /// When to ask again after none: later each time, up to a bound.
    pub(super) fn after_failure(&mut self, now: Instant, rng: &mut impl Rng) -> Instant {
        let retry = &self.patience.retry;
        let factor = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        let pause = retry.start().saturating_mul(factor).min(*retry.end());
        now + pause.mul_f64(rng.random_range(0.5..1.0))
    }

    /// When to ask, where a token wants a key that is not there.
    pub(super) fn when_wanted(&self, due: Instant) -> Instant {
        due.min(self.asked + self.patience.wanted)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{SeedableRng, rngs::SmallRng};
    use tokio::time::Instant;

    use super::{Pace, Patience};

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_set_is_fetched_again_well_before_it_is_too_old() {
        let (now, mut rng) = (Instant::now(), SmallRng::seed_from_u64(1));
        let mut pace = Pace::new(Patience::default(), now);
        for (said, lifetime) in [
            (None, 5 * MINUTE),
            (Some(Duration::ZERO), MINUTE),
            (Some(10 * MINUTE), 10 * MINUTE),
            (Some(Duration::MAX), 24 * 60 * MINUTE),
        ] {
            for _ in 0..100 {
                let due = pace.after_success(said, now, &mut rng) - now;
                assert!((lifetime.mul_f64(0.7)..lifetime.mul_f64(0.8)).contains(&due), "{said:?}: {due:?}");
            }
        }
    }

    #[test]
    fn failures_are_further_and_further_apart_until_one_is_none() {
        let (now, mut rng) = (Instant::now(), SmallRng::seed_from_u64(1));
        let mut pace = Pace::new(Patience::default(), now);
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
            let due = pace.after_failure(now, &mut rng) - now;
            let most = Duration::from_secs(seconds);
            assert!((most / 2..most).contains(&due), "{seconds}: {due:?}");
        }
        (0..1000).for_each(|_| assert!(pace.after_failure(now, &mut rng) - now <= 5 * MINUTE));
        pace.after_success(None, now, &mut rng);
        assert!(pace.after_failure(now, &mut rng) - now <= Duration::from_secs(1));
    }

    #[test]
    fn what_tokens_want_is_fetched_ten_seconds_apart() {
        let now = Instant::now();
        let mut pace = Pace::new(Patience::default(), now);
        assert_eq!(pace.when_wanted(now + MINUTE), now + Duration::from_secs(10));
        assert_eq!(pace.when_wanted(now + Duration::from_secs(3)), now + Duration::from_secs(3));
        pace.ask(now + MINUTE);
        assert_eq!(pace.when_wanted(now + 3 * MINUTE), now + MINUTE + Duration::from_secs(10));
    }
}
