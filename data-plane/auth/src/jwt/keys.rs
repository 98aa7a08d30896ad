//! Keys, and what each is for (RFC 7517, RFC 7518).

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, crypto};

use super::compact::Compact;
use crate::json::Json;

/// The longest key set in bytes.
pub const MAX_JWKS: usize = 256 * 1024;
/// The most keys in a set.
pub const MAX_KEYS: usize = 256;
/// RFC 7518 section 3.2: a key of at least the hash's size; the smallest hash has this many bytes.
const MIN_SECRET: usize = 32;
/// RFC 7518 section 3.3: 2,048 bits or more; and no more than what is verified in reasonable time.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

/// Members of a JWK that are nobody's but its owner's (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1).
const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// How a token is signed; `none` is not among these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256
    Hs256,
    /// HMAC with SHA-384
    Hs384,
    /// HMAC with SHA-512
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512
    Rs512,
    /// RSASSA-PSS with SHA-256
    Ps256,
    /// RSASSA-PSS with SHA-384
    Ps384,
    /// RSASSA-PSS with SHA-512
    Ps512,
    /// ECDSA on P-256 with SHA-256
    Es256,
    /// ECDSA on P-384 with SHA-384
    Es384,
    /// Ed25519 (RFC 8037)
    EdDsa,
}

/// Every algorithm, with its name.
const NAMES: [(Algorithm, &str); 12] = [
    (Algorithm::Hs256, "HS256"),
    (Algorithm::Hs384, "HS384"),
    (Algorithm::Hs512, "HS512"),
    (Algorithm::Rs256, "RS256"),
    (Algorithm::Rs384, "RS384"),
    (Algorithm::Rs512, "RS512"),
    (Algorithm::Ps256, "PS256"),
    (Algorithm::Ps384, "PS384"),
    (Algorithm::Ps512, "PS512"),
    (Algorithm::Es256, "ES256"),
    (Algorithm::Es384, "ES384"),
    (Algorithm::EdDsa, "EdDSA"),
];

impl Algorithm {
    /// By its registered name, with regard to case.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(algorithm, _)| *algorithm)
    }

    /// Its registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(algorithm, _)| *algorithm == self).map_or("", |(_, name)| name)
    }

    const fn family(self) -> Family {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Family::Secret,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => Family::Rsa,
            Self::Es256 => Family::P256,
            Self::Es384 => Family::P384,
            Self::EdDsa => Family::Ed25519,
        }
    }

    const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Hs384 => jsonwebtoken::Algorithm::HS384,
            Self::Hs512 => jsonwebtoken::Algorithm::HS512,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Rs384 => jsonwebtoken::Algorithm::RS384,
            Self::Rs512 => jsonwebtoken::Algorithm::RS512,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Ps384 => jsonwebtoken::Algorithm::PS384,
            Self::Ps512 => jsonwebtoken::Algorithm::PS512,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// What a key is made of. No algorithm belongs to two of them, so that no key can be taken for another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Secret,
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// One key.
pub(super) struct Key {
    id: Option<String>,
    family: Family,
    /// What it is for alone, where the set says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

impl Key {
    /// Whether it may be used for a token of this algorithm at all.
    fn is_for(&self, algorithm: Algorithm) -> bool {
        self.family == algorithm.family() && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Whether a token that is meant for one of them could be meant for the other.
    fn is_mistaken_for(&self, other: &Self) -> bool {
        let overlap = match (self.algorithm, other.algorithm) {
            (Some(one), Some(another)) => one == another,
            (_, _) => true,
        };
        self.id.is_some() && self.id == other.id && self.family == other.family && overlap
    }

    pub(super) fn verifies(&self, compact: &Compact<'_>, algorithm: Algorithm) -> bool {
        let verified = crypto::verify(compact.signature, compact.signed, &self.key, algorithm.of_library());
        verified.is_ok_and(|is_good| is_good)
    }
}

/// The keys of an issuer.
pub struct Keys {
    keys: Vec<Key>,
    /// How many members of the set are of no use here: of other kinds, for encryption, or too weak.
    passed_over: usize,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key may be a secret.
        f.debug_struct("Keys").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// Why a text is no key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysError {
    /// It is longer than [`MAX_JWKS`].
    TooLong,
    /// It is no JSON object with an array `keys`, or a member comes twice.
    Malformed,
    /// It has more than [`MAX_KEYS`].
    TooMany,
    /// None of its keys verifies signatures by an algorithm that is known.
    NoneUsable,
    /// It holds what signs, where only what verifies may be.
    Secret,
    /// Two of its keys cannot be told apart by their id.
    Ambiguous,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "is longer than {} KiB", MAX_JWKS / 1024),
            Self::Malformed => {
                f.write_str("is no JWK set; it has to be a JSON object with an array \"keys\" (RFC 7517)")
            }
            Self::TooMany => write!(f, "has more than {MAX_KEYS} keys"),
            Self::NoneUsable => f.write_str(
                "has no key that verifies signatures: RSA of 2048 to 8192 bits, P-256, P-384, Ed25519, or a secret \
                 of 32 bytes or more",
            ),
            Self::Secret => f.write_str("holds a secret or private key, and everybody who can read it could sign"),
            Self::Ambiguous => f.write_str("has two keys of one id and kind (RFC 7517 section 4.5)"),
        }
    }
}

