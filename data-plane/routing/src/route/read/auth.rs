//! Reading who may call, and how anyone shows who they are.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations, check_count, distinct},
};
use http::{HeaderName, header::AUTHORIZATION};

use self::claim::{claim, text};
use super::{
    field_name::{claim_name, field_name},
    headers::{Direction, is_reserved},
    matching::{methods, path_matcher},
    policy::switched,
    rate_limit::networks,
};
use crate::{
    PathMatcher,
    route::{Auth, AuthMethod, AuthRule, ClaimHeader, CredentialPlace, Identity, Policy},
};

mod claim;
mod jwt;
mod method;
mod place;
mod source;

/// The most methods of a service or a route.
const MAX_METHODS: usize = 8;
/// The most rules of each kind.
const MAX_RULES: usize = 64;
/// The most claims that endpoints are told.
const MAX_CLAIMS: usize = 16;
/// The longest realm in characters.
const MAX_REALM: usize = 128;
const DEFAULT_REALM: &str = "gateway";
const CONSUMER_HEADER: HeaderName = HeaderName::from_static("x-consumer");
const GROUPS_HEADER: HeaderName = HeaderName::from_static("x-consumer-groups");

pub(super) fn auth(wire: &pb::Auth, path: &Path<'_>, violations: &mut Violations) -> Policy<Box<Auth>> {
    let says_more = *wire != pb::Auth { enabled: wire.enabled, ..pb::Auth::default() };
    switched(wire.enabled, says_more, path, violations, |violations| Some(Box::new(read(wire, path, violations))))
}

fn read(wire: &pb::Auth, path: &Path<'_>, violations: &mut Violations) -> Auth {
    let pb::Auth {
        enabled: _,
        methods: shown,
        anonymous,
        allow,
        deny,
        keep_credentials,
        shadow,
        identity: told,
        realm: named,
    } = wire;
    let at = path.field("methods");
    if shown.is_empty() && !anonymous {
        let message = "is empty, so that nobody could come in; give at least one, or say anonymous: true to go by rules \
                       alone";
        violations.add(&at, message);
    }
    check_count(shown.len(), MAX_METHODS, &at, violations);
    let methods = shown.iter().enumerate().take(MAX_METHODS);
    let methods = methods.filter_map(|(number, wire)| method::method(wire, &at.item(number), violations));
    let methods: Box<[AuthMethod]> = methods.collect();
    let identity = identity(told.as_ref(), &methods, &path.field("identity"), violations);
    Auth {
        methods,
        anonymous: *anonymous,
        allow: rules(allow, &path.field("allow"), violations),
        deny: rules(deny, &path.field("deny"), violations),
        keep_credentials: *keep_credentials,
        shadow: *shadow,
        identity,
        realm: realm(named, &path.field("realm"), violations),
    }
}

fn rules(wire: &[pb::AuthRule], path: &Path<'_>, violations: &mut Violations) -> Box<[AuthRule]> {
    check_count(wire.len(), MAX_RULES, path, violations);
    let rules = wire.iter().enumerate().take(MAX_RULES);
    rules.filter_map(|(number, wire)| rule(wire, &path.item(number), violations)).collect()
}

fn rule(wire: &pb::AuthRule, path: &Path<'_>, violations: &mut Violations) -> Option<AuthRule> {
    let pb::AuthRule { consumer, group, claim: asked, methods: names, path: paths, client_networks } = wire;
    if *wire == pb::AuthRule::default() {
        let message = "says nothing; give one or several of consumer, group, claim, methods, path and client_networks";
        violations.add(path, message);
    }
    let mut who = |given: &str, field| {
        let path = path.field(field);
        (!given.is_empty()).then(|| text(given, claim::MAX_NAME, &path, violations)).flatten()
    };
    let consumer = who(consumer, "consumer");
    let group = who(group, "group");
    let claim = asked.as_ref().map(|wire| claim(wire, &path.field("claim"), violations));
    let methods = methods(names, &path.field("methods"), violations);
    let paths = match paths {
        Some(wire) => path_matcher(wire, &path.field("path"), violations),
        None => Some(PathMatcher::default()),
    };
    let client_networks = networks(client_networks, &path.field("client_networks"), violations);
    let claim = match claim {
        Some(claim) => Some(claim?),
        None => None,
    };
    Some(AuthRule { consumer, group, claim, methods, path: paths?, client_networks })
}

