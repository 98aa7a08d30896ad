//! Purges: what is kept of them, and for how long.

use super::*;
use crate::registry::purge::{KEPT_FOR, MAX_KEPT, MAX_KEPT_BYTES, Mode, Target};

fn host(name: &str) -> Target {
    Target::Host(name.into())
}

/// What is kept after a purge of each host at its time, and the floor that the last of them told.
fn purged(times: impl IntoIterator<Item = i64>) -> (Desired, Revision) {
    let mut now = Desired::default();
    for second in times {
        now = purge(&now, host("a.test"), Mode::Hard, at(second)).next;
    }
    let floor = now.purges.newest().unwrap().floor;
    (now, floor)
}

fn kept(now: &Desired) -> Vec<u64> {
    now.purges.iter().map(|purge| purge.revision.0).collect()
}

#[test]
fn a_purge_is_a_commit_and_known_by_its_revision() {
    let now = with(&[draft("a", &["a.test"])]);
    let plan = purge(&now, host("a.test"), Mode::Soft, at(3));
    assert_eq!((plan.next.revision, kept(&plan.next)), (Revision(2), vec![2]));
    assert_eq!(plan.next.services.len(), 1);
    let batch = plan.batch.unwrap();
    assert_eq!((batch.base, batch.deletes.len()), (Some(Revision(1)), 0));
    let expected = Purge { mode: Mode::Soft, created_at: at(3), ..sample::purge(2, host("a.test")) };
    assert_eq!(batch.puts, [Record::from(expected)]);
    // Doing it again is another purge: something may have been stored in between.
    assert_eq!(kept(&purge(&plan.next, host("a.test"), Mode::Soft, at(3)).next), [2, 3]);
}

#[test]
fn old_purges_go_with_the_next_one_which_tells_the_last_that_went() {
    let day = KEPT_FOR.as_secs();
    assert_eq!(purged([0, 1, 2]).1, Revision(0));
    let (now, floor) = purged([0, 1, 2, day + 1]);
    assert_eq!((kept(&now), floor), (vec![2, 3, 4], Revision(1)));
    let (now, floor) = purged([0, 1, 2, day + 1, day + 2, 9 * day]);
    assert_eq!((kept(&now), floor), (vec![6], Revision(5)));
    // Nothing goes, and what went before is still known.
    let again = purge(&now, host("a.test"), Mode::Hard, at(9 * day)).next;
    assert_eq!(again.purges.newest().unwrap().floor, Revision(5));
    // A clock that goes back makes none of them young.
    let (now, _) = purged([day, 0, day + 1, 2 * day + 1]);
    assert_eq!(kept(&now), [3, 4]);
}

#[test]
fn so_many_are_kept_and_no_more_and_no_commit_is_large() {
    let (now, floor) = purged((0..MAX_KEPT + 3).map(|_| 0));
    assert_eq!((now.purges.len(), floor), (MAX_KEPT, Revision(3)));
    let plan = purge(&now, host("a.test"), Mode::Hard, at(9 * KEPT_FOR.as_secs()));
    assert_eq!((plan.next.purges.len(), plan.batch.unwrap().deletes.len()), (MAX_KEPT - 99, 100));
}

#[test]
fn long_urls_go_sooner() {
    let mut now = Desired::default();
    let url = format!("http://a.test/{}", "x".repeat(8000));
    for _ in 0..1200 {
        now = purge(&now, Target::Url(url.clone()), Mode::Hard, at(0)).next;
    }
    assert_eq!(now.purges.len(), MAX_KEPT_BYTES / url.len());
}
