//! Reading which pages of other origins may read responses.

use std::{hash::Hash, ops::RangeInclusive, time::Duration};

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations, distinct, duration},
};
use http::Method;

use super::{field_name::field_name, origin::origin, policy::switched};
use crate::{
    MAX_METHODS, Methods,
    route::{AllowOrigin, Allowed, Cors, MAX_DURATION, Policy},
};

/// The most origins, and the most names of fields.
const MAX_ITEMS: usize = 64;
const MAX_AGE: RangeInclusive<Duration> = Duration::ZERO..=MAX_DURATION;
/// What pages may use without asking (Fetch Standard, section 2.2.1).
const DEFAULT_METHODS: [Method; 3] = [Method::GET, Method::HEAD, Method::POST];

pub(super) fn cors(wire: &pb::Cors, path: &Path<'_>, violations: &mut Violations) -> Policy<Cors> {
    let says_more = *wire != pb::Cors { enabled: wire.enabled, ..pb::Cors::default() };
    switched(wire.enabled, says_more, path, violations, |violations| Some(read(wire, path, violations)))
}

fn read(wire: &pb::Cors, path: &Path<'_>, violations: &mut Violations) -> Cors {
    let pb::Cors {
        enabled: _,
        allow_origins,
        allow_methods,
        allow_headers,
        expose_headers,
        allow_credentials,
        max_age,
    } = wire;
    let allow_origins = origins(allow_origins, &path.field("allow_origins"), violations);
    let allow_methods = methods(allow_methods, &path.field("allow_methods"), violations);
    let allow_headers = allowed(allow_headers, MAX_ITEMS, &path.field("allow_headers"), violations, field_name);
    let expose_headers = allowed(expose_headers, MAX_ITEMS, &path.field("expose_headers"), violations, field_name);
    let max_age = self::max_age(*max_age, &path.field("max_age"), violations);
    let allow_credentials = *allow_credentials;
    let cors = Cors { allow_origins, allow_methods, allow_headers, expose_headers, allow_credentials, max_age };
    if let Some(field) = open_to_all(&cors).filter(|_| allow_credentials) {
        // Fetch Standard, section 3.2.5: browsers do not take the two together.
        let message = format_args!("is true beside \"*\" in {field}; list there what is meant, or leave it out");
        violations.add(&path.field("allow_credentials"), message);
    }
    cors
}

/// The first field that holds a `*`.
fn open_to_all(cors: &Cors) -> Option<&'static str> {
    let Cors { allow_origins, allow_methods, allow_headers, expose_headers, allow_credentials: _, max_age: _ } = cors;
    [
        ("allow_origins", allow_origins.contains(&AllowOrigin::Any)),
        ("allow_methods", *allow_methods == Allowed::Any),
        ("allow_headers", *allow_headers == Allowed::Any),
        ("expose_headers", *expose_headers == Allowed::Any),
    ]
    .into_iter()
    .find_map(|(field, is_open)| is_open.then_some(field))
}

fn origins(wire: &[String], path: &Path<'_>, violations: &mut Violations) -> Box<[AllowOrigin]> {
    if wire.is_empty() {
        violations.add(path, "is empty; give at least one, such as \"https://app.example.com\", or \"*\" for all");
    }
    check_star(wire, path, violations);
    let origins = distinct(wire.iter(), MAX_ITEMS, path, violations, |text, path, violations| {
        origin(text).map_err(|wrong| violations.add(path, format_args!("{} {wrong}", Shown(text)))).ok()
    });
    origins.into()
}

fn methods(wire: &[String], path: &Path<'_>, violations: &mut Violations) -> Allowed<Method> {
    if wire.is_empty() {
        return Allowed::Only(DEFAULT_METHODS.into());
    }
    allowed(wire, MAX_METHODS, path, violations, |text, path, violations| {
        let checked = Methods::parse([text]).map_err(|err| violations.add(path, err));
        checked.ok().and_then(|_| Method::from_bytes(text.as_bytes()).ok())
    })
}

fn allowed<T: Clone + Eq + Hash>(
    wire: &[String],
    max: usize,
    path: &Path<'_>,
    violations: &mut Violations,
    mut read: impl FnMut(&str, &Path<'_>, &mut Violations) -> Option<T>,
) -> Allowed<T> {
    check_star(wire, path, violations);
    if wire.iter().any(|text| text == "*") {
        return Allowed::Any;
    }
    let items = distinct(wire.iter(), max, path, violations, |text, path, violations| read(text, path, violations));
    Allowed::Only(items.into())
}

/// Who says "all" and lists some means one of the two.
fn check_star(wire: &[String], path: &Path<'_>, violations: &mut Violations) {
    if wire.len() > 1 && wire.iter().any(|text| text == "*") {
        violations.add(path, "holds \"*\", which is all, and more; give \"*\" alone, or leave it out");
    }
}

fn max_age(wire: Option<prost_types::Duration>, path: &Path<'_>, violations: &mut Violations) -> Option<Duration> {
    let age = duration(wire, &MAX_AGE, path, violations)?;
    if age.subsec_nanos() != 0 {
        violations.add(path, "has a fraction of a second; use whole seconds");
    }
    Some(age)
}
