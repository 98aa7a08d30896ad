//! A consumer as the registry keeps him, and what is kept of his keys.

mod limits;

use std::{fmt, sync::Arc};

use gateway_proto::{api_key::ApiKey, registry::v1 as pb, token};
use gateway_routing::route::RateLimit;
use jiff::Timestamp;
use prost::Message;

pub use self::limits::{read_limits, wire_limits};
use super::model::{ConsumerName, PasswordHash, Revision};
use crate::{auth::token::sha256, time::timestamp};

/// Groups of a consumer at the most.
pub const MAX_GROUPS: usize = 32;
/// Keys of a consumer at the most.
pub const MAX_KEYS: usize = 16;

/// Somebody who calls services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Unique among consumers.
    pub name: ConsumerName,
    /// For people.
    pub title: String,
    /// Sorted and distinct.
    pub groups: Vec<String>,
    /// How often he may call; what each is found by is himself.
    pub rate_limits: Box<[RateLimit]>,
    /// In the order of their ids.
    pub keys: Vec<KeptKey>,
    /// What is kept of his password, if he has one.
    pub password: Option<PasswordHash>,
    /// The commit that changed it last.
    pub revision: Revision,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Consumer {
    /// A consumer without keys and password, who is not yet of any revision.
    #[must_use]
    pub fn new(name: ConsumerName, title: String, groups: Vec<String>, rate_limits: Box<[RateLimit]>) -> Self {
        let (revision, epoch) = (Revision::default(), Timestamp::UNIX_EPOCH);
        let (keys, password) = (Vec::new(), None);
        Self { name, title, groups, rate_limits, keys, password, revision, created_at: epoch, updated_at: epoch }
    }

    /// Whether both ask for the same, whatever they are known by and whenever they were committed.
    #[must_use]
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        let Self { name, title, groups, rate_limits, keys: _, password: _, revision: _, created_at: _, updated_at: _ } =
            self;
        *name == other.name && *title == other.title && *groups == other.groups && *rate_limits == other.rate_limits
    }

    /// The key of this id.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&KeptKey> {
        self.keys.binary_search_by(|key| key.id.cmp(id)).ok().and_then(|at| self.keys.get(at))
    }

    /// What he takes in a message.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        pb::Consumer::from(self).encoded_len()
    }
}

/// Without what is secret.
impl From<&Consumer> for pb::Consumer {
    fn from(consumer: &Consumer) -> Self {
        let Consumer { name, title, groups, rate_limits, keys, password, revision, created_at, updated_at } = consumer;
        Self {
            name: name.to_string(),
            title: title.clone(),
            groups: groups.clone(),
            rate_limits: wire_limits(rate_limits),
            revision: revision.0,
            created_at: Some(timestamp(*created_at)),
            updated_at: Some(timestamp(*updated_at)),
            keys: keys.iter().map(|key| key.wire(name)).collect(),
            has_password: password.is_some(),
        }
    }
}

/// The public part of a key; cheap to copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Reads an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        token::is_id(text).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is kept of a key: everything but the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptKey {
    /// By which it is shown and revoked; unique among all keys.
    pub id: KeyId,
    /// SHA-256 of the whole key, which has 256 random bits: a slow hash would protect nothing.
    pub sha256: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does by itself.
    pub expires_at: Option<Timestamp>,
}

impl KeptKey {
    /// What is to be kept of a key.
    #[must_use]
    pub fn of(key: &ApiKey, created_at: Timestamp, expires_at: Option<Timestamp>) -> Self {
        Self { id: KeyId(key.id().into()), sha256: sha256(key.reveal()), created_at, expires_at }
    }

    /// As operators see it.
    #[must_use]
    pub fn wire(&self, consumer: &ConsumerName) -> pb::ApiKey {
        let Self { id, sha256: _, created_at, expires_at } = self;
        pb::ApiKey {
            id: id.to_string(),
            consumer: consumer.to_string(),
            created_at: Some(timestamp(*created_at)),
            expires_at: expires_at.map(timestamp),
        }
    }
}

impl fmt::Debug for KeptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, sha256: _, created_at: _, expires_at } = self;
        f.debug_struct("KeptKey").field("id", id).field("expires_at", expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
