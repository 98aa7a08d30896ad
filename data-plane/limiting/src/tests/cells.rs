//! What becomes of cells: their places, and what newcomers share.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{SECOND, ask, check, model::Model, per_second};
use crate::{Check, Counts, InFlight, Key, LimitId, Rate, Share, Table, admit, table::WAYS};

const KEYS: u64 = 40;

proptest! {
    /// In one set, whatever comes in whatever order: nobody is admitted more than the model says.
    #[test]
    fn sharing_admits_nothing_more(
        requests in prop::collection::vec((0..KEYS, prop_oneof![Just(0), 0..SECOND, 0..20 * SECOND]), 1..400),
        burst in 1_u64..6,
    ) {
        let table = Table::of_sets(1, 7);
        let mut models: HashMap<_, _> = HashMap::new();
        let mut now = 0;
        for (key, gap) in requests {
            now += gap;
            if ask(&table, per_second(1, burst), key, now) {
                let model = models.entry(key).or_insert_with(|| Model::new(1, std::time::Duration::from_secs(1), burst));
                prop_assert!(model.allows(now), "{} at {}", key, now);
                model.admitted.push(now);
            }
        }
    }
}

#[test]
fn a_cell_in_use_is_nobody_elses() {
    let table = Table::of_sets(1, 7);
    let rate = per_second(1, 3);
    for key in 0..WAYS as u64 {
        assert!((0..3).all(|_| ask(&table, rate, key, 0)));
    }
    // All the others share one cell.
    let admitted = (100..10_100).filter(|&key| ask(&table, rate, key, 0)).count();
    assert_eq!(admitted, 3);
    assert!((0..WAYS as u64).all(|key| !ask(&table, rate, key, SECOND - 1) && ask(&table, rate, key, SECOND)));
    assert_eq!((table.held(SECOND), table.shared()), (WAYS, 3));
}

#[test]
fn a_cell_that_has_been_paid_for_is_free() {
    let table = Table::of_sets(1, 7);
    let rate = per_second(10, 1);
    for round in 0..1000 {
        let now = round * 4 * SECOND;
        assert!((0..WAYS as u64).all(|key| ask(&table, rate, round * 100 + key, now)));
        assert_eq!(table.held(now), WAYS);
        assert_eq!(table.held(now + 3 * SECOND), 0);
    }
    assert_eq!(table.shared(), 0);
}

#[test]
fn what_was_used_of_the_shared_cell_counts_in_the_next() {
    let table = Table::of_sets(1, 7);
    let (short, long) = (per_second(10, 1), Rate::requests(1, std::time::Duration::from_mins(1), 2).unwrap());
    assert!((0..WAYS as u64).all(|key| ask(&table, short, key, 0)));
    assert!(ask(&table, long, 100, 0) && ask(&table, long, 100, 0));
    assert_eq!(table.shared(), 2);
    // Now there is a place for it.
    assert!(!ask(&table, long, 100, 10 * SECOND));
    assert!(!ask(&table, long, 100, 60 * SECOND - 1));
    assert!(ask(&table, long, 100, 60 * SECOND));
    assert_eq!(table.shared(), 2);
}

#[test]
fn a_newcomer_pays_for_no_other_limits_debt() {
    let table = Table::of_sets(1, 7);
    let daily = Rate::requests(10, std::time::Duration::from_hours(24), 10).unwrap();
    assert!((0..WAYS as u64).all(|key| ask(&table, per_second(10, 1), key, 0)));
    assert_eq!((100..120).filter(|&key| ask(&table, daily, key, 0)).count(), 10);
    // Now there are places, and the cell that this limit shares with the other has a day to go.
    let other = |key: &[u8], rate| Check::new(table.key(LimitId(8), key), rate, Share::WHOLE, Counts::Requests);
    let ask = |key: &[u8], now| admit(&table, &mut [other(key, per_second(10, 10))], now);
    let now = 10 * SECOND;
    assert!(ask(b"x", now) && !ask(b"x", now) && ask(b"x", now + SECOND / 10));
    let mut beside = [other(b"y", per_second(10, 10)), other(b"z", per_second(10, 10))];
    assert!(admit(&table, &mut beside, now) && !ask(b"y", now));
}

#[test]
fn what_is_under_way_beside_a_place_of_its_own_counts() {
    let in_flight = InFlight::new(0);
    // All in one set, and with one shared cell.
    let key = |number: u128| Key { hash: number << 84 | 5, limit: LimitId(0) };
    let own = in_flight.enter(&key(1), 2).unwrap();
    let others: Vec<_> = (2..=8).map(|number| in_flight.enter(&key(number), 2).unwrap()).collect();
    let beside = in_flight.enter(&key(9), 2).unwrap();
    assert!(in_flight.enter(&key(1), 2).is_none());
    drop(beside);
    assert_eq!(in_flight.enter(&key(1), 2).map(|permit| permit.remaining()), Some(0));
    drop((own, others));
}

#[test]
fn bytes_are_owed() {
    let table = Table::of_sets(1, 7);
    let rate = Rate::bytes(1000, std::time::Duration::from_secs(1), 2000).unwrap();
    let download = |bytes: u64, now| {
        let key = table.key(LimitId(1), b"somebody");
        let mut checks = [Check::new(key, rate, Share::WHOLE, Counts::Bytes)];
        let admitted = admit(&table, &mut checks, now);
        if admitted {
            checks[0].owe(&table, bytes, now);
        }
        (admitted, checks[0].wait().div_ceil(SECOND), checks[0].standing(now).remaining)
    };
    assert_eq!(download(1500, 0), (true, 0, 2000));
    assert_eq!(download(10_500, 0), (true, 0, 500));
    // Ten thousand are owed.
    assert_eq!(download(1, 0), (false, 11, 0));
    assert_eq!(download(1, 9 * SECOND), (false, 2, 0));
    assert_eq!(download(2000, 11 * SECOND), (true, 0, 1000));
}

#[test]
fn a_higher_limit_outlasts_no_debt_of_a_lower_one() {
    let table = Table::of_sets(1, 7);
    let (low, high) = (Rate::requests(1, std::time::Duration::from_hours(1), 1).unwrap(), per_second(10, 10));
    assert!(ask(&table, low, 1, 0));
    assert!(!ask(&table, high, 1, 0));
    assert!(ask(&table, high, 1, SECOND / 10));
}

#[test]
fn nine_years_are_no_matter() {
    let table = Table::of_sets(1, 7);
    let nine_years = 9 * 365 * 24 * 3600 * SECOND;
    for now in [0, nine_years, nine_years + SECOND] {
        let mut first = check(&table, per_second(1, 1), 1);
        assert!(admit(&table, std::slice::from_mut(&mut first), now));
        assert!(!ask(&table, per_second(1, 1), 1, now));
    }
}
