//! The way of a request: parse, route, balance, forward, respond.

pub(crate) mod balance;
pub(crate) mod exchange;
pub(crate) mod forward;
pub(crate) mod headers;
pub(crate) mod identity;
pub(crate) mod parse;
pub(crate) mod relay;
pub(crate) mod respond;
mod route;
pub(crate) mod split;
#[cfg(test)]
mod tests;
mod tunnel;

use self::{exchange::Exchange, parse::ParsedRequest, route::Asked};
use crate::{
    error::ProxyError,
    table::RoutingTable,
    worker::{Worker, limits::narrower},
};

/// Answers the request whose head is in the client's buffer with the upstream's answer. An error is
/// still to be told.
pub(crate) async fn serve<'t>(
    worker: &Worker,
    table: &'t RoutingTable,
    exchange: &mut Exchange<'t>,
    request: &mut ParsedRequest,
) -> Result<(), ProxyError> {
    request.parse(exchange.head(), worker.limits().request_head().fields)?;
    exchange.learn(request, &mut *worker.rng());
    if request.max_forwards == Some(0) {
        return respond::finally(worker, exchange).await;
    }
    let routed = route::select(table, &Asked::new(request, exchange.head()))?;
    exchange.route = routed.route;
    let service = route::destination(table, &routed)?;
    exchange.service = Some(service);
    exchange.watch.bound(narrower(service.timeouts.total, worker.limits().request_timeout));
    let answer = forward::send(worker, service, request, exchange).await?;
    respond::relay(worker, service, answer, exchange).await
}
