//! Tokens that were signed for this gateway.

use std::time::Duration;

pub use gateway_auth::jwt::Algorithm as JwtAlgorithm;
use http::Uri;

use super::{AuthClaim, CredentialPlace, IdentityClaims};

/// A token that was signed for this gateway (RFC 7519). It has to expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// What `iss` has to be.
    pub issuer: Box<str>,
    /// Of which `aud` has to have one; none refuses tokens that are for anybody in particular.
    pub audience: Box<[Box<str>]>,
    /// The keys that sign.
    pub jwks: Jwks,
    /// Which may be used beside what keys say; none means all. Distinct.
    pub algorithms: Box<[JwtAlgorithm]>,
    /// How far clocks may differ, up to 10 minutes.
    pub leeway: Duration,
    /// Claims that have to be there; distinct by name.
    pub required_claims: Box<[AuthClaim]>,
    /// Which claims say who it is.
    pub claims: IdentityClaims,
    /// Where it is.
    pub place: CredentialPlace,
}

/// Where a JWK set (RFC 7517 section 5) is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Jwks {
    /// In this file of the directory of secrets: a path below it.
    File(Box<str>),
    /// At this URL; http or https.
    Url(Uri),
    /// Here, as JSON; of public keys only.
    Inline(Box<str>),
}
