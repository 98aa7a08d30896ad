//! How often anyone may call, as it is printed: named as in the declarative file.

use gateway_proto::{
    registry::v1::{self as pb, rate_limit_key_part::Part},
    size::format_size,
};
use serde::Serialize;

use super::{route::Condition, text};

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// Distinct among those beside it.
    pub name: String,
    /// Requests in each period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Bytes in each period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// Requests under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u32>,
    /// The period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// How much may come at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// What a counter is found by; none where it is the consumer whose limit it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// How many bits of an IPv4 address are told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4_prefix: Option<u32>,
    /// How many bits of an IPv6 address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_prefix: Option<u32>,
    /// `node` or `cluster`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// Which requests are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exempt: Option<Exemption>,
    /// Whether it only counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<bool>,
}

/// How much may come at once, in the unit of what it is a burst of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Burst {
    /// Of requests.
    Requests(u64),
    /// Of bytes.
    Bytes(String),
}

/// What a counter is found by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Key {
    /// By one thing.
    One(KeyPart),
    /// By several.
    Several(Vec<KeyPart>),
}

/// A part of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPart {
    /// The client's address.
    ClientAddress,
    /// The route that was taken.
    Route,
    /// The service that is asked.
    Service,
    /// The consumer who was authenticated.
    Consumer,
    /// The value of a header field.
    Header(String),
    /// The value of a cookie.
    Cookie(String),
    /// The value of a claim.
    Claim(String),
    /// One that this program does not know.
    Unknown,
}

/// Which requests are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exemption {
    /// By where they come from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_networks: Vec<String>,
    /// By header fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Condition>,
}

impl Key {
    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> &[KeyPart] {
        match self {
            Self::One(part) => std::slice::from_ref(part),
            Self::Several(parts) => parts,
        }
    }
}

impl RateLimit {
    pub(super) fn full(wire: &pb::RateLimit) -> Self {
        let pb::RateLimit {
            name,
            requests,
            bytes,
            concurrent,
            per,
            burst,
            key,
            ipv4_prefix,
            ipv6_prefix,
            scope,
            exempt,
            shadow,
        } = wire;
        let key = match &**key {
            [] => None,
            [part] => Some(Key::One(part.into())),
            parts => Some(Key::Several(parts.iter().map(Into::into).collect())),
        };
        Self {
            name: name.clone(),
            requests: *requests,
            bytes: bytes.map(format_size),
            concurrent: *concurrent,
            per: per.as_ref().map(text::wire_duration),
            burst: burst.map(|burst| match bytes {
                Some(_) => Burst::Bytes(format_size(burst)),
                None => Burst::Requests(burst),
            }),
            key,
            ipv4_prefix: *ipv4_prefix,
            ipv6_prefix: *ipv6_prefix,
            scope: match pb::RateLimitScope::try_from(*scope) {
                Ok(pb::RateLimitScope::Unspecified) => None,
                Ok(pb::RateLimitScope::Node) => Some("node"),
                Ok(pb::RateLimitScope::Cluster) => Some("cluster"),
                Err(_) => Some("unknown"),
            },
            exempt: exempt.as_ref().map(Exemption::from),
            shadow: shadow.then_some(true),
        }
    }

    /// How much it admits.
    #[must_use]
    pub fn quota(&self) -> String {
        let per = self.per.as_deref().unwrap_or("?");
        let burst = self.burst.as_ref().map(|burst| match burst {
            Burst::Requests(burst) => format!(", burst {burst}"),
            Burst::Bytes(burst) => format!(", burst {burst}"),
        });
        let burst = burst.unwrap_or_default();
        match (self.requests, &self.bytes, self.concurrent) {
            (Some(count), _, _) => format!("{count} per {per}{burst}"),
            (None, Some(size), _) => format!("{size} per {per}{burst}"),
            (None, None, Some(most)) => format!("{most} at once"),
            (None, None, None) => "?".to_owned(),
        }
    }

    pub(super) fn without_defaults(self) -> Self {
        let whole = match &self.burst {
            Some(Burst::Requests(burst)) => self.requests == Some(*burst),
            Some(Burst::Bytes(burst)) => self.bytes.as_ref() == Some(burst),
            None => true,
        };
        Self {
            burst: self.burst.filter(|_| !whole),
            ipv4_prefix: self.ipv4_prefix.filter(|bits| *bits != 32),
            ipv6_prefix: self.ipv6_prefix.filter(|bits| *bits != 64),
            scope: self.scope.filter(|scope| *scope != "node"),
            ..self
        }
    }
}

impl From<&pb::RateLimitKeyPart> for KeyPart {
    fn from(pb::RateLimitKeyPart { part }: &pb::RateLimitKeyPart) -> Self {
        match part {
            Some(Part::ClientAddress(_)) => Self::ClientAddress,
            Some(Part::Route(_)) => Self::Route,
            Some(Part::Service(_)) => Self::Service,
            Some(Part::Consumer(_)) => Self::Consumer,
            Some(Part::Header(name)) => Self::Header(name.clone()),
            Some(Part::Cookie(name)) => Self::Cookie(name.clone()),
            Some(Part::Claim(name)) => Self::Claim(name.clone()),
            None => Self::Unknown,
        }
    }
}

impl From<&pb::RateLimitExemption> for Exemption {
    fn from(wire: &pb::RateLimitExemption) -> Self {
        let pb::RateLimitExemption { client_networks, headers } = wire;
        Self { client_networks: client_networks.clone(), headers: headers.iter().map(Into::into).collect() }
    }
}
