//! A million keys that nobody has, beside a thousand that somebody has.

use std::time::Duration;

use super::{SECOND, ask};
use crate::{MIN_MEMORY, Rate, Table};

const REAL: u64 = 1000;
const MADE_UP: u64 = 1_000_000;

#[test]
fn a_flood_costs_no_memory_and_no_counter() {
    let table = Table::new(MIN_MEMORY, 7);
    let memory = table.memory();
    assert!(memory <= MIN_MEMORY && memory > MIN_MEMORY - 512);
    let rate = Rate::requests(5, Duration::from_hours(1), 5).unwrap();
    for key in 0..REAL {
        assert!((0..5).all(|_| ask(&table, rate, key, 0)));
    }
    // Twenty times as many as there is room for, each alive for longer than the flood takes.
    let mut now = 0;
    for key in 0..MADE_UP {
        now += SECOND / 10_000;
        ask(&table, rate, REAL + key, now);
    }
    assert!(table.shared() > 0 && table.held(now) > table.capacity() * 99 / 100);
    assert_eq!(table.memory(), memory);
    let refused = (0..REAL).filter(|&key| !ask(&table, rate, key, now)).count();
    assert_eq!(refused, REAL as usize, "at {now}");
    // Each gets its next one when it would have without a flood.
    let next = 720 * SECOND;
    assert!((0..REAL).all(|key| !ask(&table, rate, key, next - 1) && ask(&table, rate, key, next)));
}

#[test]
fn a_flood_of_keys_that_come_once_leaves_room() {
    let table = Table::new(MIN_MEMORY, 7);
    let rate = Rate::requests(100, Duration::from_secs(1), 100).unwrap();
    // Ten thousand new ones a second: a place is free again after two seconds.
    for key in 0..MADE_UP {
        assert!(ask(&table, rate, key, key * (SECOND / 10_000)));
    }
    let part = table.held(100 * SECOND) * 100 / table.capacity();
    assert!(part < 40, "{part} % are taken");
    assert!(table.shared() < MADE_UP / 200, "{} were shared", table.shared());
}
