//! Conditions of clients, answered from a stored response (RFC 9111 section 4.3.2).

use http::{Method, StatusCode};

use super::{Validators, entity_tags};
use crate::{
    date,
    fields::{Fields, has, is_one_of, single},
    list::trim,
    time::Time,
};

/// Whether the client has this response already, so that a 304 is the answer. `If-None-Match` goes before
/// `If-Modified-Since`, and where there is no `Last-Modified`, `dated` (the response's `Date`, or when it
/// came) takes its place.
#[must_use]
pub fn is_not_modified(
    method: &Method,
    request: &(impl Fields + ?Sized),
    status: StatusCode,
    stored: &Validators<'_>,
    dated: Time,
) -> bool {
    let is_asked = *method == Method::GET || *method == Method::HEAD;
    if !is_asked || !matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        return false;
    }
    if has(request, "if-none-match") {
        return request.values("if-none-match").any(|line| has_tag(line, stored));
    }
    let since = single(request, "if-modified-since").and_then(|value| date::parse(value, dated));
    let modified = stored.last_modified.map_or(dated, |(_, modified)| modified);
    since.is_some_and(|since| modified.seconds() <= since.seconds())
}

fn has_tag(line: &[u8], stored: &Validators<'_>) -> bool {
    let is_stored = |tag: super::EntityTag<'_>| stored.entity_tag.is_some_and(|own| own.matches_weakly(&tag));
    trim(line) == b"*" || entity_tags(line).any(is_stored)
}

/// Whether a stored field belongs on a 304 (RFC 9110 section 15.4.5): what describes the content does not,
/// nor does `Last-Modified` where there is an entity tag.
#[must_use]
pub fn is_on_304(name: &[u8], stored: &Validators<'_>) -> bool {
    let of_content = ["content-encoding", "content-language", "content-length", "content-range", "content-type"];
    let is_needless = stored.entity_tag.is_some() && name.eq_ignore_ascii_case(b"last-modified");
    !is_needless && !is_one_of(name, &of_content)
}
