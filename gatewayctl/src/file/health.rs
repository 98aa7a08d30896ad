//! The health check's part of the declarative file.

use std::ops::RangeInclusive;

use gateway_proto::registry::v1::{self as pb, health_check::Probe};

use super::{at::At, node::Value, scalar::kind};

/// The fields of a health check.
pub(super) const HEALTH_CHECK: [&str; 8] =
    ["http", "tcp", "disabled", "interval", "timeout", "rise", "fall", "jitter_percent"];
/// The fields of an HTTP probe.
pub(super) const HTTP: [&str; 3] = ["path", "expected_statuses", "host"];
/// The thresholds there are.
pub(super) const THRESHOLD: RangeInclusive<u32> = 1..=10;
/// The jitter there is, in per cent.
pub(super) const JITTER: RangeInclusive<u32> = 0..=50;

pub(super) fn health_check(at: &mut At<'_>) -> Option<pb::HealthCheck> {
    if !at.has_fields(&HEALTH_CHECK) {
        return None;
    }
    let probe = at.choice([
        ("http", |at| http(at).map(Probe::Http)),
        ("tcp", |at| at.has_fields(&[]).then_some(Probe::Tcp(pb::TcpProbe {}))),
        ("disabled", disabled),
    ]);
    let check = pb::HealthCheck {
        interval: at.field("interval", |at| at.duration()),
        timeout: at.field("timeout", |at| at.duration()),
        rise: at.field("rise", |at| at.number(THRESHOLD)).unwrap_or_default(),
        fall: at.field("fall", |at| at.number(THRESHOLD)).unwrap_or_default(),
        jitter_percent: at.field("jitter_percent", |at| at.number(JITTER)),
        probe: probe.clone(),
    };
    let bare = pb::HealthCheck { probe, ..pb::HealthCheck::default() };
    if matches!(check.probe, Some(Probe::Disabled(_))) && check != bare {
        at.mistake("is disabled, so its other fields mean nothing; leave them away");
    }
    Some(check)
}

fn disabled(at: &mut At<'_>) -> Option<Probe> {
    at.only_true("leave it away to have endpoints probed").map(|()| Probe::Disabled(pb::DisabledProbe {}))
}

fn http(at: &mut At<'_>) -> Option<pb::HttpProbe> {
    at.has_fields(&HTTP).then(|| pb::HttpProbe {
        path: at.field("path", |at| at.filled_text()).unwrap_or_default(),
        expected_statuses: at.field("expected_statuses", statuses).unwrap_or_default(),
        host: at.field("host", |at| at.filled_text()).unwrap_or_default(),
    })
}

fn statuses(at: &mut At<'_>) -> Option<Vec<pb::StatusRange>> {
    let statuses = at.items(|at| {
        let read = match &at.node.value {
            Value::Plain(text) | Value::Text(text) => status_range(text),
            Value::List(_) | Value::Fields(_) => Err(format!("is {}", kind(&at.node.value))),
        };
        read.map_err(|sentence| at.mistake(sentence)).unwrap_or_default()
    })?;
    if statuses.is_empty() {
        at.mistake("is empty; leave it away for 200-299");
    }
    Some(statuses)
}

/// Reads `404` or `200-299`.
///
/// # Errors
/// A sentence with what is wrong.
pub fn status_range(text: &str) -> Result<pb::StatusRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if (100..=599).contains(&first) && (first..=599).contains(&last) => {
            Ok(pb::StatusRange { first, last })
        }
        _ => Err(format!("{text:?} is no HTTP status and no range of them, such as 404 or 200-299")),
    }
}
