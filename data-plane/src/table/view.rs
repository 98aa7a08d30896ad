//! The table as `/config` shows it, its fields named as in the declarative file.

use std::{sync::Arc, time::Duration};

use gateway_proto::size::format_size;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{Endpoint, Entry, Limits, Map, RoutingTable, Service, Stamp, Timeouts};

/// Borrows everything: a table of any size costs the writer's buffer and a list of references.
pub(super) struct Table<'t>(pub(super) &'t RoutingTable);

impl Serialize for Table<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RoutingTable { stamp, index: _, services, routes: _, references: _ } = self.0;
        let stamp = stamp.as_ref().map(|Stamp { cluster_id, version, revision }| (&**cluster_id, version, revision));
        let mut table = serializer.serialize_struct("RoutingTable", 4)?;
        table.serialize_field("cluster_id", &stamp.map(|(cluster_id, ..)| cluster_id))?;
        table.serialize_field("version", &stamp.map(|(_, version, _)| version.to_string()))?;
        table.serialize_field("revision", &stamp.map(|(.., revision)| revision))?;
        table.serialize_field("services", &Services(services))?;
        table.end()
    }
}

struct Services<'t>(&'t Map<Arc<Entry>>);

impl Serialize for Services<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_unstable_by_key(|(name, _)| *name);
        serializer.collect_seq(entries.into_iter().map(|(_, entry)| ServiceView::from(&**entry)))
    }
}

#[derive(Serialize)]
struct ServiceView<'t> {
    name: &'t str,
    hosts: Vec<String>,
    endpoints: Vec<EndpointView>,
    timeouts: TimeoutsView,
    limits: LimitsView,
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
struct LimitsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<String>,
}

impl<'t> From<&'t Entry> for ServiceView<'t> {
    fn from(Entry { service, hosts, endpoints }: &'t Entry) -> Self {
        let Service { name, healthy: _, timeouts, limits, policies: _ } = &**service;
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
        }
    }
}

impl From<Timeouts> for TimeoutsView {
    fn from(Timeouts { connect, response, idle, total }: Timeouts) -> Self {
        let text = |duration: Duration| humantime::format_duration(duration).to_string();
        Self { connect: text(connect), response: text(response), idle: text(idle), total: total.map(text) }
    }
}

impl From<Limits> for LimitsView {
    fn from(Limits { request_body }: Limits) -> Self {
        Self { request_body: request_body.map(format_size) }
    }
}