/// Where nothing is said, the consumer and its groups are told.
fn identity(
    wire: Option<&pb::AuthIdentity>,
    methods: &[AuthMethod],
    path: &Path<'_>,
    violations: &mut Violations,
) -> Identity {
    let pb::AuthIdentity { consumer_header, groups_header, claims } = wire.cloned().unwrap_or_default();
    let mut header = |given: Option<String>, default: HeaderName, field| {
        let path = path.field(field);
        let name = match given {
            None => default,
            Some(name) if name.is_empty() => return None,
            Some(name) => told_in(&name, &path, violations)?,
        };
        check_apart(&name, methods, &path, violations);
        Some(name)
    };
    let consumer_header = header(consumer_header, CONSUMER_HEADER, "consumer_header");
    let groups_header = header(groups_header, GROUPS_HEADER, "groups_header");
    let own = [consumer_header.clone(), groups_header.clone()];
    if consumer_header.is_some() && consumer_header == groups_header {
        violations.add(&path.field("groups_header"), "is consumer_header's field, too; give each a field of its own");
    }
    let mut told = Vec::with_capacity(claims.len().min(MAX_CLAIMS));
    distinct(claims.iter(), MAX_CLAIMS, &path.field("claims"), violations, |wire, path, violations| {
        let pb::ClaimHeader { claim, header } = wire;
        let path_of_header = path.field("header");
        let claim = claim_name(claim, &path.field("claim"), violations);
        let header = told_in(header, &path_of_header, violations)?;
        check_apart(&header, methods, &path_of_header, violations);
        if own.contains(&Some(header.clone())) {
            violations.add(&path_of_header, "tells the consumer or its groups already; give each a field of its own");
        }
        told.push(ClaimHeader { claim: claim?, header: header.clone() });
        Some(header)
    });
    Identity { consumer_header, groups_header, claims: told.into() }
}

/// The client's own field of a name by which endpoints are told goes before anything is looked at; and what they are
/// told, they are told once.
fn check_apart(name: &HeaderName, methods: &[AuthMethod], path: &Path<'_>, violations: &mut Violations) {
    // To many servers, one with `_` in place of `-` is the same field (RFC 3875 section 4.1.18).
    let is_it = |other: &HeaderName| other.as_str().replace('_', "-") == name.as_str().replace('_', "-");
    let is_in = |place: &CredentialPlace| matches!(place, CredentialPlace::Header(name) if is_it(name));
    let is_read = |method: &AuthMethod| match method {
        AuthMethod::ApiKey(place) => is_in(place),
        AuthMethod::Basic => is_it(&AUTHORIZATION),
        AuthMethod::Jwt(jwt) => is_in(&jwt.place),
        AuthMethod::Introspection(introspection) => is_in(&introspection.place),
        AuthMethod::Forward(forward) => forward.request_headers.iter().any(is_it),
    };
    let is_told = |method: &AuthMethod| match method {
        AuthMethod::Forward(forward) => forward.response_headers.iter().any(is_it),
        AuthMethod::ApiKey(_) | AuthMethod::Basic | AuthMethod::Jwt(_) | AuthMethod::Introspection(_) => false,
    };
    if methods.iter().any(is_read) {
        let message = "is a field that a method reads, and clients' own fields of that name are removed before";
        violations.add(path, format_args!("{} {message}; choose another field", Shown(name.as_str())));
    } else if methods.iter().any(is_told) {
        let message = "is one of forward's response_headers, too; give each a field of its own";
        violations.add(path, format_args!("{} {message}", Shown(name.as_str())));
    }
}

/// A field that endpoints believe.
fn told_in(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<HeaderName> {
    let name = field_name(text, path, violations)?;
    if is_reserved(&name, Direction::Request) {
        let message = "is the gateway's own, for framing, routing or identity rest on it; choose another field";
        violations.add(path, format_args!("{} {message}", Shown(name.as_str())));
    }
    Some(name)
}

/// What can be in quotes in a challenge as it is (RFC 9110 section 5.6.4).
fn realm(wire: &str, path: &Path<'_>, violations: &mut Violations) -> Box<str> {
    let is_plain = |c: char| (' '..='~').contains(&c) && c != '"' && c != '\\';
    match wire {
        "" => DEFAULT_REALM.into(),
        realm if realm.len() <= MAX_REALM && realm.chars().all(is_plain) => realm.into(),
        realm => {
            let message = "is no realm; use 1 to";
            let remedy = "printable ASCII characters without '\"' and '\\'";
            violations.add(path, format_args!("{} {message} {MAX_REALM} {remedy}", Shown(realm)));
            DEFAULT_REALM.into()
        }
    }
}
