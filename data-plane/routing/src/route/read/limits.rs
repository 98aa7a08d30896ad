//! Reading limits, of time and others.

use std::{ops::RangeInclusive, time::Duration};

use gateway_proto::{
    registry::v1 as pb,
    size::format_size,
    violation::{Path, Violations, duration},
};

use crate::route::{Limits, MAX_DURATION, TimeoutOverrides};

const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=MAX_DURATION;
/// A larger one is a slip of the unit: whoever wants no limit gives none.
const MAX_REQUEST_BODY: u64 = 1 << 40;

/// Reads the time limits of a service or a route, each as far as it is given.
pub fn timeouts(wire: &pb::Timeouts, path: &Path<'_>, violations: &mut Violations) -> TimeoutOverrides {
    let pb::Timeouts { connect, response, idle, total } = wire;
    TimeoutOverrides {
        connect: duration(*connect, &TIMEOUT, &path.field("connect"), violations),
        response: duration(*response, &TIMEOUT, &path.field("response"), violations),
        idle: duration(*idle, &TIMEOUT, &path.field("idle"), violations),
        total: duration(*total, &TIMEOUT, &path.field("total"), violations),
    }
}

/// Reads the other limits of a service or a route, each as far as it is given.
pub fn limits(wire: &pb::Limits, path: &Path<'_>, violations: &mut Violations) -> Limits {
    let pb::Limits { request_body } = wire;
    if let Some(given) = request_body.filter(|bytes| *bytes > MAX_REQUEST_BODY) {
        let (given, most) = (format_size(given), format_size(MAX_REQUEST_BODY));
        let message = format_args!("{given} is too large; use 0B to {most}, or leave it away for no limit");
        violations.add(&path.field("request_body"), message);
    }
    Limits { request_body: *request_body }
}
