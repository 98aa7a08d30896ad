//! Any good limits, as they may be sent.

use gateway_proto::registry::v1::{self as pb, rate_limit_key_part::Part};
use proptest::{collection::vec, option, prelude::*, sample::subsequence};

use super::{condition, texts};

pub(super) fn limits() -> impl Strategy<Value = pb::RateLimits> {
    vec(limit(), 0..4).prop_map(|mut limits| {
        for (at, limit) in limits.iter_mut().enumerate() {
            limit.name = format!("l{at}");
        }
        pb::RateLimits { limits }
    })
}

fn limit() -> impl Strategy<Value = pb::RateLimit> {
    (quota(), key(), option::of(exemption()), any::<bool>(), 0..=2_i32).prop_map(
        |(quota, (key, ipv4_prefix, ipv6_prefix), exempt, shadow, scope)| pb::RateLimit {
            key,
            ipv4_prefix,
            ipv6_prefix,
            scope: if quota.concurrent.is_some() { scope.min(1) } else { scope },
            exempt,
            shadow,
            ..quota
        },
    )
}

/// With a period in which what there is comes back in time.
fn quota() -> impl Strategy<Value = pb::RateLimit> {
    let per = (0..86_400_i64, 1_000_000..=999_999_999_i32);
    let per = per.prop_map(|(seconds, nanos)| Some(prost_types::Duration { seconds, nanos }));
    let rate = (1..=1_000_000_u64, per, option::of(1..=300_u64));
    prop_oneof![
        rate.clone().prop_map(|(count, per, burst)| pb::RateLimit {
            requests: Some(count),
            per,
            burst,
            ..pb::RateLimit::default()
        }),
        rate.prop_map(|(count, per, burst)| pb::RateLimit {
            bytes: Some(count),
            per,
            burst,
            ..pb::RateLimit::default()
        }),
        (1..=1_000_000_u32).prop_map(|most| pb::RateLimit { concurrent: Some(most), ..pb::RateLimit::default() }),
    ]
}

type Key = (Vec<pb::RateLimitKeyPart>, Option<u32>, Option<u32>);

fn key() -> impl Strategy<Value = Key> {
    let parts = vec![
        Part::ClientAddress(true),
        Part::Route(true),
        Part::Service(true),
        Part::Header("X-Tenant".into()),
        Part::Cookie("Session".into()),
        Part::Consumer(true),
        Part::Claim("https://a.test/tenant".into()),
    ];
    let prefixes = (option::of(1..=32_u32), option::of(1..=128_u32));
    (subsequence(parts, 1..=7), prefixes).prop_map(|(parts, (ipv4, ipv6))| {
        let has_address = parts.contains(&Part::ClientAddress(true));
        let key = parts.into_iter().map(|part| pb::RateLimitKeyPart { part: Some(part) }).collect();
        (key, ipv4.filter(|_| has_address), ipv6.filter(|_| has_address))
    })
}

fn exemption() -> impl Strategy<Value = pb::RateLimitExemption> {
    let networks = subsequence(vec!["10.0.0.0/8", "192.0.2.7", "2001:DB8::/32", "::/0"], 0..=4);
    (networks, vec(condition(), 0..4))
        .prop_map(|(networks, headers)| pb::RateLimitExemption { client_networks: texts(&networks), headers })
}
