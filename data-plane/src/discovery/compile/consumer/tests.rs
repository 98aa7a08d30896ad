use std::{sync::Arc, time::Duration};

use gateway_caching::Time;
use gateway_proto::{discovery::v1 as pb, registry::v1 as registry};
use gateway_routing::route::{KeyPart, Quota};

use crate::{
    discovery::{
        apply::{Changes, State},
        compile::compile,
        tests::{digested, full},
    },
    table::{RoutingTable, Stamp, Version},
};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$pmWGvDCuWZVLY1DCD4zVYgdpzg1E2tzCG7qpzSUcgnE";

fn key(byte: u8) -> pb::ApiKey {
    pb::ApiKey { id: format!("{byte:012x}"), sha256: vec![byte; 32], expires_at: None }
}

fn consumer(name: &str, keys: &[u8]) -> pb::Consumer {
    let keys = keys.iter().copied().map(key).collect();
    pb::Consumer { name: name.into(), groups: vec!["staff".into(), "ops".into()], keys, ..pb::Consumer::default() }
}

fn resource(consumer: pb::Consumer) -> pb::Resource {
    let name = format!("consumers/{}", consumer.name);
    digested(pb::Resource { name, digest: 0, body: Some(pb::resource::Body::Consumer(consumer)) })
}

fn compiled(changes: impl IntoIterator<Item = pb::Resource>) -> Result<RoutingTable, Vec<String>> {
    let changes: Changes =
        changes.into_iter().map(|resource| (Arc::from(&*resource.name), Some(Arc::new(resource)))).collect();
    let stamp = Stamp { cluster_id: "c1".into(), version: Version { epoch: 7, sequence: 1 }, revision: 1 };
    compile(&RoutingTable::default(), stamp, &changes)
}

#[test]
fn a_consumer_is_known_by_keys_password_and_name() {
    let limit = registry::RateLimit {
        name: "plan".into(),
        requests: Some(5),
        per: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..registry::RateLimit::default()
    };
    let mut anna = consumer("anna", &[1]);
    let expires_at = Some(prost_types::Timestamp { seconds: 100, nanos: 500_000_000 });
    anna.keys.push(pb::ApiKey { expires_at, ..key(2) });
    anna.password_hash = HASH.into();
    anna.rate_limits = Some(registry::RateLimits { limits: vec![limit] });
    let table = compiled([resource(anna), resource(consumer("bert", &[]))]).unwrap();
    let anna = table.consumers().named("anna").unwrap();
    assert_eq!(anna.groups.iter().map(|group| &**group).collect::<Vec<_>>(), ["ops", "staff"]);
    assert_eq!(anna.password().map(|hash| &**hash), Some(HASH));
    let [limit] = anna.rate_limits() else { panic!("{:?}", anna.rate_limits()) };
    assert_eq!(
        (&*limit.key, limit.quota),
        (&[KeyPart::Consumer][..], Quota::Requests { count: 5, per: Duration::from_secs(60), burst: 5 })
    );
    let who = |byte, millis| {
        let found = table.consumers().of_key(&[byte; 32], Time::from_millis(millis));
        found.map(|consumer| &*consumer.name)
    };
    assert_eq!(
        (who(1, i64::MAX - 1), who(2, 100_499), who(2, 100_500), who(3, 0)),
        (Some("anna"), Some("anna"), None, None)
    );
    let bert = table.consumers().named("bert").unwrap();
    assert!(bert.password().is_none() && bert.rate_limits().is_empty());
    assert_eq!(table.consumers().len(), 2);
}

#[test]
fn what_is_wrong_is_told_without_what_is_secret() {
    let mut wrong = consumer("anna", &[1]);
    wrong.keys.push(pb::ApiKey { sha256: vec![77; 31], ..key(1) });
    wrong.password_hash =
        "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$pmWGvDCuWZVLY1DCD4zVYgdpzg1E2tzCG7qpzSUcgnE".into();
    wrong.rate_limits = Some(registry::RateLimits { limits: vec![registry::RateLimit::default()] });
    let mut other = resource(consumer("anna", &[]));
    other.name = "consumers/bert".into();
    let told = compiled([resource(wrong), other]).unwrap_err();
    for part in [
        "consumers/anna: keys[1].sha256 has not 32 bytes",
        "consumers/anna: password_hash is no Argon2id hash",
        "consumers/anna: consumer.rate_limits.limits[0].name: is empty",
        "consumers/bert: holds a consumer named \"anna\"",
    ] {
        assert!(told.iter().any(|violation| violation.starts_with(part)), "{part} in {told:?}");
    }
    assert!(!told.iter().any(|violation| violation.contains("pmWGv") || violation.contains("77")), "{told:?}");
}

#[test]
fn a_key_is_one_consumers() {
    let told = compiled([resource(consumer("anna", &[1])), resource(consumer("bert", &[1, 2]))]).unwrap_err();
    let expected = "consumers/anna, consumers/bert have keys that cannot be told apart; revoke one, and create another";
    assert_eq!(told, [expected]);
    // Between one consumer and the next, it may move.
    let table = compiled([resource(consumer("anna", &[1]))]).unwrap();
    let moved: Changes = [("consumers/anna", None), ("consumers/bert", Some(resource(consumer("bert", &[1]))))]
        .map(|(name, resource)| (Arc::from(name), resource.map(Arc::new)))
        .into();
    let stamp = table.stamp().unwrap().clone();
    let table = compile(&table, stamp, &moved).unwrap();
    let found = table.consumers().of_key(&[1; 32], Time::from_millis(0));
    assert_eq!(found.map(|consumer| &*consumer.name), Some("bert"));
    assert!(table.consumers().named("anna").is_none());
}

/// What is held, logged and shown of consumers has nothing in it that one could be taken for.
#[test]
fn no_hash_is_shown() {
    let mut anna = consumer("anna", &[171]);
    anna.password_hash = HASH.into();
    let all = [resource(anna)];
    let state = State::default().apply(full(1, &all)).unwrap().0;
    let table = compiled(all).unwrap();
    let shown = [format!("{state:?}"), format!("{table:?}"), serde_json::to_string(&table.view()).unwrap()];
    for shown in shown {
        assert!(!shown.contains("argon2id") && !shown.contains("171") && !shown.contains("abab"), "{shown}");
    }
}
