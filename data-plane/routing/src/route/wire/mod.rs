//! Back to the wire, in canonical form: one route is always the same bytes, and reading them gives an
//! equal route.
//!
//! Defaults are written out, but for the media types that are compressed; lists that are sets are
//! sorted, and names and hosts are in lower case.

use gateway_proto::registry::v1 as pb;

use super::{Action, Limits, Route, TimeoutOverrides};

mod action;
mod auth;
mod cache;
mod cors;
mod matching;
mod policy;
mod rate_limit;
#[cfg(test)]
mod tests;

pub use policy::policies;

/// A route without title, revision and times, which are not its part.
#[must_use]
pub fn route(route: &Route) -> pb::Route {
    let Route { name, hosts, rule, action, timeouts: time_limits, limits: other_limits, policies: wanted } = route;
    pb::Route {
        name: name.to_string(),
        title: String::new(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        r#match: matching::rule(rule),
        priority: i32::from(rule.priority),
        action: Some(match action {
            Action::Forward(forward) => pb::route::Action::Forward(action::forward(forward)),
            Action::Redirect(redirect) => pb::route::Action::Redirect(action::redirect(redirect)),
            Action::Respond(respond) => pb::route::Action::Respond(action::respond(respond)),
        }),
        timeouts: timeouts(time_limits),
        limits: limits(other_limits),
        policies: policies(wanted),
        revision: 0,
        created_at: None,
        updated_at: None,
    }
}

/// Time limits as far as they are given; nothing if none is.
#[must_use]
pub fn timeouts(timeouts: &TimeoutOverrides) -> Option<pb::Timeouts> {
    let TimeoutOverrides { connect, response, idle, total } = *timeouts;
    let wire = pb::Timeouts {
        connect: connect.map(duration),
        response: response.map(duration),
        idle: idle.map(duration),
        total: total.map(duration),
    };
    (*timeouts != TimeoutOverrides::default()).then_some(wire)
}

/// Other limits as far as they are given; nothing if none is.
#[must_use]
pub fn limits(limits: &Limits) -> Option<pb::Limits> {
    let Limits { request_body } = *limits;
    (*limits != Limits::default()).then_some(pb::Limits { request_body })
}

/// No duration here is longer than a year.
fn duration(duration: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}
