//! Caching as the control plane stores it.

use gateway_proto::registry::v1::{self as pb, cache_key_query::Rule};
use proptest::{collection::vec, option, prelude::*};

use super::{bytes, duration, route::condition, texts};

fn methods() -> Vec<String> {
    ["GET", "HEAD"].map(str::to_owned).to_vec()
}

prop_compose! {
    pub(super) fn cache()(
        enabled: bool,
        default_ttl in prop_oneof![Just(Some(prost_types::Duration::default())), duration(0..31_557_600_000)],
        max_ttl in option::of(duration(1000..31_557_600_000)),
        heuristic_ttl in option::of(duration(1000..31_557_600_000)),
        methods in prop_oneof![Just(methods()), Just(vec!["GET".to_owned()])],
        max_object_size in prop_oneof![Just(8 << 20), bytes()],
        switches in (1..3i32, 1..3i32, 1..3i32),
        key in option::of(key()),
        bypass in option::of(bypass()),
    ) -> pb::Cache {
        let (client_no_cache, set_cookie, partial) = switches;
        pb::Cache {
            enabled: Some(enabled),
            default_ttl,
            max_ttl: max_ttl.flatten(),
            heuristic_ttl: heuristic_ttl.flatten(),
            methods,
            max_object_size: Some(max_object_size),
            client_no_cache,
            set_cookie,
            partial,
            key,
            bypass,
        }
    }
}

prop_compose! {
    fn key()(query in option::of((any::<bool>(), texts())), headers in texts(), cookies in texts()) -> pb::CacheKey {
        let query = query.map(|(keep, names)| {
            let names = pb::QueryParameters { names };
            pb::CacheKeyQuery { rule: Some(if keep { Rule::Keep(names) } else { Rule::Drop(names) }) }
        });
        pb::CacheKey { query, headers, cookies }
    }
}

prop_compose! {
    fn bypass()(headers in vec(condition(), 0..3), query in vec(condition(), 0..3), cookies in texts()) -> pb::CacheBypass {
        pb::CacheBypass { headers, query, cookies }
    }
}

/// Fills in what the control plane would, by cache.proto.
pub(super) fn stored_cache(mut cache: pb::Cache) -> pb::Cache {
    cache.enabled = cache.enabled.or(Some(true));
    cache.default_ttl = cache.default_ttl.or(Some(prost_types::Duration::default()));
    cache.max_object_size = cache.max_object_size.or(Some(8 << 20));
    if cache.methods.is_empty() {
        cache.methods = methods();
    }
    for (switch, default) in [
        (&mut cache.client_no_cache, pb::ClientNoCache::Honour.into()),
        (&mut cache.set_cookie, pb::CachedSetCookie::Refuse.into()),
        (&mut cache.partial, pb::CachedPartial::Store.into()),
    ] {
        if *switch == 0 {
            *switch = default;
        }
    }
    cache
}
