//! What one data plane is told after another has said something.

use std::time::{Duration, Instant};

use crate::leases::{
    Answer, Demand, GRACE, KeyId, Leases, MAX_KEYS, MAX_KEYS_OF_LIMIT, MAX_NODES, PERIOD, Refused, Ticket,
    allocate::WHOLE,
};

struct Story {
    leases: Leases,
    now: Instant,
}

const fn key(hash: u128) -> KeyId {
    KeyId { limit: 1, hash }
}

fn demand(hash: u128, percent: u64) -> Demand {
    let asked = WHOLE / 100 * percent;
    Demand { key: key(hash), asked, passed: asked.min(WHOLE), used: WHOLE, held: None }
}

impl Story {
    fn new() -> Self {
        let now = Instant::now();
        Self { leases: Leases::new(now), now }
    }

    fn join(&mut self, id: &str) -> Ticket {
        self.leases.join(id, 0, self.now).unwrap()
    }

    fn report(&mut self, ticket: Ticket, demands: &[Demand]) -> Answer {
        self.leases.report(ticket, demands, self.now);
        self.answer(ticket)
    }

    fn answer(&mut self, ticket: Ticket) -> Answer {
        self.leases.answer(ticket, self.now).unwrap()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }
}

/// The shares in per cent, by key; `None` is the fair one.
fn shares(answer: &Answer) -> Vec<(u128, Option<u64>)> {
    let percent = |share: u64| (share * 100 + WHOLE / 2) / WHOLE;
    answer.leases.iter().map(|lease| (lease.key.hash, lease.share.map(percent))).collect()
}

#[test]
fn who_is_asked_for_nothing_gives_up_its_share_before_another_gets_it() {
    let mut story = Story::new();
    let (a, b) = (story.join("a"), story.join("b"));
    assert_eq!(story.answer(a), Answer { nodes: 2, complete: true, leases: vec![] });
    assert_eq!(story.answer(b).nodes, 2);
    // Half is held by b, who does not know yet.
    assert_eq!(story.report(a, &[demand(7, 300)]).leases, []);
    let told = story.answer(b);
    assert_eq!((shares(&told), told.complete), (vec![(7, Some(1))], false));
    let told = story.answer(a);
    assert_eq!(shares(&told), [(7, Some(99))]);
    // What comes from b was not used there.
    assert!(told.leases[0].shift < -(WHOLE as i64 / 3), "{told:?}");
    assert_eq!((story.answer(a).leases, story.answer(b).leases), (vec![], vec![]));
    // The load moves: what b gets now is as used as it was at a.
    story.leases.report(a, &[Demand { asked: 0, passed: 0, ..demand(7, 0) }], story.now);
    assert_eq!(story.report(b, &[demand(7, 300)]).leases, []);
    assert_eq!(shares(&story.answer(a)), [(7, Some(1))]);
    let told = story.answer(b);
    assert_eq!(shares(&told), [(7, Some(99))]);
    assert!(told.leases[0].shift.unsigned_abs() < WHOLE / 100, "{told:?}");
}

#[test]
fn a_newcomer_learns_every_share_and_has_its_part_of_the_reserve_at_once() {
    let mut story = Story::new();
    let a = story.join("a");
    story.answer(a);
    story.report(a, &[demand(7, 300)]);
    let b = story.join("b");
    let told = story.answer(b);
    assert!(told.complete && told.nodes == 2);
    let [lease] = told.leases[..] else { panic!("{told:?}") };
    assert_eq!(lease.share, Some(WHOLE / 64 / 2));
    assert_eq!(story.answer(a).nodes, 2);
    // A returning data plane is told all of it again.
    let again = story.join("b");
    let told = story.answer(again);
    assert!(told.complete && told.leases.len() == 1, "{told:?}");
    assert_eq!(story.leases.answer(b, story.now), None, "its older stream is over");
}

#[test]
fn a_share_returns_at_once_from_who_drains_and_after_a_while_from_who_dies() {
    for drains in [true, false] {
        let mut story = Story::new();
        let (a, b) = (story.join("a"), story.join("b"));
        for _ in 0..2 {
            story.report(a, &[demand(7, 300)]);
            story.report(b, &[demand(7, 20)]);
        }
        if drains {
            story.leases.leave(a, story.now);
        } else {
            story.leases.lose(a, story.now);
            story.pass(GRACE / 2);
            let told = story.report(b, &[demand(7, 300)]);
            assert_eq!((shares(&told), told.nodes), (vec![], 2));
            story.pass(GRACE / 2);
        }
        let told = story.report(b, &[demand(7, 300)]);
        assert_eq!((shares(&told), told.nodes), (vec![(7, Some(100))], 1), "drains: {drains}");
        assert_eq!(story.leases.answer(a, story.now), None);
    }
}

#[test]
fn who_returns_in_time_has_what_it_had() {
    let mut story = Story::new();
    let (a, b) = (story.join("a"), story.join("b"));
    story.report(a, &[demand(7, 300)]);
    story.answer(b);
    assert_eq!(shares(&story.answer(a)), [(7, Some(99))]);
    story.leases.lose(a, story.now);
    story.pass(GRACE / 2);
    assert_eq!(story.report(b, &[]).leases, []);
    let a = story.join("a");
    assert_eq!(shares(&story.answer(a)), [(7, Some(99))]);
}

