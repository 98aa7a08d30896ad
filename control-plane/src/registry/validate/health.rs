//! Reading how health is found out, and the limits of requests.

use std::{ops::RangeInclusive, time::Duration};

use gateway_proto::{host::Authority, registry::v1 as pb, size::format_size};
use http::uri::PathAndQuery;

use crate::registry::model::{HealthCheck, Limits, Probe, ProbePolicy, Timeouts};
use gateway_proto::violation::{Path, Shown, Violations};

const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const PROBE_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
/// A larger one is a slip of the unit: whoever wants no limit gives none.
const MAX_REQUEST_BODY: u64 = 1 << 40;
const THRESHOLD: RangeInclusive<u32> = 1..=10;
const MAX_JITTER: u32 = 50;
const MAX_PATH: usize = 2048;
const MAX_STATUSES: usize = 32;

pub(super) fn check(wire: pb::HealthCheck, path: &Path<'_>, violations: &mut Violations) -> HealthCheck {
    let pb::HealthCheck { probe, interval, timeout, rise, fall, jitter_percent } = wire;
    let default = ProbePolicy::default();
    let interval = duration(interval, &INTERVAL, &path.field("interval"), violations).unwrap_or(default.interval);
    let given = duration(timeout, &PROBE_TIMEOUT, &path.field("timeout"), violations);
    if let Some(timeout) = given.filter(|timeout| *timeout > interval) {
        let (timeout, interval) = (humantime::format_duration(timeout), humantime::format_duration(interval));
        let message = format_args!("{timeout} is longer than the interval, {interval}; shorten it or lengthen that");
        violations.add(&path.field("timeout"), message);
    }
    let timeout = given.unwrap_or(default.timeout.min(interval));
    let rise = threshold(rise, default.rise, &path.field("rise"), violations);
    let fall = threshold(fall, default.fall, &path.field("fall"), violations);
    let jitter_percent = jitter_percent.unwrap_or(default.jitter_percent);
    if jitter_percent > MAX_JITTER {
        let message = format_args!("{jitter_percent} is too large; use 0 to {MAX_JITTER}");
        violations.add(&path.field("jitter_percent"), message);
    }
    let probe = match probe {
        None => default.probe,
        Some(pb::health_check::Probe::Http(wire)) => http_probe(wire, &path.field("http"), violations),
        Some(pb::health_check::Probe::Tcp(pb::TcpProbe {})) => Probe::Tcp,
        Some(pb::health_check::Probe::Disabled(pb::DisabledProbe {})) => return HealthCheck::Disabled,
    };
    HealthCheck::Enabled(ProbePolicy { probe, interval, timeout, rise, fall, jitter_percent })
}

pub(super) fn timeouts(wire: pb::Timeouts, path: &Path<'_>, violations: &mut Violations) -> Timeouts {
    let pb::Timeouts { connect, response, idle, total } = wire;
    let default = Timeouts::default();
    Timeouts {
        connect: duration(connect, &TIMEOUT, &path.field("connect"), violations).unwrap_or(default.connect),
        response: duration(response, &TIMEOUT, &path.field("response"), violations).unwrap_or(default.response),
        idle: duration(idle, &TIMEOUT, &path.field("idle"), violations).unwrap_or(default.idle),
        total: duration(total, &TIMEOUT, &path.field("total"), violations),
    }
}

pub(super) fn limits(wire: pb::Limits, path: &Path<'_>, violations: &mut Violations) -> Limits {
    let pb::Limits { request_body } = wire;
    if let Some(given) = request_body.filter(|bytes| *bytes > MAX_REQUEST_BODY) {
        let (given, most) = (format_size(given), format_size(MAX_REQUEST_BODY));
        let message = format_args!("{given} is too large; use 0B to {most}, or leave it away for no limit");
        violations.add(&path.field("request_body"), message);
    }
    Limits { request_body }
}

