//! Several threads at once. Each round happens at one moment, so that the model knows how many have to be
//! admitted; the rounds bring new keys, and cells that have just been paid for.

use std::{
    collections::HashMap,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use super::{SECOND, ask, check, model::Model, per_second};
use crate::{Check, Counts, InFlight, LimitId, Rate, Share, Table, admit};

const THREADS: u64 = 4;

/// Has all threads do something in each round, at the same time as far as there are processors for it.
fn rounds(rounds: u64, work: impl Fn(u64, u64) + Sync, after: impl Fn(u64)) {
    let (begin, end) = (Barrier::new(THREADS as usize + 1), Barrier::new(THREADS as usize + 1));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (begin, end, work) = (&begin, &end, &work);
            scope.spawn(move || {
                for round in 0..rounds {
                    begin.wait();
                    work(thread, round);
                    end.wait();
                }
            });
        }
        for round in 0..rounds {
            begin.wait();
            end.wait();
            after(round);
        }
    });
}

#[test]
fn one_key_is_admitted_as_often_as_the_model_says() {
    let table = Table::of_sets(1, 7);
    let rate = per_second(100, 300);
    let (admitted, mut expected) = (AtomicU64::new(0), 300);
    let count = AtomicU64::new(0);
    rounds(
        300,
        |_, round| {
            let asked = (0..200).filter(|_| ask(&table, rate, 1, round * SECOND)).count();
            admitted.fetch_add(asked as u64, SeqCst);
        },
        |_| {
            count.fetch_add(1, SeqCst);
        },
    );
    // A second gives back a hundred.
    expected += 299 * 100;
    assert_eq!((admitted.into_inner(), count.into_inner()), (expected, 300));
}

#[test]
fn a_new_key_has_one_cell_however_many_bring_it() {
    let table = Table::of_sets(2, 7);
    let rate = per_second(1, 3);
    let admitted = AtomicU64::new(0);
    rounds(
        3000,
        |thread, round| {
            // Some bring others first, so that they do not all come at the same time.
            for other in 0..thread {
                ask(&table, rate, 1_000_000 + round * THREADS + other, round * 4 * SECOND);
            }
            let asked = (0..4).filter(|_| ask(&table, rate, round, round * 4 * SECOND)).count();
            admitted.fetch_add(asked as u64, SeqCst);
        },
        |round| assert_eq!(admitted.swap(0, SeqCst), 3, "in round {round}"),
    );
    assert_eq!(table.shared(), 0);
}

#[test]
fn full_sets_that_become_free_admit_nothing_more() {
    const KEYS: u64 = 24;
    let table = Table::of_sets(1, 7);
    let rate = per_second(1, 2);
    let admitted: Vec<Vec<_>> = (0..KEYS).map(|_| (0..2000).map(|_| AtomicU64::new(0)).collect()).collect();
    rounds(
        2000,
        |thread, round| {
            for step in 0..KEYS {
                let key = (step * (thread + 1) * 5 + round) % KEYS;
                // Three rounds of every eight are a rest, so that sets empty.
                if round % 8 < 5 && ask(&table, rate, key, round * SECOND / 2) {
                    admitted[key as usize][round as usize].fetch_add(1, SeqCst);
                }
            }
        },
        |_| {},
    );
    let mut models: HashMap<usize, Model> = HashMap::new();
    for (key, rounds) in admitted.iter().enumerate() {
        let model = models.entry(key).or_insert_with(|| Model::new(1, Duration::from_secs(1), 2));
        for (now, count) in (0..).step_by(SECOND as usize / 2).zip(rounds) {
            for _ in 0..count.load(SeqCst) {
                assert!(model.allows(now), "{key} at {now}");
                model.admitted.push(now);
            }
        }
    }
    assert!(table.shared() > 0);
}

#[test]
fn two_limits_from_many_threads_admit_neither_too_much() {
    let table = Table::of_sets(2, 7);
    let second = Rate::requests(500, Duration::from_hours(24), 500).unwrap();
    let admitted = AtomicU64::new(0);
    rounds(
        50,
        |_, round| {
            let asked = (0..100).filter(|_| {
                let other = Check::new(table.key(LimitId(2), b"x"), second, Share::WHOLE, Counts::Requests);
                admit(&table, &mut [check(&table, per_second(20, 20), 1), other], round * SECOND)
            });
            admitted.fetch_add(asked.count() as u64, SeqCst);
        },
        |_| {},
    );
    let admitted = admitted.into_inner();
    // In a race a limit may keep what another one has refused; every round ends with one at most.
    assert!((500 - 50..=500).contains(&admitted), "{admitted}");
}

#[test]
fn never_more_are_under_way_than_may_be() {
    let table = Table::of_sets(1, 7);
    let (in_flight, now, most) = (InFlight::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let key = table.key(LimitId(1), b"somebody");
    rounds(
        200,
        |_, _| {
            for _ in 0..100 {
                let Some(permit) = in_flight.enter(&key, 2) else { continue };
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                thread::yield_now();
                now.fetch_sub(1, SeqCst);
                drop(permit);
            }
        },
        |_| assert!(in_flight.enter(&key, 1).is_some(), "everybody has left"),
    );
    assert_eq!(most.into_inner(), 2);
}
