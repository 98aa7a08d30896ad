//! Tokens as they are stored: without their secrets.

use jiff::Timestamp;
use prost::Message;

use super::StoredTime;
use crate::auth::token::{Kept, Role, TokenId};

#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct StoredToken {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    name: String,
    /// As the contract has it.
    #[prost(int32, tag = "3")]
    role: i32,
    /// SHA-256.
    #[prost(bytes, tag = "4")]
    digest: Vec<u8>,
    #[prost(message, required, tag = "5")]
    created_at: StoredTime,
    #[prost(message, optional, tag = "6")]
    expires_at: Option<StoredTime>,
    #[prost(message, optional, tag = "7")]
    last_used_at: Option<StoredTime>,
}

impl From<&Kept> for StoredToken {
    fn from(kept: &Kept) -> Self {
        let Kept { id, name, role, digest, created_at, expires_at, last_used_at } = kept;
        Self {
            id: id.to_string(),
            name: name.clone(),
            role: role.wire().into(),
            digest: digest.to_vec(),
            created_at: (*created_at).into(),
            expires_at: expires_at.map(StoredTime::from),
            last_used_at: last_used_at.map(StoredTime::from),
        }
    }
}

impl StoredToken {
    /// What is kept of the token; `None` if it is none.
    pub(in crate::store) fn into_kept(self) -> Option<Kept> {
        let Self { id, name, role, digest, created_at, expires_at, last_used_at } = self;
        // A time that cannot be read must not become "never".
        let time = |stored: Option<StoredTime>| -> Option<Option<Timestamp>> {
            stored.map_or(Some(None), |stored| stored.into_timestamp().map(Some))
        };
        Some(Kept {
            id: TokenId::parse(&id)?,
            name,
            role: Role::from_wire(role)?,
            digest: digest.try_into().ok()?,
            created_at: created_at.into_timestamp()?,
            expires_at: time(expires_at)?,
            last_used_at: time(last_used_at)?,
        })
    }
}
