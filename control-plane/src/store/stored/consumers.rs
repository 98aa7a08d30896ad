//! Consumers as they are stored: without their secrets.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations},
};
use jiff::Timestamp;
use prost::Message;

use super::StoredTime;
use crate::registry::{
    consumer::{read_limits, wire_limits},
    model::{Consumer, ConsumerName, KeptKey, KeyId, PasswordHash, Revision},
};

/// It has no `Debug` of what it holds: see [`KeptKey`] and [`PasswordHash`].
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(in crate::store) struct StoredConsumer {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    title: String,
    #[prost(string, repeated, tag = "3")]
    groups: Vec<String>,
    /// Absent where there are none.
    #[prost(message, optional, tag = "4")]
    rate_limits: Option<pb::RateLimits>,
    /// In the order of their ids.
    #[prost(message, repeated, tag = "5")]
    keys: Vec<StoredKey>,
    /// In PHC string format; absent where there is none.
    #[prost(string, optional, tag = "6")]
    password_hash: Option<String>,
    #[prost(uint64, tag = "7")]
    revision: u64,
    #[prost(message, required, tag = "8")]
    created_at: StoredTime,
    #[prost(message, required, tag = "9")]
    updated_at: StoredTime,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct StoredKey {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(bytes, tag = "2")]
    sha256: Vec<u8>,
    #[prost(message, required, tag = "3")]
    created_at: StoredTime,
    /// Absent where it does not end by itself.
    #[prost(message, optional, tag = "4")]
    expires_at: Option<StoredTime>,
}

impl std::fmt::Debug for StoredConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredConsumer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl From<&Consumer> for StoredConsumer {
    fn from(consumer: &Consumer) -> Self {
        let Consumer { name, title, groups, rate_limits, keys, password, revision, created_at, updated_at } = consumer;
        Self {
            name: name.to_string(),
            title: title.clone(),
            groups: groups.clone(),
            rate_limits: wire_limits(rate_limits),
            keys: keys.iter().map(StoredKey::from).collect(),
            password_hash: password.as_ref().map(|hash| hash.reveal().to_owned()),
            revision: revision.0,
            created_at: (*created_at).into(),
            updated_at: (*updated_at).into(),
        }
    }
}

impl From<&KeptKey> for StoredKey {
    fn from(key: &KeptKey) -> Self {
        let KeptKey { id, sha256, created_at, expires_at } = key;
        Self {
            id: id.to_string(),
            sha256: sha256.to_vec(),
            created_at: (*created_at).into(),
            expires_at: expires_at.map(StoredTime::from),
        }
    }
}

impl StoredConsumer {
    /// The consumer who was stored; `None` if it is none.
    pub(in crate::store) fn into_consumer(self) -> Option<Consumer> {
        let Self { name, title, groups, rate_limits, keys, password_hash, revision, created_at, updated_at } = self;
        let mut violations = Violations::default();
        let limits = read_limits(rate_limits, &Path::Root("consumer"), &mut violations);
        let keys: Vec<KeptKey> = keys.into_iter().map(StoredKey::into_kept).collect::<Option<_>>()?;
        if !keys.is_sorted_by(|one, next| one.id < next.id) {
            return None;
        }
        Some(Consumer {
            name: ConsumerName::parse(&name)?,
            title,
            groups,
            rate_limits: violations.finish(Some(limits)).ok()?,
            keys,
            // A hash that cannot be read must not become "none".
            password: match password_hash {
                None => None,
                Some(hash) => Some(PasswordHash::parse(&hash)?),
            },
            revision: Revision(revision),
            created_at: created_at.into_timestamp()?,
            updated_at: updated_at.into_timestamp()?,
        })
    }
}

impl StoredKey {
    fn into_kept(self) -> Option<KeptKey> {
        let Self { id, sha256, created_at, expires_at } = self;
        // A time that cannot be read must not become "never".
        let expires_at: Option<Option<Timestamp>> =
            expires_at.map_or(Some(None), |stored| stored.into_timestamp().map(Some));
        Some(KeptKey {
            id: KeyId::parse(&id)?,
            sha256: sha256.try_into().ok()?,
            created_at: created_at.into_timestamp()?,
            expires_at: expires_at?,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use prost::Message;

    use super::{StoredConsumer, StoredTime};
    use crate::registry::{
        model::{Consumer, Revision},
        sample,
    };

    #[test]
    fn a_consumer_is_read_back_as_he_was() {
        let full = Consumer {
            revision: Revision(u64::MAX),
            created_at: Timestamp::new(1, 999_999_999).unwrap(),
            updated_at: Timestamp::new(-1, -1).unwrap(),
            ..sample::full_consumer("anna")
        };
        assert!(full.password.is_some() && full.keys.len() == 2 && full.rate_limits.len() == 2);
        for consumer in [full, sample::consumer("ben", &[])] {
            let bytes = StoredConsumer::from(&consumer).encode_to_vec();
            let read = StoredConsumer::decode(&*bytes).unwrap().into_consumer().unwrap();
            assert_eq!(read, consumer);
            // One form for each consumer.
            assert_eq!(StoredConsumer::from(&read).encode_to_vec(), bytes);
        }
    }

    /// What the first program that knew consumers wrote, which every later one has to read.
    #[test]
    fn a_consumer_is_written_as_he_always_was() {
        let consumer = Consumer { keys: vec![sample::key(1)], ..sample::consumer("anna", &["staff"]) };
        let mut expected = b"\n\x04anna\x1a\x05staff*2\n\x0c000000000001\x12 ".to_vec();
        expected.extend(sample::key(1).sha256);
        expected.extend(b"\x1a\0B\0J\0");
        assert_eq!(StoredConsumer::from(&consumer).encode_to_vec(), expected);
    }

    #[test]
    fn what_is_no_consumer_is_refused_and_shown_without_what_is_secret() {
        let good = StoredConsumer::from(&sample::full_consumer("anna"));
        assert!(good.clone().into_consumer().is_some());
        let mut bad = vec![good.clone(); 7];
        bad[0].name = "Anna".into();
        bad[1].keys.reverse();
        bad[2].keys[0].sha256.pop();
        bad[3].keys[0].id = "x".into();
        bad[4].password_hash = Some("hunter2".into());
        bad[5].rate_limits.as_mut().unwrap().limits[0].requests = Some(0);
        bad[6].keys[1].expires_at = Some(StoredTime { seconds: i64::MAX, nanoseconds: 0 });
        for stored in bad {
            assert!(stored.clone().into_consumer().is_none(), "{stored:?}");
        }
        let shown = format!("{good:?} {:?}", good.keys);
        assert!(shown.contains("anna") && !shown.contains("argon2id") && !shown.contains("sha256"), "{shown}");
    }
}
