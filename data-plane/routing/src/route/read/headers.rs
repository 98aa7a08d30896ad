//! Reading changes to a header.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations, check_count, distinct},
};
use http::{HeaderName, HeaderValue};

use crate::route::{HeaderField, HeaderRules};

/// The most fields of each kind of change.
const MAX_FIELDS: usize = 32;
/// The longest name in bytes.
const MAX_NAME: usize = 256;
/// The longest value in bytes.
const MAX_VALUE: usize = 4096;

/// Which way a header goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Request,
    Response,
}

pub(super) fn rules(
    wire: &pb::HeaderRules,
    direction: Direction,
    path: &Path<'_>,
    violations: &mut Violations,
) -> HeaderRules {
    let pb::HeaderRules { set, add, remove } = wire;
    let removed = distinct(remove.iter(), MAX_FIELDS, &path.field("remove"), violations, |text, path, violations| {
        name(text, direction, path, violations)
    });
    let set = set_fields(set, direction, &path.field("set"), violations);
    let at = path.field("add");
    check_count(add.len(), MAX_FIELDS, &at, violations);
    let added = add.iter().enumerate().take(MAX_FIELDS);
    let add = added.filter_map(|(number, wire)| field(wire, direction, &at.item(number), violations)).collect();
    HeaderRules { remove: removed.into(), set, add }
}

/// Fields that replace those of their name: the second of a name would undo the first.
fn set_fields(
    wire: &[pb::HeaderField],
    direction: Direction,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Box<[HeaderField]> {
    let mut fields = Vec::with_capacity(wire.len().min(MAX_FIELDS));
    distinct(wire.iter(), MAX_FIELDS, path, violations, |wire, path, violations| {
        let field = field(wire, direction, path, violations)?;
        let name = field.name.clone();
        fields.push(field);
        Some(name)
    });
    fields.into()
}

fn field(
    wire: &pb::HeaderField,
    direction: Direction,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<HeaderField> {
    let pb::HeaderField { name: text, value: content } = wire;
    let name = name(text, direction, &path.field("name"), violations);
    let value = value(content, &path.field("value"), violations);
    Some(HeaderField { name: name?, value: value? })
}

fn name(text: &str, direction: Direction, path: &Path<'_>, violations: &mut Violations) -> Option<HeaderName> {
    let Some(name) = HeaderName::try_from(text).ok().filter(|name| name.as_str().len() <= MAX_NAME) else {
        let message = format_args!("{} is no field name; use up to {MAX_NAME} letters, digits and '-'", Shown(text));
        violations.add(path, message);
        return None;
    };
    if is_reserved(&name, direction) {
        let message = "is the gateway's own, for framing, routing or identity rest on it; choose another field";
        violations.add(path, format_args!("{} {message}", Shown(name.as_str())));
    }
    Some(name)
}

/// Whether framing, routing or identity rest on the field. One with `_` in place of `-` is the same
/// field to many servers (RFC 3875 section 4.1.18).
pub(super) fn is_reserved(name: &HeaderName, direction: Direction) -> bool {
    let name = name.as_str().replace('_', "-");
    let is_one_of_many = ["gateway-", "proxy-", "x-forwarded-"].iter().any(|start| name.starts_with(start));
    let is_reserved = matches!(
        name.as_str(),
        "connection"
            | "content-length"
            | "expect"
            | "forwarded"
            | "host"
            | "http2-settings"
            | "keep-alive"
            | "max-forwards"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "via"
            | "x-request-id"
    );
    is_reserved
        || is_one_of_many
        || match direction {
            Direction::Request => false,
            Direction::Response => name == "date",
        }
}

fn value(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<HeaderValue> {
    if text.len() > MAX_VALUE {
        violations.add(path, format_args!("is longer than {MAX_VALUE} bytes; shorten it"));
        return None;
    }
    let value = HeaderValue::from_str(text).ok().filter(|value| value.to_str().is_ok());
    if value.is_none() {
        violations.add(path, format_args!("{} is not printable ASCII; write it with what is", Shown(text)));
    }
    value
}
