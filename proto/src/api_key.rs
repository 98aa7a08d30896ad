//! Keys by which data planes know who calls: what they look like.
//!
//! A key is `gwk_ID_SECRET`, put together as a token is. What is kept of it is its SHA-256 hash; who shows
//! a text of that hash has the key, so that nobody has to read one.

use std::fmt;

use crate::secret::Secret;

/// What every key begins with.
pub const PREFIX: &str = "gwk_";

/// A key with its secret, which is never printed but by [`ApiKey::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// Puts a key together from random bits.
    #[must_use]
    pub fn from_bits(id: u64, secret: [u64; 4]) -> Self {
        Self(Secret::from_bits(PREFIX, id, secret))
    }

    /// Its public part.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// All of it, for whoever is to present it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("ApiKey", f)
    }
}

#[cfg(test)]
mod tests {
    use super::ApiKey;
    use crate::token::{Token, is_id};

    #[test]
    fn a_key_looks_like_a_token_of_another_prefix_and_is_none() {
        let key = ApiKey::from_bits(0xfff_0000_0000_0001, [0, 1, u64::MAX, 3]);
        let expected = format!("gwk_000000000001_{:016x}{:016x}{:016x}{:016x}", 0, 1, u64::MAX, 3);
        assert_eq!((key.reveal(), key.id()), (&*expected, "000000000001"));
        assert!(is_id(key.id()));
        assert_eq!(format!("{key:?}"), "ApiKey(\"000000000001\", ..)");
        assert!(Token::parse(key.reveal()).is_err());
    }
}
