use std::{sync::Arc, time::Instant};

use super::{
    Meta, URL, bytes, drain, fill, follow, fresh, hit, key, lead, stale, store, tagged, turn_or_bell, version,
};
use crate::{
    Lookup, Mode, Purge, Store, Turn, Verdict,
    purge::{MAX_EXACT, MAX_PREFIXES},
};

const OTHERS: [&str; 3] = ["https://a.test/x/y", "https://b.test/x", "https://a.test/"];

/// Which of [`URL`] and [`OTHERS`] are still there, after a purge.
fn left_by(purge: Purge<'_>) -> Vec<&'static str> {
    let store = store();
    let all = [URL, OTHERS[0], OTHERS[1], OTHERS[2]];
    for url in all {
        let tags: &[&str] = if url.ends_with('x') { &["x", "page"] } else { &["page"] };
        fill(&store, url, tagged(tags), b"body").unwrap();
    }
    store.purge(purge, Mode::Hard);
    let left: Vec<_> = all.into_iter().filter(|url| hit(&store, url).is_some()).collect();
    store.sweep();
    assert_eq!(store.stats().entries, left.len() as u64, "what nobody asks for is taken out too");
    assert_eq!(store.stats().purged, 4 - left.len() as u64);
    assert_eq!(store.inner().purges.len(), 0, "all have heard of it");
    assert_eq!(left, all.into_iter().filter(|url| hit(&store, url).is_some()).collect::<Vec<_>>());
    left
}

#[test]
fn a_purge_takes_what_it_names_and_nothing_else() {
    let [below, other_host, root] = OTHERS;
    assert_eq!(left_by(Purge::Url(URL.as_bytes())), OTHERS);
    assert_eq!(left_by(Purge::Prefix(URL.as_bytes())), [other_host, root]);
    assert_eq!(left_by(Purge::Prefix(b"https://a.test/")), [other_host]);
    assert_eq!(left_by(Purge::Prefix(b"")), [""; 0]);
    assert_eq!(left_by(Purge::Host(b"a.test")), [other_host]);
    assert_eq!(left_by(Purge::Tag(b"x")), [below, root]);
    assert_eq!(left_by(Purge::Tag(b"page")), [""; 0]);
    // The same bytes are something else as a host, as a tag, as a URL.
    for nothing in [Purge::Url(b"a.test"), Purge::Tag(b"a.test"), Purge::Host(b"x"), Purge::Host(URL.as_bytes())] {
        assert_eq!(left_by(nothing).len(), 4);
    }
}

#[test]
fn what_is_purged_softly_is_stale_until_it_is_validated() {
    let store = store();
    let stored = fill(&store, URL, version(1), b"body").unwrap();
    store.purge(Purge::Host(b"a.test"), Mode::Soft);
    let (found, verdict) = store.get(&key(&store, URL), fresh).unwrap();
    assert!(Arc::ptr_eq(&found, &stored) && verdict == Verdict::Stale && stored.is_marked_stale());
    store.sweep();
    assert!(hit(&store, URL).is_none(), "also when the purge is forgotten");
    let refreshed = lead(&store, URL, fresh).refresh(version(2)).unwrap();
    assert!(Arc::ptr_eq(&hit(&store, URL).unwrap(), &refreshed));
    store.purge(Purge::Host(b"a.test"), Mode::Hard);
    store.purge(Purge::Url(URL.as_bytes()), Mode::Soft);
    assert!(store.get(&key(&store, URL), fresh).is_none(), "the harder one counts");
}

#[test]
fn what_is_stored_after_a_purge_is_not_purged() {
    let store = store();
    store.purge(Purge::Url(URL.as_bytes()), Mode::Hard);
    fill(&store, URL, version(1), b"body").unwrap();
    assert!(hit(&store, URL).is_some());
}

/// A purge at each stage of a fill, of a kind that is known from the beginning, or from the head on.
#[test]
fn what_was_asked_for_before_a_purge_is_not_stored_after_it() {
    for purge in [Purge::Url(URL.as_bytes()), Purge::Prefix(b"https://a"), Purge::Host(b"a.test"), Purge::Tag(b"t")] {
        for stage in 0..3 {
            for is_swept in [false, true] {
                let store = store();
                let purge_at = |now| {
                    if now == stage {
                        store.purge(purge, Mode::Hard);
                        if is_swept {
                            store.sweep();
                        }
                    }
                };
                let leader = lead(&store, URL, fresh);
                purge_at(0);
                let mut fill = leader.begin(tagged(&["t"]), u64::MAX);
                let mut reader = fill.reader().unwrap();
                purge_at(1);
                fill.append(b"old");
                purge_at(2);
                assert!(fill.finish().is_none(), "{purge:?} at {stage}");
                assert_eq!(drain(&mut reader), (b"old".to_vec(), Some(Ok(()))), "whose request it was gets it");
                assert!(hit(&store, URL).is_none());
                drop(reader);
                store.sweep();
                assert_eq!((store.stats().held_bytes, store.inner().purges.len()), (0, 0));
            }
        }
    }
}

#[test]
fn a_soft_purge_during_a_fill_makes_it_stale() {
    let store = store();
    let mut fill = lead(&store, URL, fresh).begin(version(1), u64::MAX);
    store.purge(Purge::Host(b"a.test"), Mode::Soft);
    fill.append(b"old");
    assert!(fill.finish().unwrap().is_marked_stale());
    assert!(hit(&store, URL).is_none());
    assert_eq!(lead(&store, URL, fresh).stale().map(|stored| bytes(stored)), Some(b"old".to_vec()));
}

#[test]
fn who_comes_after_a_purge_does_not_get_what_was_asked_for_before() {
    for mode in [Mode::Soft, Mode::Hard] {
        let store = store();
        let mut before = lead(&store, URL, fresh).begin(version(1), u64::MAX);
        store.purge(Purge::Url(URL.as_bytes()), mode);
        let mut after = lead(&store, URL, fresh).begin(version(2), u64::MAX);
        let Ok(Turn::Stream(mut reader)) = turn_or_bell(&mut follow(&store, URL, fresh), fresh) else {
            panic!("the new one is joined")
        };
        after.append(b"new");
        after.finish().unwrap();
        assert_eq!(drain(&mut reader), (b"new".to_vec(), Some(Ok(()))));
        before.append(b"old");
        assert!(before.finish().is_none(), "the old one does not come behind the new one");
        assert_eq!(bytes(&hit(&store, URL).unwrap()), b"new");
    }
}

#[test]
fn who_waits_for_what_was_asked_for_before_a_purge_looks_again() {
    // Woken by whoever comes next, or by the head, as nobody knows before what it is tagged with.
    for purge in [Purge::Url(URL.as_bytes()), Purge::Tag(b"t")] {
        let store = store();
        let leader = lead(&store, URL, fresh);
        let mut before = follow(&store, URL, fresh);
        let bell = turn_or_bell(&mut before, fresh).unwrap_err();
        store.purge(purge, Mode::Hard);
        let next = store.lookup(&key(&store, URL), Instant::now(), fresh);
        match (purge, next) {
            (Purge::Url(_), Lookup::Lead(_)) => {}
            (Purge::Tag(_), Lookup::Follow(mut after)) => {
                assert!(turn_or_bell(&mut after, fresh).is_err());
                let _fill = leader.begin(tagged(&["t"]), u64::MAX);
                assert!(matches!(turn_or_bell(&mut after, fresh), Ok(Turn::Again)));
            }
            (purge, next) => panic!("{purge:?}: {next:?}"),
        }
        assert_eq!(bell.rung(), 1);
        assert!(matches!(turn_or_bell(&mut before, fresh), Ok(Turn::Again)));
    }
}

#[test]
fn who_waits_when_nobody_leads_looks_again_after_a_purge() {
    let store = store();
    let leader = lead(&store, URL, fresh);
    let (mut first, mut second) = (follow(&store, URL, fresh), follow(&store, URL, fresh));
    let bells = [&mut first, &mut second].map(|follower| turn_or_bell(follower, fresh).unwrap_err());
    drop(leader);
    store.invalidate(&key(&store, URL));
    assert!(bells.iter().all(|bell| bell.rung() == 1));
    for follower in [&mut first, &mut second] {
        assert!(matches!(turn_or_bell(follower, fresh), Ok(Turn::Again)));
    }
    assert!(store.inner().flights.is_empty());
}

#[test]
fn what_a_request_has_changed_is_gone_with_all_that_is_on_its_way() {
    let store = store();
    fill(&store, URL, version(1), b"old").unwrap();
    let leader = lead(&store, URL, stale);
    store.invalidate(&key(&store, URL));
    assert!(hit(&store, URL).is_none());
    let mut old = leader.begin(version(1), u64::MAX);
    old.append(b"old");
    let _new = lead(&store, URL, fresh);
    assert!(old.finish().is_none());
    assert!(hit(&store, URL).is_none());
    assert_eq!((store.stats().purged, store.inner().purges.len()), (1, 0), "and no purge has to be remembered");
}

#[test]
fn what_was_purged_while_it_was_validated_is_not_stored_again() {
    let store = store();
    fill(&store, URL, version(1), b"old").unwrap();
    let leader = lead(&store, URL, stale);
    store.purge(Purge::Url(URL.as_bytes()), Mode::Hard);
    assert_eq!(leader.refresh(version(2)).unwrap().meta(), &version(2), "whose request it was gets it");
    assert!(hit(&store, URL).is_none());
}

#[test]
fn a_sweep_remembers_what_is_on_its_way_has_not_heard_of() {
    let store = store();
    let leader = lead(&store, URL, fresh);
    store.purge(Purge::Tag(b"t"), Mode::Hard);
    store.sweep();
    assert_eq!(store.inner().purges.len(), 1);
    assert!(leader.begin(tagged(&["t"]), u64::MAX).finish().is_none());
    store.sweep();
    assert_eq!(store.inner().purges.len(), 0);
}

#[test]
fn purges_are_bounded_and_none_is_lost() {
    let store = store();
    let urls: [&str; 2] = [URL, "https://b.test/"];
    for url in urls {
        fill(&store, url, version(1), b"body").unwrap();
    }
    // Keeps every purge from being forgotten.
    let leader = lead(&store, "https://c.test/", fresh);
    store.purge(Purge::Host(b"a.test"), Mode::Hard);
    for number in 0..MAX_EXACT + 10 {
        store.purge(Purge::Tag(&number.to_le_bytes()), Mode::Hard);
    }
    assert!(store.inner().purges.len() <= MAX_EXACT);
    assert!(urls.map(|url| hit(&store, url).is_some()) == [false, true]);
    assert!(leader.begin(version(1), u64::MAX).finish().is_none(), "what nothing is known of is not stored");
    for number in 0..MAX_PREFIXES + 10 {
        store.purge(Purge::Prefix(&number.to_le_bytes()), Mode::Hard);
    }
    assert!(store.inner().purges.len() <= MAX_EXACT + MAX_PREFIXES);
    assert!(hit(&store, urls[1]).is_some());
}

#[test]
fn a_key_is_its_bytes_and_where_its_parts_are() {
    let store: Store<Meta> = store();
    let key = store.key(b"https://a.test/x|gzip", 16, 8..14);
    assert_eq!((key.url(), key.host()), (&b"https://a.test/x"[..], &b"a.test"[..]));
    assert_ne!(key, store.key(b"https://a.test/x|gzip", 15, 8..14));
    let Lookup::Lead(leader) = store.lookup(&key, Instant::now(), fresh) else { panic!("it is missing") };
    leader.begin(version(1), u64::MAX).finish().unwrap();
    assert!(store.get(&store.key(b"https://a.test/x|br", 16, 8..14), fresh).is_none());
    store.purge(Purge::Url(b"https://a.test/x"), Mode::Hard);
    assert!(store.get(&key, fresh).is_none());
    let odd = store.key(b"x", 99, 5..usize::MAX);
    assert_eq!((odd.url(), odd.host()), (&b""[..], &b""[..]));
}
