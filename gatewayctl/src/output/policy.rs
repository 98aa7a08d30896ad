//! Limits and policies of services and routes as they are printed: named as in the declarative file.

use gateway_proto::{registry::v1 as pb, size::format_size};
use serde::Serialize;

use super::{auth::Auth, cache::Cache, rate_limit::RateLimit, text};

/// Time limits of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Timeouts {
    /// Until a connection is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<String>,
    /// Until the response head is received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// Standing still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
    /// For the whole exchange; there is none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
}

/// Limits of a request that are not of time; there are none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// The largest body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body: Option<String>,
}

/// What is done beside forwarding. Each stands directly on its service or route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Policies {
    /// Which pages of other origins may read responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Whether response bodies are compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Changes to the header of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<HeaderRules>,
    /// Changes to the header of responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<HeaderRules>,
    /// `allow` or `refuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambiguous_paths: Option<&'static str>,
    /// Which responses are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// How often anyone may call; a list that is empty turns a service's off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<Vec<RateLimit>>,
    /// Who may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
}

/// Cross-origin resource sharing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cors {
    /// Whether it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Which origins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<String>,
    /// Which methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_methods: Vec<String>,
    /// Which header fields of requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<String>,
    /// Which header fields of responses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<String>,
    /// Whether with credentials; left away where not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    /// How long browsers may remember it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
}

/// Compression of response bodies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compression {
    /// Whether it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Which, the preferred first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<&'static str>,
    /// What is smaller stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_size: Option<String>,
    /// Which media types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_types: Vec<String>,
}

/// Changes to a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeaderRules {
    /// Fields that replace those of their name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<HeaderField>,
    /// Fields that are added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<HeaderField>,
    /// Names of fields that go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeaderField {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Timeouts {
    /// As they are stored.
    #[must_use]
    pub fn full(wire: &pb::Timeouts) -> Self {
        let pb::Timeouts { connect, response, idle, total } = wire;
        Self {
            connect: connect.as_ref().map(text::wire_duration),
            response: response.as_ref().map(text::wire_duration),
            idle: idle.as_ref().map(text::wire_duration),
            total: total.as_ref().map(text::wire_duration),
        }
    }

    /// Without the defaults that registry.proto promises of a service.
    #[must_use]
    pub fn without_defaults(self) -> Self {
        Self {
            connect: self.connect.filter(|limit| limit != "2s"),
            response: self.response.filter(|limit| limit != "30s"),
            idle: self.idle.filter(|limit| limit != "60s"),
            total: self.total,
        }
    }
}

impl Limits {
    /// As they are stored.
    #[must_use]
    pub fn full(wire: pb::Limits) -> Self {
        let pb::Limits { request_body } = wire;
        Self { request_body: request_body.map(format_size) }
    }
}

impl Policies {
    /// As they are stored.
    #[must_use]
    pub fn full(wire: &pb::Policies) -> Self {
        let pb::Policies {
            cors,
            compression,
            request_headers,
            response_headers,
            ambiguous_paths,
            cache,
            rate_limits,
            auth,
        } = wire;
        Self {
            cors: cors.as_ref().map(Cors::full),
            compression: compression.as_ref().map(Compression::full),
            request_headers: request_headers.as_ref().map(HeaderRules::full),
            response_headers: response_headers.as_ref().map(HeaderRules::full),
            ambiguous_paths: match pb::AmbiguousPaths::try_from(*ambiguous_paths) {
                Ok(pb::AmbiguousPaths::Unspecified) => None,
                Ok(pb::AmbiguousPaths::Allow) => Some("allow"),
                Ok(pb::AmbiguousPaths::Refuse) => Some("refuse"),
                Err(_) => Some("unknown"),
            },
            cache: cache.as_ref().map(Cache::full),
            auth: auth.as_ref().map(Auth::full),
            rate_limits: rate_limits
                .as_ref()
                .map(|pb::RateLimits { limits }| limits.iter().map(RateLimit::full).collect()),
        }
    }

    /// Without the defaults that policy.proto promises. A block that is there stays, though it be
    /// empty: it takes the place of a service's.
    #[must_use]
    pub fn without_defaults(self) -> Self {
        Self {
            cors: self.cors.map(Cors::without_defaults),
            compression: self.compression.map(Compression::without_defaults),
            cache: self.cache.map(Cache::without_defaults),
            auth: self.auth.map(Auth::without_defaults),
            rate_limits: self.rate_limits.map(|limits| limits.into_iter().map(RateLimit::without_defaults).collect()),
            ..self
        }
    }
}

impl Cors {
    fn full(wire: &pb::Cors) -> Self {
        let pb::Cors {
            enabled,
            allow_origins,
            allow_methods,
            allow_headers,
            expose_headers,
            allow_credentials,
            max_age,
        } = wire;
        Self {
            enabled: Some(enabled.unwrap_or(true)),
            allow_origins: allow_origins.clone(),
            allow_methods: allow_methods.clone(),
            allow_headers: allow_headers.clone(),
            expose_headers: expose_headers.clone(),
            allow_credentials: Some(*allow_credentials).filter(|allow| *allow),
            max_age: max_age.as_ref().map(text::wire_duration),
        }
    }

    fn without_defaults(self) -> Self {
        let by_default = self.allow_methods == ["GET", "HEAD", "POST"];
        Self {
            enabled: self.enabled.filter(|enabled| !enabled),
            allow_methods: if by_default { Vec::new() } else { self.allow_methods },
            ..self
        }
    }
}

impl Compression {
    fn full(wire: &pb::Compression) -> Self {
        let pb::Compression { enabled, algorithms, min_size, content_types } = wire;
        Self {
            enabled: Some(enabled.unwrap_or(true)),
            algorithms: algorithms.iter().copied().map(algorithm_name).collect(),
            min_size: min_size.map(format_size),
            content_types: content_types.clone(),
        }
    }

    fn without_defaults(self) -> Self {
        let by_default = self.algorithms == ["zstd", "br", "gzip"];
        Self {
            enabled: self.enabled.filter(|enabled| !enabled),
            algorithms: if by_default { Vec::new() } else { self.algorithms },
            min_size: self.min_size.filter(|size| size != "1KiB"),
            ..self
        }
    }
}

fn algorithm_name(wire: i32) -> &'static str {
    match pb::CompressionAlgorithm::try_from(wire) {
        Ok(pb::CompressionAlgorithm::Gzip) => "gzip",
        Ok(pb::CompressionAlgorithm::Brotli) => "br",
        Ok(pb::CompressionAlgorithm::Zstd) => "zstd",
        Ok(pb::CompressionAlgorithm::Unspecified) | Err(_) => "unknown",
    }
}

impl HeaderRules {
    fn full(wire: &pb::HeaderRules) -> Self {
        let pb::HeaderRules { set, add, remove } = wire;
        Self {
            set: set.iter().map(HeaderField::from).collect(),
            add: add.iter().map(HeaderField::from).collect(),
            remove: remove.clone(),
        }
    }
}

impl From<&pb::HeaderField> for HeaderField {
    fn from(wire: &pb::HeaderField) -> Self {
        let pb::HeaderField { name, value } = wire;
        Self { name: name.clone(), value: value.clone() }
    }
}
