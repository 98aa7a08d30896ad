//! Reading what the counters of a rate limit are found by.

use std::ops::RangeInclusive;

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations, distinct},
};

use super::field_name::{claim_name, cookie_name, field_name};
use crate::route::KeyPart;

/// The most parts of a key.
const MAX_PARTS: usize = 8;
const IPV4: RangeInclusive<u32> = 1..=32;
const IPV6: RangeInclusive<u32> = 1..=128;
/// What a provider gives to one client (RFC 6177), as far as it is certain.
const DEFAULT_IPV6: u8 = 64;

/// How many bits of an address are told apart, where that is said.
#[derive(Clone, Copy)]
pub(super) struct Prefixes {
    pub(super) ipv4: Option<u32>,
    pub(super) ipv6: Option<u32>,
}

/// The key of the limit at `path`.
pub(super) fn key(
    wire: &[pb::RateLimitKeyPart],
    prefixes: Prefixes,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Box<[KeyPart]> {
    use pb::rate_limit_key_part::Part;
    if wire.is_empty() {
        let message = "is missing; give what is told apart, one or several of client_address, route, service, header, \
                       cookie, consumer and claim";
        violations.add(&path.field("key"), message);
    }
    let Prefixes { ipv4, ipv6 } = prefixes;
    let has_address = wire.iter().any(|wire| matches!(wire.part, Some(Part::ClientAddress(_))));
    let mut prefix = |field, given: Option<u32>, range: RangeInclusive<u32>, default| {
        let path = path.field(field);
        if given.is_some() && !has_address {
            violations.add(&path, "means nothing without client_address in the key; leave it out");
        }
        let (low, high) = (*range.start(), *range.end());
        let Some(bits) = given else { return default };
        if !range.contains(&bits) {
            violations.add(&path, format_args!("is {bits}; give {low} to {high} bits"));
        }
        u8::try_from(bits).unwrap_or(default)
    };
    let ipv4_prefix = prefix("ipv4_prefix", ipv4, IPV4, 32);
    let ipv6_prefix = prefix("ipv6_prefix", ipv6, IPV6, DEFAULT_IPV6);
    let address = KeyPart::ClientAddress { ipv4_prefix, ipv6_prefix };
    let parts = distinct(wire.iter(), MAX_PARTS, &path.field("key"), violations, |wire, path, violations| {
        part(wire, &address, path, violations)
    });
    parts.into()
}

fn part(
    wire: &pb::RateLimitKeyPart,
    address: &KeyPart,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<KeyPart> {
    use pb::rate_limit_key_part::Part;
    let pb::RateLimitKeyPart { part } = wire;
    let (field, is_meant, part) = match part {
        Some(Part::ClientAddress(is_meant)) => ("client_address", is_meant, address.clone()),
        Some(Part::Route(is_meant)) => ("route", is_meant, KeyPart::Route),
        Some(Part::Service(is_meant)) => ("service", is_meant, KeyPart::Service),
        Some(Part::Consumer(is_meant)) => ("consumer", is_meant, KeyPart::Consumer),
        Some(Part::Header(name)) => {
            let name = field_name(name, &path.field("header"), violations);
            return name.map(|name| KeyPart::Header(name.as_str().into()));
        }
        Some(Part::Cookie(name)) => {
            return cookie_name(name, &path.field("cookie"), violations).map(KeyPart::Cookie);
        }
        Some(Part::Claim(name)) => return claim_name(name, &path.field("claim"), violations).map(KeyPart::Claim),
        None => {
            let message =
                "says nothing; give one of client_address, route, service, header, cookie, consumer and claim";
            violations.add(path, message);
            return None;
        }
    };
    if !is_meant {
        violations.add(&path.field(field), "is false; say true, or leave it out");
    }
    Some(part)
}
