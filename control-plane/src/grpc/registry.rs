//! The registry's gRPC service.

mod consumers;
mod routes;
mod server;

use std::pin::Pin;

use futures_util::Stream;
use gateway_proto::registry::v1::{self as pb, registry_service_server::RegistryService};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

pub use self::server::RegistryServer;
use super::{
    actor,
    convert::{self, consumer_change, route_change, service_change},
    refusal::status,
    watch::Watcher,
};
use crate::{
    health::HealthView,
    registry::{
        Applied, Registry,
        apply::Outcome,
        list::Page,
        model::{Revision, Service},
        validate::{self, Named},
    },
};

/// The registry as operators see it.
#[derive(Debug)]
pub struct RegistryRpc {
    registry: Registry,
    health: watch::Receiver<HealthView>,
    stop: CancellationToken,
}

impl RegistryRpc {
    /// The service, whose watches end when `stop` comes.
    pub fn server(registry: Registry, health: watch::Receiver<HealthView>, stop: CancellationToken) -> RegistryServer {
        RegistryServer::new(Self { registry, health, stop })
    }
}

impl RegistryRpc {
    /// The registry, whose changes are asked for by who makes the call.
    fn by<T>(&self, request: &Request<T>) -> Registry {
        self.registry.by(actor(request))
    }
}

#[tonic::async_trait]
impl RegistryService for RegistryRpc {
    async fn create_service(
        &self,
        request: Request<pb::CreateServiceRequest>,
    ) -> Result<Response<pb::CreateServiceResponse>, Status> {
        let registry = self.by(&request);
        let pb::CreateServiceRequest { service } = request.into_inner();
        let draft = validate::service(service).map_err(|err| status(&err))?;
        let created = registry.create(draft).await.map_err(|err| status(&err))?;
        Ok(Response::new(pb::CreateServiceResponse { service: Some(convert::service(&created.resource)) }))
    }

    async fn get_service(
        &self,
        request: Request<pb::GetServiceRequest>,
    ) -> Result<Response<pb::GetServiceResponse>, Status> {
        let pb::GetServiceRequest { name } = request.into_inner();
        let name = validate::name(&name).map_err(|err| status(&err))?;
        let service = self.registry.get(&name).map_err(|err| status(&err))?;
        Ok(Response::new(pb::GetServiceResponse { service: Some(convert::service(&service)) }))
    }

    async fn list_services(
        &self,
        request: Request<pb::ListServicesRequest>,
    ) -> Result<Response<pb::ListServicesResponse>, Status> {
        let query = validate::service_query(request.into_inner()).map_err(|err| status(&err))?;
        let Page { items, next_page_token, revision } = self.registry.list(&query);
        let services = items.iter().map(|service| convert::service(service)).collect();
        Ok(Response::new(pb::ListServicesResponse { services, next_page_token, revision: revision.0 }))
    }

    async fn update_service(
        &self,
        request: Request<pb::UpdateServiceRequest>,
    ) -> Result<Response<pb::UpdateServiceResponse>, Status> {
        let registry = self.by(&request);
        let pb::UpdateServiceRequest { service, expected_revision } = request.into_inner();
        let draft = validate::service(service).map_err(|err| status(&err))?;
        let updated = registry.update(draft, expected_revision.map(Revision)).await;
        let (service, change) = sent(&updated.map_err(|err| status(&err))?);
        Ok(Response::new(pb::UpdateServiceResponse { service, change }))
    }

    async fn delete_service(
        &self,
        request: Request<pb::DeleteServiceRequest>,
    ) -> Result<Response<pb::DeleteServiceResponse>, Status> {
        let registry = self.by(&request);
        let pb::DeleteServiceRequest { name, expected_revision } = request.into_inner();
        let name = validate::name(&name).map_err(|err| status(&err))?;
        let deleted = registry.delete(name, expected_revision.map(Revision)).await;
        let Revision(revision) = deleted.map_err(|err| status(&err))?;
        Ok(Response::new(pb::DeleteServiceResponse { revision }))
    }

