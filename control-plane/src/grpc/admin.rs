//! What operators see: the control plane, its data planes, the health of endpoints.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use gateway_proto::{
    admin::v1 as pb,
    code::Reason,
    discovery::v1::{Node as WireNode, query::Query},
    registry::v1::EndpointStatus,
};
use imbl::OrdMap;
use pb::admin_service_server::{AdminService, AdminServiceServer};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{audit, cache_stats, endpoint_status, explain, invalid, limits, queries::Queries, refuse};
use crate::{
    health::{EndpointHealth, EndpointKey, Health, of_endpoint},
    observed::{Observed, Totals},
    registry::model::{Revision, Service, ServiceName},
    snapshot::{
        Version,
        nodes::NodeState,
        session::{Node, wire_version},
    },
    time::timestamp,
};

/// How long `WaitForRevision` waits unless it is told, and at the most.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);
const MAX_WAIT: Duration = Duration::from_secs(600);

/// The admin service.
#[derive(Debug)]
pub struct Admin {
    observed: Observed,
    queries: Arc<Queries>,
    stop: CancellationToken,
}

impl Admin {
    /// Answers from what is observed and what data planes say; whoever waits stops to wait at `stop`.
    #[must_use]
    pub fn server(observed: Observed, queries: Arc<Queries>, stop: CancellationToken) -> AdminServiceServer<Self> {
        AdminServiceServer::new(Self { observed, queries, stop })
    }

    fn wire_node(&self, state: NodeState) -> pb::NodeStatus {
        let published = self.observed.published.borrow().version;
        let in_sync = state.connected && state.serves(published);
        let Node { id, build, proxy_address } = state.node;
        pb::NodeStatus {
            node: Some(WireNode { id, build, proxy_address }),
            connected: state.connected,
            since: Some(timestamp(state.since)),
            peer_address: state.peer.map(|peer| peer.to_string()).unwrap_or_default(),
            version: state.serves.map(|(version, _)| wire_version(version)),
            revision: state.serves.map_or(0, |(_, revision)| revision.0),
            in_sync,
            violations: state.violations,
        }
    }

