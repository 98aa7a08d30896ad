//! Tokens of every kind, signed here, and what it costs to tell whose they are.

#![allow(clippy::expect_used, reason = "a test or a benchmark ends where it cannot be set up")]

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
        RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway_auth::jwt::Keys;
use gateway_caching::Time;
use gateway_routing::route::{CredentialPlace, IdentityClaims, Jwks, Jwt, JwtAlgorithm};
use http::header::AUTHORIZATION;
use rustls::RootCertStore;

use crate::{
    outside::Trust,
    proxy::auth::{
        jwt,
        remote::{Remote, WorkerRemote},
        subject::Shown,
    },
    secrets::Secrets,
};

const SECRET: &[u8; 64] = b"a secret of sixty-four bytes, which everybody may know in a test";

/// Who signs tokens by one algorithm, with a key of its own.
pub struct Signer {
    algorithm: JwtAlgorithm,
    key: Key,
}

enum Key {
    Secret(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.algorithm).finish()
    }
}

impl Signer {
    /// With a new key, or for HMAC the same one as ever.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn new(algorithm: JwtAlgorithm) -> Self {
        let rsa = |encoding| Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key is made"), encoding);
        let ec = |curve| Key::Ec(EcdsaKeyPair::generate(curve).expect("a key is made"));
        let secret = |hash| Key::Secret(Box::new(hmac::Key::new(hash, SECRET)));
        let key = match algorithm {
            JwtAlgorithm::Hs256 => secret(hmac::HMAC_SHA256),
            JwtAlgorithm::Hs384 => secret(hmac::HMAC_SHA384),
            JwtAlgorithm::Hs512 => secret(hmac::HMAC_SHA512),
            JwtAlgorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
            JwtAlgorithm::Rs384 => rsa(&RSA_PKCS1_SHA384),
            JwtAlgorithm::Rs512 => rsa(&RSA_PKCS1_SHA512),
            JwtAlgorithm::Ps256 => rsa(&RSA_PSS_SHA256),
            JwtAlgorithm::Ps384 => rsa(&RSA_PSS_SHA384),
            JwtAlgorithm::Ps512 => rsa(&RSA_PSS_SHA512),
            JwtAlgorithm::Es256 => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            JwtAlgorithm::Es384 => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            JwtAlgorithm::Es512 => ec(&ECDSA_P521_SHA512_FIXED_SIGNING),
            JwtAlgorithm::EdDsa => Key::Ed25519(Ed25519KeyPair::generate().expect("a key is made")),
        };
        Self { algorithm, key }
    }

    /// What verifies its tokens, as a member of a key set.
    #[must_use]
    pub fn jwk(&self, id: &str) -> String {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let members = match &self.key {
            Key::Secret(_) => format!(r#""kty":"oct","k":"{}""#, text(SECRET)),
            // RFC 8017 appendix A.1.1: a sequence of two numbers, of which the first has 2,048 bits.
            Key::Rsa(pair, _) => {
                format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, text(&pair.public_key().as_ref()[9..9 + 256]))
            }
            Key::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
                let curve = match x.len() {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                format!(r#""kty":"EC","crv":"{curve}","x":"{}","y":"{}""#, text(x), text(y))
            }
            Key::Ed25519(pair) => {
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, text(pair.public_key().as_ref()))
            }
        };
        format!(r#"{{"kid":"{id}",{members}}}"#)
    }

    /// A token of such claims by the key of this id.
    #[must_use]
    pub fn token(&self, id: &str, claims: &str) -> String {
        self.sign(&format!(r#"{{"alg":"{}","kid":"{id}"}}"#, self.algorithm.name()), claims)
    }

    /// A token, whatever its header says.
    ///
    /// # Panics
    /// When it cannot be signed.
    #[must_use]
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let (message, random) = (signed.as_bytes(), SystemRandom::new());
        let signature = match &self.key {
            Key::Secret(key) => hmac::sign(key, message).as_ref().to_vec(),
            Key::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).expect("it is signed");
                signature
            }
            Key::Ec(pair) => pair.sign(&random, message).expect("it is signed").as_ref().to_vec(),
            Key::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A policy for tokens of one signer, on a worker that has such a token.
#[derive(Debug)]
pub struct Gate {
    remote: WorkerRemote,
    policy: Arc<Jwt>,
    token: String,
    now: Time,
}

impl Gate {
    /// One that may remember so many bytes.
    ///
    /// # Panics
    /// When it cannot be set up.
    #[must_use]
    pub fn new(algorithm: JwtAlgorithm, memory: u64) -> Self {
        let signer = Signer::new(algorithm);
        let jwks = Jwks::Inline(format!(r#"{{"keys":[{}]}}"#, signer.jwk("1")).into());
        let Jwks::Inline(text) = &jwks else { unreachable!("it was made so") };
        let keys = Keys::parse(text.as_bytes()).expect("it is a set");
        let trust = Trust::of(RootCertStore::empty()).expect("there is TLS");
        let remote = Arc::new(Remote::new(trust, Secrets::default(), memory));
        let now = Time::from_seconds(1_700_000_000);
        remote.sources().put(&jwks, keys, now);
        let claims = r#"{"iss":"https://issuer.example.com/realms/shop","sub":"8d3f2a5e-6f0a-4d9c-9a61-0c6b1a5a7f10",
            "aud":["api","account"],"exp":1700003600,"iat":1699999999,"jti":"0c5b9a44-51ce-4d3e-8d3b-c2f5ed9a8d1e",
            "azp":"web","scope":"openid profile email","groups":["staff","admins"],"email":"alice@example.com",
            "name":"Alice Example","preferred_username":"alice"}"#;
        let policy = Jwt {
            issuer: "https://issuer.example.com/realms/shop".into(),
            audience: ["api".into()].into(),
            jwks,
            algorithms: [].into(),
            leeway: Duration::from_secs(60),
            required_claims: [].into(),
            claims: IdentityClaims { consumer: "sub".into(), groups: "groups".into() },
            place: CredentialPlace::Header(AUTHORIZATION),
        };
        Self { remote: remote.for_worker(), policy: policy.into(), token: signer.token("1", claims), now }
    }

    /// Whether the token is let pass.
    #[must_use]
    pub fn check(&self) -> bool {
        matches!(jwt::check(&self.remote, &self.policy, &[], self.token.as_bytes(), self.now), Shown::Accepted(_))
    }
}
