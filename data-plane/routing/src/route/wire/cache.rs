//! What is stored of responses, to the wire.

use gateway_caching::{
    FOREVER, Policy,
    key::{Query, Rules},
    policy::{Assumed, Partial, Reloads, SetCookie},
};
use gateway_proto::registry::v1 as pb;

use super::{duration, matching::condition};
use crate::route::{Cache, CacheBypass};

pub(super) fn cache(cache: &Cache) -> pb::Cache {
    let Cache { rules, key, answers_head, bypass, max_object_size } = cache;
    let Policy { assumed, max_ttl, set_cookie, reloads, partial } = *rules;
    let (default_ttl, heuristic_ttl) = match assumed {
        Assumed::Nothing => (Default::default(), None),
        Assumed::Fixed(ttl) => (ttl, None),
        Assumed::Tenth { at_most } => (Default::default(), Some(at_most)),
    };
    let methods: &[&str] = if *answers_head { &["GET", "HEAD"] } else { &["GET"] };
    pb::Cache {
        enabled: Some(true),
        default_ttl: Some(duration(default_ttl)),
        max_ttl: Some(max_ttl).filter(|ttl| *ttl < FOREVER).map(duration),
        heuristic_ttl: heuristic_ttl.map(duration),
        methods: methods.iter().map(ToString::to_string).collect(),
        max_object_size: Some(*max_object_size),
        client_no_cache: match reloads {
            Reloads::Honour => pb::ClientNoCache::Honour,
            Reloads::Ignore => pb::ClientNoCache::Ignore,
        }
        .into(),
        set_cookie: match set_cookie {
            SetCookie::Refuse => pb::CachedSetCookie::Refuse,
            SetCookie::Store => pb::CachedSetCookie::Store,
        }
        .into(),
        partial: match partial {
            Partial::Refuse => pb::CachedPartial::Refuse,
            Partial::Store => pb::CachedPartial::Store,
        }
        .into(),
        key: self::key(key),
        bypass: self::bypass(bypass),
    }
}

/// Nothing where the key has nothing that it would not have anyway.
fn key(key: &Rules) -> Option<pb::CacheKey> {
    use pb::cache_key_query::Rule;
    let parameters = |names: &[Box<str>]| pb::QueryParameters { names: texts(names) };
    let rule = match key.query() {
        Query::All => None,
        Query::Only(names) => Some(Rule::Keep(parameters(names))),
        Query::Without(names) => Some(Rule::Drop(parameters(names))),
    };
    let wire = pb::CacheKey {
        query: rule.map(|rule| pb::CacheKeyQuery { rule: Some(rule) }),
        headers: texts(key.headers()),
        cookies: texts(key.cookies()),
    };
    (wire != pb::CacheKey::default()).then_some(wire)
}

/// Nothing where no request goes past.
fn bypass(bypass: &CacheBypass) -> Option<pb::CacheBypass> {
    let CacheBypass { headers, query, cookies } = bypass;
    let wire = pb::CacheBypass {
        headers: headers.iter().map(condition).collect(),
        query: query.iter().map(condition).collect(),
        cookies: texts(cookies),
    };
    (wire != pb::CacheBypass::default()).then_some(wire)
}

fn texts(names: &[Box<str>]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
