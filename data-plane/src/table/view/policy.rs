//! Policies as `/config` shows them.

use gateway_proto::size::format_size;
use gateway_routing::route::{
    Allowed, AmbiguousPaths, Compression, CompressionAlgorithm, Cors, HeaderField, HeaderRules, Policies, Policy,
};
use serde::Serialize;

use self::{auth::AuthView, cache::CacheView, rate_limit::RateLimitView};
use super::service::text;

mod auth;
mod cache;
mod rate_limit;

#[derive(Serialize)]
pub(super) struct PoliciesView<'t> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cors: Option<Switch<CorsView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<Switch<CompressionView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_headers: Option<HeadersView<'t>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_headers: Option<HeadersView<'t>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ambiguous_paths: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<Switch<CacheView<'t>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limits: Option<Vec<RateLimitView<'t>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<Switch<AuthView<'t>>>,
}

/// A policy that is there, be it to turn off the service's.
#[derive(Serialize)]
struct Switch<T> {
    enabled: bool,
    #[serde(flatten)]
    on: Option<T>,
}

#[derive(Serialize)]
struct CorsView {
    allow_origins: Vec<String>,
    allow_methods: Vec<String>,
    allow_headers: Vec<String>,
    expose_headers: Vec<String>,
    allow_credentials: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<String>,
}

#[derive(Serialize)]
struct CompressionView {
    algorithms: Vec<&'static str>,
    min_size: String,
    content_types: Vec<String>,
}

/// The names alone.
#[derive(Serialize)]
struct HeadersView<'t> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remove: Vec<&'t str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    set: Vec<&'t str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    add: Vec<&'t str>,
}

impl<'t> From<&'t Policies> for PoliciesView<'t> {
    fn from(policies: &'t Policies) -> Self {
        let Policies {
            cors,
            compression,
            request_headers,
            response_headers,
            ambiguous_paths,
            cache,
            rate_limits,
            auth,
        } = policies;
        Self {
            cors: switch(cors),
            compression: switch(compression),
            request_headers: request_headers.as_ref().map(Into::into),
            response_headers: response_headers.as_ref().map(Into::into),
            ambiguous_paths: ambiguous_paths.map(|paths| match paths {
                AmbiguousPaths::Allow => "allow",
                AmbiguousPaths::Refuse => "refuse",
            }),
            cache: switch(cache),
            rate_limits: match rate_limits {
                Policy::Unset => None,
                Policy::Off => Some(Vec::new()),
                Policy::On(limits) => Some(limits.iter().map(Into::into).collect()),
            },
            auth: match auth {
                Policy::Unset => None,
                Policy::Off => Some(Switch { enabled: false, on: None }),
                Policy::On(auth) => Some(Switch { enabled: true, on: Some((&**auth).into()) }),
            },
        }
    }
}

fn switch<'t, T, V: From<&'t T>>(policy: &'t Policy<T>) -> Option<Switch<V>> {
    match policy {
        Policy::Unset => None,
        Policy::Off => Some(Switch { enabled: false, on: None }),
        Policy::On(policy) => Some(Switch { enabled: true, on: Some(policy.into()) }),
    }
}

impl From<&Cors> for CorsView {
    fn from(cors: &Cors) -> Self {
        let Cors { allow_origins, allow_methods, allow_headers, expose_headers, allow_credentials, max_age } = cors;
        Self {
            allow_origins: allow_origins.iter().map(ToString::to_string).collect(),
            allow_methods: allowed(allow_methods),
            allow_headers: allowed(allow_headers),
            expose_headers: allowed(expose_headers),
            allow_credentials: *allow_credentials,
            max_age: max_age.map(text),
        }
    }
}

fn allowed<T: ToString>(allowed: &Allowed<T>) -> Vec<String> {
    match allowed {
        Allowed::Any => vec!["*".to_owned()],
        Allowed::Only(some) => some.iter().map(ToString::to_string).collect(),
    }
}

impl From<&Compression> for CompressionView {
    fn from(Compression { algorithms, min_size, content_types }: &Compression) -> Self {
        let algorithm = |algorithm: &CompressionAlgorithm| match algorithm {
            CompressionAlgorithm::Gzip => "gzip",
            CompressionAlgorithm::Brotli => "br",
            CompressionAlgorithm::Zstd => "zstd",
        };
        Self {
            algorithms: algorithms.iter().map(algorithm).collect(),
            min_size: format_size(*min_size),
            content_types: content_types.iter().map(ToString::to_string).collect(),
        }
    }
}

impl<'t> From<&'t HeaderRules> for HeadersView<'t> {
    fn from(HeaderRules { remove, set, add }: &'t HeaderRules) -> Self {
        let names = |fields: &'t [HeaderField]| fields.iter().map(|field| field.name.as_str()).collect();
        Self { remove: remove.iter().map(|name| name.as_str()).collect(), set: names(set), add: names(add) }
    }
}
