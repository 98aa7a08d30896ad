//! `gatewayctl status`.

use gateway_proto::{admin::v1 as pb, registry::v1 as registry_pb};
use serde::Serialize;

use super::{Context, endpoint::statuses, node::nodes};
use crate::{
    client::admin,
    exit::Failure,
    output::{
        observed::{Endpoint, Node, node_table, version_name},
        table::{grid, pairs},
        text,
    },
};

/// The most rows of a table, so that it stays one screen.
const ROWS: usize = 10;

#[derive(Debug, Serialize)]
struct Status {
    control_plane: ControlPlane,
    store: Store,
    services: u32,
    routes: u32,
    consumers: u32,
    endpoints: Endpoints,
    data_planes: DataPlanes,
}

#[derive(Debug, Serialize)]
struct ControlPlane {
    server: String,
    build: String,
    cluster_id: String,
    started_at: Option<String>,
    version: Option<String>,
    /// Whether it asks who its clients are.
    authentication: bool,
}

#[derive(Debug, Serialize)]
struct Store {
    revision: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Endpoints {
    healthy: u32,
    unhealthy: u32,
    pending: u32,
}

#[derive(Debug, Serialize)]
struct DataPlanes {
    connected: u32,
    in_sync: u32,
    nodes: Vec<Node>,
}

pub(super) async fn run(mut context: Context) -> Result<(), Failure> {
    let client = &mut context.client;
    let answer = client.call(async |channel| admin(channel).get_status(pb::GetStatusRequest {}).await).await?;
    let server = client.server().map(ToString::to_string).unwrap_or_default();
    let nodes = nodes(client).await?;
    let status = Status::new(server, answer, nodes);
    // Which ones, for people; scripts ask `endpoint list`.
    let failing = if status.endpoints.unhealthy > 0 { statuses(client, "").await? } else { Vec::new() };
    context.output.print(&status, |width| status.screen(width, &failing))
}

impl Status {
    fn new(server: String, answer: pb::GetStatusResponse, nodes: Vec<Node>) -> Self {
        let pb::GetStatusResponse {
            build,
            cluster_id,
            started_at,
            revision,
            version,
            services,
            endpoints_healthy,
            endpoints_unhealthy,
            endpoints_pending,
            nodes_connected,
            nodes_in_sync,
            store_bytes,
            routes,
            insecure,
            consumers,
        } = answer;
        Self {
            control_plane: ControlPlane {
                server,
                build,
                cluster_id,
                started_at: started_at.as_ref().map(text::timestamp),
                version: version.as_ref().map(version_name),
                authentication: !insecure,
            },
            store: Store { revision, bytes: store_bytes },
            services,
            routes,
            consumers,
            endpoints: Endpoints {
                healthy: endpoints_healthy,
                unhealthy: endpoints_unhealthy,
                pending: endpoints_pending,
            },
            data_planes: DataPlanes { connected: nodes_connected, in_sync: nodes_in_sync, nodes },
        }
    }

    fn screen(&self, width: Option<u16>, endpoints: &[registry_pb::EndpointStatus]) -> String {
        let Self { control_plane, store, services, routes, consumers, endpoints: counts, data_planes } = self;
        let mut sections = vec![pairs(
            width,
            [
                ("Control plane", format!("{} ({})", control_plane.server, control_plane.build)),
                ("Authentication", control_plane.authentication().to_owned()),
                ("Started", control_plane.started_at.clone().unwrap_or_else(|| "-".to_owned())),
                ("Cluster", control_plane.cluster_id.clone()),
                ("Store", store.line()),
                ("Services", services.to_string()),
                ("Routes", routes.to_string()),
                ("Consumers", consumers.to_string()),
                ("Endpoints", counts.line()),
                ("Data planes", format!("{} connected, {} in sync", data_planes.connected, data_planes.in_sync)),
            ],
        )];
        sections.extend(data_planes.table(width));
        sections.extend(failing(width, endpoints));
        sections.join("\n\n")
    }
}

impl ControlPlane {
    fn authentication(&self) -> &'static str {
        if self.authentication { "by token" } else { "OFF: whoever reaches it may change everything (--insecure)" }
    }
}

impl Store {
    fn line(&self) -> String {
        match self.bytes {
            0 => format!("revision {}, in memory", self.revision),
            size => format!("revision {}, {} on disk", self.revision, text::bytes(size)),
        }
    }
}

impl Endpoints {
    fn line(&self) -> String {
        format!("{} healthy, {} unhealthy, {} pending", self.healthy, self.unhealthy, self.pending)
    }
}

impl DataPlanes {
    fn table(&self, width: Option<u16>) -> Option<String> {
        let shown = self.nodes.get(..ROWS).unwrap_or(&self.nodes);
        let table = node_table(width, shown);
        match self.nodes.len() - shown.len() {
            _ if shown.is_empty() => None,
            0 => Some(table),
            more => Some(format!("{table}\nand {more} more: gatewayctl node list")),
        }
    }
}

fn failing(width: Option<u16>, endpoints: &[registry_pb::EndpointStatus]) -> Option<String> {
    let failing = endpoints.iter().filter(|endpoint| endpoint.health() == registry_pb::Health::Unhealthy);
    let failing: Vec<Endpoint> = failing.map(Endpoint::from).collect();
    let shown = failing.get(..ROWS).unwrap_or(&failing);
    let row = |endpoint: &Endpoint| {
        let Endpoint { service, address, reason, .. } = endpoint;
        [service.clone(), address.clone(), reason.clone()]
    };
    let table = grid(width, ["SERVICE", "UNHEALTHY", "REASON"], shown.iter().map(row));
    match failing.len() - shown.len() {
        _ if shown.is_empty() => None,
        0 => Some(table),
        more => Some(format!("{table}\nand {more} more: gatewayctl endpoint list NAME")),
    }
}
