//! What a service and a route have in common.

use std::{fmt, time::Duration};

use http::{HeaderName, HeaderValue, Method};

mod auth;
mod cache;
mod rate_limit;

pub use auth::{
    Auth, AuthClaim, AuthMethod, AuthRule, ClaimHeader, CredentialPlace, ForwardAuth, Identity, IdentityClaims,
    Introspection, Jwks, Jwt, JwtAlgorithm,
};
pub use cache::{Cache, CacheBypass};
pub use rate_limit::{Exemption, KeyPart, Quota, RateLimit, Scope};

/// A block that a route may set in place of its service's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Policy<T> {
    /// Nothing is said: a route leaves it to its service, a service does without.
    #[default]
    Unset,
    /// It is turned off.
    Off,
    /// This.
    On(T),
}

impl<T> Policy<T> {
    /// What is in force where `self` is the route's and `service` its service's.
    pub fn or<'a>(&'a self, service: &'a Self) -> Option<&'a T> {
        match (self, service) {
            (Self::On(own), _) | (Self::Unset, Self::On(own)) => Some(own),
            (Self::Off, _) | (Self::Unset, Self::Unset | Self::Off) => None,
        }
    }
}

/// What is done beside forwarding; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// Which pages of other origins may read responses.
    pub cors: Policy<Cors>,
    /// Whether response bodies are compressed.
    pub compression: Policy<Compression>,
    /// Changes to the header of requests on their way to an endpoint.
    pub request_headers: Option<HeaderRules>,
    /// Changes to the header of responses on their way to the client.
    pub response_headers: Option<HeaderRules>,
    /// What becomes of paths that servers read differently; `None` leaves it to the service, where it
    /// means that they are allowed.
    pub ambiguous_paths: Option<AmbiguousPaths>,
    /// Which responses are stored, and answer other requests.
    pub cache: Policy<Cache>,
    /// How often anyone may call: at least one limit, distinct by name.
    pub rate_limits: Policy<Box<[RateLimit]>>,
    /// Who may call, and how anyone shows who they are.
    pub auth: Policy<Box<Auth>>,
}

/// Time limits of a route where it has its own, each 1 ms to 24 h.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeoutOverrides {
    /// Until a connection is made.
    pub connect: Option<Duration>,
    /// From the request sent to the response head received.
    pub response: Option<Duration>,
    /// How long an upstream body may stand still.
    pub idle: Option<Duration>,
    /// From the end of the request's head to the last byte of the answer.
    pub total: Option<Duration>,
}

/// Other limits where there are any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body in bytes, up to 1 TiB.
    pub request_body: Option<u64>,
}

/// Cross-origin resource sharing (Fetch Standard, section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Which origins; at least one.
    pub allow_origins: Box<[AllowOrigin]>,
    /// Which methods.
    pub allow_methods: Allowed<Method>,
    /// Which header fields of requests, beyond the safe ones.
    pub allow_headers: Allowed<HeaderName>,
    /// Which header fields of responses, beyond the safe ones.
    pub expose_headers: Allowed<HeaderName>,
    /// Whether requests may carry credentials; then nothing is `Any`.
    pub allow_credentials: bool,
    /// How long the answer to a preflight may be remembered, in whole seconds.
    pub max_age: Option<Duration>,
}

/// All, or some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed<T> {
    /// Every one there is.
    Any,
    /// These.
    Only(Box<[T]>),
}

/// An origin that may read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AllowOrigin {
    /// Every origin.
    Any,
    /// This very one, as browsers write it: lower case, without the scheme's own port.
    Exact(Box<str>),
    /// Every host below: what stands before and behind the star of `https://*.example.com:8443`.
    Below {
        /// `https://`.
        scheme: Box<str>,
        /// `.example.com:8443`.
        suffix: Box<str>,
    },
}

/// As it is registered.
impl fmt::Display for AllowOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(origin) => f.write_str(origin),
            Self::Below { scheme, suffix } => write!(f, "{scheme}*{suffix}"),
        }
    }
}

/// Compression of response bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compression {
    /// The preferred first; at least one, distinct.
    pub algorithms: Box<[CompressionAlgorithm]>,
    /// Bodies that say that they are smaller stay as they are.
    pub min_size: u64,
    /// Which media types; the list of defaults where none were given.
    pub content_types: Box<[MediaRange]>,
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompressionAlgorithm {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// `text/html`, `text/*` or `*/*`; in lower case, without parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaRange {
    /// `text`; `None` is every type.
    pub kind: Option<Box<str>>,
    /// `html`; `None` is every subtype.
    pub subtype: Option<Box<str>>,
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, subtype } = self;
        write!(f, "{}/{}", kind.as_deref().unwrap_or("*"), subtype.as_deref().unwrap_or("*"))
    }
}

/// Changes to a header, in this order. None touches what framing, routing and identity rest on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderRules {
    /// Fields that go.
    pub remove: Box<[HeaderName]>,
    /// Fields that replace every field of their name; distinct by name.
    pub set: Box<[HeaderField]>,
    /// Fields that are added.
    pub add: Box<[HeaderField]>,
}

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderField {
    /// Its name.
    pub name: HeaderName,
    /// Its value: printable ASCII, spaces and tabs.
    pub value: HeaderValue,
}

/// What becomes of paths that servers read differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmbiguousPaths {
    /// They are forwarded as they are.
    Allow,
    /// They are answered with 400.
    Refuse,
}
