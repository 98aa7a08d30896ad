use gateway_routing::route::{Sticky, WeightedService};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::SmallRng};

use super::{cookie, draw, pick};
use crate::proxy::{identity::ClientAddress, parse::ParsedRequest};

/// The place of the service that is picked, among services of these weights of which these are able.
fn picked(weights: &[u32], able: &[bool], draw: u64) -> usize {
    let named = |(at, weight): (usize, &u32)| WeightedService { name: at.to_string().into(), weight: *weight };
    let services: Vec<_> = weights.iter().enumerate().map(named).collect();
    let place = |service: &WeightedService| service.name.parse::<usize>().unwrap();
    place(pick(&services, |service| able[place(service)], draw).unwrap())
}

/// A draw of one client; of no client in particular without stickiness.
fn drawn(sticky: Option<&Sticky>, route: &str, fields: &str, client: &str, seed: u64) -> u64 {
    let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
    let mut request = ParsedRequest::default();
    request.parse(head.as_bytes(), 10).unwrap();
    let client = ClientAddress::new(client.parse().unwrap());
    draw(sticky, route, &request, head.as_bytes(), &client, &mut SmallRng::seed_from_u64(seed))
}

#[test]
fn clients_are_recognised_by_what_the_route_says() {
    let header = Sticky::Header("x-user".into());
    let cookie = Sticky::Cookie("id".into());
    let of = |sticky, fields, client, seed| drawn(Some(sticky), "r", fields, client, seed);
    let one = of(&header, "X-User: anna\r\nX-User: ben\r\n", "192.0.2.1", 1);
    assert_eq!(one, of(&header, "x-USER:anna\r\n", "192.0.2.2", 2));
    assert_ne!(one, of(&header, "x-user: ben\r\n", "192.0.2.1", 1));
    // The same bytes are the same client, wherever they stand.
    assert_eq!(one, of(&cookie, "Cookie: a=b; id=anna; id=ben\r\n", "192.0.2.3", 3));
    assert_eq!(one, of(&cookie, "Cookie: a=b\r\nCookie: id=anna\r\n", "192.0.2.3", 4));
    let address = of(&Sticky::ClientAddress, "", "192.0.2.1", 1);
    assert_eq!(address, of(&Sticky::ClientAddress, "X-User: anna\r\n", "::ffff:192.0.2.1", 2));
    assert_ne!(address, of(&Sticky::ClientAddress, "", "192.0.2.2", 1));
    assert_ne!(one, drawn(Some(&header), "other", "X-User: anna\r\n", "192.0.2.1", 1), "each route deals anew");
}

#[test]
fn who_cannot_be_recognised_is_dealt_by_chance() {
    let header = Sticky::Header("x-user".into());
    let cookie = Sticky::Cookie("id".into());
    for (sticky, fields) in [
        (None, "X-User: anna\r\n"),
        (Some(&header), "X-Users: anna\r\n"),
        (Some(&header), "X-User:\r\n"),
        (Some(&cookie), "Cookie: ID=anna; xid=anna; id; id=\r\n"),
    ] {
        let draws = [1, 2].map(|seed| drawn(sticky, "r", fields, "192.0.2.1", seed));
        assert_ne!(draws[0], draws[1], "{fields}");
    }
}

#[test]
fn the_first_cookie_of_a_name_counts() {
    for (field, value) in [
        ("id=1", Some("1")),
        ("a=b; id=1; id=2", Some("1")),
        ("a=b;id=1", Some("1")),
        ("a=\"id=2\"; id=\"1\"", Some("\"1\"")),
        ("id=a=b", Some("a=b")),
        (" id = 1 ", Some("1")),
        ("id=", Some("")),
        ("ID=1; xid=2; id", None),
        ("", None),
        (";;", None),
    ] {
        assert_eq!(cookie(field.as_bytes(), "id"), value.map(str::as_bytes), "{field}");
    }
}

