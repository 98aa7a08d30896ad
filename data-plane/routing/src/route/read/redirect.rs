//! Reading where a client is sent.

use gateway_proto::{
    host::{HostError, HostPattern},
    registry::v1 as pb,
    violation::{Path, Shown, Violations},
};
use http::StatusCode;

use super::rewrite;
use crate::{
    PathMatcher,
    route::{Redirect, Scheme},
};

/// `matched` is what the route matches by, unless something is wrong with that.
pub(super) fn redirect(
    wire: &pb::Redirect,
    matched: Option<&PathMatcher>,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<Redirect> {
    let pb::Redirect { status: code, scheme: kind, host: name, port: number, path_rewrite, strip_query } = wire;
    let changes = !kind.is_empty() || !name.is_empty() || *number != 0 || path_rewrite.is_some() || *strip_query;
    if !changes {
        let message =
            "leads back to where the client is; give at least one of scheme, host, port, prefix, path and strip_query";
        violations.add(path, message);
    }
    let status = status(*code, &path.field("status"), violations);
    let scheme = scheme(kind, &path.field("scheme"), violations);
    let host = host(name, &path.field("host"), violations);
    let port = port(*number, &path.field("port"), violations);
    let replaced = match path_rewrite {
        None => None,
        Some(pb::redirect::PathRewrite::Prefix(text)) => {
            rewrite::prefix(text, matched, &path.field("prefix"), violations)
        }
        Some(pb::redirect::PathRewrite::Path(text)) => rewrite::whole(text, matched, &path.field("path"), violations),
    };
    Some(Redirect { status: status?, scheme, host, port, path: replaced, strip_query: *strip_query })
}

fn status(wire: u32, path: &Path<'_>, violations: &mut Violations) -> Option<StatusCode> {
    match wire {
        0 | 308 => Some(StatusCode::PERMANENT_REDIRECT),
        301 => Some(StatusCode::MOVED_PERMANENTLY),
        302 => Some(StatusCode::FOUND),
        303 => Some(StatusCode::SEE_OTHER),
        307 => Some(StatusCode::TEMPORARY_REDIRECT),
        other => {
            let message = format_args!("{other} does not send clients elsewhere; use 301, 302, 303, 307 or 308");
            violations.add(path, message);
            None
        }
    }
}

fn scheme(wire: &str, path: &Path<'_>, violations: &mut Violations) -> Option<Scheme> {
    match wire {
        "" => None,
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        other => {
            violations
                .add(path, format_args!("{} is no scheme to be sent to; use \"http\" or \"https\"", Shown(other)));
            None
        }
    }
}

fn host(wire: &str, path: &Path<'_>, violations: &mut Violations) -> Option<Box<str>> {
    if wire.is_empty() {
        return None;
    }
    match HostPattern::parse(wire) {
        Ok(HostPattern::Exact(host)) => return Some(host),
        Ok(HostPattern::Wildcard(_)) => {
            violations.add(path, format_args!("{} is many hosts; give the one to be sent to", Shown(wire)));
        }
        Err(HostError::UnexpectedPort) => {
            violations.add(path, format_args!("{} has a port; give it as port", Shown(wire)));
        }
        Err(err) => violations.add(path, format_args!("{} {err}", Shown(wire))),
    }
    None
}

fn port(wire: u32, path: &Path<'_>, violations: &mut Violations) -> Option<u16> {
    let port = u16::try_from(wire);
    if port.is_err() {
        violations.add(path, format_args!("{wire} is too large; use 1 to 65535, or 0 for none"));
    }
    port.ok().filter(|port| *port != 0)
}