    async fn register_service(
        &self,
        request: Request<pb::RegisterServiceRequest>,
    ) -> Result<Response<pb::RegisterServiceResponse>, Status> {
        let registry = self.by(&request);
        let pb::RegisterServiceRequest { service } = request.into_inner();
        let draft = validate::service(service).map_err(|err| status(&err))?;
        let registered = registry.register(draft).await.map_err(|err| status(&err))?;
        let (service, change) = sent(&registered);
        Ok(Response::new(pb::RegisterServiceResponse { service, change }))
    }

    async fn add_endpoints(
        &self,
        request: Request<pb::AddEndpointsRequest>,
    ) -> Result<Response<pb::AddEndpointsResponse>, Status> {
        let registry = self.by(&request);
        let pb::AddEndpointsRequest { name, endpoints } = request.into_inner();
        let (name, more) = validate::added_endpoints(&name, &endpoints).map_err(|err| status(&err))?;
        let added = registry.add_endpoints(name, more).await.map_err(|err| status(&err))?;
        let (service, change) = sent(&added);
        Ok(Response::new(pb::AddEndpointsResponse { service, change }))
    }

    async fn remove_endpoints(
        &self,
        request: Request<pb::RemoveEndpointsRequest>,
    ) -> Result<Response<pb::RemoveEndpointsResponse>, Status> {
        let registry = self.by(&request);
        let pb::RemoveEndpointsRequest { name, addresses } = request.into_inner();
        let (name, gone) = validate::removed_endpoints(&name, &addresses).map_err(|err| status(&err))?;
        let removed = registry.remove_endpoints(name, gone).await.map_err(|err| status(&err))?;
        Ok(Response::new(pb::RemoveEndpointsResponse { service: Some(convert::service(&removed.resource)) }))
    }

    async fn apply(&self, request: Request<pb::ApplyRequest>) -> Result<Response<pb::ApplyResponse>, Status> {
        let registry = self.by(&request);
        let pb::ApplyRequest { services, dry_run, routes, consumers } = request.into_inner();
        let wanted = validate::change(Named { services, routes, consumers }).map_err(|err| status(&err))?;
        let applied = if dry_run { registry.preview(wanted) } else { registry.apply(wanted).await };
        let Applied { services, routes, consumers, revision } = applied.map_err(|err| status(&err))?;
        Ok(Response::new(pb::ApplyResponse {
            changes: services.iter().map(service_change).collect(),
            revision: revision.0,
            route_changes: routes.iter().map(route_change).collect(),
            consumer_changes: consumers.iter().map(consumer_change).collect(),
        }))
    }

    async fn create_route(
        &self,
        request: Request<pb::CreateRouteRequest>,
    ) -> Result<Response<pb::CreateRouteResponse>, Status> {
        routes::create(&self.by(&request), request.into_inner()).await.map(Response::new).map_err(|err| status(&err))
    }

    async fn get_route(&self, request: Request<pb::GetRouteRequest>) -> Result<Response<pb::GetRouteResponse>, Status> {
        routes::get(&self.registry, request.into_inner()).map(Response::new).map_err(|err| status(&err))
    }

    async fn list_routes(
        &self,
        request: Request<pb::ListRoutesRequest>,
    ) -> Result<Response<pb::ListRoutesResponse>, Status> {
        routes::list(&self.registry, request.into_inner()).map(Response::new).map_err(|err| status(&err))
    }

    async fn update_route(
        &self,
        request: Request<pb::UpdateRouteRequest>,
    ) -> Result<Response<pb::UpdateRouteResponse>, Status> {
        routes::update(&self.by(&request), request.into_inner()).await.map(Response::new).map_err(|err| status(&err))
    }

    async fn delete_route(
        &self,
        request: Request<pb::DeleteRouteRequest>,
    ) -> Result<Response<pb::DeleteRouteResponse>, Status> {
        routes::delete(&self.by(&request), request.into_inner()).await.map(Response::new).map_err(|err| status(&err))
    }

