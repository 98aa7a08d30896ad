use super::{Meta, URL, bytes, follow, fresh, hit, key, lead, soon, stale, store, tagged, turn_or_bell, version};
use crate::{Body, Chunk, Leader, Mode, Purge, PurgeLog, Restored, Stored, Turn, Whole};

fn whole(meta: Meta, is_stale: bool) -> Whole<Meta> {
    let body: Body = ["from ", "", "the disk"].into_iter().map(|text| Chunk::from(text.as_bytes())).collect();
    Whole { meta, body, is_stale }
}

fn still_leads(restored: Restored<Meta>) -> Leader<Meta> {
    match restored {
        Restored::Lead(leader) => leader,
        Restored::Hit(stored) => panic!("{stored:?}"),
    }
}

fn version_of(stored: &Stored<Meta>) -> u64 {
    stored.meta().version
}

#[test]
fn what_is_found_elsewhere_is_stored_and_followers_get_it() {
    let store = store();
    let leader = lead(&store, URL, fresh);
    let mut follower = follow(&store, URL, fresh);
    let bell = turn_or_bell(&mut follower, fresh).expect_err("nothing is there yet");
    let Restored::Hit(stored) = leader.restore(whole(version(1), false), fresh) else { panic!("it is fresh") };
    assert_eq!(bytes(&stored), b"from the disk");
    assert_eq!(bell.rung(), 1);
    let Ok(Turn::Hit(followed)) = turn_or_bell(&mut follower, fresh) else { panic!("it is there") };
    assert_eq!(version_of(&followed), 1);
    assert_eq!(hit(&store, URL).map(|stored| version_of(&stored)), Some(1));
    drop(follower);
    assert!(store.inner().flights.is_empty());
}

#[test]
fn what_is_stale_is_the_leaders_to_validate() {
    let store = store();
    for (is_stale, judge) in [(false, stale as fn(&Meta) -> _), (true, fresh)] {
        let leader = still_leads(lead(&store, URL, stale).restore(whole(version(1), is_stale), judge));
        let old = leader.stale().expect("it was found");
        assert_eq!((version_of(old), old.is_marked_stale()), (1, is_stale));
        assert!(hit(&store, URL).is_none(), "nobody else gets it");
        let valid = leader.refresh(version(2)).expect("there is something stale");
        assert_eq!(bytes(&valid), b"from the disk");
        assert_eq!(hit(&store, URL).map(|stored| version_of(&stored)), Some(2));
        store.invalidate(&key(&store, URL));
    }
}

#[test]
fn what_was_purged_or_invalidated_since_the_lookup_counts_for_nothing() {
    let store = store();
    let leader = lead(&store, URL, fresh);
    store.purge(Purge::Tag(b"t"), Mode::Hard);
    let leader = still_leads(leader.restore(whole(tagged(&["t"]), false), fresh));
    assert!(leader.stale().is_none());
    drop(leader);
    let leader = lead(&store, URL, fresh);
    store.purge(Purge::Tag(b"t"), Mode::Soft);
    let leader = still_leads(leader.restore(whole(tagged(&["t"]), false), fresh));
    assert!(leader.stale().is_some_and(|stored| stored.is_marked_stale()));
    drop(leader);
    let leader = lead(&store, URL, fresh);
    store.invalidate(&key(&store, URL));
    let mut leader = still_leads(leader.restore(whole(version(1), false), fresh));
    assert!(leader.stale().is_none());
    leader.release(soon());
}

#[test]
fn a_log_tells_what_a_response_has_not_heard_of() {
    let store = store();
    let (key, meta) = (key(&store, URL), tagged(&["t"]));
    let mut log = PurgeLog::new(7);
    assert_eq!(log.since(&key, &meta, 0), None);
    log.add(5, Purge::Tag(b"t"), Mode::Soft);
    log.add(7, Purge::Prefix(b"https://a.test/"), Mode::Hard);
    log.add(9, Purge::Host(b"b.test"), Mode::Hard);
    log.add(5, Purge::Tag(b"t"), Mode::Soft);
    let seen: Vec<_> = [4, 6, 7, 9].iter().map(|since| log.since(&key, &meta, *since)).collect();
    assert_eq!(seen, [Some(Mode::Hard), Some(Mode::Hard), None, None]);
    assert_eq!(log.latest(), 9);
    log.raise_floor(8);
    assert_eq!(log.since(&key, &meta, 7), Some(Mode::Hard), "it may have missed the eighth");
    assert_eq!(log.since(&key, &meta, 8), None);
}

#[test]
fn a_full_log_forgets_and_everything_older_is_purged() {
    let store = store();
    let key = key(&store, URL);
    let mut log = PurgeLog::new(7);
    let last = 4097;
    for number in 1..=last {
        log.add(number, Purge::Prefix(format!("https://b.test/{number}").as_bytes()), Mode::Soft);
    }
    assert_eq!(log.since(&key, &version(1), last - 1), Some(Mode::Hard));
    assert_eq!(log.since(&key, &version(1), last), None);
}
