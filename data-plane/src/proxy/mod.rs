//! The way of a request: parse, route, authenticate, limit, balance, forward, respond.

pub(crate) mod auth;
pub(crate) mod balance;
pub(crate) mod cache;
pub(crate) mod compress;
pub(crate) mod cors;
pub(crate) mod destination;
pub(crate) mod edits;
mod errand;
pub(crate) mod exchange;
pub(crate) mod explain;
pub(crate) mod forward;
pub(crate) mod headers;
pub(crate) mod identity;
pub(crate) mod limit;
pub(crate) mod mirror;
pub(crate) mod parse;
mod query;
pub(crate) mod relay;
mod reply;
pub(crate) mod respond;
pub(crate) mod route;
pub(crate) mod split;
#[cfg(test)]
mod tests;
mod tunnel;
pub(crate) mod variant;

use std::rc::Rc;

use gateway_routing::route::Action;

use self::{
    auth::Passage,
    cache::Change,
    cors::Preflight,
    destination::{Destination, InForce},
    exchange::Exchange,
    parse::ParsedRequest,
    route::{Asked, Routed},
};
use crate::{
    error::ProxyError,
    table::RoutingTable,
    worker::{Worker, limits::narrower},
};

/// Answers the request whose head is in the client's buffer with the upstream's answer, or with what
/// its route says. An error is still to be told.
pub(crate) async fn serve<'t>(
    worker: &'t Rc<Worker>,
    table: &'t RoutingTable,
    exchange: &mut Exchange<'t>,
    request: &mut ParsedRequest,
) -> Result<(), ProxyError> {
    request.parse(exchange.head(), worker.limits().request_head().fields)?;
    exchange.learn(request, &mut *worker.rng());
    exchange.recognise(&worker.limits().trusted_proxies, request);
    if request.max_forwards == Some(0) {
        return respond::finally(worker, exchange).await;
    }
    if let Some(preflight) = Preflight::of(request, exchange.head())
        && let Some(stance) = destination::stance(table, &preflight, request, exchange)
    {
        return reply::preflight(worker, &stance, &preflight, exchange).await;
    }
    let routed = route::select(table, &Asked::new(request, exchange.head()))?;
    let to = match routed {
        Routed::Owner(service) => Destination::of_service(service),
        Routed::Route(route) => {
            exchange.route = Some(route);
            match &route.action {
                Action::Redirect(redirect) => {
                    return reply::redirect((worker, table), route, redirect, request, exchange).await;
                }
                Action::Respond(fixed) => {
                    return reply::fixed((worker, table), route, fixed, request, exchange).await;
                }
                Action::Forward(forward) => {
                    Destination::of_route(table, route, forward, request, exchange, &mut *worker.rng())?
                }
            }
        }
    };
    forward(worker, table, &to, request, exchange).await
}

/// Admits a request as who calls, and as often as he may; from there on, it is without credentials.
async fn enter<'t>(
    worker: &'t Rc<Worker>,
    table: &'t RoutingTable,
    policies: &InForce<'t>,
    request: &mut ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Result<Passage, ProxyError> {
    let is_read = auth::forget_told(policies, request, exchange.head());
    // First, so that nobody tries keys and passwords without end, or learns beyond a limit which one was right.
    limit::admit(worker, policies.rate_limits, request, exchange)?;
    let passage = auth::check(worker, table, policies, request, exchange).await;
    if is_read {
        auth::forget_read(policies, request, exchange.head());
    }
    limit::admit_caller(worker, policies.rate_limits, request, exchange)?;
    auth::forget_credentials(policies, request, exchange.head_mut());
    passage
}

async fn forward<'t>(
    worker: &'t Rc<Worker>,
    table: &'t RoutingTable,
    to: &Destination<'t>,
    request: &mut ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Result<(), ProxyError> {
    exchange.service = Some(to.service);
    exchange.settle(&to.policies, request);
    to.admit(&Asked::new(request, exchange.head()))?;
    exchange.watch.bound(narrower(to.timeouts.total, worker.limits().request_timeout));
    if let Passage::Answered(answer) = enter(worker, table, &to.policies, request, exchange).await? {
        return auth::deliver(worker, &answer, exchange).await;
    }
    if let Some(change) = Change::of(table, request, exchange.head()) {
        return Box::pin(cache::write_through(worker, table, &change, to, request, exchange)).await;
    }
    if let Some(policy) = to.policies.cache {
        // In a box, so that who has no cache has no part in what it remembers meanwhile.
        return Box::pin(cache::serve(worker, policy, to, request, exchange)).await;
    }
    let answer = forward::send(worker, to, request, exchange).await?;
    respond::relay(worker, to, answer, exchange).await
}
