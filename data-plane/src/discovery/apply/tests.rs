use std::{collections::BTreeMap, sync::Arc};

use gateway_proto::discovery::v1 as pb;
use proptest::{prelude::*, sample::Index};

use super::{Assembly, Changes, Refusal, Remedy, State, bucket_of};
use crate::discovery::tests::{full, resource, version};

fn apply(state: &State, response: pb::DiscoveryResponse) -> State {
    state.apply(response).unwrap().0
}

#[test]
fn a_full_snapshot_replaces_everything_and_tells_only_what_changed() {
    let (a, b, c) = (resource("a", &["a.test"], 1), resource("b", &["b.test"], 1), resource("c", &["c.test"], 1));
    let state = apply(&State::default(), full(1, &[a.clone(), b.clone()]));
    let (next, changes) = state.apply(full(2, &[b.clone(), c.clone()])).unwrap();
    let expected: Changes =
        [("services/a".into(), None), ("services/c".into(), Some(Arc::new(c.clone())))].into_iter().collect();
    assert_eq!(changes, expected);
    assert_eq!(next, apply(&State::default(), full(2, &[c, b])));
    assert_eq!(next.stamp().unwrap().revision, 2);
}

#[test]
fn a_delta_applies_only_to_its_base() {
    let a = resource("a", &["a.test"], 1);
    let delta = pb::DiscoveryResponse { base: Some(version(1)), ..full(3, std::slice::from_ref(&a)) };
    let none = State::default().apply(delta.clone()).unwrap_err();
    assert!(matches!(none, Refusal::OtherBase { held: None, .. }), "{none}");
    assert_eq!(none.remedy(), Remedy::Resubscribe);

    let newer = apply(&State::default(), full(2, &[]));
    assert!(matches!(newer.apply(delta.clone()), Err(Refusal::OtherBase { held: Some(_), .. })));

    let other_epoch = pb::Version { epoch: 8, sequence: 1 };
    let other = apply(&State::default(), pb::DiscoveryResponse { version: Some(other_epoch), ..full(1, &[]) });
    assert!(matches!(other.apply(delta.clone()), Err(Refusal::OtherBase { .. })));

    let right = apply(&State::default(), full(1, &[]));
    assert_eq!(right.apply(delta).unwrap().1.len(), 1);
}

#[test]
fn another_cluster_an_older_revision_and_an_older_version_are_refused() {
    let state = apply(&State::default(), full(5, &[]));
    let other = pb::DiscoveryResponse { cluster_id: "c2".into(), ..full(6, &[]) };
    let refusal = state.apply(other).unwrap_err();
    assert_eq!(refusal, Refusal::OtherCluster { held: "c1".into(), offered: "c2".into() });
    assert_eq!(refusal.remedy(), Remedy::Leave);

    // Another run of the publisher may count anew, but the store may not go back.
    let restarted = Some(pb::Version { epoch: 8, sequence: 1 });
    let older = pb::DiscoveryResponse { version: restarted, revision: 4, ..full(6, &[]) };
    let refusal = state.apply(older.clone()).unwrap_err();
    assert_eq!(refusal, Refusal::OlderRevision { held: 5, offered: 4 });
    assert_eq!(refusal.remedy(), Remedy::Leave);
    assert!(state.apply(pb::DiscoveryResponse { revision: 5, ..older }).is_ok());

    let back = pb::DiscoveryResponse { revision: 5, ..full(4, &[]) };
    assert!(matches!(state.apply(back), Err(Refusal::OlderVersion { .. })));
}

#[test]
fn a_wrong_digest_is_refused_and_asks_for_everything() {
    let response = full(1, &[resource("a", &["a.test"], 1)]);
    let told = response.digest ^ 1;
    let refusal = State::default().apply(pb::DiscoveryResponse { digest: told, ..response.clone() }).unwrap_err();
    assert_eq!(refusal, Refusal::Digest { computed: response.digest, told });
    assert_eq!(refusal.remedy(), Remedy::StartOver);
}

#[test]
fn what_breaks_the_rules_of_the_stream_is_refused() {
    let state = apply(&State::default(), full(1, &[]));
    let good = pb::DiscoveryResponse { base: Some(version(1)), ..full(2, &[]) };
    for broken in [
        pb::DiscoveryResponse { version: None, ..good.clone() },
        pb::DiscoveryResponse { cluster_id: String::new(), ..good.clone() },
        pb::DiscoveryResponse { replaced_buckets: vec![1024], ..good.clone() },
        pb::DiscoveryResponse { replaced_buckets: vec![u32::MAX], ..good.clone() },
    ] {
        let refusal = state.apply(broken).unwrap_err();
        assert!(matches!(refusal, Refusal::Malformed(_)), "{refusal}");
        assert_eq!(refusal.remedy(), Remedy::Resubscribe);
    }
    assert!(state.apply(good).is_ok());
}

#[test]
fn chunks_take_effect_together() {
    let (a, b) = (resource("a", &["a.test"], 1), resource("b", &["b.test"], 1));
    let whole = full(4, &[a.clone(), b.clone()]);
    let first = pb::DiscoveryResponse { upserts: vec![a], last_chunk: false, digest: 0, ..whole.clone() };
    let last = pb::DiscoveryResponse { upserts: vec![b], ..whole.clone() };
    let mut assembly = Assembly::default();
    assert_eq!(assembly.add(first.clone()), Ok(None));
    assert_eq!(assembly.add(last.clone()), Ok(Some(whole.clone())));
    // Nothing of one response gets into the next.
    assert_eq!(assembly.add(whole.clone()), Ok(Some(whole)));

    for stray in [
        pb::DiscoveryResponse { nonce: 5, ..last.clone() },
        pb::DiscoveryResponse { version: Some(version(5)), ..last.clone() },
        pb::DiscoveryResponse { base: Some(version(1)), ..last.clone() },
        pb::DiscoveryResponse { revision: 5, ..last.clone() },
        pb::DiscoveryResponse { cluster_id: "c2".into(), ..last },
    ] {
        assert_eq!(assembly.add(first.clone()), Ok(None));
        assert!(matches!(assembly.add(stray), Err(Refusal::Malformed(_))));
    }
}

