//! Shares of a cluster's limit, and what they are shared out by.

use proptest::prelude::*;

use super::{SECOND, per_second, shared};
use crate::{
    Asked, Check, Counts, Demand, LimitId, MAX_LEASES, MAX_REPORTED, MIN_SHARE, Share, SharedKey, Shares, Table,
    TooManyLeases, admit, report,
};

/// How many of so many requests, evenly spread over ten seconds, are admitted with this share.
fn admitted(table: &Table, share: Share, key: u64, from: u64) -> usize {
    let at = |number| from + number * (SECOND / 1000);
    (0..10_000)
        .filter(|&number| admit(table, &mut [shared(table, per_second(100, 10), key, share)], at(number)))
        .count()
}

#[test]
fn shares_add_up_to_the_limit() {
    let table = Table::of_sets(4, 7);
    // The burst is there once more than the rate.
    assert!((1000..=1010).contains(&admitted(&table, Share::WHOLE, 0, 0)));
    for nodes in [2_u32, 5, 20] {
        let sum: usize =
            (0..nodes).map(|node| admitted(&table, Share::fair(nodes), u64::from(100 * nodes + node), 0)).sum();
        assert!((1000..=1000 + nodes.max(10) as usize).contains(&sum), "{sum} with {nodes}");
    }
    let parts = [1 << 31, 1 << 30, 1 << 29, 1 << 29];
    let sum: usize = (0..).zip(parts).map(|(key, parts)| admitted(&table, Share::of_parts(parts), key + 1, 0)).sum();
    assert!((1000..=1012).contains(&sum), "{sum}");
}

#[test]
fn a_cell_keeps_its_meaning_when_its_share_changes() {
    let table = Table::of_sets(1, 7);
    let rate = per_second(10, 10);
    let ask = |share, now| {
        let mut checks = [shared(&table, rate, 1, share)];
        (admit(&table, &mut checks, now), checks[0].standing(now).remaining)
    };
    let half = Share::of_parts(1 << 31);
    assert_eq!(ask(half, 0), (true, 4));
    assert_eq!(ask(half, 0), (true, 3));
    // Three fifths are left of whatever there is.
    assert_eq!(ask(Share::WHOLE, 0), (true, 5));
    // Who has next to nothing has one when it has rested, and is not punished for it later.
    let least = Share::of_parts(0);
    assert_eq!(ask(least, 10 * SECOND), (true, 0));
    assert_eq!(ask(least, 100 * SECOND), (false, 0));
    assert_eq!(ask(Share::WHOLE, 100 * SECOND), (false, 0));
    assert_eq!(ask(Share::WHOLE, 101 * SECOND), (true, 9));
}

proptest! {
    #[test]
    fn no_share_is_more_than_it_says(parts in MIN_SHARE..=1 << 32, whole in 1_u32..=u32::MAX, nodes in 1_u32..1000) {
        let exact = (u128::from(whole) * u128::from(parts)) >> 32;
        prop_assert!(u128::from(Share::of_parts(parts).of(whole)) <= exact.max(1));
        prop_assert_eq!(Share::fair(nodes).of(whole), (whole / nodes).max(1));
    }
}

#[test]
fn leases_go_before_the_fair_share() {
    let (limit, key, other) = (LimitId(1), SharedKey(2), SharedKey(3));
    let lease = Share::of_parts(1 << 30);
    let shares = Shares::new(4, [((limit, key), lease)]).unwrap();
    assert_eq!(shares.lease(limit, key), Some(lease));
    assert_eq!((shares.lease(limit, other), shares.lease(LimitId(2), key)), (None, None));
    assert_eq!((shares.fair(), shares.nodes()), (Share::fair(4), 4));
    assert_eq!((Shares::default().fair(), Shares::default().lease(limit, key)), (Share::WHOLE, None));
    let many = (0..=MAX_LEASES as u128).map(|key| ((limit, SharedKey(key)), lease));
    assert_eq!(Shares::new(4, many).map(|_| ()), Err(TooManyLeases));
}

