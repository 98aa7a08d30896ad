//! Routes as they are stored.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations},
};
use gateway_routing::route;
use jiff::Timestamp;

use crate::registry::model::{Revision, Route};

/// A route as it is stored.
pub(in crate::store) fn of_route(route: &Route) -> pb::Route {
    route.into()
}

/// The route that was stored.
///
/// # Errors
/// Why it is none.
pub(in crate::store) fn into_route(stored: pb::Route) -> Result<Route, String> {
    let mut violations = Violations::default();
    let read = route::route(&stored, &Path::Root("route"), &mut violations);
    let route = violations.finish(read).map_err(|violations| match violations.first() {
        Some(first) => first.to_string(),
        None => "it cannot be read".to_owned(),
    })?;
    let time = |time: Option<prost_types::Timestamp>, name: &str| {
        let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
        time.ok_or_else(|| format!("its {name} is no time"))
    };
    let pb::Route { title, revision, created_at, updated_at, .. } = stored;
    let (created_at, updated_at) = (time(created_at, "created_at")?, time(updated_at, "updated_at")?);
    Ok(Route { revision: Revision(revision), created_at, updated_at, ..Route::new(route, title) })
}
