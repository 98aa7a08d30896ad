//! Reading what is stored of responses, and for whom.

use std::{ops::RangeInclusive, time::Duration};

use gateway_caching::{
    self as caching, FOREVER,
    policy::{Assumed, Partial, Reloads, SetCookie},
};
use gateway_proto::{
    registry::v1 as pb,
    size::format_size,
    violation::{Path, Shown, Violations, distinct, duration},
};

use super::{cache_key, field_name::cookie_name, matching::with_conditions, policy::switched};
use crate::{
    Match,
    route::{Cache, CacheBypass, Policy},
};

/// The most names of a kind, such as of cookies.
pub(super) const MAX_NAMES: usize = 32;
/// A longer time is a slip of the unit.
const YEAR: Duration = Duration::from_secs(31_557_600);
const ASSUMED: RangeInclusive<Duration> = Duration::ZERO..=YEAR;
const CAP: RangeInclusive<Duration> = Duration::from_secs(1)..=YEAR;
const DEFAULT_MAX_OBJECT_SIZE: u64 = 8 << 20;
/// What one response may take of a cache that all services share.
const OBJECT_SIZES: RangeInclusive<u64> = 1..=1 << 30;

pub(super) fn cache(wire: &pb::Cache, path: &Path<'_>, violations: &mut Violations) -> Policy<Cache> {
    let says_more = *wire != pb::Cache { enabled: wire.enabled, ..pb::Cache::default() };
    switched(wire.enabled, says_more, path, violations, |violations| Some(read(wire, path, violations)))
}

fn read(wire: &pb::Cache, path: &Path<'_>, violations: &mut Violations) -> Cache {
    let pb::Cache {
        enabled: _,
        default_ttl,
        max_ttl,
        heuristic_ttl,
        methods: names,
        max_object_size: largest,
        client_no_cache,
        set_cookie,
        partial,
        key,
        bypass: conditions,
    } = wire;
    let (assumed, max_ttl) = lifetimes(*default_ttl, *heuristic_ttl, *max_ttl, path, violations);
    let rules = caching::Policy {
        assumed,
        max_ttl,
        set_cookie: self::set_cookie(*set_cookie, &path.field("set_cookie"), violations),
        reloads: reloads(*client_no_cache, &path.field("client_no_cache"), violations),
        partial: self::partial(*partial, &path.field("partial"), violations),
    };
    let answers_head = answers_head(names, &path.field("methods"), violations);
    let max_object_size = max_object_size(*largest, &path.field("max_object_size"), violations);
    let key = key.as_ref().map(|wire| cache_key::rules(wire, &path.field("key"), violations)).unwrap_or_default();
    let bypass = conditions.as_ref().map(|wire| bypass(wire, &path.field("bypass"), violations)).unwrap_or_default();
    Cache { rules, key, answers_head, bypass, max_object_size }
}

/// What is assumed of the lifetime of responses, and the longest there is.
fn lifetimes(
    default_ttl: Option<prost_types::Duration>,
    heuristic_ttl: Option<prost_types::Duration>,
    max_ttl: Option<prost_types::Duration>,
    path: &Path<'_>,
    violations: &mut Violations,
) -> (Assumed, Duration) {
    let fixed = duration(default_ttl, &ASSUMED, &path.field("default_ttl"), violations).unwrap_or_default();
    let tenth = duration(heuristic_ttl, &CAP, &path.field("heuristic_ttl"), violations);
    let max_ttl = duration(max_ttl, &CAP, &path.field("max_ttl"), violations).unwrap_or(FOREVER);
    if tenth.is_some() && !fixed.is_zero() {
        let message = "is given beside a default_ttl, and both say what is assumed of the same responses; \
                       leave one of them out, or make default_ttl 0s";
        violations.add(&path.field("heuristic_ttl"), message);
    }
    for (field, ttl) in [("default_ttl", Some(fixed)), ("heuristic_ttl", tenth)] {
        if ttl.is_some_and(|ttl| ttl > max_ttl) {
            violations.add(&path.field(field), "is longer than max_ttl, which caps it; change one of the two");
        }
    }
    let assumed = match tenth {
        Some(at_most) => Assumed::Tenth { at_most },
        None if fixed.is_zero() => Assumed::Nothing,
        None => Assumed::Fixed(fixed),
    };
    (assumed, max_ttl)
}

