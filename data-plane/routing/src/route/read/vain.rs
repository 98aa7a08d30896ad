//! What can be read, because it may be stored since it was not looked at, and never does what it says.
//! It is refused where it is new.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations},
};

/// Notes what is in vain in a route that is new, beside what [`super::route`] notes.
pub fn check_route(wire: &pb::Route, path: &Path<'_>, violations: &mut Violations) {
    let rule = wire.r#match.as_ref();
    if let Some(rule) = rule {
        conditions(&rule.headers, &path.field("match").field("headers"), violations);
    }
    if let Some(pb::route::Action::Redirect(wire)) = &wire.action {
        let is_by_query = rule.is_some_and(|rule| !rule.query.is_empty());
        redirect(wire, is_by_query, &path.field("redirect"), violations);
    }
    if let Some(wire) = &wire.policies {
        check_policies(wire, &path.field("policies"), violations);
    }
}

/// The same of policies, and [`super::policies`].
pub fn check_policies(wire: &pb::Policies, path: &Path<'_>, violations: &mut Violations) {
    if let Some(bypass) = wire.cache.as_ref().and_then(|cache| cache.bypass.as_ref()) {
        conditions(&bypass.headers, &path.field("cache").field("bypass").field("headers"), violations);
    }
    let limits = wire.rate_limits.iter().flat_map(|limits| &limits.limits);
    for (at, limit) in limits.enumerate() {
        if let Some(exempt) = &limit.exempt {
            let path = path.field("rate_limits");
            let path = path.field("limits");
            conditions(&exempt.headers, &path.item(at).field("exempt").field("headers"), violations);
        }
    }
}

/// A value comes without the white space around it (RFC 9110 section 5.5); what it begins with is noted
/// by who reads it.
fn conditions(wire: &[pb::Condition], path: &Path<'_>, violations: &mut Violations) {
    let blank = [' ', '\t'];
    for (at, condition) in wire.iter().enumerate() {
        if let Some(pb::condition::Test::Exact(text)) = &condition.test
            && text.ends_with(blank)
            && !text.starts_with(blank)
        {
            let message = "ends with white space, which is no part of a header field's value; leave it out";
            violations.add(&path.item(at).field("exact"), format_args!("{} {message}", Shown(text)));
        }
    }
}

/// Without its query, a request that was not chosen by it takes the same route again; and clients use
/// http already.
fn redirect(wire: &pb::Redirect, is_by_query: bool, path: &Path<'_>, violations: &mut Violations) {
    let pb::Redirect { status: _, scheme, host, port, path_rewrite, strip_query } = wire;
    let is_elsewhere = !host.is_empty() || *port != 0 || path_rewrite.is_some();
    if is_elsewhere || (*strip_query && is_by_query) {
        return;
    }
    let message = match (&**scheme, strip_query) {
        ("" | "http", true) => "without its query, the request takes this route again",
        ("http", false) => "is http already where the client is, so that it is led back there",
        _ => return,
    };
    let field = if *strip_query { "strip_query" } else { "scheme" };
    violations
        .add(&path.field(field), format_args!("{message}; give host, port, prefix or path, or the scheme \"https\""));
}