fn http_probe(wire: pb::HttpProbe, path: &Path<'_>, violations: &mut Violations) -> Probe {
    let pb::HttpProbe { path: target, expected_statuses, host } = wire;
    let target = if target.is_empty() { "/healthcheck".to_owned() } else { target };
    check_target(&target, &path.field("path"), violations);
    let expected_statuses = statuses(expected_statuses, &path.field("expected_statuses"), violations);
    let host = Some(host).filter(|host| !host.is_empty());
    let host = host.and_then(|host| probe_host(&host, &path.field("host"), violations));
    Probe::Http { path: target, expected_statuses, host }
}

fn check_target(target: &str, path: &Path<'_>, violations: &mut Violations) {
    let message = if !target.starts_with('/') {
        "does not begin with '/'; write it as \"/healthcheck\""
    } else if target.len() > MAX_PATH {
        "is longer than 2048 characters; shorten it"
    } else if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        "holds a space or something else that is not visible ASCII; percent-encode it"
    } else if target.contains('#') {
        "has a fragment, which is not sent; leave the '#' and what follows away"
    } else if target.parse::<PathAndQuery>().is_err() {
        "holds something that no path or query holds; percent-encode it"
    } else {
        return;
    };
    violations.add(path, format_args!("{} {message}", Shown(target)));
}

fn statuses(wire: Vec<pb::StatusRange>, path: &Path<'_>, violations: &mut Violations) -> Vec<RangeInclusive<u16>> {
    if wire.is_empty() {
        return vec![200..=299];
    }
    super::check_count(wire.len(), MAX_STATUSES, path, violations);
    let mut ranges = Vec::new();
    for (at, pb::StatusRange { first, last }) in wire.into_iter().enumerate().take(MAX_STATUSES) {
        let status = |status: u32| u16::try_from(status).ok().filter(|status| (100..=599).contains(status));
        match (status(first), status(last)) {
            (Some(first), Some(last)) if first <= last => ranges.push(first..=last),
            (Some(_), Some(_)) => {
                let message = format_args!("{first} to {last} is empty; give the lower status first");
                violations.add(&path.item(at), message);
            }
            (None, _) | (_, None) => {
                let message = format_args!("{first} to {last} is no range of statuses; use 100 to 599");
                violations.add(&path.item(at), message);
            }
        }
    }
    ranges
}

fn probe_host(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<String> {
    match Authority::parse(text) {
        Ok(Authority { host, port: Some(port) }) => Some(format!("{host}:{port}")),
        Ok(Authority { host, port: None }) => Some(host.into_owned()),
        Err(err) => {
            violations.add(path, format_args!("{} {err}", Shown(text)));
            None
        }
    }
}

fn threshold(wire: u32, default: u32, path: &Path<'_>, violations: &mut Violations) -> u32 {
    if wire == 0 {
        return default;
    }
    if !THRESHOLD.contains(&wire) {
        let (low, high) = (THRESHOLD.start(), THRESHOLD.end());
        violations.add(path, format_args!("{wire} is too large; use {low} to {high}, or 0 for the default, {default}"));
    }
    wire
}

/// A duration in a range; `None` if it is absent or refused.
fn duration(
    wire: Option<prost_types::Duration>,
    range: &RangeInclusive<Duration>,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<Duration> {
    let prost_types::Duration { seconds, nanos } = wire?;
    let (low, high) = (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
    // google.protobuf.Duration: less than a second of nanoseconds, and of the same sign.
    let same_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
    if !(-999_999_999..=999_999_999).contains(&nanos) || !same_sign {
        let message = format_args!("{seconds} s and {nanos} ns is no duration; use {low} to {high}");
        violations.add(path, message);
        return None;
    }
    if seconds < 0 || nanos < 0 {
        violations.add(path, format_args!("is negative; use {low} to {high}"));
        return None;
    }
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    let duration = Duration::new(seconds, nanos.unsigned_abs());
    if !range.contains(&duration) {
        let size = if duration < *range.start() { "short" } else { "long" };
        violations.add(path, format_args!("is too {size}; use {low} to {high}"));
        return None;
    }
    Some(duration)
}
