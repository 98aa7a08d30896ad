//! The way of a request: parse, route, balance, forward, respond.

mod balance;
pub(crate) mod body;
pub(crate) mod exchange;
mod forward;
mod headers;
mod parse;
mod respond;
mod route;

use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;

use self::{body::ResponseBody, exchange::Exchange};
use crate::{error::ProxyError, table::RoutingTable, worker::Worker};

/// Answers one request, whatever happens.
pub(crate) async fn answer(worker: &Worker, client: SocketAddr, raw: Request<Incoming>) -> Response<ResponseBody> {
    let request_id = headers::request_id(raw.headers(), &mut *worker.rng());
    let mut exchange = Exchange::new(client, request_id);
    let table = worker.table();
    let response = match serve(worker, &table, &mut exchange, raw).await {
        Ok(response) => response,
        Err(error) => {
            exchange.error = Some(error);
            respond::refuse(error, &exchange.request_id)
        }
    };
    exchange.status = Some(response.status());
    worker.stats().record(&exchange);
    response
}

async fn serve(
    worker: &Worker,
    table: &RoutingTable,
    exchange: &mut Exchange,
    raw: Request<Incoming>,
) -> Result<Response<ResponseBody>, ProxyError> {
    let request = parse::request(raw)?;
    let service = route::select(table, &request.host)?;
    let endpoint = balance::pick(service, &mut *worker.rng())?;
    let (answer, lease) = forward::send(worker, service, endpoint, request, exchange).await?;
    Ok(respond::relay(answer, lease, service, &exchange.request_id))
}
