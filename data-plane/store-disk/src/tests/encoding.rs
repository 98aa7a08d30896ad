use gateway_cache_store::Store;
use proptest::prelude::{any, prop, prop_oneof, proptest};

use super::{Meta, bytes};
use crate::{
    knowledge::Stamp,
    record::{HEAD, Record},
    removals::Kept,
    state::State,
};

fn written(record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    record.write(&mut out).expect("memory takes everything");
    out
}

proptest! {
    #[test]
    fn an_entry_comes_back_as_it_was(
        key in prop::collection::vec(any::<u8>(), 0..300),
        url in 0..300_usize,
        body_len in 0..700_000_usize,
        fields in any::<(u8, u8, u8)>(),
        (purge, moment) in any::<(u64, u64)>(),
    ) {
        let store: Store<Meta> = Store::new(0, 1);
        let meta = Meta { variant: fields.0, version: fields.1, tag: fields.2, must_validate: false };
        let body = super::body(body_len);
        let key = store.key(&key, url, 1..2);
        let record = Record::new(&key, &meta, body.clone(), Stamp { purge, moment });
        let out = written(&record);
        assert_eq!(out.len() as u64, record.len());
        let read = Record::read(&mut &out[..]).expect("it was written");
        assert!(read.is_of(&key));
        assert_eq!((read.stamp, &read.meta), (record.stamp, &record.meta));
        assert!(bytes(&read.body) == bytes(&body));
    }

    #[test]
    fn any_bytes_are_nothing_or_what_they_say(
        start in prop_oneof![any::<[u8; HEAD]>(), small_head()],
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let bytes = [&start[..], &rest].concat();
        if let Ok(record) = Record::read(&mut &bytes[..]) {
            assert_eq!(written(&record), bytes);
        }
    }

    #[test]
    fn a_state_comes_back_as_it_was_and_any_other_bytes_are_none(
        numbers in any::<[u64; 7]>(),
        is_closed in any::<bool>(),
        held in prop::collection::vec(any::<(u128, u64)>(), 0..20),
        (at, flip) in (any::<prop::sample::Index>(), 1..=255_u8),
    ) {
        let [seed, block, blocks, run, cluster, gone, doubtful] = numbers;
        let state = State { seed, block, blocks, run, cluster, is_closed, kept: Kept { gone, doubtful, held } };
        let mut bytes = state.encode();
        assert_eq!(State::decode(&bytes), Some(state));
        assert_eq!(State::decode(&bytes[..at.index(bytes.len())]), None);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        assert_eq!(State::decode(&bytes), None);
    }
}

/// One with the right version, and lengths that can be.
fn small_head() -> impl proptest::strategy::Strategy<Value = [u8; HEAD]> {
    use proptest::strategy::Strategy;
    (any::<[u8; 28]>(), 0..20_u32, 0..20_u32, 0..40_u64).prop_map(|(stamp, key, meta, body)| {
        let mut head = [0; HEAD];
        head[0] = 1;
        head[1..29].copy_from_slice(&stamp);
        head[29..33].copy_from_slice(&key.to_le_bytes());
        head[33..37].copy_from_slice(&meta.to_le_bytes());
        head[37..].copy_from_slice(&body.to_le_bytes());
        head
    })
}
