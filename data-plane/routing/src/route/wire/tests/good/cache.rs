//! Any good caching, as it may be sent.

use gateway_proto::registry::v1::{self as pb, cache_key_query::Rule};
use proptest::{collection::vec, option, prelude::*, sample::subsequence};

use super::{condition, texts};

pub(super) fn cache() -> impl Strategy<Value = pb::Cache> {
    let methods = subsequence(vec!["HEAD", "GET"], 0..=2).prop_filter("HEAD needs GET", |names| *names != ["HEAD"]);
    let sizes = option::of(1..=1_u64 << 30);
    let switches = (0..=2_i32, 0..=2_i32, 0..=2_i32);
    let on = (option::of(Just(true)), lifetimes(), methods, sizes, switches, option::of(key()), option::of(bypass()))
        .prop_map(|(enabled, lifetimes, methods, max_object_size, switches, key, bypass)| {
            let (default_ttl, heuristic_ttl, max_ttl) = lifetimes;
            let (client_no_cache, set_cookie, partial) = switches;
            pb::Cache {
                enabled,
                default_ttl,
                max_ttl,
                heuristic_ttl,
                methods: texts(&methods),
                max_object_size,
                client_no_cache,
                set_cookie,
                partial,
                key,
                bypass,
            }
        });
    prop_oneof![4 => on, 1 => Just(pb::Cache { enabled: Some(false), ..pb::Cache::default() })]
}

type Ttl = Option<prost_types::Duration>;

/// Of default, heuristic and cap, the first two not together and not above the third.
fn lifetimes() -> impl Strategy<Value = (Ttl, Ttl, Ttl)> {
    let ttl = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let some = (1..31_557_600_i64, 0..1_000_000_000_i32);
    let given = prop_oneof![
        Just((None, None)),
        Just((ttl(0, 0), None)),
        some.clone().prop_map(move |(seconds, nanos)| (ttl(seconds, nanos), None)),
        (any::<bool>(), some)
            .prop_map(move |(zero, (seconds, nanos))| { (ttl(0, 0).filter(|_| zero), ttl(seconds, nanos)) }),
    ];
    (given, any::<bool>()).prop_map(move |((default_ttl, heuristic_ttl), is_capped)| {
        (default_ttl, heuristic_ttl, ttl(31_557_600, 0).filter(|_| is_capped))
    })
}

fn key() -> impl Strategy<Value = pb::CacheKey> {
    let names = |least| subsequence(vec!["b", "a%20b", "utm_source", "A"], least..=4);
    let parameters = |names: Vec<&str>| pb::QueryParameters { names: texts(&names) };
    let rule = prop_oneof![
        names(0).prop_map(move |names| Rule::Keep(parameters(names))),
        names(1).prop_map(move |names| Rule::Drop(parameters(names))),
    ];
    let query = option::of(rule.prop_map(|rule| pb::CacheKeyQuery { rule: Some(rule) }));
    let headers = subsequence(vec!["X-B", "accept-language", "X-A"], 0..=3);
    (query, headers, subsequence(vec!["theme", "Lang"], 0..=2)).prop_map(|(query, headers, cookies)| pb::CacheKey {
        query,
        headers: texts(&headers),
        cookies: texts(&cookies),
    })
}

fn bypass() -> impl Strategy<Value = pb::CacheBypass> {
    let cookies = subsequence(vec!["session", "Basket"], 0..=2);
    (vec(condition(), 0..4), vec(condition(), 0..4), cookies).prop_map(|(headers, query, cookies)| pb::CacheBypass {
        headers,
        query,
        cookies: texts(&cookies),
    })
}
