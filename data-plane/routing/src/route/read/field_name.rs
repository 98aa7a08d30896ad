//! Names of header fields, cookies and claims that policies go by.

use gateway_proto::violation::{Path, Shown, Violations};
use http::HeaderName;

use super::token::is_token;

/// The longest name in bytes.
const MAX_NAME: usize = 256;

/// The name of a header field.
pub(super) fn field_name(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<HeaderName> {
    let name = HeaderName::try_from(text).ok().filter(|name| name.as_str().len() <= MAX_NAME);
    if name.is_none() {
        let message = format_args!("{} is no field name; use up to {MAX_NAME} letters, digits and '-'", Shown(text));
        violations.add(path, message);
    }
    name
}

/// The name of a cookie, which is a token (RFC 6265 section 4.1.1).
pub(super) fn cookie_name(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<Box<str>> {
    if is_token(text) && text.len() <= MAX_NAME {
        return Some(text.into());
    }
    let message = "is no cookie's name";
    violations.add(path, format_args!("{} {message}; use up to {MAX_NAME} letters, digits, '-' and '_'", Shown(text)));
    None
}

/// The name of a token's claim (RFC 7519 section 4), which may be a URI.
pub(super) fn claim_name(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<Box<str>> {
    if !text.is_empty() && text.len() <= MAX_NAME && !text.contains(char::is_control) {
        return Some(text.into());
    }
    let message = "is no claim's name";
    let remedy = "without control characters";
    violations.add(path, format_args!("{} {message}; use 1 to {MAX_NAME} bytes {remedy}", Shown(text)));
    None
}
