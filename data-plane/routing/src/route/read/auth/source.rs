//! Reading where keys, secrets and verdicts come from.

use std::{ops::RangeInclusive, time::Duration};

use gateway_auth::jwt::{Keys, KeysError};
use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations, duration},
};
use http::Uri;

use crate::route::Jwks;

/// The longest URL in bytes.
const MAX_URL: usize = 2048;
/// The longest path of a file in bytes.
const MAX_FILE: usize = 255;
/// The largest JWK set in bytes.
const MAX_JWKS: usize = 64 * 1024;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a server may take.
pub(super) fn timeout(wire: Option<prost_types::Duration>, path: &Path<'_>, violations: &mut Violations) -> Duration {
    duration(wire, &TIMEOUT, path, violations).unwrap_or(DEFAULT_TIMEOUT)
}

/// A URL that the gateway asks.
pub(super) fn url(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<Uri> {
    let wrong = match text.parse::<Uri>() {
        _ if text.is_empty() => "is missing",
        _ if text.len() > MAX_URL => "is longer than 2048 bytes",
        _ if text.contains('#') => "has a fragment, which is never sent",
        Err(_) => "is no URL",
        Ok(uri) if !matches!(uri.scheme_str(), Some("http" | "https")) => "has no scheme of http or https",
        // RFC 9110 section 4.2.4: what is in there would be shown wherever the URL is.
        Ok(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            "has a user in it, and would show a password"
        }
        Ok(uri) if uri.host().is_none_or(str::is_empty) => "has no host",
        Ok(uri) => return Some(uri),
    };
    violations.add(path, format_args!("{wrong}; give such as \"https://auth.example.com/path\""));
    None
}

/// A path below the data planes' directory of secrets, which leads nowhere else.
pub(super) fn file(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<Box<str>> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.');
    if text.len() <= MAX_FILE && text.bytes().all(is_plain) && text.split('/').all(is_part) {
        return Some(text.into());
    }
    let message = "is no file of the directory of secrets";
    let remedy = "give its path there, such as keys.json, of letters, digits, '.', '_' and '-', with nothing hidden";
    violations.add(path, format_args!("{} {message}; {remedy}", Shown(text)));
    None
}

/// The keys of the method at `path`.
pub(super) fn jwks(wire: Option<&pb::jwt_auth::Keys>, path: &Path<'_>, violations: &mut Violations) -> Option<Jwks> {
    use pb::jwt_auth::Keys as Wire;
    match wire {
        Some(Wire::JwksFile(text)) => file(text, &path.field("jwks_file"), violations).map(Jwks::File),
        Some(Wire::JwksUrl(text)) => url(text, &path.field("jwks_url"), violations).map(Jwks::Url),
        Some(Wire::Jwks(text)) => {
            check_jwks(text, &path.field("jwks"), violations).then(|| Jwks::Inline(text.as_str().into()))
        }
        None => {
            violations.add(path, "has no keys; give one of jwks_file, jwks_url and jwks");
            None
        }
    }
}

/// Whether it is a JWK set of use to data planes, which everybody may see who may see the policy.
fn check_jwks(text: &str, path: &Path<'_>, violations: &mut Violations) -> bool {
    if text.len() > MAX_JWKS {
        violations.add(path, "is longer than 64 KiB; use jwks_file or jwks_url");
        return false;
    }
    match Keys::parse_public(text.as_bytes()) {
        Ok(_) => return true,
        Err(secret @ KeysError::Secret) => violations.add(path, format_args!("{secret}; use jwks_file")),
        Err(wrong) => violations.add(path, wrong),
    }
    false
}
