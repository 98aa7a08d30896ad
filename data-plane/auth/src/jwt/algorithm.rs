//! How tokens are signed (RFC 7518 section 3.1, RFC 8037 section 3.1).

use aws_lc_rs::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
        RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
    },
};

/// How a token is signed; `none` is not among these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
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
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

/// By which keys, and how, an algorithm's signatures are verified. What is of one kind is of no other, so that no
/// key can be taken for a key of another kind.
pub(super) enum Scheme {
    Secret(hmac::Algorithm),
    Rsa(&'static RsaParameters),
    /// A curve has one algorithm.
    Curve(&'static dyn VerificationAlgorithm),
}

impl Algorithm {
    /// Every one there is.
    pub const ALL: [Self; 13] = [
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
        Self::Es512,
        Self::EdDsa,
    ];

    /// By its registered name, with regard to case.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

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
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::Hs256 => Scheme::Secret(hmac::HMAC_SHA256),
            Self::Hs384 => Scheme::Secret(hmac::HMAC_SHA384),
            Self::Hs512 => Scheme::Secret(hmac::HMAC_SHA512),
            Self::Rs256 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA512),
            Self::Es256 => Scheme::Curve(&ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Scheme::Curve(&ECDSA_P384_SHA384_FIXED),
            Self::Es512 => Scheme::Curve(&ECDSA_P521_SHA512_FIXED),
            Self::EdDsa => Scheme::Curve(&ED25519),
        }
    }
}
