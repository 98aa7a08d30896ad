//! To the endpoint and back with the head of its answer.

use std::{cell::Cell, net::SocketAddr, rc::Rc};

use http::{Request, Response, StatusCode, request};
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::{body::RequestBody, exchange::Exchange, headers, parse::ParsedRequest};
use crate::{
    error::ProxyError,
    table::Service,
    upstream::{
        connect,
        pool::{Connection, Lease},
    },
    worker::Worker,
};

/// Sends the request to the endpoint. A pooled connection that turns out to be dead costs the
/// client nothing: the request goes out again on a fresh one, if it certainly was not processed.
pub(crate) async fn send(
    worker: &Worker,
    service: &Service,
    endpoint: SocketAddr,
    request: ParsedRequest<Incoming>,
    exchange: &mut Exchange,
) -> Result<(Response<Incoming>, Lease), ProxyError> {
    let ParsedRequest { mut head, body, host: _ } = request;
    headers::rewrite_request(&mut head, exchange.client, &exchange.request_id);
    exchange.endpoint = Some(endpoint);

    let sent = Rc::new(Cell::new(false));
    // A request that came whole with its head can be made again from its head.
    let spare = (body.is_end_stream() && headers::is_idempotent(&head.method)).then(|| head.clone());
    let mut request = Request::from_parts(head, RequestBody::new(body, Rc::clone(&sent)));

    if let Some(mut pooled) = worker.pool().take(endpoint) {
        match dispatch(&mut pooled, service, request).await {
            Ok(answer) => return accept(worker, service, answer, pooled, endpoint, sent),
            Err(failure) => request = failure.retry(spare)?,
        }
    }
    let mut fresh = connect::open(worker, endpoint, service.timeouts.connect).await?;
    match dispatch(&mut fresh, service, request).await {
        Ok(answer) => accept(worker, service, answer, fresh, endpoint, sent),
        Err(failure) => Err(failure.error),
    }
}

/// An exchange with a connection that came to nothing.
struct Failure {
    error: ProxyError,
    /// The request, if not a byte of it went out.
    unsent: Option<Request<RequestBody>>,
}

impl Failure {
    /// What may be sent again (RFC 9110 section 9.2.2): what was not sent, or what the connection
    /// closed on without an answer, if doing it twice is as good as once.
    fn retry(self, spare: Option<request::Parts>) -> Result<Request<RequestBody>, ProxyError> {
        if let Some(unsent) = self.unsent {
            return Ok(unsent);
        }
        match spare {
            Some(head) if self.error == ProxyError::UpstreamReset => {
                Ok(Request::from_parts(head, RequestBody::empty()))
            }
            Some(_) | None => Err(self.error),
        }
    }
}

async fn dispatch(
    connection: &mut Connection,
    service: &Service,
    request: Request<RequestBody>,
) -> Result<Response<Incoming>, Failure> {
    // The last exchange on it may still be ending; its request was sent in full, so this is short.
    if connection.sender.ready().await.is_err() {
        return Err(Failure { error: ProxyError::UpstreamReset, unsent: Some(request) });
    }
    match timeout(service.timeouts.response, connection.sender.try_send_request(request)).await {
        Err(_) => Err(Failure { error: ProxyError::UpstreamTimeout, unsent: None }),
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(mut failed)) => {
            let unsent = failed.take_message();
            Err(Failure { error: classify(failed.error()), unsent })
        }
    }
}

fn accept(
    worker: &Worker,
    service: &Service,
    answer: Response<Incoming>,
    connection: Connection,
    endpoint: SocketAddr,
    sent: Rc<Cell<bool>>,
) -> Result<(Response<Incoming>, Lease), ProxyError> {
    // Nobody asked for another protocol: `Upgrade` does not reach the upstream.
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(ProxyError::UpstreamProtocol);
    }
    Ok((answer, Lease::new(worker.pool(), endpoint, connection, sent, service.timeouts.idle)))
}

fn classify(err: &hyper::Error) -> ProxyError {
    if err.is_user() || err.is_body_write_aborted() {
        // The only thing of ours in it is the client's body.
        ProxyError::ClientBody
    } else if err.is_parse() {
        ProxyError::UpstreamProtocol
    } else {
        ProxyError::UpstreamReset
    }
}
