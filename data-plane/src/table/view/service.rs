//! A service as `/config` shows it.

use std::time::Duration;

use gateway_proto::size::format_size;
use serde::Serialize;

use super::policy::PoliciesView;
use crate::table::{Endpoint, Entry, Limits, Service, Timeouts};

#[derive(Serialize)]
pub(super) struct ServiceView<'t> {
    name: &'t str,
    hosts: Vec<String>,
    endpoints: Vec<EndpointView>,
    timeouts: TimeoutsView,
    limits: LimitsView,
    #[serde(flatten)]
    policies: PoliciesView<'t>,
}

#[derive(Serialize)]
struct EndpointView {
    address: String,
    weight: u32,
    health: &'static str,
}

#[derive(Serialize)]
struct TimeoutsView {
    connect: String,
    response: String,
    idle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<String>,
}

#[derive(Serialize)]
pub(super) struct LimitsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<String>,
}

impl<'t> From<&'t Entry> for ServiceView<'t> {
    fn from(Entry { service, hosts, endpoints }: &'t Entry) -> Self {
        let Service { name, healthy: _, timeouts, limits, policies, told: _ } = &**service;
        let endpoint = |&Endpoint { address, weight, healthy }: &Endpoint| EndpointView {
            address: address.to_string(),
            weight,
            health: if healthy { "healthy" } else { "unhealthy" },
        };
        Self {
            name,
            hosts: hosts.iter().map(ToString::to_string).collect(),
            endpoints: endpoints.iter().map(endpoint).collect(),
            timeouts: (*timeouts).into(),
            limits: (*limits).into(),
            policies: policies.into(),
        }
    }
}

impl From<Timeouts> for TimeoutsView {
    fn from(Timeouts { connect, response, idle, total }: Timeouts) -> Self {
        Self { connect: text(connect), response: text(response), idle: text(idle), total: total.map(text) }
    }
}

/// As it would be written in a file.
pub(super) fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

impl From<Limits> for LimitsView {
    fn from(Limits { request_body }: Limits) -> Self {
        Self { request_body: request_body.map(format_size) }
    }
}
