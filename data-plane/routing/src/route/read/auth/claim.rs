//! Reading claims, and what is written like them.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations, distinct},
};

use super::super::field_name::claim_name;
use crate::route::{AuthClaim, IdentityClaims};

/// The longest name in bytes, of a consumer or a group too.
pub(super) const MAX_NAME: usize = 256;
/// The longest value in bytes.
pub(super) const MAX_VALUE: usize = 1024;
/// The most claims that are asked for.
const MAX_REQUIRED: usize = 16;

pub(super) fn claim(wire: &pb::AuthClaim, path: &Path<'_>, violations: &mut Violations) -> Option<AuthClaim> {
    let pb::AuthClaim { name, value } = wire;
    let name = claim_name(name, &path.field("name"), violations);
    let value = match value {
        Some(value) => Some(text(value, MAX_VALUE, &path.field("value"), violations)?),
        None => None,
    };
    Some(AuthClaim { name: name?, value })
}

/// Claims that have to be there.
pub(super) fn required(wire: &[pb::AuthClaim], path: &Path<'_>, violations: &mut Violations) -> Box<[AuthClaim]> {
    let mut claims = Vec::with_capacity(wire.len().min(MAX_REQUIRED));
    distinct(wire.iter(), MAX_REQUIRED, path, violations, |wire, path, violations| {
        let claim = claim(wire, path, violations)?;
        let name = claim.name.clone();
        claims.push(claim);
        Some(name)
    });
    claims.into()
}

/// The claims of the method at `path` that say who it is.
pub(super) fn identity(consumer: &str, groups: &str, path: &Path<'_>, violations: &mut Violations) -> IdentityClaims {
    let mut claim = |given: &str, default: &str, field| match given {
        "" => default.into(),
        given => claim_name(given, &path.field(field), violations).unwrap_or_default(),
    };
    IdentityClaims {
        consumer: claim(consumer, "sub", "consumer_claim"),
        groups: claim(groups, "groups", "groups_claim"),
    }
}

/// One line of text.
pub(super) fn text(text: &str, max: usize, path: &Path<'_>, violations: &mut Violations) -> Option<Box<str>> {
    if !text.is_empty() && text.len() <= max && !text.contains(char::is_control) {
        return Some(text.into());
    }
    match text {
        "" => violations.add(path, format_args!("is empty; use 1 to {max} bytes")),
        text => {
            let message = "is too long or holds control characters";
            violations.add(path, format_args!("{} {message}; use 1 to {max} bytes without them", Shown(text)));
        }
    }
    None
}
