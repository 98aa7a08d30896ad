//! What is stored of responses, as it is printed: named as in the declarative file.

use gateway_proto::{
    registry::v1::{self as pb, cache_key_query::Rule},
    size::format_size,
};
use serde::Serialize;

use super::{route::Condition, text};

/// Caching of responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// Whether it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How long responses are fresh that do not say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_ttl: Option<String>,
    /// The longest time for which any is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<String>,
    /// At most this, of a tenth of the time since Last-Modified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heuristic_ttl: Option<String>,
    /// Which methods are answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The largest body that is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_object_size: Option<String>,
    /// `honour` or `ignore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_no_cache: Option<&'static str>,
    /// `refuse` or `store`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_cookie: Option<&'static str>,
    /// `refuse` or `store`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<&'static str>,
    /// What of a request is in the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Which requests go past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bypass: Option<Bypass>,
}

/// What of a request is in the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Which query parameters; all where it is left away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<KeyQuery>,
    /// Header fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Cookies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
}

/// Which query parameters are in the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyQuery {
    /// These alone.
    Keep(Vec<String>),
    /// All but these.
    Drop(Vec<String>),
}

/// Which requests go past the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bypass {
    /// By header fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Condition>,
    /// By query parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<Condition>,
    /// By cookies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
}

impl Cache {
    pub(super) fn full(wire: &pb::Cache) -> Self {
        let pb::Cache {
            enabled,
            default_ttl,
            max_ttl,
            heuristic_ttl,
            methods,
            max_object_size,
            client_no_cache,
            set_cookie,
            partial,
            key,
            bypass,
        } = wire;
        Self {
            enabled: Some(enabled.unwrap_or(true)),
            default_ttl: default_ttl.as_ref().map(text::wire_duration),
            max_ttl: max_ttl.as_ref().map(text::wire_duration),
            heuristic_ttl: heuristic_ttl.as_ref().map(text::wire_duration),
            methods: methods.clone(),
            max_object_size: max_object_size.map(format_size),
            client_no_cache: match pb::ClientNoCache::try_from(*client_no_cache) {
                Ok(pb::ClientNoCache::Unspecified) => None,
                Ok(pb::ClientNoCache::Honour) => Some("honour"),
                Ok(pb::ClientNoCache::Ignore) => Some("ignore"),
                Err(_) => Some("unknown"),
            },
            set_cookie: match pb::CachedSetCookie::try_from(*set_cookie) {
                Ok(pb::CachedSetCookie::Unspecified) => None,
                Ok(pb::CachedSetCookie::Refuse) => Some("refuse"),
                Ok(pb::CachedSetCookie::Store) => Some("store"),
                Err(_) => Some("unknown"),
            },
            partial: match pb::CachedPartial::try_from(*partial) {
                Ok(pb::CachedPartial::Unspecified) => None,
                Ok(pb::CachedPartial::Refuse) => Some("refuse"),
                Ok(pb::CachedPartial::Store) => Some("store"),
                Err(_) => Some("unknown"),
            },
            key: key.as_ref().map(Key::from),
            bypass: bypass.as_ref().map(Bypass::from),
        }
    }

    pub(super) fn without_defaults(self) -> Self {
        let by_default = self.methods == ["GET", "HEAD"];
        Self {
            enabled: self.enabled.filter(|enabled| !enabled),
            default_ttl: self.default_ttl.filter(|ttl| ttl != "0s"),
            methods: if by_default { Vec::new() } else { self.methods },
            max_object_size: self.max_object_size.filter(|size| size != "8MiB"),
            client_no_cache: self.client_no_cache.filter(|what| *what != "honour"),
            set_cookie: self.set_cookie.filter(|what| *what != "refuse"),
            partial: self.partial.filter(|what| *what != "store"),
            ..self
        }
    }
}

impl From<&pb::CacheKey> for Key {
    fn from(wire: &pb::CacheKey) -> Self {
        let pb::CacheKey { query, headers, cookies } = wire;
        let query = query.as_ref().and_then(|pb::CacheKeyQuery { rule }| rule.as_ref());
        let query = query.map(|rule| match rule {
            Rule::Keep(pb::QueryParameters { names }) => KeyQuery::Keep(names.clone()),
            Rule::Drop(pb::QueryParameters { names }) => KeyQuery::Drop(names.clone()),
        });
        Self { query, headers: headers.clone(), cookies: cookies.clone() }
    }
}

impl From<&pb::CacheBypass> for Bypass {
    fn from(wire: &pb::CacheBypass) -> Self {
        let pb::CacheBypass { headers, query, cookies } = wire;
        Self {
            headers: headers.iter().map(Into::into).collect(),
            query: query.iter().map(Into::into).collect(),
            cookies: cookies.clone(),
        }
    }
}
