use std::time::Duration;

use gateway_caching::{
    FOREVER,
    key::{Query, Rules},
    policy::{Assumed, Partial, Reloads, SetCookie},
};
use gateway_proto::registry::v1::{self as pb, cache_key_query::Rule, condition::Test};
use http::Method;

use super::{read_policies, refuses, seconds};
use crate::{
    Request,
    route::{Cache, CacheBypass, Policy},
};

#[track_caller]
fn refused(field: &str, words: &str, change: impl FnOnce(&mut pb::Cache)) {
    let mut cache = pb::Cache::default();
    change(&mut cache);
    refuses(&format!("policies.cache.{field}"), words, |wire| {
        wire.policies = Some(pb::Policies { cache: Some(cache), ..pb::Policies::default() });
    });
}

#[track_caller]
fn read(wire: pb::Cache) -> Cache {
    let policies = read_policies(&pb::Policies { cache: Some(wire), ..pb::Policies::default() });
    let Policy::On(cache) = policies.unwrap().cache else { panic!() };
    cache
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn by_default_nothing_is_assumed() {
    let expected = Cache {
        rules: gateway_caching::Policy { partial: Partial::Store, ..gateway_caching::Policy::default() },
        key: Rules::default(),
        answers_head: true,
        bypass: CacheBypass::default(),
        max_object_size: 8 << 20,
    };
    let empty = pb::Cache {
        key: Some(pb::CacheKey::default()),
        bypass: Some(pb::CacheBypass::default()),
        ..pb::Cache::default()
    };
    for wire in [pb::Cache::default(), pb::Cache { enabled: Some(true), ..empty }] {
        assert_eq!(read(wire), expected);
    }
    assert_eq!((expected.rules.assumed, expected.rules.max_ttl), (Assumed::Nothing, FOREVER));
    let off = pb::Cache { enabled: Some(false), ..pb::Cache::default() };
    assert_eq!(
        read_policies(&pb::Policies { cache: Some(off), ..pb::Policies::default() }).unwrap().cache,
        Policy::Off
    );
    refused("enabled", "leave the rest out", |cache| {
        cache.enabled = Some(false);
        cache.default_ttl = seconds(0);
    });
}

#[test]
fn lifetimes() {
    const YEAR: i64 = 31_557_600;
    for field in ["default_ttl", "max_ttl", "heuristic_ttl"] {
        let set = |cache: &mut pb::Cache, ttl| match field {
            "default_ttl" => cache.default_ttl = ttl,
            "max_ttl" => cache.max_ttl = ttl,
            _ => cache.heuristic_ttl = ttl,
        };
        refused(field, "is negative; use", |cache| set(cache, seconds(-1)));
        refused(field, "is too long; use", |cache| set(cache, seconds(YEAR + 1)));
        if field != "default_ttl" {
            refused(field, "is too short; use 1s to 1year", |cache| set(cache, seconds(0)));
        }
    }
    for (default_ttl, heuristic_ttl, assumed) in [
        (None, None, Assumed::Nothing),
        (seconds(0), None, Assumed::Nothing),
        (seconds(10), None, Assumed::Fixed(Duration::from_secs(10))),
        (seconds(0), seconds(60), Assumed::Tenth { at_most: Duration::from_secs(60) }),
        (None, seconds(YEAR), Assumed::Tenth { at_most: Duration::from_secs(31_557_600) }),
    ] {
        assert_eq!(read(pb::Cache { default_ttl, heuristic_ttl, ..pb::Cache::default() }).rules.assumed, assumed);
    }
    refused("heuristic_ttl", "is given beside a default_ttl", |cache| {
        (cache.default_ttl, cache.heuristic_ttl) = (seconds(1), seconds(60));
    });
    refused("default_ttl", "is longer than max_ttl", |cache| {
        (cache.default_ttl, cache.max_ttl) = (seconds(11), seconds(10));
    });
    refused("heuristic_ttl", "is longer than max_ttl", |cache| {
        (cache.heuristic_ttl, cache.max_ttl) = (seconds(11), seconds(10));
    });
    let capped = read(pb::Cache { default_ttl: seconds(10), max_ttl: seconds(10), ..pb::Cache::default() });
    assert_eq!(capped.rules.max_ttl, Duration::from_secs(10));
}

#[test]
fn what_is_stored_and_answered() {
    refused("methods[0]", "\"POST\" is never answered from a cache", |cache| cache.methods = texts(&["POST", "GET"]));
    refused("methods[1]", "the same as number 0", |cache| cache.methods = texts(&["GET", "GET"]));
    refused("methods", "has no \"GET\"", |cache| cache.methods = texts(&["HEAD"]));
    for (methods, answers_head) in [(texts(&["HEAD", "GET"]), true), (texts(&["GET"]), false)] {
        assert_eq!(read(pb::Cache { methods, ..pb::Cache::default() }).answers_head, answers_head);
    }
    refused("max_object_size", "0B is too small; use 1B to 1GiB", |cache| cache.max_object_size = Some(0));
    refused("max_object_size", "is too large", |cache| cache.max_object_size = Some((1 << 30) + 1));
    refused("client_no_cache", "3 is unknown; use CLIENT_NO_CACHE_HONOUR", |cache| cache.client_no_cache = 3);
    refused("set_cookie", "-1 is unknown; use CACHED_SET_COOKIE_REFUSE", |cache| cache.set_cookie = -1);
    refused("partial", "3 is unknown; use CACHED_PARTIAL_REFUSE", |cache| cache.partial = 3);
    let bold = read(pb::Cache {
        max_object_size: Some(1 << 30),
        client_no_cache: pb::ClientNoCache::Ignore.into(),
        set_cookie: pb::CachedSetCookie::Store.into(),
        partial: pb::CachedPartial::Refuse.into(),
        ..pb::Cache::default()
    });
    let gateway_caching::Policy { set_cookie, reloads, partial, .. } = bold.rules;
    assert_eq!((set_cookie, reloads, partial), (SetCookie::Store, Reloads::Ignore, Partial::Refuse));
    assert_eq!(bold.max_object_size, 1 << 30);
}

fn with_key(key: pb::CacheKey) -> pb::Cache {
    pb::Cache { key: Some(key), ..pb::Cache::default() }
}

fn query(rule: Option<Rule>) -> pb::Cache {
    with_key(pb::CacheKey { query: Some(pb::CacheKeyQuery { rule }), ..pb::CacheKey::default() })
}

#[test]
fn what_is_in_the_key() {
    let names = |names: &[&str]| pb::QueryParameters { names: texts(names) };
    let many = |count| (0..count).map(|at| format!("x-{at}")).collect::<Vec<_>>();
    refused("key.query", "says nothing; give one of keep and drop", |cache| *cache = query(None));
    refused("key.query.drop", "is empty", |cache| *cache = query(Some(Rule::Drop(names(&[])))));
    for bad in ["", "a b", "a=1", "a&b", "a;b", "ä", "a#", &"a".repeat(257)] {
        refused("key.query.keep[0]", "is no parameter's name", |cache| *cache = query(Some(Rule::Keep(names(&[bad])))));
    }
    refused("key.query.drop[1]", "the same as number 0", |cache| *cache = query(Some(Rule::Drop(names(&["a", "a"])))));
    refused("key.query.keep", "are 33; give 32", |cache| {
        *cache = query(Some(Rule::Keep(pb::QueryParameters { names: many(33) })));
    });
    refused("key.headers[1]", "the same as number 0", |cache| {
        *cache = with_key(pb::CacheKey { headers: texts(&["X-A", "x-a"]), ..pb::CacheKey::default() });
    });
    refused("key.headers[0]", "is no field name", |cache| {
        *cache = with_key(pb::CacheKey { headers: texts(&["a b"]), ..pb::CacheKey::default() });
    });
    refused("key.headers", "are 33; give 32", |cache| {
        *cache = with_key(pb::CacheKey { headers: many(33), ..pb::CacheKey::default() });
    });
    refused("key.cookies[0]", "is no cookie's name", |cache| {
        *cache = with_key(pb::CacheKey { cookies: texts(&["a;b"]), ..pb::CacheKey::default() });
    });
    assert_eq!(*read(query(Some(Rule::Keep(names(&[]))))).key.query(), Query::Only(vec![]));
    assert_eq!(
        *read(query(Some(Rule::Drop(names(&["b", "%61"]))))).key.query(),
        Query::Without(vec!["%61".into(), "b".into()])
    );
    // Whatever the order, what is stored is found.
    let key = |headers: &[&str], cookies: &[&str]| {
        read(with_key(pb::CacheKey { headers: texts(headers), cookies: texts(cookies), ..pb::CacheKey::default() })).key
    };
    assert_eq!(key(&["x-b", "X-A"], &["d", "c"]), key(&["X-a", "x-b"], &["c", "d"]));
    assert_ne!(key(&["x-b"], &[]), key(&[], &["x-b"]));
}

fn condition(name: &str, test: Test) -> pb::Condition {
    pb::Condition { name: name.into(), test: Some(test) }
}

#[test]
fn what_goes_past() {
    let past = |bypass| pb::Cache { bypass: Some(bypass), ..pb::Cache::default() };
    refused("bypass.headers[0].name", "is no field name", |cache| {
        let headers = vec![condition("a b", Test::Present(true))];
        *cache = past(pb::CacheBypass { headers, ..pb::CacheBypass::default() });
    });
    refused("bypass.query[0].regex", "is no regular expression", |cache| {
        let query = vec![condition("a", Test::Regex("(".into()))];
        *cache = past(pb::CacheBypass { query, ..pb::CacheBypass::default() });
    });
    refused("bypass", "has 33 conditions of headers and query together; give 32", |cache| {
        let many = |count| (0..count).map(|at| condition(&format!("x-{at}"), Test::Present(true))).collect();
        *cache = past(pb::CacheBypass { headers: many(16), query: many(17), cookies: vec![] });
    });
    refused("bypass.cookies[0]", "is no cookie's name", |cache| {
        *cache = past(pb::CacheBypass { cookies: texts(&[""]), ..pb::CacheBypass::default() });
    });
    let bypass = read(past(pb::CacheBypass {
        headers: vec![condition("X-Debug", Test::Exact("1".into()))],
        query: vec![condition("preview", Test::Present(true))],
        cookies: texts(&["session"]),
    }))
    .bypass;
    for (query, field, goes_past) in [
        ("", ("x-debug", "1"), true),
        ("", ("x-debug", "2"), false),
        ("a&pre%76iew=", ("x", ""), true),
        ("previews=1", ("x", ""), false),
        ("", ("cookie", "a=1; session=2"), true),
        ("", ("cookie", "%53ession"), true),
        ("", ("cookie", "a=session; sessions=1"), false),
        ("", ("x", ""), false),
    ] {
        assert_eq!(bypass.holds(&Asked { query, field }), goes_past, "{query} {field:?}");
    }
    assert!(!CacheBypass::default().holds(&Asked { query: "preview", field: ("cookie", "session=1") }));
}

pub(super) struct Asked {
    pub(super) query: &'static str,
    pub(super) field: (&'static str, &'static str),
}

impl Request for Asked {
    fn method(&self) -> &Method {
        &Method::GET
    }

    fn path(&self) -> &[u8] {
        b"/"
    }

    fn query(&self) -> &[u8] {
        self.query.as_bytes()
    }

    fn headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let (field, value) = self.field;
        (field == name).then_some(value.as_bytes()).into_iter()
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wire = pb::Cache {
        enabled: None,
        default_ttl: seconds(-1),
        max_ttl: seconds(0),
        heuristic_ttl: seconds(0),
        methods: texts(&["PUT"]),
        max_object_size: Some(0),
        client_no_cache: 9,
        set_cookie: 9,
        partial: 9,
        key: Some(pb::CacheKey { query: None, headers: texts(&[""]), cookies: texts(&[""]) }),
        bypass: Some(pb::CacheBypass { headers: vec![pb::Condition::default()], query: vec![], cookies: texts(&[""]) }),
    };
    let found = read_policies(&pb::Policies { cache: Some(wire), ..pb::Policies::default() }).unwrap_err();
    let fields: Vec<&str> = found.iter().map(|line| line.split_once(": ").unwrap().0).collect();
    let expected = [
        "default_ttl",
        "heuristic_ttl",
        "max_ttl",
        "set_cookie",
        "client_no_cache",
        "partial",
        "methods[0]",
        "max_object_size",
        "key.headers[0]",
        "key.cookies[0]",
        "bypass.headers[0].name",
        "bypass.headers[0]",
        "bypass.cookies[0]",
    ];
    assert_eq!(fields, expected.map(|field| format!("policies.cache.{field}")));
}
