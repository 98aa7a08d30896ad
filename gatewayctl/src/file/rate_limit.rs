//! How often anyone may call, in the declarative file.

use std::ops::RangeInclusive;

use gateway_proto::registry::v1::{self as pb, rate_limit_key_part::Part};

use super::{at::At, node::Value, route};

/// The fields of a limit.
pub(super) const RATE_LIMIT: [&str; 12] = [
    "name",
    "requests",
    "bytes",
    "concurrent",
    "per",
    "burst",
    "key",
    "ipv4_prefix",
    "ipv6_prefix",
    "scope",
    "exempt",
    "shadow",
];
/// The fields of a limit of a consumer, who is its key.
pub(super) const OWN_RATE_LIMIT: [&str; 9] =
    ["name", "requests", "bytes", "concurrent", "per", "burst", "scope", "exempt", "shadow"];
/// The fields of a part of a key that has a name.
pub(super) const KEY: [&str; 3] = ["header", "cookie", "claim"];
/// The fields of what is not counted.
pub(super) const EXEMPT: [&str; 2] = ["client_networks", "headers"];
/// How many requests may be under way at once.
pub(super) const CONCURRENT: RangeInclusive<u32> = 1..=1_000_000;
/// How many bits of an IPv4 address can be told apart.
pub(super) const IPV4: RangeInclusive<u32> = 1..=32;
/// How many bits of an IPv6 address can be told apart.
pub(super) const IPV6: RangeInclusive<u32> = 1..=128;

/// A list that is empty turns a service's off.
pub(super) fn rate_limits(at: &mut At<'_>) -> Option<pb::RateLimits> {
    at.items(rate_limit).map(|limits| pb::RateLimits { limits })
}

/// Those of a consumer.
pub(super) fn own_rate_limits(at: &mut At<'_>) -> Option<pb::RateLimits> {
    at.items(own_rate_limit).map(|limits| pb::RateLimits { limits })
}

fn rate_limit(at: &mut At<'_>) -> pb::RateLimit {
    if !at.has_fields(&RATE_LIMIT) {
        return pb::RateLimit::default();
    }
    at.needs("name");
    at.needs("key");
    limit(at)
}

fn own_rate_limit(at: &mut At<'_>) -> pb::RateLimit {
    if !at.has_fields(&OWN_RATE_LIMIT) {
        return pb::RateLimit::default();
    }
    at.needs("name");
    // Those of other limits are told already.
    pb::RateLimit { key: Vec::new(), ipv4_prefix: None, ipv6_prefix: None, ..limit(at) }
}

fn limit(at: &mut At<'_>) -> pb::RateLimit {
    let counts_bytes = at.node.get("bytes").is_some();
    pb::RateLimit {
        name: at.field("name", |at| at.filled_text()).unwrap_or_default(),
        requests: at.field("requests", |at| at.number(1..=u64::MAX)),
        bytes: at.field("bytes", |at| at.size()),
        concurrent: at.field("concurrent", |at| at.number(CONCURRENT)),
        per: at.field("per", |at| at.duration()),
        // In the unit of what it is a burst of.
        burst: at.field("burst", |at| if counts_bytes { at.size() } else { at.number(1..=u64::MAX) }),
        key: at.field("key", key).unwrap_or_default(),
        ipv4_prefix: at.field("ipv4_prefix", |at| at.number(IPV4)),
        ipv6_prefix: at.field("ipv6_prefix", |at| at.number(IPV6)),
        scope: at
            .field("scope", |at| {
                at.word([("node", pb::RateLimitScope::Node), ("cluster", pb::RateLimitScope::Cluster)])
            })
            .unwrap_or_default()
            .into(),
        exempt: at.field("exempt", exempt),
        shadow: at.field("shadow", |at| at.truth()).unwrap_or_default(),
    }
}

/// One part, or a list of them.
fn key(at: &mut At<'_>) -> Option<Vec<pb::RateLimitKeyPart>> {
    match &at.node.value {
        Value::List(_) => at.items(part),
        Value::Plain(_) | Value::Text(_) | Value::Fields(_) => Some(vec![part(at)]),
    }
}

/// One that is none stays as an empty one, so that indices keep their meaning.
fn part(at: &mut At<'_>) -> pb::RateLimitKeyPart {
    let part = match &at.node.value {
        Value::Fields(_) => named_part(at),
        Value::Plain(_) | Value::Text(_) | Value::List(_) => word_part(at),
    };
    pb::RateLimitKeyPart { part }
}

fn named_part(at: &mut At<'_>) -> Option<Part> {
    if !at.has_fields(&KEY) {
        return None;
    }
    at.one_of([
        ("header", |at| at.text().map(Part::Header)),
        ("cookie", |at| at.text().map(Part::Cookie)),
        ("claim", |at| at.text().map(Part::Claim)),
    ])
}

fn word_part(at: &mut At<'_>) -> Option<Part> {
    match &*at.text()? {
        "client_address" => Some(Part::ClientAddress(true)),
        "route" => Some(Part::Route(true)),
        "service" => Some(Part::Service(true)),
        "consumer" => Some(Part::Consumer(true)),
        _ => {
            at.mistake(
                "is not known; there are: client_address, route, service, consumer, {header: NAME}, {cookie: NAME}, \
                 {claim: NAME}, or a list of these",
            );
            None
        }
    }
}

fn exempt(at: &mut At<'_>) -> Option<pb::RateLimitExemption> {
    at.has_fields(&EXEMPT).then(|| pb::RateLimitExemption {
        client_networks: at.field("client_networks", |at| at.texts()).unwrap_or_default(),
        headers: at.field("headers", |at| at.items(route::condition)).unwrap_or_default(),
    })
}
