//! Reading where a route leads.

use std::ops::RangeInclusive;

use gateway_proto::{
    host::Authority,
    registry::v1 as pb,
    violation::{Path, Shown, Violations, distinct},
};

use super::{
    field_name::{cookie_name, field_name},
    name, rewrite,
};
use crate::{
    PathMatcher,
    route::{Forward, Mirror, Sticky, WeightedService},
};

/// The most services of a route.
const MAX_SERVICES: usize = 16;
/// All there is, in per mille.
const WHOLE: u32 = 1000;
const MIRRORED: RangeInclusive<u32> = 1..=WHOLE;

/// `matched` is what the route matches by, unless something is wrong with that.
pub(super) fn forward(
    wire: &pb::Forward,
    matched: Option<&PathMatcher>,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Forward {
    let pb::Forward { services: shares, sticky: key, mirror: shadow, rewrite } = wire;
    let services = services(shares, &path.field("services"), violations);
    let sticky = key.as_ref().and_then(|wire| sticky(wire, &path.field("sticky"), violations));
    let mirror = shadow.as_ref().and_then(|wire| mirror(wire, &services, &path.field("mirror"), violations));
    let pb::Rewrite { path_rewrite, host } = rewrite.clone().unwrap_or_default();
    let at = path.field("rewrite");
    let replaced = path_rewrite.as_ref().and_then(|wire| match wire {
        pb::rewrite::PathRewrite::Prefix(text) => rewrite::prefix(text, matched, &at.field("prefix"), violations),
        pb::rewrite::PathRewrite::Path(text) => rewrite::whole(text, matched, &at.field("path"), violations),
    });
    let host = Some(host).filter(|host| !host.is_empty());
    let host = host.and_then(|host| sent_host(&host, &at.field("host"), violations));
    Forward { services, sticky, mirror, path: replaced, host }
}

fn services(wire: &[pb::WeightedService], path: &Path<'_>, violations: &mut Violations) -> Box<[WeightedService]> {
    if wire.is_empty() {
        violations.add(path, format_args!("is empty; give 1 to {MAX_SERVICES} services"));
    }
    let names = distinct(wire.iter(), MAX_SERVICES, path, violations, |wire, path, violations| {
        let pb::WeightedService { name: text, weight: _ } = wire;
        name(text, &path.field("name"), violations)
    });
    let weights = weights(wire, path, violations);
    // Where a name or a weight is wrong the two differ in length, and the route is refused.
    let pairs = names.into_iter().zip(weights);
    pairs.map(|(name, weight)| WeightedService { name: name.into(), weight }).collect()
}

fn weights(wire: &[pb::WeightedService], path: &Path<'_>, violations: &mut Violations) -> Vec<u32> {
    let mut weights = Vec::with_capacity(wire.len().min(MAX_SERVICES));
    for (at, pb::WeightedService { name: _, weight }) in wire.iter().enumerate().take(MAX_SERVICES) {
        match weight {
            Some(weight @ ..=WHOLE) => weights.push(*weight),
            Some(weight) => {
                let message = format_args!("{weight} is too large; use 0 to {WHOLE}, in per mille");
                violations.add(&path.item(at).field("weight"), message);
            }
            None if wire.len() == 1 => weights.push(WHOLE),
            None => {
                let message = format_args!("is missing; of several services, each has one, {WHOLE} per mille in all");
                violations.add(&path.item(at).field("weight"), message);
            }
        }
    }
    let sum: u32 = weights.iter().sum();
    if sum != WHOLE && weights.len() == wire.len() && !wire.is_empty() {
        violations.add(path, format_args!("have weights of {sum} per mille in all; make them {WHOLE}"));
    }
    weights
}

fn sticky(wire: &pb::Sticky, path: &Path<'_>, violations: &mut Violations) -> Option<Sticky> {
    use pb::sticky::Key;
    let pb::Sticky { key } = wire;
    match key {
        Some(Key::Header(name)) => {
            field_name(name, &path.field("header"), violations).map(|name| Sticky::Header(name.as_str().into()))
        }
        Some(Key::Cookie(name)) => cookie_name(name, &path.field("cookie"), violations).map(Sticky::Cookie),
        Some(Key::ClientAddress(true)) => Some(Sticky::ClientAddress),
        Some(Key::ClientAddress(false)) => {
            violations.add(&path.field("client_address"), "is false; say true, or leave sticky out");
            None
        }
        None => {
            violations.add(path, "says nothing; give one of header, cookie and client_address, or leave it out");
            None
        }
    }
}

fn mirror(
    wire: &pb::Mirror,
    services: &[WeightedService],
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<Mirror> {
    let pb::Mirror { service: text, per_mille } = wire;
    let service = name(text, &path.field("service"), violations);
    // Nobody gets a request twice. One that is parked at 0 may be shown the traffic before it gets any.
    if services.iter().any(|service| *service.name == **text && service.weight > 0) {
        let message = "gets a share of the requests already, and some of them twice; \
                       give it the weight 0, or mirror to another service";
        violations.add(&path.field("service"), format_args!("{} {message}", Shown(text)));
    }
    let per_mille = per_mille.unwrap_or(WHOLE);
    if !MIRRORED.contains(&per_mille) {
        let (size, remedy) = if per_mille == 0 { ("small", ", or leave the mirror out") } else { ("large", "") };
        let message = format_args!("{per_mille} is too {size}; use 1 to {WHOLE}{remedy}");
        violations.add(&path.field("per_mille"), message);
    }
    Some(Mirror { service: service?.into(), per_mille })
}

/// The Host field of requests to endpoints.
fn sent_host(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<Box<str>> {
    match Authority::parse(text) {
        Ok(Authority { host, port: Some(port) }) => Some(format!("{host}:{port}").into()),
        Ok(Authority { host, port: None }) => Some(host.into()),
        Err(err) => {
            violations.add(path, format_args!("{} {err}", Shown(text)));
            None
        }
    }
}
