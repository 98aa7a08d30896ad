//! Rate limits in files.

use gateway_proto::registry::v1::{self as pb, condition::Test, rate_limit_key_part::Part};

use super::{mistakes, seconds, services};

fn limits(fields: &str) -> Vec<pb::RateLimit> {
    let policies = services(&format!("services: [{{name: s, rate_limits: {fields}}}]")).remove(0).policies;
    policies.unwrap().rate_limits.unwrap().limits
}

fn part(part: Part) -> pb::RateLimitKeyPart {
    pb::RateLimitKeyPart { part: Some(part) }
}

#[test]
fn every_field_is_read() {
    let full = "[{name: per-client, requests: 100, per: 1s, burst: 100, key: client_address, scope: cluster},
        {name: volume, bytes: 10MiB, per: 1m, burst: 64MiB, scope: node, shadow: true,
         key: [client_address, route, service, {header: X-Tenant}, {cookie: session}, consumer, {claim: sub}],
         ipv4_prefix: 24, ipv6_prefix: 48,
         exempt: {client_networks: [10.0.0.0/8], headers: [{name: X-Probe, present: true}]}},
        {name: at-once, concurrent: 10, key: {header: X-Key}, shadow: false}]";
    let first = pb::RateLimit {
        name: "per-client".into(),
        requests: Some(100),
        per: seconds(1),
        burst: Some(100),
        key: vec![part(Part::ClientAddress(true))],
        scope: pb::RateLimitScope::Cluster.into(),
        ..pb::RateLimit::default()
    };
    let second = pb::RateLimit {
        name: "volume".into(),
        bytes: Some(10 << 20),
        per: seconds(60),
        burst: Some(64 << 20),
        key: vec![
            part(Part::ClientAddress(true)),
            part(Part::Route(true)),
            part(Part::Service(true)),
            part(Part::Header("X-Tenant".into())),
            part(Part::Cookie("session".into())),
            part(Part::Consumer(true)),
            part(Part::Claim("sub".into())),
        ],
        ipv4_prefix: Some(24),
        ipv6_prefix: Some(48),
        scope: pb::RateLimitScope::Node.into(),
        exempt: Some(pb::RateLimitExemption {
            client_networks: vec!["10.0.0.0/8".into()],
            headers: vec![pb::Condition { name: "X-Probe".into(), test: Some(Test::Present(true)) }],
        }),
        shadow: true,
        ..pb::RateLimit::default()
    };
    let third = pb::RateLimit {
        name: "at-once".into(),
        concurrent: Some(10),
        key: vec![part(Part::Header("X-Key".into()))],
        ..pb::RateLimit::default()
    };
    assert_eq!(limits(full), [first, second, third]);
    assert_eq!(limits("[]"), []);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = "services:
- name: s
  rate_limits:
  - {requests: 0, per: 1, burst: -1}
  - {name: b, bytes: 10, burst: 10, key: address, scope: all}
  - {name: c, concurrent: 0, key: [client_address, 5, {path: /}, {header: a, cookie: b}], ipv6_prefix: 129}
  - {name: d, requests: 1.5, key: [[route]], exempt: {networks: []}, shadow: 1}
  - limit
- name: t
  rate_limits: {name: a}
";
    let unit = "give a whole number and a unit of B, KiB, MiB, GiB or TiB, such as 512B, 64KiB or 10MiB";
    let words =
        "client_address, route, service, consumer, {header: NAME}, {cookie: NAME}, {claim: NAME}, or a list of these";
    let most = u64::MAX;
    let expected = [
        "4:5: services[0].rate_limits[0]: has no name".to_owned(),
        "4:5: services[0].rate_limits[0]: has no key".to_owned(),
        format!("4:16: services[0].rate_limits[0].requests: is 0; write a whole number from 1 to {most}"),
        "4:24: services[0].rate_limits[0].per: \"1\" is no duration; write a number and its unit, such as 250ms, 5s or 10m".to_owned(),
        format!("4:34: services[0].rate_limits[0].burst: is -1; write a whole number from 1 to {most}"),
        format!("5:22: services[0].rate_limits[1].bytes: \"10\" is no size; it has no unit; {unit}"),
        format!("5:33: services[0].rate_limits[1].burst: \"10\" is no size; it has no unit; {unit}"),
        format!("5:42: services[0].rate_limits[1].key: is not known; there are: {words}"),
        "5:58: services[0].rate_limits[1].scope: is not known; there are: node, cluster".to_owned(),
        "6:27: services[0].rate_limits[2].concurrent: is 0; write a whole number from 1 to 1000000".to_owned(),
        "6:52: services[0].rate_limits[2].key[1]: is a number; put it in quotes: \"5\"".to_owned(),
        "6:55: services[0].rate_limits[2].key[2]: has none of header, cookie and claim; write one".to_owned(),
        "6:56: services[0].rate_limits[2].key[2].path: is no field here; there are: header, cookie, claim".to_owned(),
        "6:66: services[0].rate_limits[2].key[3]: has more than one of header, cookie and claim; choose one".to_owned(),
        "6:104: services[0].rate_limits[2].ipv6_prefix: is 129; write a whole number from 1 to 128".to_owned(),
        format!("7:25: services[0].rate_limits[3].requests: is 1.5; write a whole number from 1 to {most}"),
        "7:36: services[0].rate_limits[3].key[0]: is a list; write a text".to_owned(),
        "7:55: services[0].rate_limits[3].exempt.networks: is no field here; there are: client_networks, headers".to_owned(),
        "7:78: services[0].rate_limits[3].shadow: is 1; write true or false".to_owned(),
        "8:5: services[0].rate_limits[4]: is a text; write fields: name, requests, bytes, concurrent, per, burst, key, ipv4_prefix, ipv6_prefix, scope, exempt, shadow".to_owned(),
        "10:16: services[1].rate_limits: is a block of fields; write a list".to_owned(),
    ];
    let found = mistakes(text);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.strip_prefix("f.yaml:").unwrap(), expected);
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}
