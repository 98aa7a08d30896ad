//! From the wire to what cannot be wrong.
//!
//! Everything that is wrong is noted at once, each with the field's path as the contract names it.
//! Where something is noted, what is returned is not to be used.

use gateway_proto::{
    host::HostPattern,
    name::{RULE, is_name},
    registry::v1 as pb,
    violation::{Path, Shown, Violations, distinct},
};

use super::{Action, Route};

mod action;
mod auth;
mod cache;
mod cache_key;
mod compression;
mod cors;
mod field_name;
mod headers;
mod limits;
mod matching;
mod origin;
mod policy;
mod rate_key;
mod rate_limit;
mod redirect;
mod respond;
mod rewrite;
#[cfg(test)]
mod tests;
mod token;
mod vain;

pub(super) use compression::DEFAULT_CONTENT_TYPES;
pub use limits::{limits, timeouts};
pub use policy::policies;
pub use vain::{check_policies, check_route};

/// The most hosts of a route.
const MAX_HOSTS: usize = 256;

/// Reads a route. Title, revision and times are not its part.
pub fn route(wire: &pb::Route, path: &Path<'_>, violations: &mut Violations) -> Option<Route> {
    let pb::Route {
        name,
        title: _,
        hosts,
        r#match,
        priority,
        action,
        timeouts: time_limits,
        limits: other_limits,
        policies: wanted,
        revision: _,
        created_at: _,
        updated_at: _,
    } = wire;
    let name = self::name(name, &path.field("name"), violations);
    let hosts = self::hosts(hosts, &path.field("hosts"), violations);
    let rule = matching::rule(r#match.as_ref(), &path.field("match"), violations);
    let priority = matching::priority(*priority, &path.field("priority"), violations);
    // A path that is wrong itself is not held against what it is replaced by.
    let matched = rule.as_ref().map(|rule| rule.path());
    let action = match action {
        Some(pb::route::Action::Forward(wire)) => {
            Some(Action::Forward(action::forward(wire, matched, &path.field("forward"), violations)))
        }
        Some(pb::route::Action::Redirect(wire)) => {
            redirect::redirect(wire, matched, &path.field("redirect"), violations).map(Action::Redirect)
        }
        Some(pb::route::Action::Respond(wire)) => {
            respond::respond(wire, &path.field("respond"), violations).map(Action::Respond)
        }
        None => {
            violations.add(path, "does nothing; give one of forward, redirect and respond");
            None
        }
    };
    let timeouts = time_limits.as_ref().map(|wire| timeouts(wire, &path.field("timeouts"), violations));
    let limits = other_limits.as_ref().map(|wire| limits(wire, &path.field("limits"), violations));
    let policies = wanted.as_ref().map(|wire| policies(wire, &path.field("policies"), violations));
    Some(Route {
        name: name?.into(),
        hosts,
        rule: rule?.priority(priority?).ok()?,
        action: action?,
        timeouts: timeouts.unwrap_or_default(),
        limits: limits.unwrap_or_default(),
        policies: policies.unwrap_or_default(),
    })
}

/// The name of a route or a service.
fn name<'w>(text: &'w str, path: &Path<'_>, violations: &mut Violations) -> Option<&'w str> {
    match text {
        text if is_name(text) => return Some(text),
        "" => violations.add(path, format_args!("is empty; {RULE}")),
        text => violations.add(path, format_args!("{} is not a name; {RULE}", Shown(text))),
    }
    None
}

fn hosts(wire: &[String], path: &Path<'_>, violations: &mut Violations) -> Box<[HostPattern]> {
    if wire.is_empty() {
        violations.add(path, "is empty; give at least one host, such as \"shop.example.com\"");
    }
    let hosts = distinct(wire.iter(), MAX_HOSTS, path, violations, |text, path, violations| {
        let host = HostPattern::parse(text);
        host.map_err(|err| violations.add(path, format_args!("{} {err}", Shown(text)))).ok()
    });
    hosts.into()
}
