use std::{net::IpAddr, time::Duration};

use gateway_proto::registry::v1::{self as pb, condition::Test, rate_limit_key_part::Part};

use super::{cache::Asked, read_policies, refuses, seconds};
use crate::route::{Exemption, KeyPart, Policy, Quota, RateLimit, Scope};

fn part(part: Part) -> pb::RateLimitKeyPart {
    pb::RateLimitKeyPart { part: Some(part) }
}

/// 100 requests in a second of each client.
fn good() -> pb::RateLimit {
    pb::RateLimit {
        name: "per-client".into(),
        requests: Some(100),
        per: seconds(1),
        key: vec![part(Part::ClientAddress(true))],
        ..pb::RateLimit::default()
    }
}

fn policies(limits: Vec<pb::RateLimit>) -> pb::Policies {
    pb::Policies { rate_limits: Some(pb::RateLimits { limits }), ..pb::Policies::default() }
}

#[track_caller]
fn refused(field: &str, words: &str, change: impl FnOnce(&mut pb::RateLimit)) {
    let mut limit = good();
    change(&mut limit);
    let field = if field.is_empty() { String::new() } else { format!(".{field}") };
    refuses(&format!("policies.rate_limits.limits[0]{field}"), words, |wire| {
        wire.policies = Some(policies(vec![limit]));
    });
}

#[track_caller]
fn read(change: impl FnOnce(&mut pb::RateLimit)) -> RateLimit {
    let mut limit = good();
    change(&mut limit);
    let Policy::On(limits) = read_policies(&policies(vec![limit])).unwrap().rate_limits else { panic!() };
    limits[0].clone()
}

#[test]
fn what_is_left_out_has_its_default() {
    let limit = read(|_| {});
    assert_eq!(
        limit,
        RateLimit {
            name: "per-client".into(),
            quota: Quota::Requests { count: 100, per: Duration::from_secs(1), burst: 100 },
            key: [KeyPart::ClientAddress { ipv4_prefix: 32, ipv6_prefix: 64 }].into(),
            scope: Scope::Node,
            exempt: Exemption::default(),
            shadow: false,
        }
    );
}

#[test]
fn none_turns_them_off_and_names_are_distinct() {
    assert_eq!(read_policies(&policies(vec![])).unwrap().rate_limits, Policy::Off);
    assert_eq!(read_policies(&pb::Policies::default()).unwrap().rate_limits, Policy::Unset);
    let named = |at: usize| pb::RateLimit { name: format!("l{at}"), ..good() };
    let many = |count| policies((0..count).map(named).collect());
    let Policy::On(limits) = read_policies(&many(16)).unwrap().rate_limits else { panic!() };
    assert_eq!(limits.len(), 16);
    refuses("policies.rate_limits.limits", "are 17; give 16 at the most", |wire| wire.policies = Some(many(17)));
    refuses("policies.rate_limits.limits[1]", "the same as number 0", |wire| {
        wire.policies = Some(policies(vec![good(), good()]));
    });
    for bad in ["", "A", "a b", "-a", &"a".repeat(64)] {
        refused("name", "use 1 to 63 of a-z", |limit| limit.name = bad.into());
    }
}

#[test]
fn one_quota_and_what_goes_with_it() {
    refused("", "has none of requests, bytes and concurrent", |limit| limit.requests = None);
    refused("", "has more than one of requests, bytes and concurrent", |limit| limit.concurrent = Some(1));
    refused("requests", "is 0, and nothing would ever be admitted", |limit| limit.requests = Some(0));
    refused("burst", "is 0, and nothing would ever be admitted", |limit| limit.burst = Some(0));
    refused("per", "is missing; give the period of requests", |limit| limit.per = None);
    refused("per", "is negative; use 1ms to 1year", |limit| limit.per = seconds(-1));
    refused("per", "is too short; use 1ms to 1year", |limit| limit.per = seconds(0));
    refused("per", "is too long; use 1ms to 1year", |limit| limit.per = seconds(31_557_601));
    let concurrent = |most, per, burst| {
        move |limit: &mut pb::RateLimit| {
            (limit.requests, limit.concurrent, limit.per, limit.burst) = (None, Some(most), per, burst);
        }
    };
    refused("per", "means nothing beside concurrent", concurrent(1, seconds(1), None));
    refused("burst", "means nothing beside concurrent", concurrent(1, None, Some(1)));
    for bad in [0, 1_000_001, u32::MAX] {
        refused("concurrent", "give 1 to 1000000", concurrent(bad, None, None));
    }
    assert_eq!(read(concurrent(1_000_000, None, None)).quota, Quota::Concurrent(1_000_000));
    refused("scope", "is the cluster beside concurrent", |limit| {
        concurrent(1, None, None)(limit);
        limit.scope = pb::RateLimitScope::Cluster.into();
    });
    refused("scope", "3 is unknown; use RATE_LIMIT_SCOPE_NODE", |limit| limit.scope = 3);
    let cluster = read(|limit| {
        (limit.requests, limit.bytes, limit.burst) = (None, Some(10 << 20), Some(1));
        limit.scope = pb::RateLimitScope::Cluster.into();
        limit.shadow = true;
    });
    let quota = Quota::Bytes { count: 10 << 20, per: Duration::from_secs(1), burst: 1 };
    assert_eq!((cluster.quota, cluster.scope, cluster.shadow), (quota, Scope::Cluster, true));
}