fn answers_head(wire: &[String], path: &Path<'_>, violations: &mut Violations) -> bool {
    let names = distinct(wire.iter(), 2, path, violations, |text, path, violations| {
        let is_answered = matches!(text.as_str(), "GET" | "HEAD");
        if !is_answered {
            let message = "is never answered from a cache; use \"GET\", or \"GET\" and \"HEAD\"";
            violations.add(path, format_args!("{} {message}", Shown(text)));
        }
        is_answered.then_some(text.as_str())
    });
    if names.contains(&"HEAD") && !wire.iter().any(|name| name == "GET") {
        violations.add(path, "has no \"GET\", and HEAD is answered from what is stored for it; add it");
    }
    wire.is_empty() || names.contains(&"HEAD")
}

fn max_object_size(wire: Option<u64>, path: &Path<'_>, violations: &mut Violations) -> u64 {
    let size = wire.unwrap_or(DEFAULT_MAX_OBJECT_SIZE);
    if !OBJECT_SIZES.contains(&size) {
        let (least, most) = (format_size(*OBJECT_SIZES.start()), format_size(*OBJECT_SIZES.end()));
        let (given, extent) = (format_size(size), if size == 0 { "small" } else { "large" });
        violations.add(path, format_args!("{given} is too {extent}; use {least} to {most}"));
    }
    size
}

fn set_cookie(wire: i32, path: &Path<'_>, violations: &mut Violations) -> SetCookie {
    match pb::CachedSetCookie::try_from(wire) {
        Ok(pb::CachedSetCookie::Unspecified | pb::CachedSetCookie::Refuse) => SetCookie::Refuse,
        Ok(pb::CachedSetCookie::Store) => SetCookie::Store,
        Err(_) => {
            unknown(wire, "CACHED_SET_COOKIE_REFUSE or CACHED_SET_COOKIE_STORE", path, violations);
            SetCookie::Refuse
        }
    }
}

fn reloads(wire: i32, path: &Path<'_>, violations: &mut Violations) -> Reloads {
    match pb::ClientNoCache::try_from(wire) {
        Ok(pb::ClientNoCache::Unspecified | pb::ClientNoCache::Honour) => Reloads::Honour,
        Ok(pb::ClientNoCache::Ignore) => Reloads::Ignore,
        Err(_) => {
            unknown(wire, "CLIENT_NO_CACHE_HONOUR or CLIENT_NO_CACHE_IGNORE", path, violations);
            Reloads::Honour
        }
    }
}

/// By default they are stored: otherwise a client that reads on in a large file would never have any of
/// it from the cache.
fn partial(wire: i32, path: &Path<'_>, violations: &mut Violations) -> Partial {
    match pb::CachedPartial::try_from(wire) {
        Ok(pb::CachedPartial::Refuse) => Partial::Refuse,
        Ok(pb::CachedPartial::Unspecified | pb::CachedPartial::Store) => Partial::Store,
        Err(_) => {
            unknown(wire, "CACHED_PARTIAL_REFUSE or CACHED_PARTIAL_STORE", path, violations);
            Partial::Store
        }
    }
}

fn unknown(wire: i32, known: &str, path: &Path<'_>, violations: &mut Violations) {
    violations.add(path, format_args!("{wire} is unknown; use {known}, or leave it away"));
}

fn bypass(wire: &pb::CacheBypass, path: &Path<'_>, violations: &mut Violations) -> CacheBypass {
    let pb::CacheBypass { headers, query, cookies } = wire;
    let conditions = with_conditions(Some(Match::default()), headers, query, path, violations).unwrap_or_default();
    let at = path.field("cookies");
    let mut cookies = distinct(cookies.iter(), MAX_NAMES, &at, violations, |text, path, violations| {
        cookie_name(text, path, violations)
    });
    cookies.sort_unstable();
    let Match { headers, query, .. } = conditions;
    CacheBypass { headers: headers.into(), query: query.into(), cookies: cookies.into() }
}
