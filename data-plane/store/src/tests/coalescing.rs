use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{runtime, task::LocalSet};

use super::{
    Meta, URL, bytes, content, drain, fill, follow, fresh, hit, key, lead, only, own_reader, soon, stale, store,
    turn_or_bell, variant, version,
};
use crate::{Lookup, Reader, Store, Turn, Verdict};

const WORKERS: usize = 4;
const CLIENTS: usize = 250;

async fn read_all(mut reader: Reader<Meta>) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = reader.next().await {
        all.extend_from_slice(&piece.expect("nothing breaks off"));
    }
    all
}

/// A request, as a worker serves it; the upstream takes its time.
async fn request(store: Store<Meta>, fetches: Arc<AtomicUsize>, body: Arc<Vec<u8>>) -> Vec<u8> {
    loop {
        match store.lookup(&key(&store, URL), Instant::now(), fresh) {
            Lookup::Hit(stored) => return bytes(&stored),
            Lookup::Lead(leader) => {
                fetches.fetch_add(1, SeqCst);
                // All others come meanwhile.
                let begun = Instant::now();
                while leader.followers() + 1 < WORKERS * CLIENTS {
                    assert!(begun.elapsed() < Duration::from_secs(60), "{} follow", leader.followers());
                    tokio::task::yield_now().await;
                }
                let mut fill = leader.begin(version(1), u64::MAX);
                let reader = own_reader(&fill);
                for piece in body.chunks(10_000) {
                    fill.append(piece);
                    tokio::task::yield_now().await;
                }
                assert!(fill.finish().is_some());
                return read_all(reader).await;
            }
            Lookup::Follow(mut follower) => match follower.turn(fresh).await {
                Turn::Stream(reader) => return read_all(reader).await,
                Turn::Hit(stored) => return bytes(&stored),
                Turn::Again => {}
                turn @ (Turn::Lead(_) | Turn::Pass(_)) => panic!("{turn:?}"),
            },
            Lookup::Pass(_) => panic!("nothing is passed"),
        }
    }
}

#[test]
fn a_thousand_simultaneous_misses_make_one_fetch() {
    let (store, fetches, body) = (store(), Arc::default(), Arc::new(content(300_000)));
    let start = Arc::new(Barrier::new(WORKERS));
    let worker = |_| {
        let (store, fetches, body, start) =
            (store.clone(), Arc::<AtomicUsize>::clone(&fetches), Arc::clone(&body), Arc::clone(&start));
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().build().unwrap();
            let tasks = LocalSet::new();
            start.wait();
            tasks.block_on(&runtime, async {
                let request = |_| tokio::task::spawn_local(request(store.clone(), fetches.clone(), body.clone()));
                for request in (0..CLIENTS).map(request).collect::<Vec<_>>() {
                    assert!(request.await.unwrap() == *body, "everybody gets the whole of it");
                }
            });
        })
    };
    for worker in (0..WORKERS).map(worker).collect::<Vec<_>>() {
        worker.join().unwrap();
    }
    assert_eq!(fetches.load(SeqCst), 1);
    let stats = store.stats();
    assert_eq!((stats.coalesced, stats.fills, stats.stored), ((WORKERS * CLIENTS - 1) as u64, 1, 1));
    assert_eq!(bytes(&hit(&store, URL).unwrap()), *body);
}

#[test]
fn a_leader_that_fails_hands_over_to_the_one_that_waited_longest() {
    let store = store();
    let leader = lead(&store, URL, fresh);
    let mut first = follow(&store, URL, fresh);
    let mut second = follow(&store, URL, fresh);
    let first_bell = turn_or_bell(&mut first, fresh).unwrap_err();
    let second_bell = turn_or_bell(&mut second, fresh).unwrap_err();
    drop(leader);
    assert_eq!((first_bell.rung(), second_bell.rung()), (1, 0), "one is enough");
    let Ok(Turn::Lead(leader)) = turn_or_bell(&mut first, fresh) else { panic!("it is its turn") };
    assert!(turn_or_bell(&mut second, fresh).is_err(), "the other one waits for the new leader");
    let mut fill = leader.begin(version(2), u64::MAX);
    fill.append(b"hello");
    let Ok(Turn::Stream(mut reader)) = turn_or_bell(&mut second, fresh) else { panic!("the head is there") };
    fill.finish().unwrap();
    assert_eq!(drain(&mut reader), (b"hello".to_vec(), Some(Ok(()))));
    assert_eq!(store.stats().handed_over, 1);
}

