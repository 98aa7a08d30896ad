use proptest::prelude::{any, prop, proptest};

use super::{LIMIT, Meta, bytes, content, drain, fill, fresh, hit, lead, own_reader, store, variant, version};
use crate::{MAX_VARIANTS, MIN_MEMORY, Store};

const KIB: usize = 1024;

fn small() -> Store<Meta> {
    Store::new(MIN_MEMORY, 7)
}

fn url(number: usize) -> String {
    format!("https://a.test/{number}")
}

proptest! {
    #[test]
    fn no_more_is_held_than_there_is_memory_for(
        load in prop::collection::vec((0..300_usize, 0..4_usize, 0..40_000_usize, any::<bool>()), 0..400),
    ) {
        let store = small();
        let body = content(40_000);
        // Some go on sending what was evicted long ago.
        let mut sending = Vec::new();
        for (at, wanted, len, is_kept) in load {
            let judge = |meta: &Meta| super::only(wanted)(meta);
            if let Some((found, _)) = store.get(&super::key(&store, &url(at)), judge) {
                assert!(body.starts_with(&bytes(&found)));
                continue;
            }
            let stored = fill(&store, &url(at), variant(wanted), &body[..len]);
            if is_kept && sending.len() < 20 {
                sending.extend(stored);
            }
            let stats = store.stats();
            // What is only passed on is held too, but that is one at a time.
            assert!(stats.held_bytes <= stats.memory_bytes + 40_000, "{stats:?}");
            // What is being sent may take more than the part of what is stored.
            assert!(stats.stored_bytes <= MIN_MEMORY / 8 * 7 || !sending.is_empty(), "{stats:?}");
        }
        drop(sending);
        let stats = store.stats();
        assert!(stats.held_bytes <= stats.stored_bytes, "{stats:?}");
    }
}

#[test]
fn what_is_being_sent_stays_until_it_is_sent() {
    let (store, body) = (small(), content(100 * KIB));
    let sent = fill(&store, &url(0), version(1), &body).unwrap();
    let mut late = lead(&store, &url(1), fresh).begin(version(1), LIMIT);
    let mut reader = own_reader(&late);
    late.append(&body);
    late.finish().unwrap();
    let crawl = || {
        for number in 2..100 {
            assert!(fill(&store, &url(number), version(1), &body).is_some());
        }
    };
    crawl();
    assert!(store.stats().evicted > 80);
    let peek = |number: usize| store.inner().memory.peek(&super::key(&store, &url(number))).is_some();
    assert!(peek(0) && peek(1));
    assert!(bytes(&sent) == body);
    assert!(drain(&mut reader) == (body.clone(), Some(Ok(()))));
    drop((sent, reader));
    crawl();
    assert!(!peek(0) && !peek(1));
    assert!(store.stats().held_bytes <= store.stats().stored_bytes);
}

#[test]
fn what_is_gone_is_read_to_its_end() {
    let (store, body) = (small(), content(100 * KIB));
    let sent = fill(&store, &url(0), version(1), &body).unwrap();
    store.invalidate(&super::key(&store, &url(0)));
    assert!(hit(&store, &url(0)).is_none() && store.stats().stored_bytes == 0);
    assert!(store.stats().held_bytes > 100 * KIB as u64, "it is not forgotten, though");
    assert!(bytes(&sent) == body);
    drop(sent);
    assert_eq!(store.stats().held_bytes, 0);
}

#[test]
fn where_all_is_being_sent_nothing_more_is_stored() {
    let (store, body) = (small(), content(100 * KIB));
    let sent: Vec<_> = (0..20).filter_map(|number| fill(&store, &url(number), version(1), &body)).collect();
    assert!(sent.len() < 11, "{}", sent.len());
    assert!(store.stats().held_bytes <= MIN_MEMORY && store.stats().passed > 8);
    drop(sent);
    assert!(fill(&store, &url(30), version(1), &body).is_some(), "there is room again");
}

#[test]
fn what_is_asked_for_often_stays_while_a_crawler_comes_by() {
    let store = small();
    for popular in 0..20 {
        fill(&store, &url(popular), version(1), &content(10 * KIB)).unwrap();
    }
    for number in 1000..3000 {
        fill(&store, &url(number), version(1), &content(10 * KIB)).unwrap();
        hit(&store, &url(number % 20));
    }
    let left = (0..20).filter(|popular| hit(&store, &url(*popular)).is_some()).count();
    assert!(left >= 18, "{left} of 20");
}

#[test]
fn variants_of_a_key_are_bounded_and_the_oldest_makes_room() {
    let store = store();
    for wanted in 0..MAX_VARIANTS + 10 {
        fill(&store, &url(0), variant(wanted), b"body").unwrap();
    }
    let found = |wanted: usize| store.get(&super::key(&store, &url(0)), super::only(wanted)).is_some();
    assert_eq!((0..MAX_VARIANTS + 10).filter(|wanted| found(*wanted)).count(), MAX_VARIANTS);
    assert!(!found(9) && found(10));
}

#[test]
fn variants_that_are_too_large_together_make_room_too() {
    let store = small();
    let body = content(300 * KIB);
    for wanted in 0..3 {
        fill(&store, &url(0), variant(wanted), &body).unwrap();
        assert!(hit(&store, &url(0)).is_some_and(|stored| stored.meta().variant == wanted));
    }
    assert!(store.stats().stored_bytes <= store.largest());
}

#[test]
fn what_is_larger_than_the_largest_is_not_stored() {
    let store = small();
    let largest = usize::try_from(store.largest()).unwrap();
    assert!(fill(&store, &url(0), version(1), &content(largest + 1)).is_none());
    assert!(fill(&store, &url(0), version(1), &content(largest)).is_none(), "it takes more than its body");
    assert!(fill(&store, &url(0), version(1), &content(largest - KIB)).is_some());
}

#[test]
fn an_empty_body_is_a_body() {
    let store = store();
    let stored = fill(&store, &url(0), version(1), b"").unwrap();
    assert!(stored.body().is_empty() && stored.body().chunks().is_empty());
    assert!(hit(&store, &url(0)).is_some());
}
