//! The keys of an issuer (RFC 7517 section 5).

use std::fmt;

use super::{
    Algorithm,
    key::{Key, is_secret},
};
use crate::json::Json;

/// The longest key set in bytes.
pub const MAX_JWKS: usize = 256 * 1024;
/// The most keys in a set.
pub const MAX_KEYS: usize = 256;

/// The keys of an issuer; by default none.
#[derive(Default)]
pub struct Keys {
    keys: Vec<Key>,
    /// How many members of the set are of no use here: of other kinds, for encryption, too weak, or not to be told
    /// from each other.
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
                "has no key that verifies signatures and has an id of its own: RSA of 2048 to 8192 bits, P-256, P-384, \
                 P-521, Ed25519, or a secret of 32 bytes or more",
            ),
            Self::Secret => f.write_str("holds a secret or private key, and everybody who can read it could sign"),
        }
    }
}

impl std::error::Error for KeysError {}

impl Keys {
    /// Reads a JWK set (RFC 7517 section 5). Keys of kinds that are not known are passed over, as the RFC
    /// says, and so are those for encryption and those that are too weak. Of keys that share an id and an algorithm,
    /// nobody knows which one is meant (section 4.5): they are passed over, too.
    ///
    /// # Errors
    /// [`KeysError`]
    pub fn parse(jwks: &[u8]) -> Result<Self, KeysError> {
        Self::of(members(&json(jwks)?)?)
    }

    /// Reads a JWK set that others publish. It holds public keys only: one that does not was made by mistake, or by
    /// somebody else.
    ///
    /// # Errors
    /// [`KeysError`]
    pub fn parse_public(jwks: &[u8]) -> Result<Self, KeysError> {
        let json = json(jwks)?;
        let members = members(&json)?;
        if members.iter().any(is_secret) { Err(KeysError::Secret) } else { Self::of(members) }
    }

    fn of(members: &[Json]) -> Result<Self, KeysError> {
        let keys: Vec<Key> = members.iter().filter_map(Key::read).collect();
        // Whatever has an id may be mistaken for itself.
        let is_sole = |key: &Key| keys.iter().filter(|other| key.is_mistaken_for(other)).count() <= 1;
        let sole: Vec<bool> = keys.iter().map(is_sole).collect();
        let keys: Vec<Key> = keys.into_iter().zip(sole).filter_map(|(key, is_sole)| is_sole.then_some(key)).collect();
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

    /// Whether there is none, which no set that was read is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many of the set are of no use here.
    #[must_use]
    pub const fn passed_over(&self) -> usize {
        self.passed_over
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
