//! Any bytes as a key set and a token.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway_auth::jwt::{Keys, Rules, verify};
use serde_json::Value;

use super::Verdict;

/// When it is: a second before the examples of RFC 7515 expire.
const NOW: i64 = 1_300_819_379;

/// The first line of `input` is a key set, and the rest of it a token.
///
/// # Panics
/// When a token passes that a slow reader does not take for one, or more keys are public than there are.
pub fn token(input: &[u8]) -> Verdict {
    let (set, token) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
    let token = token.strip_prefix(b"\n").unwrap_or(token);
    let keys = Keys::parse(set).unwrap_or_default();
    let public = Keys::parse_public(set).unwrap_or_default();
    assert!(public.len() <= keys.len(), "{public:?} of {keys:?}");
    let rules = Rules { leeway: Duration::ZERO, ..Rules::default() };
    if verify(token, &keys, &rules, NOW).is_err() {
        return Verdict::Refused;
    }
    assert!(check(set, token).is_some(), "a slow reader takes it for none");
    Verdict::Passed
}

/// Takes it apart once more, slowly; none if it is no token that a key of the set may have signed.
fn check(set: &[u8], token: &[u8]) -> Option<()> {
    let token = str::from_utf8(token).ok()?;
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let [header, payload, signature] = [header, payload, signature].map(|part| {
        // One token has one spelling.
        URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| URL_SAFE_NO_PAD.encode(bytes) == part)
    });
    let header: Value = serde_json::from_slice(&header?).ok()?;
    let claims: Value = serde_json::from_slice(&payload?).ok()?;
    let is_plain = header.get("crit").is_none() && header.get("b64").is_none() && claims.get("aud").is_none();
    let is_current = claims.get("exp")?.as_f64()?.floor() > NOW as f64;
    let algorithm = header.get("alg")?.as_str()?;
    let set: Value = serde_json::from_slice(set).ok()?;
    let signs = |key: &&Value| signs(key, algorithm, signed, signature.as_deref().unwrap_or_default());
    let is_named = |key: &&Value| header.get("kid").is_none_or(|id| key.get("kid") == Some(id));
    let is_signed = set.get("keys")?.as_array()?.iter().filter(is_named).find(signs).is_some();
    (is_plain && is_current && is_signed).then_some(())
}

/// Whether it is the key's signature, as far as that can be told by the kind of the key.
fn signs(key: &Value, algorithm: &str, signed: &str, signature: &[u8]) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    let secret = |hash| {
        let secret = URL_SAFE_NO_PAD.decode(text("k")).unwrap_or_default();
        hmac::sign(&hmac::Key::new(hash, &secret), signed.as_bytes()).as_ref() == signature
    };
    match (algorithm, text("kty"), text("crv")) {
        ("HS256", "oct", _) => secret(hmac::HMAC_SHA256),
        ("HS384", "oct", _) => secret(hmac::HMAC_SHA384),
        ("HS512", "oct", _) => secret(hmac::HMAC_SHA512),
        ("RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512", "RSA", _) => true,
        ("ES256", "EC", "P-256") | ("ES384", "EC", "P-384") | ("ES512", "EC", "P-521") => signature.len() >= 64,
        ("EdDSA", "OKP", "Ed25519") => signature.len() == 64,
        _ => false,
    }
}
