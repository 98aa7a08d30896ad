//! What GCRA promises, in whole numbers: of the requests that were admitted from any moment to a later one,
//! there are no more than the burst and what the time between is worth.

use std::time::Duration;

use proptest::prelude::*;

use super::{SECOND, ask};
use crate::{Rate, RateError, Table};

/// What was admitted, and the rate as it was meant.
pub(super) struct Model {
    pub count: u128,
    pub per: u128,
    pub burst: u128,
    pub admitted: Vec<u64>,
}

impl Model {
    pub(super) fn new(count: u64, per: Duration, burst: u64) -> Self {
        Self { count: count.into(), per: per.as_nanos(), burst: burst.into(), admitted: Vec::new() }
    }

    /// Whether one more at this moment keeps the promise for every earlier moment. It looks at all of them.
    pub(super) fn allows(&self, now: u64) -> bool {
        let earlier = self.admitted.iter().rev().zip(2..);
        let keeps = |(&then, requests): (&u64, u128)| {
            requests * self.per <= self.burst * self.per + u128::from(now - then) * self.count
        };
        self.burst >= 1 && earlier.into_iter().all(keeps)
    }
}

/// Rates whose interval is a whole number of nanoseconds, so that nothing is rounded.
fn whole() -> impl Strategy<Value = (u64, Duration, u64)> {
    (1_u64..50, 1_u64..2_000_000_000, 1_u64..20)
        .prop_map(|(count, interval, burst)| (count, Duration::from_nanos(count * interval), burst))
}

/// Any rate.
fn any_rate() -> impl Strategy<Value = (u64, Duration, u64)> {
    (1_u64..1_000_000, 1_u64..100 * SECOND, 1_u64..50).prop_filter_map("faster than time", |(count, per, burst)| {
        (count <= per).then_some((count, Duration::from_nanos(per), burst))
    })
}

/// Times between requests, in thousandths of what one costs.
fn gaps() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![Just(0), 0_u64..3000, Just(1000), Just(60_000)], 1..120)
}

proptest! {
    #[test]
    fn it_admits_what_the_model_does((count, per, burst) in whole(), gaps in gaps(), start in 0..u64::from(u32::MAX)) {
        let table = Table::of_sets(1, 7);
        let rate = Rate::requests(count, per, burst).unwrap();
        let mut model = Model::new(count, per, burst);
        let mut now = start;
        for gap in gaps {
            now += gap * rate.cost(1) / 1000;
            let expected = model.allows(now);
            prop_assert_eq!(ask(&table, rate, 1, now), expected, "at {}", now);
            if expected {
                model.admitted.push(now);
            }
        }
    }

    #[test]
    fn rounding_admits_nothing_more((count, per, burst) in any_rate(), gaps in gaps()) {
        let table = Table::of_sets(1, 7);
        let rate = Rate::requests(count, per, burst).unwrap();
        let mut model = Model::new(count, per, burst);
        let mut now = 0;
        for gap in gaps {
            now += gap * rate.cost(1) / 1000;
            if ask(&table, rate, 1, now) {
                prop_assert!(model.allows(now), "at {now}");
                model.admitted.push(now);
            }
        }
    }

    #[test]
    fn the_wait_is_the_very_nanosecond((count, per, burst) in any_rate(), gaps in gaps()) {
        let table = Table::of_sets(1, 7);
        let rate = Rate::requests(count, per, burst).unwrap();
        let mut now = 0;
        for gap in gaps {
            now += gap * rate.cost(1) / 1000;
            let mut check = super::check(&table, rate, 1);
            if crate::admit(&table, std::slice::from_mut(&mut check), now) {
                prop_assert_eq!(check.wait(), 0);
            } else {
                prop_assert_eq!(check.standing(now).remaining, 0);
                prop_assert_eq!(check.standing(now).next, Some(check.wait()));
                prop_assert!(!ask(&table, rate, 1, now + check.wait() - 1));
                now += check.wait();
                prop_assert!(ask(&table, rate, 1, now));
            }
        }
    }
}

#[test]
fn ten_a_second_with_a_burst_of_five() {
    let table = Table::of_sets(1, 7);
    let rate = super::per_second(10, 5);
    let admitted = |times: u64, now| (0..times).filter(|_| ask(&table, rate, 1, now)).count();
    assert_eq!(admitted(9, SECOND), 5);
    assert_eq!(admitted(1, SECOND + SECOND / 10 - 1), 0);
    assert_eq!(admitted(9, SECOND + SECOND / 10), 1);
    assert_eq!(admitted(9, 2 * SECOND), 5);
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let second = Duration::from_secs(1);
    let day = Duration::from_hours(24);
    assert_eq!(Rate::requests(0, second, 1), Err(RateError::Nothing));
    assert_eq!(Rate::requests(1, second, 0), Err(RateError::Nothing));
    assert_eq!(Rate::requests(1, Duration::ZERO, 1), Err(RateError::Period));
    assert_eq!(Rate::requests(1, Duration::MAX, 1), Err(RateError::Period));
    assert_eq!(Rate::requests(1_000_000_001, second, 1), Err(RateError::TooFast));
    assert_eq!(Rate::requests(1, day, 367), Err(RateError::Burst));
    assert_eq!(Rate::bytes(1, day, u64::MAX), Err(RateError::Burst));
    assert!(Rate::requests(1, day, 366).is_ok());
    assert!(Rate::bytes(u64::MAX, second, u64::MAX).is_ok());
}
