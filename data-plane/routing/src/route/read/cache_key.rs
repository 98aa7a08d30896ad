//! Reading what of a request is in the key of a stored response.
//!
//! Lists are sorted: what is stored by some names is found by the same ones in another order.

use gateway_caching::key::{Query, Rules};
use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations, distinct},
};

use super::{
    cache::MAX_NAMES,
    field_name::{cookie_name, field_name},
};

/// The longest name of a parameter in bytes.
const MAX_PARAMETER: usize = 256;

pub(super) fn rules(wire: &pb::CacheKey, path: &Path<'_>, violations: &mut Violations) -> Rules {
    let pb::CacheKey { query, headers, cookies } = wire;
    let query = query.as_ref().map(|wire| self::query(wire, &path.field("query"), violations)).unwrap_or_default();
    let headers = names(headers, &path.field("headers"), violations, |text, path, violations| {
        field_name(text, path, violations).map(|name| name.as_str().into())
    });
    let cookies = names(cookies, &path.field("cookies"), violations, cookie_name);
    Rules::new(query, headers, cookies)
}

fn query(wire: &pb::CacheKeyQuery, path: &Path<'_>, violations: &mut Violations) -> Query {
    use pb::cache_key_query::Rule;
    let pb::CacheKeyQuery { rule } = wire;
    match rule {
        Some(Rule::Keep(pb::QueryParameters { names: texts })) => {
            Query::Only(names(texts, &path.field("keep"), violations, parameter))
        }
        Some(Rule::Drop(pb::QueryParameters { names: texts })) => {
            let path = path.field("drop");
            if texts.is_empty() {
                violations.add(&path, "is empty, and nothing is left out; name parameters, or leave query out");
            }
            Query::Without(names(texts, &path, violations, parameter))
        }
        None => {
            violations.add(path, "says nothing; give one of keep and drop, or leave it out");
            Query::All
        }
    }
}

fn names(
    wire: &[String],
    path: &Path<'_>,
    violations: &mut Violations,
    mut read: impl FnMut(&str, &Path<'_>, &mut Violations) -> Option<Box<str>>,
) -> Vec<Box<str>> {
    let mut names =
        distinct(wire.iter(), MAX_NAMES, path, violations, |text, path, violations| read(text, path, violations));
    names.sort_unstable();
    names
}

/// Nothing that could not come up: parameters are compared as they are sent.
fn parameter(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<Box<str>> {
    let is_sent = |byte: u8| byte.is_ascii_graphic() && !b"&=;#".contains(&byte);
    if !text.is_empty() && text.len() <= MAX_PARAMETER && text.bytes().all(is_sent) {
        return Some(text.into());
    }
    let message = "is no parameter's name as clients send it";
    let remedy = "without '&', '=', ';' and '#', percent-encoded as in a URL";
    violations.add(path, format_args!("{} {message}; use 1 to {MAX_PARAMETER} bytes {remedy}", Shown(text)));
    None
}