#[test]
fn a_key_that_nobody_asks_for_is_forgotten_once_all_know() {
    let mut story = Story::new();
    let (a, b) = (story.join("a"), story.join("b"));
    story.report(a, &[demand(7, 300)]);
    story.answer(b);
    story.answer(a);
    for _ in 0..2 {
        assert_eq!(story.leases.keys(), 1);
        assert!(!shares(&story.report(a, &[])).contains(&(7, None)));
        story.answer(b);
        story.pass(PERIOD);
    }
    assert_eq!(shares(&story.report(a, &[])), [(7, None)]);
    assert_eq!(story.leases.keys(), 1, "b does not know yet");
    assert_eq!(shares(&story.answer(b)), [(7, None)]);
    assert_eq!(story.leases.keys(), 0);
}

#[test]
fn keys_are_bounded_and_idle_ones_make_room() {
    let mut story = Story::new();
    let a = story.join("a");
    let many: Vec<_> = (0..2000).map(|hash| demand(hash, 300)).collect();
    story.report(a, &many);
    assert_eq!(story.leases.keys(), MAX_KEYS_OF_LIMIT);
    let of = |limit| move |demand: &Demand| Demand { key: KeyId { limit, ..demand.key }, ..*demand };
    let flood: Vec<_> = (0..20).flat_map(|limit| many[..1000].iter().map(of(limit))).collect();
    story.report(a, &flood);
    assert!((MAX_KEYS - MAX_KEYS_OF_LIMIT..=MAX_KEYS).contains(&story.leases.keys()), "{}", story.leases.keys());
    // Those that nobody asks for any more do not wait for their time where others want their places.
    let others: Vec<_> = (5000..5100).map(|hash| demand(hash, 300)).map(|demand| of(99)(&demand)).collect();
    // The first finds no place, which ends them; the second is told so, and the third gets its places.
    for _ in 0..3 {
        story.report(a, &others);
    }
    assert_eq!(story.leases.keys(), 100);
}

#[test]
fn larger_demands_take_the_places_of_the_least() {
    let mut story = Story::new();
    let (a, b) = (story.join("a"), story.join("b"));
    let made_up: Vec<_> = (0..1024).map(|hash| Demand { used: WHOLE / 8, ..demand(hash, 10) }).collect();
    story.report(a, &made_up);
    story.answer(b);
    story.answer(a);
    // They are not asked for any more, and what they have used is used.
    let mut told = |other: Demand| {
        let mut demands: Vec<_> = made_up.iter().map(|made_up| Demand { asked: 0, passed: 0, ..*made_up }).collect();
        demands.push(other);
        let mut told = Vec::new();
        for _ in 0..4 {
            let news = shares(&story.report(a, &demands));
            // What is not leased any more and not asked for is not named.
            demands.retain(|demand| demand.asked > 0 || !news.contains(&(demand.key.hash, None)));
            told.extend(news);
            story.answer(b);
        }
        assert_eq!(story.leases.keys(), MAX_KEYS_OF_LIMIT);
        told
    };
    assert!(!told(demand(5000, 5)).iter().any(|(hash, _)| *hash == 5000));
    let told = told(demand(6000, 300));
    assert!(told.contains(&(6000, Some(99))), "{told:?}");
    assert_eq!(told.iter().filter(|(_, share)| share.is_none()).count(), 1, "one has made room");
}

#[test]
fn a_lease_ends_with_what_is_owed() {
    let mut story = Story::new();
    let (a, b) = (story.join("a"), story.join("b"));
    let owing = |asked, used| Demand { used, ..demand(7, asked) };
    for _ in 0..2 {
        story.report(a, &[owing(300, WHOLE / 2)]);
        story.answer(b);
    }
    // Idle for however long, it is leased while it owes.
    for _ in 0..10 {
        story.pass(PERIOD);
        story.report(a, &[owing(0, WHOLE / 2)]);
        story.answer(b);
    }
    assert_eq!(story.leases.keys(), 1);
    let mut told = Vec::new();
    for _ in 0..3 {
        story.pass(PERIOD);
        told.extend(story.report(a, &[owing(0, WHOLE / 2048)]).leases);
        story.answer(b);
    }
    let end = told.iter().find(|lease| lease.share.is_none()).unwrap();
    // Of half a burst it is nearly twice the part.
    assert!((WHOLE as i64 / 2100..=WHOLE as i64 / 2048).contains(&end.shift), "{end:?}");
    assert_eq!(story.leases.keys(), 0);
}

#[test]
fn data_planes_are_bounded_and_with_many_of_them_the_keys() {
    let mut story = Story::new();
    let tickets: Vec<_> = (0..MAX_NODES).map(|at| story.join(&at.to_string())).collect();
    assert_eq!(story.leases.join("one too many", 0, story.now), Err(Refused::Full));
    let many: Vec<_> = (0..2000).map(|hash| demand(hash, 300)).collect();
    story.report(tickets[0], &many);
    assert_eq!(story.leases.keys(), 256);
    // As many as that make room when they come later.
    let mut story = Story::new();
    let first = story.join("first");
    story.report(first, &many);
    assert_eq!(story.leases.keys(), MAX_KEYS_OF_LIMIT);
    assert!(!story.answer(first).complete);
    let tickets: Vec<_> = (1..MAX_NODES).map(|at| story.join(&at.to_string())).collect();
    assert_eq!(story.leases.keys(), 256);
    let told = story.answer(first);
    assert!(told.complete && told.leases.len() <= 256, "what has gone is not leased any more");
    story.leases.leave(tickets[5], story.now);
    story.join("one more");
}
