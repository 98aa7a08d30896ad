//! What a request that changes something makes invalid (RFC 9111 section 4.4).

mod reference;

use std::borrow::Cow;

use http::{Method, StatusCode};

use crate::{fields::Fields, key::Target};

use reference::resolve;

/// The most `Location` and `Content-Location` fields that are looked at.
const MAX_REFERENCES: usize = 8;

/// A URI of the same origin as the request's, whose stored responses are invalid now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid<'a> {
    /// The path.
    pub path: Cow<'a, [u8]>,
    /// The query; `None` where there is none.
    pub query: Option<&'a [u8]>,
}

/// What this answer to this request makes invalid: the target itself, and what `Location` and
/// `Content-Location` name, if it is of the same origin. Nothing if the method is safe or the answer is an
/// error. Methods that nobody knows are unsafe.
#[must_use]
pub fn invalidated<'a>(
    method: &Method,
    target: &Target<'a>,
    status: StatusCode,
    response: &'a (impl Fields + ?Sized),
) -> Vec<Invalid<'a>> {
    if is_safe(method) || !(status.is_success() || status.is_redirection()) {
        return Vec::new();
    }
    let references = response.values("location").chain(response.values("content-location")).take(MAX_REFERENCES);
    let itself = Invalid { path: Cow::Borrowed(target.path), query: target.query };
    let mut all = vec![itself];
    for invalid in references.filter_map(|reference| resolve(reference, target)) {
        if !all.contains(&invalid) {
            all.push(invalid);
        }
    }
    all
}

/// RFC 9110 section 9.2.1.
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method)
}
