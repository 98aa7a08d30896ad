//! Tokens that were signed for this gateway.

use std::time::Duration;

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

/// How a token is signed (RFC 7518 section 3.1, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    /// Every one there is.
    pub const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}