impl std::error::Error for KeysError {}

impl Keys {
    /// Reads a JWK set (RFC 7517 section 5). Keys of kinds that are not known are passed over, as the RFC
    /// says, and so are those for encryption and those that are too weak.
    ///
    /// # Errors
    /// [`KeysError`]
    pub fn parse(jwks: &[u8]) -> Result<Self, KeysError> {
        let json = json(jwks)?;
        Self::read(members(&json)?)
    }

    /// Reads a JWK set that others publish. It holds public keys only, each with an id of its own: one that does
    /// not was made by mistake, or by somebody else.
    ///
    /// # Errors
    /// [`KeysError`]
    pub fn parse_public(jwks: &[u8]) -> Result<Self, KeysError> {
        let json = json(jwks)?;
        let members = members(&json)?;
        if members.iter().any(|jwk| SECRET.iter().any(|member| jwk.get(member).is_some())) {
            return Err(KeysError::Secret);
        }
        let keys = Self::read(members)?;
        let is_twice = |(at, key): (usize, &Key)| keys.keys[..at].iter().any(|before| before.is_mistaken_for(key));
        if keys.keys.iter().enumerate().any(is_twice) { Err(KeysError::Ambiguous) } else { Ok(keys) }
    }

    fn read(members: &[Json]) -> Result<Self, KeysError> {
        let keys: Vec<Key> = members.iter().filter_map(read).collect();
        if keys.is_empty() {
            return Err(KeysError::NoneUsable);
        }
        Ok(Self { passed_over: members.len() - keys.len(), keys })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none, which never is so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many of the set are of no use here.
    #[must_use]
    pub const fn passed_over(&self) -> usize {
        self.passed_over
    }

    /// Whether there is a key of this id: if not, the set may be older than the key.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The keys that a token may be signed with: those of its key id, or all where it has none.
    pub(super) fn candidates<'k>(
        &'k self,
        id: Option<&'k str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'k Key> + 'k {
        let is_meant = move |key: &&Key| id.is_none_or(|id| key.id.as_deref() == Some(id));
        self.keys.iter().filter(is_meant).filter(move |key| key.is_for(algorithm))
    }
}

fn json(jwks: &[u8]) -> Result<Json, KeysError> {
    if jwks.len() > MAX_JWKS {
        return Err(KeysError::TooLong);
    }
    Json::parse(jwks).map_err(|_| KeysError::Malformed)
}

fn members(set: &Json) -> Result<&[Json], KeysError> {
    let Some(Json::Array(members)) = set.get("keys") else { return Err(KeysError::Malformed) };
    if members.len() > MAX_KEYS { Err(KeysError::TooMany) } else { Ok(members) }
}

/// A member of a set, if it is a key to verify by.
fn read(jwk: &Json) -> Option<Key> {
    let text = |name: &str| jwk.get(name).and_then(Json::as_text);
    // RFC 7517 section 4.2 and 4.3.
    let is_for_signatures = jwk.get("use").is_none_or(|usage| usage.as_text() == Some("sig"));
    let operations = jwk.get("key_ops");
    let is_to_verify = operations.is_none_or(|all| all.as_texts().is_some_and(|all| all.contains(&"verify")));
    if !is_for_signatures || !is_to_verify {
        return None;
    }
    let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let (family, key) = match (text("kty")?, text("crv")) {
        ("oct", _) => {
            let secret = bytes("k").filter(|secret| secret.len() >= MIN_SECRET)?;
            (Family::Secret, DecodingKey::from_secret(&secret))
        }
        ("RSA", _) => {
            let modulus = bytes("n").filter(|modulus| MODULUS.contains(&significant(modulus)))?;
            (Family::Rsa, DecodingKey::from_rsa_raw_components(&modulus, &bytes("e")?))
        }
        ("EC", Some("P-256")) => (Family::P256, point(&bytes("x")?, &bytes("y")?, 32)?),
        ("EC", Some("P-384")) => (Family::P384, point(&bytes("x")?, &bytes("y")?, 48)?),
        ("OKP", Some("Ed25519")) => {
            let point = bytes("x").filter(|point| point.len() == 32)?;
            (Family::Ed25519, DecodingKey::from_ed_der(&point))
        }
        (_, _) => return None,
    };
    let algorithm = match jwk.get("alg") {
        None => None,
        // An algorithm that is not known, or of another kind of key, is none to verify by.
        Some(name) => Some(name.as_text().and_then(Algorithm::of).filter(|own| own.family() == family)?),
    };
    let id = match jwk.get("kid") {
        None => None,
        Some(id) => Some(id.as_text()?.to_owned()),
    };
    Some(Key { id, family, algorithm, key })
}

/// Bytes without the zeros in front.
fn significant(number: &[u8]) -> usize {
    number.len() - number.iter().take_while(|byte| **byte == 0).count()
}

/// RFC 7518 section 6.2.1.2: as long as the curve's field.
fn point(x: &[u8], y: &[u8], length: usize) -> Option<DecodingKey> {
    (x.len() == length && y.len() == length).then(|| {
        // SEC 1 section 2.3.3: uncompressed.
        let mut point = vec![4];
        point.extend_from_slice(x);
        point.extend_from_slice(y);
        DecodingKey::from_ec_der(&point)
    })
}
