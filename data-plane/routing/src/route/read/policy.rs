//! Reading what is done beside the action.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations},
};

use super::{
    auth, cache, compression, cors,
    headers::{self, Direction},
    rate_limit,
};
use crate::route::{AmbiguousPaths, Policies, Policy};

/// Reads the policies of a service or a route.
pub fn policies(wire: &pb::Policies, path: &Path<'_>, violations: &mut Violations) -> Policies {
    let pb::Policies {
        cors,
        compression,
        request_headers,
        response_headers,
        ambiguous_paths: ambiguous,
        cache,
        rate_limits,
        auth,
    } = wire;
    let cors = cors.as_ref().map(|wire| cors::cors(wire, &path.field("cors"), violations));
    let compression =
        compression.as_ref().map(|wire| compression::compression(wire, &path.field("compression"), violations));
    let mut rules = |wire: &Option<pb::HeaderRules>, field, direction| {
        wire.as_ref().map(|wire| headers::rules(wire, direction, &path.field(field), violations))
    };
    let request_headers = rules(request_headers, "request_headers", Direction::Request);
    let response_headers = rules(response_headers, "response_headers", Direction::Response);
    let ambiguous_paths = ambiguous_paths(*ambiguous, &path.field("ambiguous_paths"), violations);
    let cache = cache.as_ref().map(|wire| cache::cache(wire, &path.field("cache"), violations));
    let rate_limits = rate_limits.as_ref().map(|wire| rate_limit::limits(wire, &path.field("rate_limits"), violations));
    let auth = auth.as_ref().map(|wire| auth::auth(wire, &path.field("auth"), violations));
    Policies {
        cors: cors.unwrap_or_default(),
        compression: compression.unwrap_or_default(),
        request_headers,
        response_headers,
        ambiguous_paths,
        cache: cache.unwrap_or_default(),
        rate_limits: rate_limits.unwrap_or_default(),
        auth: auth.unwrap_or_default(),
    }
}

/// What a block that can be turned off comes to. Of one that is off, nothing else is kept, so that
/// nothing else may be said.
pub(super) fn switched<T>(
    enabled: Option<bool>,
    says_more: bool,
    path: &Path<'_>,
    violations: &mut Violations,
    read: impl FnOnce(&mut Violations) -> Option<T>,
) -> Policy<T> {
    match enabled {
        None | Some(true) => read(violations).map_or(Policy::Unset, Policy::On),
        Some(false) => {
            if says_more {
                let message = "is false, and so the rest of the block means nothing; leave the rest out";
                violations.add(&path.field("enabled"), message);
            }
            Policy::Off
        }
    }
}

fn ambiguous_paths(wire: i32, path: &Path<'_>, violations: &mut Violations) -> Option<AmbiguousPaths> {
    match pb::AmbiguousPaths::try_from(wire) {
        Ok(pb::AmbiguousPaths::Unspecified) => None,
        Ok(pb::AmbiguousPaths::Allow) => Some(AmbiguousPaths::Allow),
        Ok(pb::AmbiguousPaths::Refuse) => Some(AmbiguousPaths::Refuse),
        Err(_) => {
            let message = "is unknown; use AMBIGUOUS_PATHS_ALLOW or AMBIGUOUS_PATHS_REFUSE, or leave it away";
            violations.add(path, format_args!("{wire} {message}"));
            None
        }
    }
}
