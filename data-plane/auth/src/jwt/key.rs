//! A key, and what it is for (RFC 7517 section 4, RFC 7518 section 6).

use std::ops::RangeInclusive;

use aws_lc_rs::{
    hmac,
    signature::{ParsedPublicKey, RsaPublicKeyComponents},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    algorithm::{Algorithm, Scheme},
    compact::Compact,
};
use crate::json::Json;

/// RFC 7518 section 3.3: 2,048 bits or more; and no more than what is verified in reasonable time.
const MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;
/// A larger exponent makes verifying slow, and AWS-LC takes none.
const MAX_EXPONENT_BITS: usize = 33;
/// RFC 8032 section 5.1.5.
const ED25519: usize = 32;

/// Members of a JWK that are nobody's but its owner's (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1).
const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Whether it has something in it by which one could sign.
pub(super) fn is_secret(jwk: &Json) -> bool {
    SECRET.iter().any(|member| jwk.get(member).is_some())
}

/// One key.
pub(super) struct Key {
    pub id: Option<String>,
    /// What it is for alone, where the set says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

enum Material {
    Secret(Vec<u8>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// With the algorithm of its curve.
    Curve(Algorithm, ParsedPublicKey),
}

impl Key {
    /// A member of a set, if it is a key to verify by.
    pub(super) fn read(jwk: &Json) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Json::as_text);
        // RFC 7517 section 4.2 and 4.3.
        let is_for_signatures = jwk.get("use").is_none_or(|usage| usage.as_text() == Some("sig"));
        let operations = jwk.get("key_ops");
        let is_to_verify = operations.is_none_or(|all| all.as_texts().is_some_and(|all| all.contains(&"verify")));
        if !is_for_signatures || !is_to_verify {
            return None;
        }
        let material = match (text("kty")?, text("crv")) {
            ("oct", _) => Material::Secret(bytes(jwk, "k")?),
            ("RSA", _) => Material::rsa(number(jwk, "n")?, number(jwk, "e")?)?,
            ("EC", Some("P-256")) => Material::on_curve(Algorithm::Es256, &point(jwk, 32)?)?,
            ("EC", Some("P-384")) => Material::on_curve(Algorithm::Es384, &point(jwk, 48)?)?,
            ("EC", Some("P-521")) => Material::on_curve(Algorithm::Es512, &point(jwk, 66)?)?,
            ("OKP", Some("Ed25519")) => {
                // RFC 8037 section 2: the key alone, and not wrapped in anything, which would be read, too.
                let x = bytes(jwk, "x").filter(|x| x.len() == ED25519)?;
                Material::on_curve(Algorithm::EdDsa, &x)?
            }
            (_, _) => return None,
        };
        let algorithm = match jwk.get("alg") {
            None => None,
            // One that is not known is none to verify by.
            Some(name) => Some(name.as_text().and_then(Algorithm::of)?),
        };
        let id = match jwk.get("kid") {
            None => None,
            Some(id) => Some(id.as_text()?.to_owned()),
        };
        let key = Self { id, algorithm, material };
        Algorithm::ALL.into_iter().any(|algorithm| key.is_for(algorithm)).then_some(key)
    }

    /// Whether it may be used for a token of this algorithm at all.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        let is_of_kind = match (&self.material, algorithm.scheme()) {
            // RFC 7518 section 3.2: as long as the hash, or longer.
            (Material::Secret(secret), Scheme::Secret(hash)) => secret.len() >= hash.digest_algorithm().output_len(),
            (Material::Rsa(_), Scheme::Rsa(_)) => true,
            (Material::Curve(own, _), Scheme::Curve(_)) => *own == algorithm,
            (Material::Secret(_) | Material::Rsa(_) | Material::Curve(..), _) => false,
        };
        is_of_kind && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Whether a token that names one of them could mean the other.
    pub(super) fn is_mistaken_for(&self, other: &Self) -> bool {
        let are_for_one =
            || Algorithm::ALL.into_iter().any(|algorithm| self.is_for(algorithm) && other.is_for(algorithm));
        self.id.is_some() && self.id == other.id && are_for_one()
    }

    pub(super) fn verifies(&self, token: &Compact<'_>, algorithm: Algorithm) -> bool {
        let (signed, signature) = (token.signed, &*token.signature);
        let verified = match (&self.material, algorithm.scheme()) {
            _ if !self.is_for(algorithm) => return false,
            (Material::Secret(secret), Scheme::Secret(hash)) => {
                hmac::verify(&hmac::Key::new(hash, secret), signed, signature)
            }
            (Material::Rsa(key), Scheme::Rsa(parameters)) => key.verify(parameters, signed, signature),
            (Material::Curve(_, key), Scheme::Curve(_)) => key.verify_sig(signed, signature),
            (Material::Secret(_) | Material::Rsa(_) | Material::Curve(..), _) => return false,
        };
        verified.is_ok()
    }
}

impl Material {
    /// What AWS-LC verifies by: it looks only then, and would refuse every token.
    fn rsa(n: Vec<u8>, e: Vec<u8>) -> Option<Self> {
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        let is_good =
            MODULUS_BITS.contains(&bits(&n)) && is_odd(&n) && (2..=MAX_EXPONENT_BITS).contains(&bits(&e)) && is_odd(&e);
        is_good.then(|| Self::Rsa(RsaPublicKeyComponents { n, e }))
    }

    /// A point that is on the curve.
    fn on_curve(algorithm: Algorithm, point: &[u8]) -> Option<Self> {
        let Scheme::Curve(curve) = algorithm.scheme() else { return None };
        Some(Self::Curve(algorithm, ParsedPublicKey::new(curve, point).ok()?))
    }
}

fn bytes(jwk: &Json, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_text()?).ok()
}

/// RFC 7518 section 6.3.1.1: some write a zero in front, which is not to be there.
fn number(jwk: &Json, name: &str) -> Option<Vec<u8>> {
    let bytes = bytes(jwk, name)?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}

/// How many a number has that begins with no zero byte.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// RFC 7518 section 6.2.1.2: either coordinate is as long as the curve's field.
fn point(jwk: &Json, length: usize) -> Option<Vec<u8>> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    // SEC 1 section 2.3.3: uncompressed.
    (x.len() == length && y.len() == length).then(|| [&[4], &*x, &*y].concat())
}
