//! What tokens and keys have in common: `PREFIX_ID_SECRET`, a public id of 48 bits, by which it is found,
//! shown and revoked, and 256 random bits that only its holder knows. The prefix lets people and scanners
//! of repositories tell what it is.

use std::fmt;

/// Characters of every prefix, its `_` included.
const PREFIX: usize = 4;
/// Hexadecimal digits of an id and of a secret.
const ID: usize = 12;
const SECRET: usize = 64;

/// A text with a secret in it, which is never printed but by [`Secret::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Puts it together from random bits.
    pub(crate) fn from_bits(prefix: &str, id: u64, secret: [u64; 4]) -> Self {
        let id = id & 0xffff_ffff_ffff;
        let [a, b, c, d] = secret;
        Self(format!("{prefix}{id:012x}_{a:016x}{b:016x}{c:016x}{d:016x}"))
    }

    /// Reads it; white space around it does not matter. `None` if it is none of this prefix.
    pub(crate) fn parse(prefix: &str, text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let (id, secret) = text.strip_prefix(prefix)?.split_once('_')?;
        let valid = is_id(id) && secret.len() == SECRET && secret.bytes().all(is_hex);
        valid.then(|| Self(text.to_owned()))
    }

    /// Its public part.
    pub(crate) fn id(&self) -> &str {
        self.0.get(PREFIX..PREFIX + ID).unwrap_or_default()
    }

    /// All of it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What it is, by its id.
    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(name).field(&self.id()).finish_non_exhaustive()
    }
}

/// Whether a text can be an id.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == ID && text.bytes().all(is_hex)
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}
