//! Passwords of consumers, and what is kept of them.

use std::{fmt, sync::Arc};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version, password_hash::phc};

/// Bytes of a password.
const MIN: usize = 8;
const MAX: usize = 128;
/// Memory in KiB, passes and lanes: the first choice of the OWASP Password Storage Cheat Sheet.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A password, which is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<str>);

impl Password {
    /// Reads 8 to 128 bytes without control characters.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence to follow the field's name, which quotes nothing of it.
    pub fn parse(text: String) -> Result<Self, &'static str> {
        if !(MIN..=MAX).contains(&text.len()) {
            return Err("has fewer than 8 or more than 128 bytes; choose another one");
        }
        // RFC 7617 section 2: there are none in a user name or a password.
        if text.chars().any(char::is_control) {
            return Err("holds a line break or another control character; choose one without");
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The Argon2id hash of a password, in PHC string format; cheap to copy, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Arc<str>);

impl PasswordHash {
    /// The hash of a password with this salt. It takes 19 MiB, and as long as it is meant to.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a test makes one of each length that there may be")]
    pub fn of(password: &Password, salt: [u8; 16]) -> Self {
        let params = Params::new(MEMORY, PASSES, LANES, None).expect("they are in Argon2's ranges");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(password.0.as_bytes(), &salt);
        let hash: phc::PasswordHash = hash.expect("password and salt are of lengths that Argon2 takes");
        Self(hash.to_string().into())
    }

    /// Reads a hash that was stored; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hash = phc::PasswordHash::new(text).ok()?;
        let is_whole = hash.algorithm.as_str() == "argon2id" && hash.salt.is_some() && hash.hash.is_some();
        is_whole.then(|| Self(text.into()))
    }

    /// The text, for the store and for data planes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, PasswordVerifier};

    use super::{Password, PasswordHash};

    #[test]
    fn what_is_kept_is_an_argon2id_hash_by_which_the_password_is_known_again() {
        for text in ["8 bytes!", &"ü".repeat(64)] {
            let password = Password::parse(text.into()).unwrap();
            let hash = PasswordHash::of(&password, [7; 16]);
            assert!(hash.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.reveal());
            assert_eq!(PasswordHash::parse(hash.reveal()).as_ref(), Some(&hash));
            assert!(Argon2::default().verify_password(text.as_bytes(), hash.reveal()).is_ok());
            assert!(Argon2::default().verify_password(b"8 bytes?", hash.reveal()).is_err());
            assert_ne!(PasswordHash::of(&password, [8; 16]), hash);
            assert_eq!(format!("{password:?} {hash:?}"), "Password(..) PasswordHash(..)");
        }
    }

    #[test]
    fn what_is_no_password_and_what_is_no_hash() {
        for bad in ["", "7 bytes", &"x".repeat(129), "a\tb123456", "12345678\n", "12345678\u{85}"] {
            let why = Password::parse(bad.to_owned()).unwrap_err();
            assert!(bad.is_empty() || !why.contains(bad), "{why}");
        }
        for bad in [
            "",
            "hunter2",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        ] {
            assert_eq!(PasswordHash::parse(bad), None, "{bad}");
        }
    }
}
