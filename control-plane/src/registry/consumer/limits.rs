//! How often a consumer may call: limits as services have them, whose key is the consumer himself.

use gateway_proto::{
    registry::v1::{self as pb, rate_limit_key_part::Part},
    violation::{Path, Violations},
};
use gateway_routing::route::{self, Policies, Policy, RateLimit, wire};

/// Reads the limits of the consumer at `path`, by the reader of services' and routes'.
pub fn read_limits(wire: Option<pb::RateLimits>, path: &Path<'_>, violations: &mut Violations) -> Box<[RateLimit]> {
    let Some(mut wire) = wire else { return Box::default() };
    for (at, limit) in wire.limits.iter_mut().enumerate() {
        if !limit.key.is_empty() {
            let message = "means nothing here, for each consumer is counted by himself; leave it out";
            violations.add(&path.field("rate_limits").field("limits").item(at).field("key"), message);
        }
        limit.key = vec![pb::RateLimitKeyPart { part: Some(Part::Consumer(true)) }];
    }
    let wire = pb::Policies { rate_limits: Some(wire), ..pb::Policies::default() };
    match route::policies(&wire, path, violations).rate_limits {
        Policy::On(limits) => limits,
        Policy::Off | Policy::Unset => Box::default(),
    }
}

/// The limits as they are sent and stored, in canonical form; nothing where there are none.
#[must_use]
pub fn wire_limits(limits: &[RateLimit]) -> Option<pb::RateLimits> {
    if limits.is_empty() {
        return None;
    }
    let policies = Policies { rate_limits: Policy::On(limits.into()), ..Policies::default() };
    let mut wire = wire::policies(&policies)?.rate_limits?;
    for limit in &mut wire.limits {
        limit.key.clear();
    }
    Some(wire)
}
