use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Instant,
};

use super::{
    Bell, LIMIT, Meta, URL, bytes, content, drain, follow, fresh, hit, key, lead, own_reader, read_now, store,
    turn_or_bell, version,
};
use crate::{Broken, Fill, Follower, Leader, Lookup, MIN_MEMORY, Reader, Store, Turn, Wanted};

const KIB: usize = 1024;

fn stream(store: &Store<Meta>) -> Reader<Meta> {
    match turn_or_bell(&mut follow(store, URL, fresh), fresh) {
        Ok(Turn::Stream(reader)) => reader,
        other => panic!("{:?}", other.map_err(drop)),
    }
}

fn wanted(fill: &mut Fill<Meta>) -> Option<Wanted> {
    match fill.poll_wanted(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(wanted) => Some(wanted),
        Poll::Pending => None,
    }
}

/// Appends as long as more is wanted, and says whether the pace of readers ended that.
fn fill_up(fill: &mut Fill<Meta>, piece: &[u8], waker: &Waker) -> bool {
    (0..100).any(|_| match fill.poll_wanted(&mut Context::from_waker(waker)) {
        Poll::Ready(_) => {
            fill.append(piece);
            false
        }
        Poll::Pending => true,
    })
}

#[test]
fn readers_read_along_as_it_comes_each_at_its_pace() {
    let (store, body) = (store(), content(400 * KIB));
    let mut fill = lead(&store, URL, fresh).begin(version(1), LIMIT);
    let (mut fast, mut slow) = (own_reader(&fill), stream(&store));
    assert_eq!(read_now(&mut fast), None);
    fill.append(&body[..10]);
    assert_eq!(read_now(&mut fast), Some(Some(Ok(body[..10].to_vec()))), "a little is not held back");
    assert_eq!(read_now(&mut fast), None);
    fill.append(&body[10..300 * KIB]);
    assert_eq!(drain(&mut fast), (body[10..300 * KIB].to_vec(), None));
    let mut late = stream(&store);
    fill.append(&body[300 * KIB..]);
    assert_eq!(wanted(&mut fill), Some(Wanted::Yes), "the slow one holds nobody up");
    let stored = fill.finish().unwrap();
    assert_eq!(drain(&mut fast), (body[300 * KIB..].to_vec(), Some(Ok(()))));
    assert!(drain(&mut slow) == (body.clone(), Some(Ok(()))), "from the beginning, when it likes");
    assert!(drain(&mut late) == (body.clone(), Some(Ok(()))));
    assert!(bytes(&stored) == body && bytes(&hit(&store, URL).unwrap()) == body);
}

#[test]
fn a_waiting_reader_is_woken_by_each_append_and_by_the_end() {
    let store = store();
    let mut fill = lead(&store, URL, fresh).begin(version(1), LIMIT);
    let mut reader = own_reader(&fill);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let poll = |reader: &mut Reader<Meta>| {
        while matches!(reader.poll_next(&mut Context::from_waker(&waker)), Poll::Ready(Some(_))) {}
    };
    poll(&mut reader);
    fill.append(b"some");
    assert_eq!(bell.rung(), 1);
    fill.append(b" more");
    assert_eq!(bell.rung(), 1, "who is awake is not woken");
    poll(&mut reader);
    fill.finish().unwrap();
    assert_eq!(bell.rung(), 2);
}

#[test]
fn what_is_broken_off_is_never_whole_and_never_stored() {
    let store = store();
    let mut fill = lead(&store, URL, fresh).begin(version(1), LIMIT);
    let mut reader = stream(&store);
    let mut waiting = follow(&store, URL, fresh);
    fill.append(b"half of");
    drop(fill);
    assert_eq!(drain(&mut reader), (b"half of".to_vec(), Some(Err(Broken::Aborted))));
    assert!(matches!(turn_or_bell(&mut waiting, fresh), Ok(Turn::Again)), "who has not begun begins anew");
    assert!(hit(&store, URL).is_none());
    drop((reader, waiting));
    assert_eq!((store.stats().aborted, store.stats().held_bytes), (1, 0));
    drop(lead(&store, URL, fresh));
}

#[test]
fn it_goes_on_without_the_client_that_asked_for_it() {
    let store = store();
    let mut fill = lead(&store, URL, fresh).begin(version(1), LIMIT);
    let own = own_reader(&fill);
    let mut other = stream(&store);
    fill.append(b"for");
    drop(own);
    assert_eq!(fill.readers(), 1, "whether that is worth it is the caller's choice");
    fill.append(b" others");
    fill.finish().unwrap();
    assert_eq!(drain(&mut other), (b"for others".to_vec(), Some(Ok(()))));
}

#[test]
fn a_body_in_little_pieces_is_stored_in_large_ones() {
    let (store, body) = (store(), content(300 * KIB));
    let mut fill = lead(&store, URL, fresh).begin(version(1), LIMIT);
    let mut halfway = own_reader(&fill);
    let mut came = Vec::new();
    for (number, piece) in body.chunks(5 * KIB).enumerate() {
        fill.append(piece);
        if number == 20 {
            came = drain(&mut halfway).0;
        }
    }
    let stored = fill.finish().unwrap();
    assert!(bytes(&stored) == body);
    let lengths: Vec<_> = stored.body().chunks().iter().map(|chunk| chunk.len()).collect();
    assert_eq!(lengths, [128 * KIB, 128 * KIB, 44 * KIB]);
    came.extend(drain(&mut halfway).0);
    assert!(came == body, "who was in the middle of it does not notice");
}

