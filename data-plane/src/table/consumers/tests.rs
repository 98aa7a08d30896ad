use std::{collections::BTreeMap, sync::Arc};

use gateway_caching::Time;
use proptest::prelude::*;

use super::{Consumer, Consumers, Key, NEVER};

/// A key's hash that has all of its bytes from `seed`.
fn hash(seed: u64) -> [u8; 32] {
    let mut sha256 = [0; 32];
    let mut state = seed;
    for chunk in sha256.chunks_mut(8) {
        // splitmix64: well spread, as hashes are.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(word ^ word >> 31).to_le_bytes());
    }
    sha256
}

fn consumer(name: &str, groups: &[&str], keys: &[(u64, Time)]) -> Consumer {
    let keys: Vec<_> = keys.iter().map(|(seed, ends)| Key { sha256: hash(*seed), ends: *ends }).collect();
    Consumer::new(name, groups.iter().map(|group| Arc::from(*group)).collect(), &keys, None, Box::default())
}

fn of(consumers: impl IntoIterator<Item = Consumer>) -> Consumers {
    let mut all = Consumers::default();
    let changes = consumers.into_iter().map(|consumer| (Arc::from(&*consumer.name), Some(consumer))).collect();
    assert!(all.amend(&changes).is_empty());
    all
}

fn who(consumers: &Consumers, seed: u64, now: i64) -> Option<&str> {
    consumers.of_key(&hash(seed), Time::from_millis(now)).map(|consumer| &*consumer.name)
}

#[test]
fn a_key_is_its_consumers_until_it_ends() {
    let consumers =
        of([consumer("anna", &[], &[(1, Time::from_millis(5)), (2, NEVER)]), consumer("bert", &[], &[(3, NEVER)])]);
    assert_eq!((who(&consumers, 1, 4), who(&consumers, 1, 5), who(&consumers, 1, 6)), (Some("anna"), None, None));
    assert_eq!((who(&consumers, 2, i64::MAX - 1), who(&consumers, 3, 0)), (Some("anna"), Some("bert")));
    assert_eq!(who(&consumers, 4, 0), None);
    assert_eq!(consumers.named("bert").map(|bert| bert.keys().count()), Some(1));
}

#[test]
fn all_of_a_hash_is_compared() {
    let consumers = of([consumer("anna", &[], &[(1, NEVER)])]);
    for byte in 0..32 {
        let mut other = hash(1);
        other[byte] ^= 1;
        assert!(consumers.of_key(&other, Time::from_millis(0)).is_none(), "byte {byte}");
    }
}

#[test]
fn a_key_of_two_consumers_is_told() {
    let mut consumers = of([consumer("anna", &[], &[(1, NEVER)])]);
    let changes = BTreeMap::from([(Arc::from("bert"), Some(consumer("bert", &[], &[(1, NEVER)])))]);
    let told = consumers.amend(&changes);
    assert_eq!(told, [["anna".into(), "bert".into()].into()].into());
}

#[test]
fn those_who_have_the_same_groups_share_them() {
    let consumers = of([consumer("anna", &["a", "b"], &[]), consumer("bert", &["a", "b"], &[])]);
    let groups = |name| &consumers.named(name).unwrap().groups;
    assert!(Arc::ptr_eq(groups("anna"), groups("bert")));
}

#[test]
fn what_is_secret_is_not_told() {
    let anna = consumer("anna", &["staff"], &[(1, NEVER)]);
    let told = format!("{:?} {:?}", anna, of([anna.clone()]));
    assert!(told.contains("anna") && told.contains("keys: 1") && !told.contains("sha256"), "{told}");
}

proptest! {
    /// However they came there, the same consumers are the same, and nothing is left of others.
    #[test]
    fn changes_one_by_one_are_as_good_as_all_at_once(
        steps in prop::collection::vec(prop::collection::vec((0_u64..6, prop::option::of(0_u64..4)), 0..4), 1..8),
    ) {
        let mut model = BTreeMap::<u64, u64>::new();
        let mut consumers = Consumers::default();
        let made = |number: u64, version: u64| {
            let groups: &[&str] = if version == 0 { &[] } else { &["staff"] };
            consumer(&format!("c{number}"), groups, &[(number * 10 + version, NEVER), (number * 10 + 9, NEVER)])
        };
        for step in steps {
            let mut changes = BTreeMap::new();
            for (number, version) in step {
                match version {
                    Some(version) => drop(model.insert(number, version)),
                    None => drop(model.remove(&number)),
                }
                changes.insert(Arc::from(format!("c{number}")), version.map(|version| made(number, version)));
            }
            prop_assert!(consumers.amend(&changes).is_empty());
            let fresh = of(model.iter().map(|(number, version)| made(*number, *version)));
            prop_assert!(consumers == fresh, "{consumers:?} {fresh:?}");
            prop_assert_eq!(&consumers.groups, &fresh.groups);
        }
    }
}