#[test]
fn rates_and_bursts_are_what_a_counter_of_nanoseconds_can_hold() {
    const SPAN: u64 = 366 * 24 * 3600 * 1_000_000_000;
    let rate = |requests, bytes, per, burst| {
        move |limit: &mut pb::RateLimit| {
            (limit.requests, limit.bytes, limit.per, limit.burst) = (requests, bytes, per, burst);
        }
    };
    let billion = Some(1_000_000_000);
    for good in [
        rate(billion, None, seconds(1), Some(SPAN)),
        rate(Some(1), None, seconds(1), Some(366 * 24 * 3600)),
        rate(Some(1), None, seconds(31_557_600), None),
        rate(Some(31_557_600_000_000_000), None, seconds(31_557_600), None),
        rate(None, Some(u64::MAX), seconds(31_557_600), None),
        rate(None, Some(u64::MAX), seconds(1), Some(u64::MAX)),
    ] {
        read(good);
    }
    refused("requests", "is more than one in a nanosecond; give at most 1000000000", |limit| {
        limit.requests = Some(1_000_000_001);
    });
    refused("burst", "give at most 31622400", rate(Some(1), None, seconds(1), Some(366 * 24 * 3600 + 1)));
    refused("burst", "would take more than 366 days", rate(billion, None, seconds(1), Some(SPAN + 1)));
    refused("burst", "would take more than 366 days", rate(Some(1), None, seconds(31_557_600), Some(2)));
    refused("burst", "reach; give at most 1", rate(None, Some(1), seconds(31_557_600), Some(u64::MAX)));
    // Each of them takes two nanoseconds, for it takes more than one.
    refused(
        "burst",
        "would take more than 366 days",
        rate(Some(20_000_000_000_000_000), None, seconds(31_557_600), None),
    );
}

#[test]
fn what_counters_are_found_by() {
    let key = |parts: Vec<Part>| move |limit: &mut pb::RateLimit| limit.key = parts.into_iter().map(part).collect();
    refused("key", "is missing; give what is told apart", |limit| limit.key.clear());
    refused("key[0]", "says nothing", |limit| limit.key = vec![pb::RateLimitKeyPart::default()]);
    refused("key[0].client_address", "is false; say true", key(vec![Part::ClientAddress(false)]));
    refused("key[0].header", "is no field name", key(vec![Part::Header("a b".into())]));
    refused("key[0].cookie", "is no cookie's name", key(vec![Part::Cookie("a=b".into())]));
    for bad in ["", "a\n", &"a".repeat(257)] {
        refused("key[0].claim", "is no claim's name", key(vec![Part::Claim(bad.into())]));
    }
    refused("key[1]", "the same as number 0", key(vec![Part::Header("X-A".into()), Part::Header("x-a".into())]));
    let headers = |count| (0..count).map(|at| Part::Header(format!("x-{at}"))).collect::<Vec<_>>();
    refused("key", "are 9; give 8", key(headers(9)));
    assert_eq!(read(key(headers(8))).key.len(), 8);
    let all = read(key(vec![
        Part::Claim("https://a.test/tenant".into()),
        Part::Consumer(true),
        Part::Cookie("Session".into()),
        Part::Header("X-Tenant".into()),
        Part::Service(true),
        Part::Route(true),
    ]));
    let expected = [
        KeyPart::Claim("https://a.test/tenant".into()),
        KeyPart::Consumer,
        KeyPart::Cookie("Session".into()),
        KeyPart::Header("x-tenant".into()),
        KeyPart::Service,
        KeyPart::Route,
    ];
    assert_eq!(*all.key, expected);
    for (bad, words) in [(0, "is 0; give 1 to 32 bits"), (33, "is 33; give 1 to 32 bits")] {
        refused("ipv4_prefix", words, |limit| limit.ipv4_prefix = Some(bad));
    }
    for (bad, words) in [(0, "is 0; give 1 to 128 bits"), (300, "is 300; give 1 to 128 bits")] {
        refused("ipv6_prefix", words, |limit| limit.ipv6_prefix = Some(bad));
    }
    refused("ipv6_prefix", "means nothing without client_address", |limit| {
        key(vec![Part::Route(true)])(limit);
        limit.ipv6_prefix = Some(48);
    });
    let coarse = read(|limit| (limit.ipv4_prefix, limit.ipv6_prefix) = (Some(24), Some(128)));
    assert_eq!(*coarse.key, [KeyPart::ClientAddress { ipv4_prefix: 24, ipv6_prefix: 128 }]);
}

#[test]
fn what_is_not_counted() {
    let exempt = |networks: &[&str], headers: Vec<pb::Condition>| {
        let client_networks = networks.iter().map(ToString::to_string).collect();
        move |limit: &mut pb::RateLimit| limit.exempt = Some(pb::RateLimitExemption { client_networks, headers })
    };
    refused("exempt.client_networks[0]", "write 10.0.0.0/8", exempt(&["10.0.0.1/8"], vec![]));
    refused("exempt.client_networks[0]", "is no address and no network", exempt(&["internal"], vec![]));
    refused("exempt.client_networks[1]", "the same as number 0", exempt(&["::1", "::1/128"], vec![]));
    let many: Vec<String> = (0..65).map(|at| format!("10.0.{at}.0/24")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    refused("exempt.client_networks", "are 65; give 64", exempt(&many, vec![]));
    let condition = |name: &str| pb::Condition { name: name.into(), test: Some(Test::Present(true)) };
    refused("exempt.headers[0].name", "is no field name", exempt(&[], vec![condition("a b")]));
    let exempt = read(exempt(&["10.0.0.0/8"], vec![condition("X-Probe")])).exempt;
    let ask = |client: &str, field| exempt.holds(client.parse::<IpAddr>().ok(), &Asked { query: "", field });
    assert!(ask("10.1.2.3", ("x", "")) && ask("192.0.2.1", ("x-probe", "1")));
    assert!(!ask("192.0.2.1", ("x", "")));
    // Of whom nobody knows the address, nobody knows that he is in a network.
    assert!(!ask("unknown", ("x", "")) && ask("unknown", ("x-probe", "1")));
}