#[test]
fn what_is_too_large_is_passed_on_whole_and_not_stored() {
    let (store, body) = (store(), content(3072 * KIB));
    let mut fill = lead(&store, URL, fresh).begin(version(1), 1024 * KIB as u64);
    let mut own = own_reader(&fill);
    let mut other = stream(&store);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for piece in body.chunks(100 * KIB) {
        assert_eq!(wanted(&mut fill), Some(Wanted::Yes));
        fill.append(piece);
        first.extend(drain(&mut own).0);
        // Always half a window behind.
        if first.len() > second.len() + 512 * KIB {
            second.extend(read_now(&mut other).flatten().unwrap().unwrap());
        }
        assert!(store.stats().held_bytes < 1400 * KIB as u64, "{}", store.stats().held_bytes);
    }
    assert!(fill.is_passing() && fill.reader().is_none());
    assert!(matches!(store.lookup(&key(&store, URL), Instant::now(), fresh), Lookup::Pass(None)));
    assert!(fill.finish().is_none());
    first.extend(drain(&mut own).0);
    second.extend(drain(&mut other).0);
    assert!(first == body && second == body);
    drop((own, other));
    assert_eq!((store.stats().passed, store.stats().stored, store.stats().held_bytes), (1, 0, 0));
    drop(lead(&store, URL, fresh));
}

#[test]
fn what_is_passed_on_goes_at_the_pace_of_the_fastest_and_who_is_too_slow_is_cut_off() {
    let store = store();
    let mut fill = lead(&store, URL, fresh).begin(version(1), 1024 * KIB as u64);
    let mut fast = own_reader(&fill);
    let mut stalled = stream(&store);
    assert_eq!(read_now(&mut stalled), None);
    let piece = content(256 * KIB);
    assert!(fill_up(&mut fill, &piece, Waker::noop()));
    assert!(store.stats().held_bytes < 2048 * KIB as u64, "nobody reads, so nothing more comes");
    // The fast one alone makes room, for as long as it likes.
    for _ in 0..100 {
        assert_eq!(wanted(&mut fill), None);
        while wanted(&mut fill).is_none() {
            assert!(matches!(read_now(&mut fast), Some(Some(Ok(_)))));
        }
        assert!(fill_up(&mut fill, &piece, Waker::noop()));
    }
    assert!(store.stats().held_bytes < 2048 * KIB as u64);
    assert_eq!(drain(&mut stalled), (Vec::new(), Some(Err(Broken::Outpaced))));
    assert_eq!(store.stats().outpaced, 1);
    drop(stalled);
    drop(fast);
    assert_eq!(wanted(&mut fill), Some(Wanted::No), "for nobody");
}

#[test]
fn a_writer_that_waits_is_woken_by_the_reader_that_makes_room_or_leaves() {
    let store = store();
    let mut fill = lead(&store, URL, fresh).begin(version(1), 1);
    let (mut reader, other) = (own_reader(&fill), stream(&store));
    let piece = content(256 * KIB);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    assert!(fill_up(&mut fill, &piece, &waker));
    drain(&mut reader);
    assert_eq!(bell.rung(), 1);
    assert!(fill_up(&mut fill, &piece, &waker));
    drop((reader, other));
    assert_eq!(bell.rung(), 2, "there is nobody left to go on for");
}

#[test]
fn where_memory_is_short_an_answer_is_passed_on() {
    let store: Store<Meta> = Store::new(MIN_MEMORY, 7);
    let body = content(600 * KIB);
    let mut held = Vec::new();
    for number in 0..4 {
        let mut fill = lead(&store, &format!("https://a.test/{number}"), fresh).begin(version(1), LIMIT);
        fill.append(&body[..300 * KIB]);
        held.push(fill);
    }
    assert_eq!(held.iter().map(|fill| u64::from(fill.is_passing())).sum::<u64>(), 1);
    drop(held);
    assert_eq!(store.stats().held_bytes, 0);
}

/// Looks what is stored when it is woken.
struct Looks {
    store: Store<Meta>,
    has_found: AtomicBool,
}

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.has_found.store(hit(&self.store, URL).is_some(), SeqCst);
    }
}

#[test]
fn who_has_seen_the_end_finds_it_stored() {
    let store = store();
    let fill = lead(&store, URL, fresh).begin(version(1), LIMIT);
    let mut reader = own_reader(&fill);
    let looks = Arc::new(Looks { store: store.clone(), has_found: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&looks));
    assert!(reader.poll_next(&mut Context::from_waker(&waker)).is_pending());
    fill.finish().unwrap();
    assert!(looks.has_found.load(SeqCst));
}

#[test]
fn all_ends_can_be_on_other_threads() {
    fn is_send<T: Send>() {}
    is_send::<Fill<Meta>>();
    is_send::<Reader<Meta>>();
    is_send::<Leader<Meta>>();
    is_send::<Follower<Meta>>();
}
