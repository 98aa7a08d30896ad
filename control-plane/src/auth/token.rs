//! Tokens as they are kept: everything but the secret.

use std::{fmt, sync::Arc};

use aws_lc_rs::{constant_time, digest};
use gateway_proto::{auth::v1 as pb, token};
use imbl::OrdMap;
use jiff::{SignedDuration, Timestamp};

/// How exactly it is kept when a token was used last.
pub(crate) const USE_PRECISION: SignedDuration = SignedDuration::from_hours(1);

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads everything but the list of tokens, and but what consumers are known by.
    Viewer,
    /// What a viewer may, and changes the registry.
    Operator,
    /// What an operator may, and makes and revokes tokens.
    Admin,
    /// Follows the snapshots, takes leases of limits, and answers queries about requests, caches and limits;
    /// nothing else.
    DataPlane,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Admin, Self::DataPlane];

    /// Its name for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::DataPlane => "data-plane",
        }
    }

    /// The role as it is sent and stored.
    #[must_use]
    pub const fn wire(self) -> pb::Role {
        match self {
            Self::Viewer => pb::Role::Viewer,
            Self::Operator => pb::Role::Operator,
            Self::Admin => pb::Role::Admin,
            Self::DataPlane => pb::Role::DataPlane,
        }
    }

    /// The role that was sent or stored; `None` if it is none.
    #[must_use]
    pub fn from_wire(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.wire() as i32 == number)
    }
}

/// The public part of a token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Arc<str>);

impl TokenId {
    /// Reads an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        token::is_id(text).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for TokenId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The tokens there are.
pub type Tokens = OrdMap<TokenId, Arc<Kept>>;

/// What is kept of a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// By which it is found.
    pub id: TokenId,
    /// Whose it is, for people; may be empty.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// SHA-256 of the whole token. Slow hashes such as argon2 are for what people make up: 256 random
    /// bits are guessed no sooner by whoever has the fast hash, and every call would pay for the slow one.
    pub digest: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to within an hour.
    pub last_used_at: Option<Timestamp>,
}

impl Kept {
    /// What is to be kept of a token.
    #[must_use]
    pub fn of(token: &token::Token, name: String, role: Role, created_at: Timestamp) -> Self {
        let (id, digest) = (TokenId(token.id().into()), sha256(token.reveal()));
        Self { id, name, role, digest, created_at, expires_at: None, last_used_at: None }
    }

    /// Whether this is the token, in a time that does not depend on how much of it is right.
    #[must_use]
    pub fn is(&self, token: &token::Token) -> bool {
        constant_time::verify_slices_are_equal(&self.digest, &sha256(token.reveal())).is_ok()
    }

    /// Whether it does not end by itself before the other does.
    #[must_use]
    pub fn outlasts(&self, other: &Self) -> bool {
        self.expires_at.is_none_or(|end| other.expires_at.is_some_and(|sooner| sooner <= end))
    }

    /// Whether it has not ended yet.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// The SHA-256 hash of a text.
pub(crate) fn sha256(text: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    // SHA-256 has 32 bytes.
    digest.as_ref().try_into().unwrap_or_default()
}
