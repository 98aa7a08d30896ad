//! Policies, to the wire.

use gateway_proto::registry::v1 as pb;

use super::{auth::auth, cache::cache, cors::cors, rate_limit};
use crate::route::{
    AmbiguousPaths, Compression, CompressionAlgorithm, HeaderField, HeaderRules, Policies, Policy,
    read::DEFAULT_CONTENT_TYPES,
};

/// What is done beside the action; nothing by default.
#[must_use]
pub fn policies(policies: &Policies) -> Option<pb::Policies> {
    let Policies {
        cors: sharing,
        compression: bodies,
        request_headers,
        response_headers,
        ambiguous_paths,
        cache: stored,
        rate_limits,
        auth: wanted,
    } = policies;
    let wire = pb::Policies {
        cors: switched(sharing, cors, pb::Cors { enabled: Some(false), ..pb::Cors::default() }),
        compression: switched(
            bodies,
            compression,
            pb::Compression { enabled: Some(false), ..pb::Compression::default() },
        ),
        request_headers: request_headers.as_ref().map(rules),
        response_headers: response_headers.as_ref().map(rules),
        ambiguous_paths: match ambiguous_paths {
            None => pb::AmbiguousPaths::Unspecified,
            Some(AmbiguousPaths::Allow) => pb::AmbiguousPaths::Allow,
            Some(AmbiguousPaths::Refuse) => pb::AmbiguousPaths::Refuse,
        }
        .into(),
        auth: switched(wanted, |wanted| auth(wanted), pb::Auth { enabled: Some(false), ..pb::Auth::default() }),
        rate_limits: switched(rate_limits, |limits| rate_limit::limits(limits), pb::RateLimits::default()),
        cache: switched(stored, cache, pb::Cache { enabled: Some(false), ..pb::Cache::default() }),
    };
    (*policies != Policies::default()).then_some(wire)
}

fn switched<T, W>(policy: &Policy<T>, on: impl FnOnce(&T) -> W, off: W) -> Option<W> {
    match policy {
        Policy::Unset => None,
        Policy::Off => Some(off),
        Policy::On(policy) => Some(on(policy)),
    }
}

fn compression(compression: &Compression) -> pb::Compression {
    let Compression { algorithms, min_size, content_types } = compression;
    let algorithm = |algorithm: &CompressionAlgorithm| match algorithm {
        CompressionAlgorithm::Gzip => pb::CompressionAlgorithm::Gzip.into(),
        CompressionAlgorithm::Brotli => pb::CompressionAlgorithm::Brotli.into(),
        CompressionAlgorithm::Zstd => pb::CompressionAlgorithm::Zstd.into(),
    };
    let content_types: Vec<String> = content_types.iter().map(ToString::to_string).collect();
    let is_default = content_types == DEFAULT_CONTENT_TYPES;
    pb::Compression {
        enabled: Some(true),
        algorithms: algorithms.iter().map(algorithm).collect(),
        min_size: Some(*min_size),
        content_types: if is_default { Vec::new() } else { content_types },
    }
}

fn rules(rules: &HeaderRules) -> pb::HeaderRules {
    let HeaderRules { remove, set, add } = rules;
    pb::HeaderRules {
        set: set.iter().map(field).collect(),
        add: add.iter().map(field).collect(),
        remove: remove.iter().map(ToString::to_string).collect(),
    }
}

fn field(field: &HeaderField) -> pb::HeaderField {
    let HeaderField { name, value } = field;
    // It is printable ASCII.
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    pb::HeaderField { name: name.to_string(), value }
}
