//! A consumer as he is printed, named as in the declarative file, and what is known of his keys.

use gateway_proto::registry::v1 as pb;
use serde::Serialize;

use super::{
    facts::{self, Fact},
    rate_limit::RateLimit,
    table::list,
    text,
};

/// A consumer. What is `None` is left away: read-only fields and defaults in an exported file.
#[derive(Debug, Clone, Serialize)]
pub struct Consumer {
    /// Unique.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What rules can name instead of him.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// How often he may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<Vec<RateLimit>>,
    /// His keys. Read-only, as what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<Key>>,
    /// Whether he has a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_password: Option<bool>,
    /// Of the last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// When he was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When he was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

/// A key, without what is secret of it.
#[derive(Debug, Clone, Serialize)]
pub struct Key {
    /// Its public part.
    pub id: String,
    /// Whose it is.
    pub consumer: String,
    /// When it was made.
    pub created: Option<String>,
    /// Null where it does not end by itself.
    pub expires: Option<String>,
}

impl Consumer {
    /// All that is known of him, as the control plane stores it.
    #[must_use]
    pub fn full(wire: &pb::Consumer) -> Self {
        let pb::Consumer { name, title, groups, rate_limits, revision, created_at, updated_at, keys, has_password } =
            wire;
        let limits = rate_limits.iter().flat_map(|pb::RateLimits { limits }| limits).map(RateLimit::full);
        Self {
            name: name.clone(),
            title: Some(title.clone()),
            groups: Some(groups.clone()),
            rate_limits: Some(limits.collect::<Vec<_>>()).filter(|limits| !limits.is_empty()),
            keys: Some(keys.iter().map(Key::from).collect()),
            has_password: Some(*has_password),
            revision: Some(*revision),
            created_at: created_at.as_ref().map(text::timestamp),
            updated_at: updated_at.as_ref().map(text::timestamp),
        }
    }

    /// The same without read-only fields and defaults: what a declarative file has to say.
    #[must_use]
    pub fn declared(wire: &pb::Consumer) -> Self {
        let full = Self::full(wire);
        let limits = |limits: Vec<RateLimit>| limits.into_iter().map(RateLimit::without_defaults).collect();
        Self {
            name: full.name,
            title: full.title.filter(|title| !title.is_empty()),
            groups: full.groups.filter(|groups| !groups.is_empty()),
            rate_limits: full.rate_limits.map(limits),
            keys: None,
            has_password: None,
            revision: None,
            created_at: None,
            updated_at: None,
        }
    }

    /// His groups on a line.
    #[must_use]
    pub fn groups(&self) -> String {
        list(self.groups.iter().flatten().map(String::as_str))
    }

    /// What he is known by, on a line: `2 keys and a password`.
    #[must_use]
    pub fn known_by(&self) -> String {
        let keys = self.keys.as_ref().map_or(0, Vec::len);
        match (keys, self.has_password == Some(true)) {
            (0, false) => "-".to_owned(),
            (0, true) => "a password".to_owned(),
            (keys, false) => text::count(keys, "key"),
            (keys, true) => format!("{} and a password", text::count(keys, "key")),
        }
    }

    /// Everything about him.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = vec![("Name", self.name.clone())];
        facts.extend(self.title.clone().filter(|title| !title.is_empty()).map(|title| ("Title", title)));
        facts.push(("Groups", self.groups()));
        facts.extend(self.rate_limits.iter().flat_map(|limits| facts::rate_limits(limits)));
        facts.extend(self.keys.iter().flatten().map(|key| ("Key", key.line())));
        facts.extend(self.has_password.map(|has| ("Password", if has { "yes" } else { "no" }.to_owned())));
        facts.extend(self.revision.map(|revision| ("Revision", revision.to_string())));
        facts.extend(self.created_at.clone().map(|time| ("Created", time)));
        facts.extend(self.updated_at.clone().map(|time| ("Updated", time)));
        facts
    }
}

impl Key {
    fn line(&self) -> String {
        let Self { id, consumer: _, created, expires } = self;
        let created = created.as_deref().unwrap_or("-");
        match expires {
            Some(expires) => format!("{id}, created {created}, expires {expires}"),
            None => format!("{id}, created {created}"),
        }
    }
}

impl From<&pb::ApiKey> for Key {
    fn from(wire: &pb::ApiKey) -> Self {
        let pb::ApiKey { id, consumer, created_at, expires_at } = wire;
        let [created, expires] = [created_at, expires_at].map(|time| time.as_ref().map(text::timestamp));
        Self { id: id.clone(), consumer: consumer.clone(), created, expires }
    }
}