#[test]
fn what_is_used_comes_along_with_a_share() {
    let table = Table::of_sets(1, 7);
    let rate = per_second(10, 10);
    let check = shared(&table, rate, 1, Share::WHOLE);
    let used = |now| table.used(check.key(), &rate, now) >> 28;
    let ask = |now| admit(&table, &mut [shared(&table, rate, 1, Share::WHOLE)], now);
    table.shift(check.key(), &rate, -(1 << 31), 0);
    assert_eq!(used(0), 0);
    // A half, of sixteen parts.
    table.shift(check.key(), &rate, 1 << 31, 0);
    assert_eq!(used(0), 8);
    assert_eq!((0..9).filter(|_| ask(0)).count(), 5);
    table.shift(check.key(), &rate, -(1 << 30), SECOND);
    assert_eq!(used(SECOND), 0);
    assert_eq!((0..99).filter(|_| ask(SECOND)).count(), 10);
    table.shift(check.key(), &rate, -(1 << 30), SECOND);
    assert_eq!((0..99).filter(|_| ask(SECOND)).count(), 2);
    // More than there is can be owed, and it takes its time.
    table.shift(check.key(), &rate, 1 << 32, SECOND);
    assert!(!ask(2 * SECOND) && used(2 * SECOND) >= 15);
}

#[test]
fn demand_is_told_by_limit_and_by_size() {
    let table = Table::of_sets(1, 7);
    let workers = [Demand::default(), Demand::default()];
    let check = |limit| Check::new(table.key(LimitId(limit), b"x"), per_second(10, 10), Share::WHOLE, Counts::Requests);
    let line = |limit, shared, asked, admitted| {
        let key = *check(limit).key();
        Asked { key, shared: SharedKey(shared), rate: per_second(10, 10), asked, admitted }
    };
    for (worker, limit, key, times) in [(0, 1, 1, 3), (1, 1, 2, 5), (1, 1, 1, 4), (0, 2, 1, 1)] {
        for time in 0..times {
            workers[worker].record(&check(limit), SharedKey(key), 1, u64::from(time == 0));
        }
    }
    assert_eq!(report(&workers), [line(1, 1, 7, 2), line(1, 2, 5, 1), line(2, 1, 1, 1)]);
    assert_eq!(report(&workers), []);
    workers[0].record(&check(1), SharedKey(1), 1, 1);
    assert_eq!(report(&workers), [line(1, 1, 1, 1)]);
}

#[test]
fn a_report_is_bounded_and_leaves_out_the_least() {
    let table = Table::of_sets(1, 7);
    let worker = Demand::default();
    let check = shared(&table, per_second(10, 10), 1, Share::WHOLE);
    let record = |key: u128| worker.record(&check, SharedKey(key * 0x9e37_79b9_7f4a_7c15), 1, 1);
    (1..=2000).for_each(|key| (0..=key / 500).for_each(|_| record(key)));
    let told = report([&worker]);
    assert_eq!(told.len(), MAX_REPORTED);
    assert!(told[0].asked == 5 && told.iter().all(|asked| asked.asked >= 2));
    (1..=100_000).for_each(record);
    assert!(worker.missed() > 0 && report([&worker]).len() == MAX_REPORTED);
}

#[test]
fn a_key_that_comes_often_finds_a_line_among_those_that_come_twice() {
    let table = Table::of_sets(1, 7);
    let worker = Demand::default();
    let check = shared(&table, per_second(10, 10), 1, Share::WHOLE);
    let record = |key: u128| worker.record(&check, SharedKey(key * 0x9e37_79b9_7f4a_7c15), 1, 1);
    (1..=100_000).for_each(|key| (0..2).for_each(|_| record(key)));
    assert!(worker.missed() > 0);
    for round in 0..100 {
        record(1_000_000);
        (0..100).for_each(|key| record(200_000 + 100 * round + key));
    }
    let told = report([&worker]);
    assert_eq!(told[0].shared, SharedKey(1_000_000 * 0x9e37_79b9_7f4a_7c15));
    assert!((90..=100).contains(&told[0].asked), "{told:?}");
}

#[test]
fn only_what_comes_again_is_known() {
    let table = Table::of_sets(1, 7);
    let known = |now| {
        let mut checks = [shared(&table, per_second(100, 10), 1, Share::WHOLE)];
        admit(&table, &mut checks, now);
        checks[0].is_known()
    };
    assert_eq!([known(0), known(SECOND), known(SECOND)], [false, true, true]);
}
