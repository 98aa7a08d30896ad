//! Who was recognised, whatever by.

use std::sync::Arc;

use gateway_auth::jwt::Claims;

/// Who calls. It is made once for a consumer, a token or an answer, and shared by all of its requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subject {
    /// The consumer's name, or what a token says of it; none where a token names nobody.
    pub consumer: Option<Arc<str>>,
    /// Sorted and distinct.
    pub groups: Arc<[Arc<str>]>,
    /// What a token says; none of who came with a key or a password.
    pub claims: Option<Arc<Claims>>,
}

/// What a method makes of a request.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    /// It brings no credentials of this kind.
    Nothing,
    /// It brings some that are not accepted.
    Refused,
    /// It is this one's.
    Accepted(Arc<Subject>),
    /// Whether they are to be accepted cannot be told now: who would have to be asked does not answer.
    Unknown,
}
