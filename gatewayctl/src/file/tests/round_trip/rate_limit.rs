//! Rate limits as the control plane stores them.

use gateway_proto::registry::v1::{self as pb, rate_limit_key_part::Part};
use proptest::{collection::vec, option, prelude::*};

use super::{duration, route::condition, text, texts};

pub(super) fn rate_limits() -> impl Strategy<Value = pb::RateLimits> {
    vec(rate_limit(), 0..3).prop_map(|limits| pb::RateLimits { limits })
}

fn part() -> impl Strategy<Value = pb::RateLimitKeyPart> {
    let part = prop_oneof![
        Just(Part::ClientAddress(true)),
        Just(Part::Route(true)),
        Just(Part::Service(true)),
        Just(Part::Consumer(true)),
        text().prop_map(Part::Header),
        text().prop_map(Part::Cookie),
        text().prop_map(Part::Claim),
    ];
    part.prop_map(|part| pb::RateLimitKeyPart { part: Some(part) })
}

fn quota() -> impl Strategy<Value = pb::RateLimit> {
    let bursts = || prop_oneof![Just(None), (1..=u64::MAX).prop_map(Some)];
    let rate = || (1..=u64::MAX, duration(1..31_557_600_000), bursts());
    // A burst that is not given is as much as comes in a period.
    prop_oneof![
        rate().prop_map(|(count, per, burst)| pb::RateLimit {
            requests: Some(count),
            per,
            burst: burst.or(Some(count)),
            ..pb::RateLimit::default()
        }),
        rate().prop_map(|(count, per, burst)| pb::RateLimit {
            bytes: Some(count),
            per,
            burst: burst.or(Some(count)),
            ..pb::RateLimit::default()
        }),
        (1..=1_000_000_u32).prop_map(|most| pb::RateLimit { concurrent: Some(most), ..pb::RateLimit::default() }),
    ]
}

prop_compose! {
    fn rate_limit()(
        name in "[a-z0-9]{1,9}|true|1",
        quota in quota(),
        key in vec(part(), 1..4),
        ipv4_prefix in prop_oneof![Just(32), 1..=32_u32],
        ipv6_prefix in prop_oneof![Just(64), 1..=128_u32],
        scope in 1..3i32,
        exempt in option::of((texts(), vec(condition(), 0..3))),
        shadow: bool,
    ) -> pb::RateLimit {
        let has_address = key.iter().any(|part| part.part == Some(Part::ClientAddress(true)));
        pb::RateLimit {
            name,
            key,
            ipv4_prefix: Some(ipv4_prefix).filter(|_| has_address),
            ipv6_prefix: Some(ipv6_prefix).filter(|_| has_address),
            scope,
            exempt: exempt.map(|(client_networks, headers)| pb::RateLimitExemption { client_networks, headers }),
            shadow,
            ..quota
        }
    }
}

/// Fills in what the control plane would, by rate_limit.proto.
pub(super) fn stored_rate_limits(mut limits: pb::RateLimits) -> pb::RateLimits {
    for limit in &mut limits.limits {
        limit.burst = limit.burst.or(limit.requests).or(limit.bytes);
        limit.scope = limit.scope.max(pb::RateLimitScope::Node.into());
        if limit.key.iter().any(|part| part.part == Some(Part::ClientAddress(true))) {
            limit.ipv4_prefix = limit.ipv4_prefix.or(Some(32));
            limit.ipv6_prefix = limit.ipv6_prefix.or(Some(64));
        }
    }
    limits
}
