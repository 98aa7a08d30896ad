//! How often anyone may call, to the wire.

use gateway_proto::registry::v1::{self as pb, rate_limit_key_part::Part};

use super::{duration, matching::condition};
use crate::route::{Exemption, KeyPart, Quota, RateLimit, Scope};

pub(super) fn limits(limits: &[RateLimit]) -> pb::RateLimits {
    pb::RateLimits { limits: limits.iter().map(limit).collect() }
}

fn limit(limit: &RateLimit) -> pb::RateLimit {
    let RateLimit { name, quota, key, scope, exempt, shadow } = limit;
    let prefixes = key.iter().find_map(|part| match part {
        KeyPart::ClientAddress { ipv4_prefix, ipv6_prefix } => Some((*ipv4_prefix, *ipv6_prefix)),
        KeyPart::Route
        | KeyPart::Service
        | KeyPart::Header(_)
        | KeyPart::Cookie(_)
        | KeyPart::Consumer
        | KeyPart::Claim(_) => None,
    });
    let wire = pb::RateLimit {
        name: name.to_string(),
        key: key.iter().map(part).collect(),
        ipv4_prefix: prefixes.map(|(ipv4, _)| ipv4.into()),
        ipv6_prefix: prefixes.map(|(_, ipv6)| ipv6.into()),
        scope: match scope {
            Scope::Node => pb::RateLimitScope::Node,
            Scope::Cluster => pb::RateLimitScope::Cluster,
        }
        .into(),
        exempt: exemption(exempt),
        shadow: *shadow,
        ..pb::RateLimit::default()
    };
    match *quota {
        Quota::Requests { count, per, burst } => {
            pb::RateLimit { requests: Some(count), per: Some(duration(per)), burst: Some(burst), ..wire }
        }
        Quota::Bytes { count, per, burst } => {
            pb::RateLimit { bytes: Some(count), per: Some(duration(per)), burst: Some(burst), ..wire }
        }
        Quota::Concurrent(most) => pb::RateLimit { concurrent: Some(most), ..wire },
    }
}

fn part(part: &KeyPart) -> pb::RateLimitKeyPart {
    let part = match part {
        KeyPart::ClientAddress { ipv4_prefix: _, ipv6_prefix: _ } => Part::ClientAddress(true),
        KeyPart::Route => Part::Route(true),
        KeyPart::Service => Part::Service(true),
        KeyPart::Header(name) => Part::Header(name.to_string()),
        KeyPart::Cookie(name) => Part::Cookie(name.to_string()),
        KeyPart::Consumer => Part::Consumer(true),
        KeyPart::Claim(name) => Part::Claim(name.to_string()),
    };
    pb::RateLimitKeyPart { part: Some(part) }
}

/// Nothing where everything is counted.
fn exemption(exempt: &Exemption) -> Option<pb::RateLimitExemption> {
    let Exemption { client_networks, headers } = exempt;
    let wire = pb::RateLimitExemption {
        client_networks: client_networks.iter().map(ToString::to_string).collect(),
        headers: headers.iter().map(condition).collect(),
    };
    (wire != pb::RateLimitExemption::default()).then_some(wire)
}
