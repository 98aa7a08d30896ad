use gateway_proto::{
    api_key::ApiKey,
    registry::v1::{self as pb, rate_limit_key_part::Part},
};

use super::{Consumer, KeptKey, KeyId};
use crate::registry::{model::Revision, sample, validate};

#[test]
fn a_consumer_who_is_sent_is_read_back_as_the_same_one_without_what_he_is_known_by() {
    let consumer = Consumer { revision: Revision(7), ..sample::full_consumer("anna") };
    let sent = pb::Consumer::from(&consumer);
    assert_eq!((sent.revision, sent.keys.len(), sent.has_password), (7, 2, true));
    assert_eq!((&*sent.keys[0].id, &*sent.keys[0].consumer), ("000000000001", "anna"));
    assert!(sent.rate_limits.iter().flat_map(|limits| &limits.limits).all(|limit| limit.key.is_empty()));
    let read = validate::consumer(Some(sent)).unwrap();
    assert!(read.asks_the_same_as(&consumer) && read != consumer, "{read:?}");
    assert_eq!((read.keys.len(), read.password), (0, None));
}

#[test]
fn each_limit_is_found_by_the_consumer() {
    let limits = sample::full_consumer("anna").rate_limits;
    assert!(limits.iter().all(|limit| *limit.key == [gateway_routing::route::KeyPart::Consumer]), "{limits:?}");
    let wire = pb::RateLimits {
        limits: vec![pb::RateLimit {
            name: "all".into(),
            concurrent: Some(1),
            key: vec![pb::RateLimitKeyPart { part: Some(Part::Consumer(true)) }],
            ..pb::RateLimit::default()
        }],
    };
    let wire = pb::Consumer { name: "anna".into(), rate_limits: Some(wire), ..pb::Consumer::default() };
    let refused = validate::consumer(Some(wire)).unwrap_err().to_string();
    assert!(refused.starts_with("consumer.rate_limits.limits[0].key: means nothing here"), "{refused}");
}

#[test]
fn a_key_is_found_by_its_id() {
    let keys: Vec<KeptKey> = [3, 5, 9].map(sample::key).into();
    let consumer = Consumer { keys: keys.clone(), ..sample::consumer("anna", &[]) };
    for key in &keys {
        assert_eq!(consumer.key(&key.id), Some(key));
    }
    assert_eq!(consumer.key(&sample::key(4).id), None);
    for text in ["", "00000000000", "00000000000g", "00000000000A", "gwk_00000000"] {
        assert_eq!(KeyId::parse(text), None, "{text}");
    }
}

#[test]
fn nothing_secret_is_shown() {
    let key = ApiKey::from_bits(1, [u64::MAX; 4]);
    let kept = KeptKey::of(&key, jiff::Timestamp::UNIX_EPOCH, None);
    let consumer = Consumer { keys: vec![kept.clone()], ..sample::full_consumer("anna") };
    let shown = format!("{consumer:?} {:?}", pb::Consumer::from(&consumer));
    assert!(shown.contains("000000000001") && shown.contains("anna"), "{shown}");
    for secret in [key.reveal(), "ffffffff", "argon2id", &format!("{:?}", kept.sha256)] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
