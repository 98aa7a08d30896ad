//! How times are spread, in buckets that never change, so that workers and data planes can be summed.

use std::time::Duration;

use super::counter::Counter;

/// Upper bounds of the buckets, inclusive, in microseconds: 0.5 ms to 30 s.
const BOUNDS: [u64; 15] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];

/// Times by bucket; one writer.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// The last one is for what is longer than every bound.
    buckets: [Counter; BOUNDS.len() + 1],
    /// In nanoseconds; lasts for 584 years.
    sum: Counter,
}

impl Histogram {
    pub(crate) fn observe(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[BOUNDS.partition_point(|bound| bound * 1_000 < nanoseconds)].add_one();
        self.sum.add(nanoseconds);
    }

    /// Adds what another one counted.
    pub(crate) fn absorb(&self, other: &Self) {
        for (bucket, counted) in self.buckets.iter().zip(&other.buckets) {
            bucket.add(counted.get());
        }
        self.sum.add(other.sum.get());
    }

    /// Each bucket's upper bound in seconds, the last one infinite, and how many times fell into it.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS.iter().map(|&bound| Duration::from_micros(bound).as_secs_f64());
        bounds.chain([f64::INFINITY]).zip(self.buckets.iter().map(Counter::get)).collect()
    }

    /// All times together, in seconds.
    pub(crate) fn sum(&self) -> f64 {
        Duration::from_nanos(self.sum.get()).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Histogram;

    #[test]
    fn a_time_falls_into_the_first_bucket_that_holds_it() {
        for (micros, bound) in [
            (0, 0.0005),
            (500, 0.0005),
            (501, 0.001),
            (1_000, 0.001),
            (99_999, 0.1),
            (30_000_000, 30.0),
            (30_000_001, f64::INFINITY),
        ] {
            let histogram = Histogram::default();
            histogram.observe(Duration::from_micros(micros));
            let filled: Vec<_> = histogram.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
            assert_eq!(filled, [(bound, 1)], "{micros} µs");
        }
        let histogram = Histogram::default();
        histogram.observe(Duration::from_nanos(500_001));
        assert_eq!(histogram.buckets()[1], (0.001, 1), "a bound is exact");
    }

    #[test]
    fn sums_are_of_all_that_was_observed() {
        let (one, other) = (Histogram::default(), Histogram::default());
        one.observe(Duration::from_millis(250));
        other.observe(Duration::from_millis(500));
        other.observe(Duration::MAX / 2);
        let total = Histogram::default();
        total.absorb(&one);
        assert!((total.sum() - 0.25).abs() < 1e-9);
        total.absorb(&other);
        assert_eq!(total.buckets().iter().map(|(_, count)| count).sum::<u64>(), 3);
    }
}