#[test]
fn a_turn_to_lead_is_passed_on_by_whoever_goes_away() {
    let store = store();
    let leader = lead(&store, URL, fresh);
    let mut first = follow(&store, URL, fresh);
    let mut second = follow(&store, URL, fresh);
    let _first_bell = turn_or_bell(&mut first, fresh).unwrap_err();
    let second_bell = turn_or_bell(&mut second, fresh).unwrap_err();
    drop(leader);
    drop(first);
    assert_eq!(second_bell.rung(), 1);
    assert!(matches!(turn_or_bell(&mut second, fresh), Ok(Turn::Lead(_))));
}

#[test]
fn who_comes_while_nobody_leads_leads() {
    let store = store();
    let leader = lead(&store, URL, fresh);
    let mut waiting = follow(&store, URL, fresh);
    let _bell = turn_or_bell(&mut waiting, fresh).unwrap_err();
    drop(leader);
    let _leader = lead(&store, URL, fresh);
    assert!(turn_or_bell(&mut waiting, fresh).is_err(), "one leads already");
}

#[test]
fn nobody_is_left_behind_when_all_are_gone() {
    let store = store();
    let leader = lead(&store, URL, fresh);
    let follower = follow(&store, URL, fresh);
    drop(leader);
    drop(follower);
    assert!(store.inner().flights.is_empty());
    drop(lead(&store, URL, fresh));
    assert!(store.inner().flights.is_empty());
}

#[test]
fn an_uncacheable_answer_releases_all_at_once_and_later_ones_do_not_wait() {
    let store = store();
    let mut leader = lead(&store, URL, fresh);
    let mut followers: Vec<_> = (0..100).map(|_| follow(&store, URL, fresh)).collect();
    let bells: Vec<_> = followers.iter_mut().map(|follower| turn_or_bell(follower, fresh).unwrap_err()).collect();
    let now = Instant::now();
    leader.release(now + Duration::from_secs(1));
    assert!(bells.iter().all(|bell| bell.rung() == 1));
    // The leader still has its answer to deliver, and nobody waits for that.
    for mut follower in followers {
        assert!(matches!(turn_or_bell(&mut follower, fresh), Ok(Turn::Pass(None))));
    }
    let at = |now| store.lookup(&key(&store, URL), now, fresh);
    assert!(matches!(at(now), Lookup::Pass(None)));
    drop(leader);
    assert!(matches!(at(now + Duration::from_millis(999)), Lookup::Pass(None)));
    assert!(matches!(at(now + Duration::from_secs(1)), Lookup::Lead(_)), "for a while only");
    assert_eq!(store.stats().released, 100);
}

#[test]
fn what_has_to_be_validated_each_time_is_stored_and_nobody_waits_for_it() {
    let store = store();
    let mut leader = lead(&store, URL, stale);
    let mut follower = follow(&store, URL, stale);
    leader.release(soon());
    leader.begin(version(1), u64::MAX).finish().unwrap();
    assert!(matches!(turn_or_bell(&mut follower, stale), Ok(Turn::Again | Turn::Pass(None))));
    let Lookup::Pass(Some(stored)) = store.lookup(&key(&store, URL), Instant::now(), stale) else {
        panic!("what can be validated comes along")
    };
    let updated = store.update(&key(&store, URL), &stored, version(2)).unwrap();
    assert_eq!(hit(&store, URL).unwrap().meta(), updated.meta());
    assert!(store.update(&key(&store, URL), &stored, version(3)).is_none(), "it is not there any more");
}

