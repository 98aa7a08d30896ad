//! Reading routes.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations},
};
use gateway_routing::route;

use super::{named, read_title};
use crate::{
    error::RegistryError,
    registry::model::{Route, RouteName},
};

/// Reads the route of a request.
///
/// # Errors
/// Everything that is wrong with it.
pub fn route(wire: Option<pb::Route>) -> Result<Route, RegistryError> {
    let Some(wire) = wire else { return Err(RegistryError::invalid("route", "is missing; give a route")) };
    let mut violations = Violations::default();
    let route = read_route(wire, &Path::Root("route"), &mut violations);
    violations.finish(route).map_err(RegistryError::Invalid)
}

/// Reads a route's name.
///
/// # Errors
/// It is none.
pub fn route_name(wire: &str) -> Result<RouteName, RegistryError> {
    let mut violations = Violations::default();
    let name = named(wire, RouteName::parse, &Path::Root("name"), &mut violations);
    violations.finish(name).map_err(RegistryError::Invalid)
}

pub(super) fn read_route(wire: pb::Route, path: &Path<'_>, violations: &mut Violations) -> Option<Route> {
    let read = route::route(&wire, path, violations);
    route::check_route(&wire, path, violations);
    let title = read_title(wire.title, &path.field("title"), violations);
    Some(Route::new(read?, title.unwrap_or_default()))
}
