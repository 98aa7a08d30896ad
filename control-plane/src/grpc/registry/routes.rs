//! The requests for routes.

use gateway_proto::registry::v1 as pb;

use crate::{
    error::RegistryError,
    grpc::convert,
    registry::{
        Registry,
        list::Page,
        model::Revision,
        validate::{self, route_name},
    },
};

pub(super) async fn create(
    registry: &Registry,
    request: pb::CreateRouteRequest,
) -> Result<pb::CreateRouteResponse, RegistryError> {
    let pb::CreateRouteRequest { route } = request;
    let created = registry.create_route(validate::route(route)?).await?;
    Ok(pb::CreateRouteResponse { route: Some((&*created.resource).into()) })
}

pub(super) fn get(registry: &Registry, request: pb::GetRouteRequest) -> Result<pb::GetRouteResponse, RegistryError> {
    let pb::GetRouteRequest { name } = request;
    let route = registry.get_route(&route_name(&name)?)?;
    Ok(pb::GetRouteResponse { route: Some((&*route).into()) })
}

pub(super) fn list(
    registry: &Registry,
    request: pb::ListRoutesRequest,
) -> Result<pb::ListRoutesResponse, RegistryError> {
    let Page { items, next_page_token, revision } = registry.list_routes(&validate::route_query(request)?);
    let routes = items.iter().map(|route| (&**route).into()).collect();
    Ok(pb::ListRoutesResponse { routes, next_page_token, revision: revision.0 })
}

pub(super) async fn update(
    registry: &Registry,
    request: pb::UpdateRouteRequest,
) -> Result<pb::UpdateRouteResponse, RegistryError> {
    let pb::UpdateRouteRequest { route, expected_revision } = request;
    let updated = registry.update_route(validate::route(route)?, expected_revision.map(Revision)).await?;
    let change = convert::change(updated.change).into();
    Ok(pb::UpdateRouteResponse { route: Some((&*updated.resource).into()), change })
}

pub(super) async fn delete(
    registry: &Registry,
    request: pb::DeleteRouteRequest,
) -> Result<pb::DeleteRouteResponse, RegistryError> {
    let pb::DeleteRouteRequest { name, expected_revision } = request;
    let Revision(revision) = registry.delete_route(route_name(&name)?, expected_revision.map(Revision)).await?;
    Ok(pb::DeleteRouteResponse { revision })
}
