//! Who a client is, as far as that can be told without I/O and without a clock: the time is an argument,
//! keys are lent by whoever keeps them.
//!
//! [`jwt`] verifies JSON Web Tokens (RFC 7519, as signed by RFC 7515, with keys of RFC 7517 and algorithms of
//! RFC 7518, by the advice of RFC 8725). The cryptography is AWS-LC's. What a token is allowed to look like is
//! settled here, because libraries of tokens are lenient where a gateway must not be: members that come twice,
//! `crit`, base64url that is padded or not canonical, algorithms that the token chooses.

mod json;
pub mod jwt;

pub use json::{Json, JsonError, MAX_DEPTH};
