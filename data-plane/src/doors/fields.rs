//! What an intermediary may do with fields (RFC 9110 section 7.6), said once more.

use super::reference::{Field, Head, is};

/// What belongs to one hop, whatever `Connection` says.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];
/// What a sender cannot take away by naming it in `Connection`: it frames, routes, or says who asks.
const PROTECTED: [&str; 16] = [
    "authorization",
    "cache-control",
    "content-length",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "max-forwards",
    "set-cookie",
    "trailer",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

/// The fields that have to arrive as they are. `own` are those that the gateway writes itself.
pub(super) fn end_to_end<'b>(head: &Head<'b>, own: &[&str]) -> Vec<Field<'b>> {
    let nominated = head.elements("connection");
    let mut fields = head.fields.clone();
    fields.retain(|field| {
        let is_nominated = nominated.contains(&field.0.to_ascii_lowercase()) && !is_one_of(field, &PROTECTED);
        !is_nominated && !is_one_of(field, &HOP_BY_HOP) && !is_one_of(field, own)
    });
    fields
}

/// Those of them that a client may set: none that a server could take for one of the others, as CGI
/// does with `_` and `-`.
pub(super) fn of_client<'b>(head: &Head<'b>, own: &[&str]) -> Vec<Field<'b>> {
    let mut fields = end_to_end(head, own);
    fields.retain(|field| !is_lookalike(field));
    fields
}

/// The fields of one hop.
pub(super) fn hop_by_hop<'b>(head: &Head<'b>) -> Vec<Field<'b>> {
    head.fields.iter().filter(|field| is_one_of(field, &HOP_BY_HOP)).copied().collect()
}

/// The fields of a trailer section that may stand there (RFC 9110 section 6.5.1).
pub(super) fn of_trailers<'b>(fields: &[Field<'b>]) -> Vec<Field<'b>> {
    let is_forbidden = |field| {
        is_lookalike(field) || is_one_of(field, &HOP_BY_HOP) || (is_one_of(field, &PROTECTED) && !is(field, "date"))
    };
    fields.iter().filter(|field| !is_forbidden(field)).copied().collect()
}

/// Whether every quoted string ends (RFC 9110 section 5.6.4): what is appended to one that does not
/// belongs to it.
pub(super) fn is_terminated(mut value: &[u8]) -> bool {
    while let Some(start) = value.iter().position(|byte| *byte == b'"') {
        let mut rest = &value[start + 1..];
        value = loop {
            rest = match rest {
                [b'\\', _, rest @ ..] => rest,
                [b'"', rest @ ..] => break rest,
                [_, rest @ ..] => rest,
                [] => return false,
            };
        };
    }
    true
}

fn is_one_of(field: &Field<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| is(field, name))
}

fn is_lookalike(field: &Field<'_>) -> bool {
    let dashed: Vec<u8> = field.0.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect();
    let dashed = (&*dashed, field.1);
    dashed.0 != field.0 && (is_one_of(&dashed, &HOP_BY_HOP) || is_one_of(&dashed, &PROTECTED))
}
