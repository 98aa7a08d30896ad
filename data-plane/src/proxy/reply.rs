//! Answers that a route has the gateway give by itself.

use std::rc::Rc;

use gateway_routing::route::{Redirect, Respond, Route, TimeoutOverrides};
use http::{Method, StatusCode};
use tokio::io::AsyncWriteExt;

use super::{
    auth::{self, Passage},
    cors::{Preflight, Stance},
    destination::InForce,
    enter,
    exchange::{Exchange, Stage},
    headers::write_field,
    parse::ParsedRequest,
    respond::own_head,
    route::{self, Asked},
};
use crate::{
    error::ProxyError,
    table::RoutingTable,
    worker::{Worker, limits::narrower},
};

/// Sends the client elsewhere (RFC 9110 section 15.4).
pub(crate) async fn redirect<'t>(
    (worker, table): (&'t Rc<Worker>, &'t RoutingTable),
    route: &'t Route,
    redirect: &Redirect,
    request: &mut ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Result<(), ProxyError> {
    let owner = route::owner(table, &Asked::new(request, exchange.head()));
    let policies = InForce::of_route(route, owner);
    exchange.settle(&policies, request);
    policies.admit(&Asked::new(request, exchange.head()))?;
    if let Passage::Answered(answer) = enter(worker, table, &policies, request, exchange).await? {
        return auth::deliver(worker, &answer, exchange).await;
    }
    let asked = Asked::new(request, exchange.head());
    let mut location = Vec::new();
    let authority = request.authority(exchange.head())?;
    redirect.write_location(route.rule.path(), exchange.scheme, &authority, &asked, &mut location);
    exchange.consume_head();
    let mut out = own_head(worker, exchange, redirect.status);
    policies.response_fields.write_own(&mut out, "Location", &location);
    write_field(&mut out, "Content-Length", b"0");
    policies.response_fields.write_beside(exchange.cors.as_ref(), &mut out);
    out.extend_from_slice(b"\r\n");
    deliver(worker, route.timeouts, exchange, out, b"").await
}

/// Answers what the route says.
pub(crate) async fn fixed<'t>(
    (worker, table): (&'t Rc<Worker>, &'t RoutingTable),
    route: &'t Route,
    fixed: &Respond,
    request: &mut ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Result<(), ProxyError> {
    let policies = InForce::of_route(route, None);
    exchange.settle(&policies, request);
    policies.admit(&Asked::new(request, exchange.head()))?;
    if let Passage::Answered(answer) = enter(worker, table, &policies, request, exchange).await? {
        return auth::deliver(worker, &answer, exchange).await;
    }
    exchange.consume_head();
    let Respond { status, body, content_type } = fixed;
    let body = content(*status, body);
    let mut out = own_head(worker, exchange, *status);
    if !body.is_empty() {
        policies.response_fields.write_own(&mut out, "Content-Type", content_type.as_bytes());
    }
    // RFC 9110 section 8.6: not with 204. With 304 it would be the length of what a 200 has.
    if ![StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(status) {
        write_field(&mut out, "Content-Length", body.len().to_string().as_bytes());
    }
    policies.response_fields.write_beside(exchange.cors.as_ref(), &mut out);
    out.extend_from_slice(b"\r\n");
    deliver(worker, route.timeouts, exchange, out, body).await
}

/// Answers a browser's question whether a page may send a request.
pub(crate) async fn preflight(
    worker: &Worker,
    stance: &Stance<'_>,
    preflight: &Preflight,
    exchange: &mut Exchange<'_>,
) -> Result<(), ProxyError> {
    exchange.consume_head();
    let mut out = own_head(worker, exchange, StatusCode::NO_CONTENT);
    stance.write_preflight(preflight, &mut out);
    out.extend_from_slice(b"\r\n");
    deliver(worker, TimeoutOverrides::default(), exchange, out, b"").await
}

/// RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5: some answers have no content.
fn content(status: StatusCode, body: &str) -> &[u8] {
    match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED => b"",
        _ => body.as_bytes(),
    }
}

/// Writes an answer, its body only if the method asks for one.
pub(super) async fn deliver(
    worker: &Worker,
    timeouts: TimeoutOverrides,
    exchange: &mut Exchange<'_>,
    mut out: Vec<u8>,
    body: &[u8],
) -> Result<(), ProxyError> {
    exchange.sent_head = out.len() as u64;
    if exchange.method != Method::HEAD {
        out.extend_from_slice(body);
    }
    let limits = worker.limits();
    exchange.stage = Stage::Delivery;
    exchange.watch.bound(narrower(timeouts.total, limits.request_timeout));
    exchange.watch.arm(timeouts.idle.unwrap_or(limits.connection_idle_timeout));
    exchange.begun = true;
    exchange.client.writer.write_all(&out).await.map_err(|_| ProxyError::ClientGone)?;
    exchange.sent = out.len() as u64;
    Ok(())
}