/// How a publisher may tell a data plane that things are now so.
#[derive(Debug, Clone, Copy)]
enum Form {
    Full,
    Delta,
    Buckets,
}

type Model = BTreeMap<String, pb::Resource>;

fn tell(form: Form, sequence: u64, before: &Model, after: &Model) -> pb::DiscoveryResponse {
    let all: Vec<_> = after.values().cloned().collect();
    let whole = full(sequence, &all);
    let base = Some(version(sequence - 1));
    let changed = |name: &String| before.get(name) != after.get(name);
    match form {
        Form::Full => whole,
        Form::Delta => {
            let upserts = all.into_iter().filter(|resource| changed(&resource.name)).collect();
            let removals = before.keys().filter(|name| !after.contains_key(*name)).cloned().collect();
            pb::DiscoveryResponse { base, upserts, removals, ..whole }
        }
        Form::Buckets => {
            let names = before.keys().chain(after.keys());
            let mut buckets: Vec<_> = names.filter(|name| changed(name)).map(|name| bucket_of(name)).collect();
            buckets.sort_unstable();
            buckets.dedup();
            let upserts = all.into_iter().filter(|resource| buckets.contains(&bucket_of(&resource.name))).collect();
            let replaced_buckets = buckets.iter().map(|bucket| u32::try_from(*bucket).unwrap()).collect();
            pb::DiscoveryResponse { base, upserts, replaced_buckets, ..whole }
        }
    }
}

fn edit() -> impl Strategy<Value = (String, Option<u16>)> {
    ("[a-z]{1,2}", prop::option::weighted(0.7, 1..5_u16))
}

fn cut(whole: pb::DiscoveryResponse, at: Index) -> [pb::DiscoveryResponse; 2] {
    let mut first = pb::DiscoveryResponse { last_chunk: false, digest: 0, ..whole.clone() };
    let mut last = pb::DiscoveryResponse { removals: vec![], replaced_buckets: vec![], ..whole };
    last.upserts = first.upserts.split_off(at.index(first.upserts.len() + 1));
    [first, last]
}

proptest! {
    #[test]
    fn every_way_of_telling_leads_to_the_same(
        steps in prop::collection::vec(
            (
                prop::sample::select(vec![Form::Full, Form::Delta, Form::Buckets]),
                prop::collection::vec(edit(), 0..12),
                any::<Index>(),
            ),
            1..12,
        ),
    ) {
        let mut model = Model::new();
        let mut state = apply(&State::default(), full(1, &[]));
        for (sequence, (form, edits, at)) in (2..).zip(steps) {
            let before = model.clone();
            for (name, port) in edits {
                let resource = port.map(|port| resource(&name, &[&format!("{name}.test")], port));
                match resource {
                    Some(resource) => model.insert(resource.name.clone(), resource),
                    None => model.remove(&format!("services/{name}")),
                };
            }
            let response = tell(form, sequence, &before, &model);
            let mut assembly = Assembly::default();
            let [first, last] = cut(response, at);
            prop_assert_eq!(assembly.add(first), Ok(None));
            let (next, changes) = state.apply(assembly.add(last).unwrap().unwrap()).unwrap();

            let all: Vec<_> = model.values().cloned().collect();
            prop_assert_eq!(&next, &apply(&State::default(), full(sequence, &all)));
            prop_assert_eq!(next.len(), model.len());
            let told: Model = changes.iter()
                .filter_map(|(name, now)| Some((name.to_string(), now.as_deref()?.clone()))).collect();
            let expected: Model = model.iter().filter(|(name, now)| before.get(*name) != Some(now))
                .map(|(name, now)| (name.clone(), now.clone())).collect();
            prop_assert_eq!(told, expected);
            let gone: Vec<_> = changes.iter().filter(|(_, now)| now.is_none()).map(|(name, _)| name.to_string()).collect();
            let expected: Vec<_> = before.keys().filter(|name| !model.contains_key(*name)).cloned().collect();
            prop_assert_eq!(gone, expected);
            state = next;
        }
    }

    #[test]
    fn a_refused_response_changes_nothing(edits in prop::collection::vec(edit(), 1..8), wrong in 1..u64::MAX) {
        let state = apply(&State::default(), full(1, &[resource("a", &["a.test"], 9), resource("b", &["b.test"], 9)]));
        let copy = (state.clone(), state.digest(), state.buckets().to_vec());
        let upserts = edits.iter().map(|(name, port)| resource(name, &[], port.unwrap_or(1))).collect::<Vec<_>>();
        let response = pb::DiscoveryResponse {
            base: Some(version(1)),
            removals: vec!["services/a".into()],
            replaced_buckets: vec![u32::try_from(bucket_of("services/b")).unwrap()],
            digest: wrong,
            ..full(2, &upserts)
        };
        prop_assert!(state.apply(response).is_err());
        prop_assert_eq!((state.clone(), state.digest(), state.buckets().to_vec()), copy);
    }
}
