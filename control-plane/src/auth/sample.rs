//! Tokens for tests.

use std::sync::Arc;

use gateway_proto::token::Token;
use jiff::Timestamp;

use super::token::{Kept, Role};

/// The token of this number.
pub(crate) fn token(number: u64) -> Token {
    Token::from_bits(number, [number; 4])
}

/// What is kept of the token of this number, a viewer's.
pub(crate) fn kept(number: u64) -> Arc<Kept> {
    kept_as(number, Role::Viewer)
}

/// What is kept of the token of this number.
pub(crate) fn kept_as(number: u64, role: Role) -> Arc<Kept> {
    Arc::new(Kept::of(&token(number), format!("number {number}"), role, Timestamp::UNIX_EPOCH))
}
