//! Reading an answer of the gateway's own.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations},
};
use http::{HeaderValue, StatusCode};

use super::token::is_token;
use crate::route::Respond;

/// The longest body in bytes.
const MAX_BODY: usize = 64 * 1024;
/// The longest media type in bytes.
const MAX_CONTENT_TYPE: usize = 256;
const DEFAULT_CONTENT_TYPE: &str = "text/plain; charset=utf-8";

pub(super) fn respond(wire: &pb::Respond, path: &Path<'_>, violations: &mut Violations) -> Option<Respond> {
    let pb::Respond { status: code, body, content_type: media_type } = wire;
    let status = status(*code, &path.field("status"), violations);
    if body.len() > MAX_BODY {
        let message = format_args!("is {} bytes long; give 64 KiB at the most", body.len());
        violations.add(&path.field("body"), message);
    }
    // RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5.
    if matches!(code, 204 | 205 | 304) && !body.is_empty() {
        let message = format_args!("is there, but an answer of status {code} has none; leave it out");
        violations.add(&path.field("body"), message);
    }
    let content_type = content_type(media_type, &path.field("content_type"), violations);
    Some(Respond { status: status?, body: body.as_str().into(), content_type: content_type? })
}

fn status(wire: u32, path: &Path<'_>, violations: &mut Violations) -> Option<StatusCode> {
    let code = u16::try_from(wire).ok().filter(|code| (200..=599).contains(code));
    if code.is_none() {
        violations.add(path, format_args!("{wire} is no status to answer with; use 200 to 599"));
    }
    StatusCode::from_u16(code?).ok()
}

/// RFC 9110 section 8.3.1: the type, and parameters as they may be.
fn content_type(wire: &str, path: &Path<'_>, violations: &mut Violations) -> Option<Box<str>> {
    if wire.is_empty() {
        return Some(DEFAULT_CONTENT_TYPE.into());
    }
    let media_type = wire.split_once(';').map_or(wire, |(media_type, _)| media_type.trim_end_matches([' ', '\t']));
    let is_type = media_type.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    let is_value = HeaderValue::from_str(wire).is_ok_and(|value| value.to_str().is_ok());
    if wire.len() > MAX_CONTENT_TYPE || !is_type || !is_value {
        let message = "is no media type; use up to 256 characters such as \"text/html; charset=utf-8\"";
        violations.add(path, format_args!("{} {message}", Shown(wire)));
        return None;
    }
    Some(wire.into())
}