    /// The state of a service's endpoints, in order. The health of one that has just been
    /// registered may not be in the view yet.
    fn endpoints_of(&self, service: &Service) -> Vec<EndpointStatus> {
        let view = self.observed.health.borrow().clone();
        let mut endpoints: Vec<_> = service.endpoints.iter().collect();
        endpoints.sort_unstable_by_key(|endpoint| &endpoint.address);
        let mut statuses = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let before = statuses.len();
            let known = of_endpoint(&view, &service.name, &endpoint.address);
            statuses.extend(known.map(|(key, health)| endpoint_status(key, health)));
            if statuses.len() == before {
                let (service_name, address) = (service.name.clone(), endpoint.address.clone());
                let key = EndpointKey { service: service_name, endpoint: address, address: None };
                let unknown = EndpointHealth {
                    weight: endpoint.weight,
                    health: Health::Pending,
                    reason: "not probed yet".into(),
                    since: service.updated_at,
                    last_probe: Arc::default(),
                };
                statuses.push(endpoint_status(&key, &unknown));
            }
        }
        statuses
    }

    /// Returns once every connected data plane serves `revision` with the verdicts on `services`.
    /// `target` is set to what they must serve as soon as that is known.
    async fn until_served(&self, revision: Revision, services: &BTreeSet<ServiceName>, target: &mut Option<Version>) {
        let mut published = self.observed.published.clone();
        let reflects = published
            .wait_for(|snapshot| snapshot.revision >= revision && !is_any_pending(&snapshot.pending, services));
        let Ok(version) = reflects.await.map(|snapshot| snapshot.version) else {
            // Nothing is published any more: the control plane is stopping.
            return std::future::pending().await;
        };
        *target = Some(version);
        let mut changes = self.observed.nodes.changes();
        loop {
            let (connected, serving) = self.observed.nodes.count(version);
            if connected == serving || changes.changed().await.is_err() {
                return;
            }
        }
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn explain(&self, request: Request<pb::ExplainRequest>) -> Result<Response<pb::ExplainResponse>, Status> {
        let pb::ExplainRequest { node_id, query } = request.into_inner();
        let Some(query) = query else { return Err(invalid("query", "is missing; describe the request")) };
        let query = Query::Explain(query);
        let (node_id, explanation) = tokio::select! {
            answer = explain::explain(&self.observed.nodes, &self.queries, &node_id, query) => answer?,
            () = self.stop.cancelled() => return Err(refuse(Reason::ShuttingDown, "the control plane is stopping")),
        };
        Ok(Response::new(pb::ExplainResponse { node_id, explanation: Some(explanation) }))
    }

    async fn get_cache_stats(
        &self,
        request: Request<pb::GetCacheStatsRequest>,
    ) -> Result<Response<pb::GetCacheStatsResponse>, Status> {
        let pb::GetCacheStatsRequest {} = request.into_inner();
        let nodes = tokio::select! {
            nodes = cache_stats::cache_stats(&self.observed.nodes, &self.queries) => nodes,
            () = self.stop.cancelled() => return Err(refuse(Reason::ShuttingDown, "the control plane is stopping")),
        };
        Ok(Response::new(pb::GetCacheStatsResponse { nodes }))
    }

    async fn show_limits(
        &self,
        request: Request<pb::ShowLimitsRequest>,
    ) -> Result<Response<pb::ShowLimitsResponse>, Status> {
        let pb::ShowLimitsRequest { name } = request.into_inner();
        tokio::select! {
            shown = limits::show(&self.observed.nodes, &self.queries, &name) => Ok(Response::new(shown)),
            () = self.stop.cancelled() => Err(refuse(Reason::ShuttingDown, "the control plane is stopping")),
        }
    }

    async fn get_status(
        &self,
        request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        let pb::GetStatusRequest {} = request.into_inner();
        let Totals {
            revision,
            version,
            services,
            routes,
            consumers,
            endpoints_healthy,
            endpoints_unhealthy,
            endpoints_pending,
            nodes_connected,
            nodes_in_sync,
            store_bytes,
            store_failed: _,
            commits: _,
            probes_passed: _,
            probes_failed: _,
            probes_unknown: _,
            calls_refused: _,
        } = self.observed.totals();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let cluster_id = self.observed.published.borrow().cluster_id.as_ref().to_owned();
        Ok(Response::new(pb::GetStatusResponse {
            build: gateway_proto::BUILD.to_owned(),
            cluster_id,
            started_at: Some(timestamp(self.observed.started_at)),
            revision: revision.0,
            version: Some(wire_version(version)),
            services: count(services),
            endpoints_healthy: count(endpoints_healthy),
            endpoints_unhealthy: count(endpoints_unhealthy),
            endpoints_pending: count(endpoints_pending),
            nodes_connected: count(nodes_connected),
            nodes_in_sync: count(nodes_in_sync),
            store_bytes,
            routes: count(routes),
            insecure: self.observed.insecure,
            consumers: count(consumers),
        }))
    }

    async fn list_audit(
        &self,
        request: Request<pb::ListAuditRequest>,
    ) -> Result<Response<pb::ListAuditResponse>, Status> {
        audit::list(Arc::clone(&self.observed.store), request.into_inner()).await.map(Response::new)
    }

    async fn list_nodes(
        &self,
        request: Request<pb::ListNodesRequest>,
    ) -> Result<Response<pb::ListNodesResponse>, Status> {
        let pb::ListNodesRequest {} = request.into_inner();
        let nodes = self.observed.nodes.list().into_iter().map(|node| self.wire_node(node)).collect();
        Ok(Response::new(pb::ListNodesResponse { nodes }))
    }

    async fn get_node(&self, request: Request<pb::GetNodeRequest>) -> Result<Response<pb::GetNodeResponse>, Status> {
        let pb::GetNodeRequest { id } = request.into_inner();
        let Some(node) = self.observed.nodes.get(&id) else {
            return Err(refuse(Reason::NodeNotFound, format!("there is no data plane {id:?}")));
        };
        Ok(Response::new(pb::GetNodeResponse { node: Some(self.wire_node(node)) }))
    }

    async fn list_endpoints(
        &self,
        request: Request<pb::ListEndpointsRequest>,
    ) -> Result<Response<pb::ListEndpointsResponse>, Status> {
        let pb::ListEndpointsRequest { service } = request.into_inner();
        let desired = self.observed.desired.borrow().clone();
        let endpoints = if service.is_empty() {
            desired.services.values().flat_map(|service| self.endpoints_of(service)).collect()
        } else {
            let found = ServiceName::parse(&service).and_then(|name| desired.services.get(&name));
            let Some(found) = found else {
                return Err(refuse(Reason::ServiceNotFound, format!("there is no service {service:?}")));
            };
            self.endpoints_of(found)
        };
        Ok(Response::new(pb::ListEndpointsResponse { endpoints }))
    }

    async fn wait_for_revision(
        &self,
        request: Request<pb::WaitForRevisionRequest>,
    ) -> Result<Response<pb::WaitForRevisionResponse>, Status> {
        let pb::WaitForRevisionRequest { revision, services, timeout } = request.into_inner();
        let timeout = parse_wait(timeout)?;
        let desired = self.observed.desired.borrow().clone();
        let revision = if revision == 0 { desired.revision } else { Revision(revision) };
        // A name that none can have does not exist either, and a name that is repeated is one.
        let services: BTreeSet<_> = services.iter().filter_map(|name| ServiceName::parse(name)).collect();
        let mut target = None;
        let done = tokio::select! {
            served = tokio::time::timeout(timeout, self.until_served(revision, &services, &mut target)) => served.is_ok(),
            () = self.stop.cancelled() => return Err(refuse(Reason::ShuttingDown, "the control plane is stopping")),
        };
        let serves = |node: &NodeState| match target {
            Some(version) => node.serves(version),
            None => node.serves.is_some_and(|(_, served)| served >= revision),
        };
        let connected = self.observed.nodes.list().into_iter().filter(|node| node.connected);
        let (in_sync, behind): (Vec<_>, Vec<_>) = connected.partition(serves);
        let desired = self.observed.desired.borrow().clone();
        let named = services.iter().filter_map(|name| desired.services.get(name));
        Ok(Response::new(pb::WaitForRevisionResponse {
            done,
            revision: revision.0,
            nodes_in_sync: in_sync.into_iter().map(|node| node.node.id).collect(),
            // Whoever has connected since then is none of those that were waited for.
            nodes_behind: if done { Vec::new() } else { behind.into_iter().map(|node| self.wire_node(node)).collect() },
            endpoints: named.flat_map(|service| self.endpoints_of(service)).collect(),
        }))
    }
}

/// Whether any of these services is pending. Nothing is published meanwhile, so the shorter list is
/// walked: a request may name a great many.
fn is_any_pending(pending: &OrdMap<ServiceName, u32>, services: &BTreeSet<ServiceName>) -> bool {
    if pending.len() < services.len() {
        pending.keys().any(|service| services.contains(service))
    } else {
        services.iter().any(|service| pending.contains_key(service))
    }
}

fn parse_wait(timeout: Option<prost_types::Duration>) -> Result<Duration, Status> {
    let Some(timeout) = timeout else { return Ok(DEFAULT_WAIT) };
    let wanted = Duration::try_from(timeout).ok().filter(|wanted| *wanted <= MAX_WAIT);
    wanted.ok_or_else(|| invalid("timeout", "must be from 0 to 10 minutes"))
}
