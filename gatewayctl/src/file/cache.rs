//! What is stored of responses, in the declarative file.

use gateway_proto::registry::v1::{self as pb, cache_key_query::Rule};

use super::{at::At, route};

/// The fields of caching.
pub(super) const CACHE: [&str; 11] = [
    "enabled",
    "default_ttl",
    "max_ttl",
    "heuristic_ttl",
    "methods",
    "max_object_size",
    "client_no_cache",
    "set_cookie",
    "partial",
    "key",
    "bypass",
];
/// The fields of a key.
pub(super) const KEY: [&str; 3] = ["query", "headers", "cookies"];
/// The fields of the query in a key.
pub(super) const QUERY: [&str; 2] = ["keep", "drop"];
/// The fields of what goes past the cache.
pub(super) const BYPASS: [&str; 3] = ["headers", "query", "cookies"];

pub(super) fn cache(at: &mut At<'_>) -> Option<pb::Cache> {
    at.has_fields(&CACHE).then(|| pb::Cache {
        enabled: at.field("enabled", |at| at.truth()),
        default_ttl: at.field("default_ttl", |at| at.duration()),
        max_ttl: at.field("max_ttl", |at| at.duration()),
        heuristic_ttl: at.field("heuristic_ttl", |at| at.duration()),
        methods: at.field("methods", |at| at.texts()).unwrap_or_default(),
        max_object_size: at.field("max_object_size", |at| at.size()),
        client_no_cache: at
            .field("client_no_cache", |at| {
                at.word([("honour", pb::ClientNoCache::Honour), ("ignore", pb::ClientNoCache::Ignore)])
            })
            .unwrap_or_default()
            .into(),
        set_cookie: at
            .field("set_cookie", |at| {
                at.word([("refuse", pb::CachedSetCookie::Refuse), ("store", pb::CachedSetCookie::Store)])
            })
            .unwrap_or_default()
            .into(),
        partial: at
            .field("partial", |at| {
                at.word([("refuse", pb::CachedPartial::Refuse), ("store", pb::CachedPartial::Store)])
            })
            .unwrap_or_default()
            .into(),
        key: at.field("key", key),
        bypass: at.field("bypass", bypass),
    })
}

fn key(at: &mut At<'_>) -> Option<pb::CacheKey> {
    at.has_fields(&KEY).then(|| pb::CacheKey {
        query: at.field("query", query),
        headers: at.field("headers", |at| at.texts()).unwrap_or_default(),
        cookies: at.field("cookies", |at| at.texts()).unwrap_or_default(),
    })
}

fn query(at: &mut At<'_>) -> Option<pb::CacheKeyQuery> {
    at.has_fields(&QUERY).then(|| pb::CacheKeyQuery {
        rule: at.one_of([("keep", |at| parameters(at).map(Rule::Keep)), ("drop", |at| parameters(at).map(Rule::Drop))]),
    })
}

fn parameters(at: &mut At<'_>) -> Option<pb::QueryParameters> {
    at.texts().map(|names| pb::QueryParameters { names })
}

fn bypass(at: &mut At<'_>) -> Option<pb::CacheBypass> {
    at.has_fields(&BYPASS).then(|| pb::CacheBypass {
        headers: at.field("headers", |at| at.items(route::condition)).unwrap_or_default(),
        query: at.field("query", |at| at.items(route::condition)).unwrap_or_default(),
        cookies: at.field("cookies", |at| at.texts()).unwrap_or_default(),
    })
}
