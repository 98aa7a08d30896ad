//! What services and routes have in common in the declarative file: limits and policies.

use gateway_proto::registry::v1 as pb;

use super::{at::At, auth, cache, rate_limit};

/// The fields of time-outs.
pub(super) const TIMEOUTS: [&str; 4] = ["connect", "response", "idle", "total"];
/// The fields of limits.
pub(super) const LIMITS: [&str; 1] = ["request_body"];
/// The fields of CORS.
pub(super) const CORS: [&str; 7] =
    ["enabled", "allow_origins", "allow_methods", "allow_headers", "expose_headers", "allow_credentials", "max_age"];
/// The fields of compression.
pub(super) const COMPRESSION: [&str; 4] = ["enabled", "algorithms", "min_size", "content_types"];
/// The fields of changes to a header.
pub(super) const HEADER_RULES: [&str; 3] = ["set", "add", "remove"];
/// The fields of a header field.
pub(super) const HEADER_FIELD: [&str; 2] = ["name", "value"];

pub(super) fn timeouts(at: &mut At<'_>) -> Option<pb::Timeouts> {
    at.has_fields(&TIMEOUTS).then(|| pb::Timeouts {
        connect: at.field("connect", |at| at.duration()),
        response: at.field("response", |at| at.duration()),
        idle: at.field("idle", |at| at.duration()),
        total: at.field("total", |at| at.duration()),
    })
}

pub(super) fn limits(at: &mut At<'_>) -> Option<pb::Limits> {
    at.has_fields(&LIMITS).then(|| pb::Limits { request_body: at.field("request_body", |at| at.size()) })
}

/// The policies that stand directly on a service or a route; none where none does.
pub(super) fn policies(at: &mut At<'_>) -> Option<pb::Policies> {
    let policies = pb::Policies {
        cors: at.field("cors", cors),
        compression: at.field("compression", compression),
        request_headers: at.field("request_headers", header_rules),
        response_headers: at.field("response_headers", header_rules),
        ambiguous_paths: at.field("ambiguous_paths", ambiguous_paths).unwrap_or_default().into(),
        cache: at.field("cache", cache::cache),
        rate_limits: at.field("rate_limits", rate_limit::rate_limits),
        auth: at.field("auth", auth::auth),
    };
    Some(policies).filter(|policies| *policies != pb::Policies::default())
}

fn cors(at: &mut At<'_>) -> Option<pb::Cors> {
    at.has_fields(&CORS).then(|| pb::Cors {
        enabled: at.field("enabled", |at| at.truth()),
        allow_origins: at.field("allow_origins", |at| at.texts()).unwrap_or_default(),
        allow_methods: at.field("allow_methods", |at| at.texts()).unwrap_or_default(),
        allow_headers: at.field("allow_headers", |at| at.texts()).unwrap_or_default(),
        expose_headers: at.field("expose_headers", |at| at.texts()).unwrap_or_default(),
        allow_credentials: at.field("allow_credentials", |at| at.truth()).unwrap_or_default(),
        max_age: at.field("max_age", |at| at.duration()),
    })
}

fn compression(at: &mut At<'_>) -> Option<pb::Compression> {
    at.has_fields(&COMPRESSION).then(|| pb::Compression {
        enabled: at.field("enabled", |at| at.truth()),
        algorithms: at.field("algorithms", |at| at.items(algorithm)).unwrap_or_default(),
        min_size: at.field("min_size", |at| at.size()),
        content_types: at.field("content_types", |at| at.texts()).unwrap_or_default(),
    })
}

/// One that is none stays as "unspecified", so that indices keep their meaning.
fn algorithm(at: &mut At<'_>) -> i32 {
    let algorithm = match at.text().as_deref() {
        Some("gzip") => pb::CompressionAlgorithm::Gzip,
        Some("br") => pb::CompressionAlgorithm::Brotli,
        Some("zstd") => pb::CompressionAlgorithm::Zstd,
        Some(_) => {
            at.mistake("is no way to compress; there are: zstd, br, gzip");
            pb::CompressionAlgorithm::Unspecified
        }
        None => pb::CompressionAlgorithm::Unspecified,
    };
    algorithm.into()
}

fn header_rules(at: &mut At<'_>) -> Option<pb::HeaderRules> {
    at.has_fields(&HEADER_RULES).then(|| pb::HeaderRules {
        set: at.field("set", |at| at.items(header_field)).unwrap_or_default(),
        add: at.field("add", |at| at.items(header_field)).unwrap_or_default(),
        remove: at.field("remove", |at| at.texts()).unwrap_or_default(),
    })
}

fn header_field(at: &mut At<'_>) -> pb::HeaderField {
    if !at.has_fields(&HEADER_FIELD) {
        return pb::HeaderField::default();
    }
    at.needs("name");
    at.needs("value");
    pb::HeaderField {
        name: at.field("name", |at| at.filled_text()).unwrap_or_default(),
        value: at.field("value", |at| at.text()).unwrap_or_default(),
    }
}

fn ambiguous_paths(at: &mut At<'_>) -> Option<pb::AmbiguousPaths> {
    at.word([("allow", pb::AmbiguousPaths::Allow), ("refuse", pb::AmbiguousPaths::Refuse)])
}