#[test]
fn whom_the_head_does_not_fit_looks_again_and_leads_for_its_own() {
    let store = store();
    let leader = lead(&store, URL, only(0));
    let mut same = follow(&store, URL, only(0));
    let mut others = [follow(&store, URL, only(1)), follow(&store, URL, only(1))];
    let fill = leader.begin(variant(0), u64::MAX);
    assert!(matches!(turn_or_bell(&mut same, only(0)), Ok(Turn::Stream(_))));
    for other in &mut others {
        assert!(matches!(turn_or_bell(other, only(1)), Ok(Turn::Again)));
    }
    let leader = lead(&store, URL, only(1));
    let _second = follow(&store, URL, only(1));
    // The head of one is there, of the other not: it may be for anybody.
    let mut joined = follow(&store, URL, only(0));
    assert!(matches!(turn_or_bell(&mut joined, only(0)), Ok(Turn::Stream(_))));
    fill.finish().unwrap();
    leader.begin(variant(1), u64::MAX).finish().unwrap();
    for wanted in [0, 1] {
        let (stored, _) = store.get(&key(&store, URL), only(wanted)).unwrap();
        assert_eq!(stored.meta().variant, wanted);
    }
    assert_eq!((store.stats().entries, store.stats().stored), (1, 2));
}

#[test]
fn what_is_valid_again_is_stored_under_its_new_head_and_given_to_all() {
    let store = store();
    fill(&store, URL, version(1), b"body").unwrap();
    let leader = lead(&store, URL, stale);
    assert_eq!(leader.stale().unwrap().meta(), &version(1));
    let mut follower = follow(&store, URL, stale);
    assert_eq!(follower.stale().unwrap().meta(), &version(1), "to be sent while it is validated, if it may");
    let bell = turn_or_bell(&mut follower, fresh).unwrap_err();
    let refreshed = leader.refresh(version(2)).unwrap();
    assert_eq!((refreshed.meta(), bytes(&refreshed)), (&version(2), b"body".to_vec()));
    assert_eq!(bell.rung(), 1);
    let Ok(Turn::Hit(given)) = turn_or_bell(&mut follower, fresh) else { panic!("it is fresh") };
    assert!(Arc::ptr_eq(&given, &refreshed) && Arc::ptr_eq(&given, &hit(&store, URL).unwrap()));
}

#[test]
fn what_is_stale_can_be_given_to_all_without_being_stored_anew() {
    let store = store();
    let stored = fill(&store, URL, version(1), b"body").unwrap();
    let leader = lead(&store, URL, stale);
    let mut follower = follow(&store, URL, stale);
    leader.settle(Arc::clone(&stored));
    let Ok(Turn::Hit(given)) = turn_or_bell(&mut follower, fresh) else { panic!("it has to do") };
    assert!(Arc::ptr_eq(&given, &stored));
    assert_eq!(store.stats().stored, 1);
}

#[test]
fn what_was_discarded_is_gone_and_its_neighbours_stay() {
    let store = store();
    let one = fill(&store, URL, variant(0), b"one").unwrap();
    fill(&store, URL, variant(1), b"other").unwrap();
    store.discard(&key(&store, URL), &one);
    assert!(store.get(&key(&store, URL), only(0)).is_none());
    assert_eq!(bytes(&store.get(&key(&store, URL), only(1)).unwrap().0), b"other");
}

#[test]
fn the_newest_comes_first_and_fresh_before_stale() {
    let store = store();
    for number in 0..3 {
        fill(&store, URL, variant(number), b"").unwrap();
    }
    let chosen = |judge: fn(&Meta) -> Verdict| store.get(&key(&store, URL), judge).unwrap().0.meta().variant;
    assert_eq!(chosen(fresh), 2);
    assert_eq!(chosen(|meta| if meta.variant == 0 { Verdict::Fresh } else { Verdict::Stale }), 0);
    assert_eq!(chosen(|meta| if meta.variant == 2 { Verdict::Other } else { Verdict::Stale }), 1);
}

#[test]
fn what_has_come_since_the_first_look_is_found_by_the_second() {
    let store = store();
    fill(&store, URL, version(1), b"old").unwrap();
    let mut leader = Some(lead(&store, URL, stale));
    // Nothing is locked while it is judged for the first time.
    let found = store.lookup(&key(&store, URL), Instant::now(), |meta| {
        leader.take().map(|leader| leader.refresh(version(2)));
        if meta.version == 1 { Verdict::Stale } else { Verdict::Fresh }
    });
    let Lookup::Hit(stored) = found else { panic!("{found:?}") };
    assert_eq!(stored.meta(), &version(2));
}
