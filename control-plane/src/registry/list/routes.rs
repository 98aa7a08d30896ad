//! Reading routes.

use std::sync::Arc;

use gateway_proto::host::HostPattern;

use super::{Page, cut, start};
use crate::registry::model::{Desired, Route, RouteName, ServiceName};

/// What to list: routes that meet every given part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteQuery {
    /// The name begins so.
    pub name_prefix: String,
    /// It has this very host.
    pub host: Option<HostPattern>,
    /// It leads or mirrors to this service.
    pub service: Option<ServiceName>,
    /// At most so many; 0 means the default, 100.
    pub page_size: u32,
    /// Only names after this one.
    pub after: Option<RouteName>,
}

/// The page that a query asks for.
#[must_use]
pub fn page(desired: &Desired, query: &RouteQuery) -> Page<Route> {
    let RouteQuery { name_prefix, host, service, page_size, after } = query;
    let range = desired.routes.range::<_, str>(start(name_prefix, after.as_ref().map(RouteName::as_str)));
    let named = range.take_while(|(name, _)| name.as_str().starts_with(name_prefix)).map(|(_, route)| route);
    let has_host = |route: &Route| host.as_ref().is_none_or(|host| route.route.hosts.contains(host));
    let leads_to = |route: &Route, name: &ServiceName| route.services().any(|service| **service == *name.as_str());
    let is_led_to = |route: &Route| service.as_ref().is_none_or(|service| leads_to(route, service));
    let found = named.filter(|route: &&Arc<Route>| has_host(route) && is_led_to(route));
    cut(found, *page_size, desired.revision, |route| &*route.route.name, Route::encoded_len)
}
