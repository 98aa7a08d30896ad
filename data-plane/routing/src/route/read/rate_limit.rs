//! Reading how often anyone may call.

use std::{ops::RangeInclusive, time::Duration};

use gateway_proto::{
    network::Network,
    registry::v1 as pb,
    violation::{Path, Shown, Violations, distinct, duration},
};

use super::{matching::with_conditions, name, rate_key};
use crate::{
    Match,
    route::{Exemption, Policy, Quota, RateLimit, Scope},
};

/// The most limits of a service or a route.
const MAX_LIMITS: usize = 16;
/// The most networks that a limit excepts.
const MAX_NETWORKS: usize = 64;
const PERIOD: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(31_557_600);
/// As many as a data plane can tell apart.
const CONCURRENT: RangeInclusive<u32> = 1..=1_000_000;
/// The longest time that a burst may take to come back, in nanoseconds: a counter is a moment that far
/// ahead.
const SPAN: u128 = 366 * 24 * 3600 * 1_000_000_000;

pub(super) fn limits(wire: &pb::RateLimits, path: &Path<'_>, violations: &mut Violations) -> Policy<Box<[RateLimit]>> {
    let pb::RateLimits { limits } = wire;
    if limits.is_empty() {
        return Policy::Off;
    }
    let mut read = Vec::with_capacity(limits.len().min(MAX_LIMITS));
    distinct(limits.iter(), MAX_LIMITS, &path.field("limits"), violations, |wire, path, violations| {
        let limit = limit(wire, path, violations)?;
        let name = limit.name.clone();
        read.push(limit);
        Some(name)
    });
    Policy::On(read.into())
}

fn limit(wire: &pb::RateLimit, path: &Path<'_>, violations: &mut Violations) -> Option<RateLimit> {
    let pb::RateLimit {
        name: text,
        requests,
        bytes,
        concurrent,
        per,
        burst,
        key,
        ipv4_prefix,
        ipv6_prefix,
        scope: whose,
        exempt,
        shadow,
    } = wire;
    let name = name(text, &path.field("name"), violations);
    let quota = match (*requests, *bytes, *concurrent) {
        (Some(count), None, None) => {
            let rate = rate(Unit::Requests, count, *per, *burst, path, violations);
            rate.map(|(per, burst)| Quota::Requests { count, per, burst })
        }
        (None, Some(count), None) => {
            let rate = rate(Unit::Bytes, count, *per, *burst, path, violations);
            rate.map(|(per, burst)| Quota::Bytes { count, per, burst })
        }
        (None, None, Some(most)) => {
            check_no_period(wire, path, violations);
            concurrent_requests(most, &path.field("concurrent"), violations)
        }
        (None, None, None) => {
            violations.add(path, "has none of requests, bytes and concurrent; give one");
            None
        }
        (_, _, _) => {
            violations.add(path, "has more than one of requests, bytes and concurrent; give each a limit of its own");
            None
        }
    };
    let prefixes = rate_key::Prefixes { ipv4: *ipv4_prefix, ipv6: *ipv6_prefix };
    let key = rate_key::key(key, prefixes, path, violations);
    let scope = scope(*whose, &path.field("scope"), violations);
    if scope == Scope::Cluster && concurrent.is_some() {
        let message = "is the cluster beside concurrent; what is under way is counted where it is, so use the node, \
                       with each data plane's part of what all may have";
        violations.add(&path.field("scope"), message);
    }
    let exempt = exempt.as_ref().map(|wire| exemption(wire, &path.field("exempt"), violations)).unwrap_or_default();
    Some(RateLimit { name: name?.into(), quota: quota?, key, scope, exempt, shadow: *shadow })
}

/// What there is so much of in each period.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Requests,
    Bytes,
}

/// The period and the burst; `None` if there is nothing to keep.
fn rate(
    unit: Unit,
    count: u64,
    per: Option<prost_types::Duration>,
    burst: Option<u64>,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<(Duration, u64)> {
    let field = match unit {
        Unit::Requests => "requests",
        Unit::Bytes => "bytes",
    };
    for (field, amount) in [(field, Some(count)), ("burst", burst)] {
        if amount == Some(0) {
            violations.add(&path.field(field), "is 0, and nothing would ever be admitted; give at least 1");
        }
    }
    if per.is_none() {
        violations.add(&path.field("per"), format_args!("is missing; give the period of {field}, such as 1s"));
    }
    let per = duration(per, &PERIOD, &path.field("per"), violations)?;
    let burst = burst.unwrap_or(count);
    if count == 0 || burst == 0 {
        return None;
    }
    let nanos = per.as_nanos();
    let most = match unit {
        Unit::Requests if u128::from(count) > nanos => {
            let message = "is more than one in a nanosecond";
            let remedy = format_args!("give at most {nanos}, or a longer per");
            violations.add(&path.field(field), format_args!("{count} {message}; {remedy}"));
            return None;
        }
        // A request takes a whole number of nanoseconds.
        Unit::Requests => SPAN / nanos.div_ceil(u128::from(count)),
        Unit::Bytes => SPAN * u128::from(count) / nanos,
    };
    if u128::from(burst) > most {
        let message = "would take more than 366 days to come back, which is further than counters reach";
        violations.add(&path.field("burst"), format_args!("{burst} {message}; give at most {most}"));
    }
    Some((per, burst))
}

fn check_no_period(wire: &pb::RateLimit, path: &Path<'_>, violations: &mut Violations) {
    for (field, is_given) in [("per", wire.per.is_some()), ("burst", wire.burst.is_some())] {
        if is_given {
            let message = "means nothing beside concurrent, which has no period; leave it out";
            violations.add(&path.field(field), message);
        }
    }
}

fn concurrent_requests(most: u32, path: &Path<'_>, violations: &mut Violations) -> Option<Quota> {
    if CONCURRENT.contains(&most) {
        return Some(Quota::Concurrent(most));
    }
    let (low, high) = CONCURRENT.into_inner();
    violations.add(path, format_args!("is {most}; give {low} to {high}"));
    None
}

fn scope(wire: i32, path: &Path<'_>, violations: &mut Violations) -> Scope {
    match pb::RateLimitScope::try_from(wire) {
        Ok(pb::RateLimitScope::Unspecified | pb::RateLimitScope::Node) => Scope::Node,
        Ok(pb::RateLimitScope::Cluster) => Scope::Cluster,
        Err(_) => {
            let message = "is unknown; use RATE_LIMIT_SCOPE_NODE or RATE_LIMIT_SCOPE_CLUSTER, or leave it away";
            violations.add(path, format_args!("{wire} {message}"));
            Scope::Node
        }
    }
}

fn exemption(wire: &pb::RateLimitExemption, path: &Path<'_>, violations: &mut Violations) -> Exemption {
    let pb::RateLimitExemption { client_networks, headers } = wire;
    let client_networks = networks(client_networks, &path.field("client_networks"), violations);
    let conditions = with_conditions(Some(Match::default()), headers, &[], path, violations).unwrap_or_default();
    Exemption { client_networks, headers: conditions.headers.into() }
}

/// Networks of clients.
pub(super) fn networks(wire: &[String], path: &Path<'_>, violations: &mut Violations) -> Box<[Network]> {
    let networks = distinct(wire.iter(), MAX_NETWORKS, path, violations, |text, path, violations| {
        text.parse::<Network>().map_err(|err| violations.add(path, format_args!("{} {err}", Shown(text)))).ok()
    });
    networks.into()
}
