//! Consumers for tests.

use gateway_proto::{api_key::ApiKey, registry::v1 as pb};
use jiff::Timestamp;

use crate::registry::{
    model::{Consumer, ConsumerName, KeptKey, PasswordHash},
    validate,
};

/// A hash of no password that is known; cheaper than one that is.
pub(crate) const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";

/// A consumer's name that is one.
pub(crate) fn consumer_name(text: &str) -> ConsumerName {
    ConsumerName::parse(text).unwrap()
}

/// A consumer of these groups, and nothing else.
pub(crate) fn consumer(name: &str, groups: &[&str]) -> Consumer {
    let groups = groups.iter().map(ToString::to_string).collect();
    Consumer::new(consumer_name(name), String::new(), groups, Box::default())
}

/// The secret of the key of this number.
pub(crate) fn secret_key(number: u64) -> ApiKey {
    ApiKey::from_bits(number, [number; 4])
}

/// What is kept of the key of this number.
pub(crate) fn key(number: u64) -> KeptKey {
    KeptKey::of(&secret_key(number), Timestamp::UNIX_EPOCH, None)
}

/// A consumer of whom there is all to say, with the keys 1 and 2.
pub(crate) fn full_consumer(name: &str) -> Consumer {
    let expiring = KeptKey { expires_at: Some(Timestamp::new(1, 999_999_999).unwrap()), ..key(2) };
    Consumer {
        keys: vec![key(1), expiring],
        password: PasswordHash::parse(PASSWORD_HASH),
        ..validate::consumer(Some(wire_consumer(name))).unwrap()
    }
}

/// The same as it is sent.
pub(crate) fn wire_consumer(name: &str) -> pb::Consumer {
    let second = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let header = pb::Condition { name: "x-free".into(), test: Some(pb::condition::Test::Regex("^1+$".into())) };
    let rate = pb::RateLimit {
        name: "all".into(),
        requests: Some(100),
        per: second,
        scope: pb::RateLimitScope::Cluster.into(),
        exempt: Some(pb::RateLimitExemption { headers: vec![header], ..pb::RateLimitExemption::default() }),
        ..pb::RateLimit::default()
    };
    let at_once = pb::RateLimit { name: "at-once".into(), concurrent: Some(10), ..pb::RateLimit::default() };
    pb::Consumer {
        name: name.into(),
        title: "Änna".into(),
        groups: vec!["staff".into(), "admins".into(), "staff".into()],
        rate_limits: Some(pb::RateLimits { limits: vec![rate, at_once] }),
        ..pb::Consumer::default()
    }
}
