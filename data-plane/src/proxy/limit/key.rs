//! What a request is counted by.

use std::net::IpAddr;

use gateway_limiting::{LimitId, prefix, push_part};
use gateway_routing::{
    Request,
    route::{KeyPart, Quota, RateLimit},
};

use crate::{
    http1::field::Name,
    proxy::{auth::write_claim, exchange::Exchange, parse::ParsedRequest, route::Asked, split::cookies},
    telemetry::rate_limits::Owner,
};

/// Names a limit: whose it is, how it is called, what it counts and by what. Its rate is left out, so that
/// counters outlive a change of it. `bytes` are used for that.
pub(crate) fn limit_id(owner: Owner<'_>, limit: &RateLimit, bytes: &mut Vec<u8>) -> LimitId {
    bytes.clear();
    let (kind, name) = match owner {
        Owner::Service(name) => (b's', name),
        Owner::Route(name) => (b'r', name),
        Owner::Consumer(name) => (b'u', name),
        Owner::Nobody => (b'-', ""),
    };
    bytes.push(kind);
    push_part(bytes, name.as_bytes());
    push_part(bytes, limit.name.as_bytes());
    bytes.push(match limit.quota {
        Quota::Requests { .. } => b'r',
        Quota::Bytes { .. } => b'b',
        Quota::Concurrent(_) => b'c',
    });
    for part in &limit.key {
        let (kind, name) = match part {
            KeyPart::ClientAddress { ipv4_prefix, ipv6_prefix } => {
                bytes.extend_from_slice(&[*ipv4_prefix, *ipv6_prefix]);
                (b'a', "")
            }
            KeyPart::Route => (b'r', ""),
            KeyPart::Service => (b's', ""),
            KeyPart::Header(name) => (b'h', &**name),
            KeyPart::Cookie(name) => (b'k', &**name),
            KeyPart::Consumer => (b'u', ""),
            KeyPart::Claim(name) => (b'l', &**name),
        };
        bytes.push(kind);
        push_part(bytes, name.as_bytes());
    }
    LimitId::of(bytes)
}

/// Writes what the request has of each part. One that lacks a part is counted with all others that do.
pub(super) fn write(parts: &[KeyPart], request: &ParsedRequest, exchange: &Exchange<'_>, bytes: &mut Vec<u8>) {
    bytes.clear();
    let head = exchange.head();
    for part in parts {
        match part {
            KeyPart::ClientAddress { ipv4_prefix, ipv6_prefix } => {
                match prefix(exchange.client_address().ip(), *ipv4_prefix, *ipv6_prefix) {
                    IpAddr::V4(address) => push_part(bytes, &address.octets()),
                    IpAddr::V6(address) => push_part(bytes, &address.octets()),
                }
            }
            KeyPart::Route => push_one(bytes, exchange.route.map(|route| route.name.as_bytes())),
            KeyPart::Service => push_one(bytes, exchange.service.map(|service| service.name.as_bytes())),
            KeyPart::Header(name) => {
                push_one(bytes, only(Asked::new(request, head).headers(name)));
            }
            KeyPart::Cookie(name) => {
                let fields = request.head.fields.values(head, Name::Cookie);
                push_one(bytes, only(fields.flat_map(|value| cookies(value, name))));
            }
            KeyPart::Consumer => push_one(bytes, exchange.caller.name().map(str::as_bytes)),
            KeyPart::Claim(name) => {
                let claim = exchange.caller.claim(name).map(|claim| {
                    let mut text = Vec::new();
                    write_claim(&mut text, claim);
                    text
                });
                push_one(bytes, claim.as_deref());
            }
        }
    }
}

/// The value where there is one. Of several nobody knows which one the endpoint goes by, and whoever adds
/// another each time would be another each time: they are none.
fn only<'b>(mut values: impl Iterator<Item = &'b [u8]>) -> Option<&'b [u8]> {
    let value = values.next();
    if values.next().is_none() { value } else { None }
}

/// Tells nothing from something that is empty.
fn push_one(bytes: &mut Vec<u8>, value: Option<&[u8]>) {
    bytes.push(u8::from(value.is_some()));
    push_part(bytes, value.unwrap_or_default());
}
