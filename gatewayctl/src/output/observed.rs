//! What the control plane observes, as it is printed: endpoints and data planes.

use std::collections::HashMap;

use gateway_proto::{admin::v1 as admin, discovery::v1 as discovery, registry::v1 as pb};
use serde::Serialize;

use super::{service::HealthByAddress, table, text};

/// One address of one endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct Endpoint {
    /// The service's name.
    pub service: String,
    /// HOST:PORT as registered.
    pub address: String,
    /// The socket address it stands for; none while its name has not been resolved.
    pub resolved: Option<String>,
    /// Its share.
    pub weight: u32,
    /// `healthy`, `unhealthy` or `pending`.
    pub health: &'static str,
    /// Why not healthy; empty otherwise.
    pub reason: String,
    /// When `health` became what it is.
    pub since: Option<String>,
    /// When it was probed last.
    pub last_probe: Option<String>,
}

impl From<&pb::EndpointStatus> for Endpoint {
    fn from(wire: &pb::EndpointStatus) -> Self {
        let pb::EndpointStatus { service, endpoint, address, weight, health: _, reason, since, last_probe } = wire;
        Self {
            service: service.clone(),
            address: endpoint.clone(),
            resolved: Some(address.clone()).filter(|address| !address.is_empty()),
            weight: *weight,
            health: health_name(wire.health()),
            reason: reason.clone(),
            since: since.as_ref().map(text::timestamp),
            last_probe: last_probe.as_ref().map(text::timestamp),
        }
    }
}

/// The word for a state of health.
#[must_use]
pub fn health_name(health: pb::Health) -> &'static str {
    match health {
        pb::Health::Unspecified | pb::Health::Pending => "pending",
        pb::Health::Healthy => "healthy",
        pb::Health::Unhealthy => "unhealthy",
    }
}

/// The health of each registered endpoint of one service: healthy as soon as one of its addresses
/// is, pending while none has a verdict.
#[must_use]
pub fn health_by_address(statuses: &[pb::EndpointStatus]) -> HealthByAddress<'_> {
    let rank = |name: &str| ["pending", "unhealthy", "healthy"].iter().position(|known| *known == name);
    let mut by_address = HashMap::new();
    for status in statuses {
        let name = health_name(status.health());
        let known = by_address.entry(&*status.endpoint).or_insert(name);
        if rank(name) > rank(known) {
            *known = name;
        }
    }
    by_address
}

/// Endpoints as a table.
#[must_use]
pub fn endpoint_table(width: Option<u16>, endpoints: &[Endpoint]) -> String {
    let row = |endpoint: &Endpoint| {
        let resolved = endpoint.resolved.as_deref().filter(|resolved| *resolved != endpoint.address);
        let reason = if endpoint.reason.is_empty() { "-" } else { &endpoint.reason };
        [
            endpoint.address.clone(),
            resolved.unwrap_or("-").to_owned(),
            endpoint.weight.to_string(),
            endpoint.health.to_owned(),
            seconds(endpoint.since.as_deref()),
            reason.to_owned(),
        ]
    };
    let header = ["ADDRESS", "RESOLVED", "WEIGHT", "HEALTH", "SINCE", "REASON"];
    table::grid(width, header, endpoints.iter().map(row))
}

/// A timestamp without its fraction, so that a table fits 80 columns.
pub(crate) fn seconds(timestamp: Option<&str>) -> String {
    let Some(timestamp) = timestamp else { return "-".to_owned() };
    timestamp.split_once('.').map_or_else(|| timestamp.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

/// One data plane.
#[derive(Debug, Clone, Serialize)]
pub struct Node {
    /// Unique among the data planes.
    pub id: String,
    /// Whether its stream is open.
    pub connected: bool,
    /// Whether it serves what is published.
    pub in_sync: bool,
    /// The revision it serves.
    pub revision: u64,
    /// The version that its workers serve; none if none yet.
    pub version: Option<String>,
    /// Where it accepts clients.
    pub proxy_address: String,
    /// Where its stream comes from.
    pub peer_address: String,
    /// When its stream was opened or closed.
    pub since: Option<String>,
    /// Version and commit of its program.
    pub build: String,
    /// Why it refused the last change; empty if it accepted it.
    pub violations: Vec<String>,
}

impl From<admin::NodeStatus> for Node {
    fn from(wire: admin::NodeStatus) -> Self {
        let admin::NodeStatus { node, connected, since, peer_address, version, revision, in_sync, violations } = wire;
        let discovery::Node { id, build, proxy_address } = node.unwrap_or_default();
        Self {
            id,
            connected,
            in_sync,
            revision,
            version: version.as_ref().map(version_name),
            proxy_address,
            peer_address,
            since: since.as_ref().map(text::timestamp),
            build,
            violations,
        }
    }
}

impl Node {
    /// How it stands, in a word.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.connected, self.in_sync) {
            (false, _) => "gone",
            (true, _) if !self.violations.is_empty() => "refuses",
            (true, true) => "in sync",
            (true, false) => "behind",
        }
    }
}

/// A version's text. Its epoch is too large for the numbers of many JSON readers.
#[must_use]
pub fn version_name(version: &discovery::Version) -> String {
    format!("{:016x}.{}", version.epoch, version.sequence)
}

/// Data planes as a table.
#[must_use]
pub fn node_table(width: Option<u16>, nodes: &[Node]) -> String {
    let row = |node: &Node| {
        let since = seconds(node.since.as_deref());
        [node.id.clone(), node.state().to_owned(), node.revision.to_string(), node.proxy_address.clone(), since]
    };
    table::grid(width, ["ID", "STATE", "REVISION", "PROXY", "SINCE"], nodes.iter().map(row))
}

#[cfg(test)]
mod tests {
    use gateway_proto::registry::v1::{EndpointStatus, Health};

    use super::health_by_address;

    #[test]
    fn one_healthy_address_makes_an_endpoint_healthy() {
        let status = |endpoint: &str, health: Health| EndpointStatus {
            endpoint: endpoint.into(),
            health: health.into(),
            ..EndpointStatus::default()
        };
        let statuses = [
            status("a:1", Health::Unhealthy),
            status("a:1", Health::Healthy),
            status("a:1", Health::Pending),
            status("b:1", Health::Pending),
            status("b:1", Health::Unhealthy),
            status("c:1", Health::Pending),
        ];
        let health = health_by_address(&statuses);
        assert_eq!([health["a:1"], health["b:1"], health["c:1"]], ["healthy", "unhealthy", "pending"]);
    }
}
