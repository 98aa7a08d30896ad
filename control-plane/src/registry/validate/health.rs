//! Reading how health is found out.

use std::{ops::RangeInclusive, time::Duration};

use gateway_proto::{
    host::Authority,
    registry::v1 as pb,
    violation::{Path, Shown, Violations, check_count, duration},
};
use http::uri::PathAndQuery;

use crate::registry::model::{HealthCheck, Probe, ProbePolicy};

const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const PROBE_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
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
    check_count(wire.len(), MAX_STATUSES, path, violations);
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
