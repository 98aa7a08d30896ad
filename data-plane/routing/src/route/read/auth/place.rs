//! Reading where a credential is.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations},
};
use http::HeaderName;

use super::super::{
    field_name::{cookie_name, field_name},
    headers::{Direction, is_reserved},
};
use crate::route::CredentialPlace;

/// The longest name of a parameter in bytes.
const MAX_PARAMETER: usize = 256;

/// The place, or where nothing is said this field; `None` if it is refused.
pub(super) fn place(
    wire: Option<&pb::CredentialPlace>,
    default: HeaderName,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<CredentialPlace> {
    use pb::credential_place::Place;
    let Some(pb::CredentialPlace { place }) = wire else { return Some(CredentialPlace::Header(default)) };
    match place {
        Some(Place::Header(name)) => {
            let path = path.field("header");
            let name = field_name(name, &path, violations)?;
            if is_reserved(&name, Direction::Request) {
                let message = "is the gateway's own, for framing, routing or identity rest on it; choose another field";
                violations.add(&path, format_args!("{} {message}", Shown(name.as_str())));
            }
            Some(CredentialPlace::Header(name))
        }
        Some(Place::Query(name)) if is_unreserved(name) && name.len() <= MAX_PARAMETER => {
            Some(CredentialPlace::Query(name.as_str().into()))
        }
        Some(Place::Query(name)) => {
            let message = "is no parameter's name";
            let remedy = format_args!("use up to {MAX_PARAMETER} letters, digits, '-', '.', '_' and '~'");
            violations.add(&path.field("query"), format_args!("{} {message}; {remedy}", Shown(name)));
            None
        }
        Some(Place::Cookie(name)) => cookie_name(name, &path.field("cookie"), violations).map(CredentialPlace::Cookie),
        None => {
            violations.add(path, "says nothing; give one of header, query and cookie, or leave it out");
            None
        }
    }
}

/// Whether it is the same with and without percent-encoding (RFC 3986 section 2.3).
fn is_unreserved(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}