/// Pearson's test: how far counts are from what is expected of them.
fn chi_square(counts: &[u32], weights: &[u32]) -> f64 {
    let (all, whole): (u32, u32) = (counts.iter().sum(), weights.iter().sum());
    let expected = weights.iter().map(|weight| f64::from(*weight) / f64::from(whole) * f64::from(all));
    let parts = counts.iter().zip(expected).filter(|(_, expected)| *expected > 0.0);
    parts.map(|(count, expected)| (f64::from(*count) - expected).powi(2) / expected).sum()
}

#[test]
fn shares_follow_the_weights() {
    let sticky = Sticky::Header("x-user".into());
    for (weights, able, left) in [
        (&[1000][..], &[true][..], &[1000][..]),
        (&[900, 100], &[true, true], &[900, 100]),
        (&[1, 999], &[true, true], &[1, 999]),
        (&[500, 0, 300, 200], &[true; 4], &[500, 0, 300, 200]),
        // Who cannot answer leaves its share to the others as theirs are; without a weight, nobody gets any.
        (&[500, 0, 300, 200], &[false, true, true, true], &[0, 0, 300, 200]),
        (&[100, 200, 700], &[true, true, false], &[100, 200, 0]),
        (&[900, 100], &[true, false], &[900, 0]),
    ] {
        for is_sticky in [false, true] {
            let mut counts = vec![0; weights.len()];
            for number in 0..50_000 {
                let fields = format!("X-User: user-{number}\r\n");
                let draw = drawn(is_sticky.then_some(&sticky), "r", &fields, "192.0.2.1", number);
                counts[picked(weights, able, draw)] += 1;
            }
            let unwanted = counts.iter().zip(left).any(|(count, weight)| *weight == 0 && *count > 0);
            // 27.9 is passed once in 100,000 tests of three degrees of freedom, and more seldom of fewer.
            assert!(!unwanted && chi_square(&counts, left) < 27.9, "{weights:?}, {able:?}: {counts:?}");
        }
    }
}

#[test]
fn where_nobody_can_answer_the_first_choice_says_so() {
    let picked = |draw| picked(&[900, 100], &[false, false], draw);
    assert_eq!((picked(899), picked(900)), (0, 1));
}

fn weights() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0_u32..1000, 0..5).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts.push(1000);
        let mut last = 0;
        cuts.into_iter().map(|cut| cut - std::mem::replace(&mut last, cut)).collect()
    })
}

proptest! {
    #[test]
    fn who_is_picked_has_a_weight_and_can_answer_if_any_can(
        weights in weights(),
        able in any::<[bool; 6]>(),
        draw in any::<u64>(),
    ) {
        let at = picked(&weights, &able, draw);
        let anybody = weights.iter().zip(able).any(|(weight, is_able)| is_able && *weight > 0);
        prop_assert!(weights[at] > 0);
        prop_assert_eq!(able[at], anybody);
    }

    #[test]
    fn a_growing_last_share_takes_clients_from_the_one_before_alone(
        weights in weights(),
        more in 0_u32..1000,
        draw in any::<u64>(),
    ) {
        prop_assume!(weights.len() > 1);
        let last = weights.len() - 1;
        let moved = more.min(weights[last - 1]);
        let mut shifted = weights.clone();
        shifted[last - 1] -= moved;
        shifted[last] += moved;
        let (before, after) = (picked(&weights, &[true; 6], draw), picked(&shifted, &[true; 6], draw));
        prop_assert!(before == after || (before, after) == (last - 1, last));
    }

    #[test]
    fn who_comes_back_takes_back_its_own_clients_alone(
        weights in weights(),
        away in 0_usize..6,
        draw in any::<u64>(),
    ) {
        let mut able = [true; 6];
        let healthy = picked(&weights, &able, draw);
        able[away] = false;
        let without = picked(&weights, &able, draw);
        prop_assert!(healthy == without || healthy == away);
    }
}
