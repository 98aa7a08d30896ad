//! Several limits at once.

use std::time::Duration;

use proptest::prelude::*;

use super::{SECOND, check, per_second};
use crate::{Check, Counts, LimitId, Rate, Share, Table, admit};

fn both<'t>(table: &Table) -> [Check<'t>; 2] {
    let daily = Rate::requests(20, Duration::from_hours(24), 20).unwrap();
    let daily = Check::new(table.key(LimitId(2), b"somebody"), daily, Share::WHOLE, Counts::Requests);
    [check(table, per_second(10, 10), 1), daily]
}

#[test]
fn a_limit_that_is_used_up_costs_the_other_nothing() {
    let table = Table::of_sets(1, 7);
    let ask = |now| {
        let mut checks = both(&table);
        (admit(&table, &mut checks, now), checks.map(|check| check.standing(now).remaining))
    };
    for left in (0..10).rev() {
        assert_eq!(ask(0), (true, [left, 10 + left]));
    }
    assert_eq!(ask(0), (false, [0, 10]));
    for left in (0..10).rev() {
        assert_eq!(ask(SECOND), (true, [left, left]));
    }
    for _ in 0..100 {
        assert_eq!(ask(2 * SECOND), (false, [10, 0]));
    }
    let mut checks = both(&table);
    admit(&table, &mut checks, 2 * SECOND);
    assert_eq!(checks.map(|check| check.wait().div_ceil(SECOND)), [0, 4320 - 2]);
}

proptest! {
    /// Where others came meanwhile, what is given back is what was charged, or less as far as time has passed; it is
    /// never more than if it had not been charged.
    #[test]
    fn what_is_given_back_later_admits_nothing_more(gaps in prop::collection::vec(0..SECOND, 0..20), last in 0..SECOND) {
        let charged = Table::of_sets(1, 7);
        let spared = Table::of_sets(1, 7);
        let mut first = [check(&charged, per_second(2, 9), 1)];
        prop_assert!(admit(&charged, &mut first, 0));
        let mut now = 0;
        for gap in &gaps {
            now += gap;
            if admit(&charged, &mut [check(&charged, per_second(2, 9), 1)], now) {
                prop_assert!(admit(&spared, &mut [check(&spared, per_second(2, 9), 1)], now));
            }
        }
        now += last;
        first[0].give_back(now);
        let [with, without] = [&charged, &spared].map(|table| table.look(first[0].key(), None, now).tat.max(now));
        prop_assert!(with >= without, "{with} {without}");
        let is_at_once = now <= SECOND / 2;
        prop_assert!(!is_at_once || gaps.iter().any(|gap| *gap > 0) || with == without, "{with} {without}");
    }

    /// All or none: what either admits is what both would.
    #[test]
    fn together_they_are_as_strict_as_each(gaps in prop::collection::vec(0..SECOND, 1..200), bursts in [1_u64..8, 1_u64..8]) {
        let table = Table::of_sets(1, 7);
        let apart = Table::of_sets(1, 7);
        let rates = [per_second(2, bursts[0]), Rate::requests(3, Duration::from_secs(2), bursts[1]).unwrap()];
        let checks = |table: &Table| [0, 1].map(|at| {
            Check::new(table.key(LimitId(at as u64), b"x"), rates[at], Share::WHOLE, Counts::Requests)
        });
        let mut now = 0;
        for gap in gaps {
            now += gap;
            let admitted = admit(&table, &mut checks(&table), now);
            // The other table is charged only with what was admitted, and must have room for it.
            if admitted {
                for mut check in checks(&apart) {
                    prop_assert!(admit(&apart, std::slice::from_mut(&mut check), now));
                }
            } else {
                let open = checks(&apart).iter_mut().all(|check| {
                    let probe = apart.look(check.key(), None, now);
                    check.terms().wait(probe.tat, now) == 0
                });
                prop_assert!(!open);
            }
        }
    }
}
