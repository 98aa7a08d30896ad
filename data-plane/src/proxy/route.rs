//! Which service a request is for.

use crate::{
    error::ProxyError,
    table::{RoutingTable, Service},
};

/// The service that answers for `host`.
pub(crate) fn select<'t>(table: &'t RoutingTable, host: &str) -> Result<&'t Service, ProxyError> {
    match table.service_for(host) {
        Some(service) => Ok(service),
        None if table.is_ready() => Err(ProxyError::NoRoute),
        None => Err(ProxyError::NotReady),
    }
}
