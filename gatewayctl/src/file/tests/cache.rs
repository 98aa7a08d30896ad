//! Caching in files.

use gateway_proto::registry::v1::{self as pb, cache_key_query::Rule, condition::Test};

use super::{mistakes, seconds, services};

fn cache(fields: &str) -> pb::Cache {
    services(&format!("services: [{{name: s, cache: {fields}}}]")).remove(0).policies.unwrap().cache.unwrap()
}

#[test]
fn every_field_is_read() {
    let full = "{enabled: true, default_ttl: 0s, max_ttl: 24h, heuristic_ttl: 1h, methods: [GET], \
                max_object_size: 512KiB, client_no_cache: ignore, set_cookie: store, partial: refuse, \
                key: {query: {keep: []}, headers: [Accept-Language], cookies: [theme]}, \
                bypass: {headers: [{name: X-Debug, present: true}], query: [{name: preview, exact: \"1\"}], \
                cookies: [session]}}";
    let condition = |name: &str, test| pb::Condition { name: name.into(), test: Some(test) };
    let expected = pb::Cache {
        enabled: Some(true),
        default_ttl: seconds(0),
        max_ttl: seconds(86_400),
        heuristic_ttl: seconds(3600),
        methods: vec!["GET".into()],
        max_object_size: Some(512 << 10),
        client_no_cache: pb::ClientNoCache::Ignore.into(),
        set_cookie: pb::CachedSetCookie::Store.into(),
        partial: pb::CachedPartial::Refuse.into(),
        key: Some(pb::CacheKey {
            query: Some(pb::CacheKeyQuery { rule: Some(Rule::Keep(pb::QueryParameters::default())) }),
            headers: vec!["Accept-Language".into()],
            cookies: vec!["theme".into()],
        }),
        bypass: Some(pb::CacheBypass {
            headers: vec![condition("X-Debug", Test::Present(true))],
            query: vec![condition("preview", Test::Exact("1".into()))],
            cookies: vec!["session".into()],
        }),
    };
    assert_eq!(cache(full), expected);
    assert_eq!(cache("{}"), pb::Cache::default());
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = "services:
- name: s
  cache:
    enabled: yes
    default_ttl: 10
    methods: GET
    max_object_size: 8MB
    client_no_cache: maybe
    set_cookie: [store]
    partial: forbid
    key: {query: {keep: [a], drop: [b]}, path: x}
    bypass: {headers: [{name: a}], cookies: session}
    ttl: 5s
- name: t
  cache: {key: {query: {}}}
";
    let expected = [
        "f.yaml:4:14: services[0].cache.enabled: is yes; write true or false",
        "f.yaml:5:18: services[0].cache.default_ttl: \"10\" is no duration; write a number and its unit, such as 250ms, 5s or 10m",
        "f.yaml:6:14: services[0].cache.methods: is a text; write a list",
        "f.yaml:7:22: services[0].cache.max_object_size: \"8MB\" is no size; \"MB\" is not a unit; give a whole number and a unit of B, KiB, MiB, GiB or TiB, such as 512B, 64KiB or 10MiB",
        "f.yaml:8:22: services[0].cache.client_no_cache: is not known; there are: honour, ignore",
        "f.yaml:9:17: services[0].cache.set_cookie: is a list; write a text",
        "f.yaml:10:14: services[0].cache.partial: is not known; there are: refuse, store",
        "f.yaml:11:18: services[0].cache.key.query: has more than one of keep and drop; choose one",
        "f.yaml:11:42: services[0].cache.key.path: is no field here; there are: query, headers, cookies",
        "f.yaml:12:24: services[0].cache.bypass.headers[0]: has none of exact, present, prefix and regex; write one",
        "f.yaml:12:45: services[0].cache.bypass.cookies: is a text; write a list",
        "f.yaml:13:5: services[0].cache.ttl: is no field here; there are: enabled, default_ttl, max_ttl, heuristic_ttl, methods, max_object_size, client_no_cache, set_cookie, partial, key, bypass",
        "f.yaml:15:24: services[1].cache.key.query: has none of keep and drop; write one",
    ];
    let found = mistakes(text);
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}