    async fn create_consumer(
        &self,
        request: Request<pb::CreateConsumerRequest>,
    ) -> Result<Response<pb::CreateConsumerResponse>, Status> {
        consumers::create(&self.by(&request), request.into_inner()).await.map(Response::new).map_err(|err| status(&err))
    }

    async fn get_consumer(
        &self,
        request: Request<pb::GetConsumerRequest>,
    ) -> Result<Response<pb::GetConsumerResponse>, Status> {
        consumers::get(&self.registry, request.into_inner()).map(Response::new).map_err(|err| status(&err))
    }

    async fn list_consumers(
        &self,
        request: Request<pb::ListConsumersRequest>,
    ) -> Result<Response<pb::ListConsumersResponse>, Status> {
        consumers::list(&self.registry, request.into_inner()).map(Response::new).map_err(|err| status(&err))
    }

    async fn update_consumer(
        &self,
        request: Request<pb::UpdateConsumerRequest>,
    ) -> Result<Response<pb::UpdateConsumerResponse>, Status> {
        consumers::update(&self.by(&request), request.into_inner()).await.map(Response::new).map_err(|err| status(&err))
    }

    async fn delete_consumer(
        &self,
        request: Request<pb::DeleteConsumerRequest>,
    ) -> Result<Response<pb::DeleteConsumerResponse>, Status> {
        consumers::delete(&self.by(&request), request.into_inner()).await.map(Response::new).map_err(|err| status(&err))
    }

    async fn set_password(
        &self,
        request: Request<pb::SetPasswordRequest>,
    ) -> Result<Response<pb::SetPasswordResponse>, Status> {
        consumers::set_password(&self.by(&request), request.into_inner())
            .await
            .map(Response::new)
            .map_err(|err| status(&err))
    }

    async fn create_key(
        &self,
        request: Request<pb::CreateKeyRequest>,
    ) -> Result<Response<pb::CreateKeyResponse>, Status> {
        consumers::create_key(&self.by(&request), request.into_inner())
            .await
            .map(Response::new)
            .map_err(|err| status(&err))
    }

    async fn list_keys(&self, request: Request<pb::ListKeysRequest>) -> Result<Response<pb::ListKeysResponse>, Status> {
        consumers::list_keys(&self.registry, request.into_inner()).map(Response::new).map_err(|err| status(&err))
    }

    async fn revoke_key(
        &self,
        request: Request<pb::RevokeKeyRequest>,
    ) -> Result<Response<pb::RevokeKeyResponse>, Status> {
        consumers::revoke_key(&self.by(&request), request.into_inner())
            .await
            .map(Response::new)
            .map_err(|err| status(&err))
    }

    async fn purge_cache(
        &self,
        request: Request<pb::PurgeCacheRequest>,
    ) -> Result<Response<pb::PurgeCacheResponse>, Status> {
        let registry = self.by(&request);
        let pb::PurgeCacheRequest { purge } = request.into_inner();
        let (target, mode) = validate::purge(purge).map_err(|err| status(&err))?;
        let purge = registry.purge(target, mode).await.map_err(|err| status(&err))?;
        Ok(Response::new(pb::PurgeCacheResponse { purge: Some((&*purge).into()) }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let pb::WatchRequest { include_current, after_revision } = request.into_inner();
        let (registry, health, stop) = (self.registry.clone(), self.health.clone(), self.stop.clone());
        let watcher = if include_current {
            Watcher::from_current(registry, health, stop)
        } else {
            Watcher::after(registry, health, stop, after_revision.map(Revision))
        };
        Ok(Response::new(Box::pin(watcher.map_err(|err| status(&err))?.into_stream())))
    }
}

fn sent(outcome: &Outcome<Service>) -> (Option<pb::Service>, i32) {
    (Some(convert::service(&outcome.resource)), convert::change(outcome.change).into())
}

#[cfg(test)]
mod tests;
