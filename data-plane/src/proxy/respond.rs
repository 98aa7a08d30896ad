//! What the client gets: the upstream's answer, or one of the gateway's own.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;

use super::{
    body::{RelayBody, ResponseBody},
    headers::{self, X_REQUEST_ID},
};
use crate::{error::ProxyError, table::Service, upstream::pool::Lease};

/// The upstream's answer.
pub(crate) fn relay(
    answer: Response<Incoming>,
    lease: Lease,
    service: &Service,
    request_id: &HeaderValue,
) -> Response<ResponseBody> {
    let (mut head, incoming) = answer.into_parts();
    headers::rewrite_response(&mut head, request_id);
    let body = RelayBody::new(incoming, lease, service.timeouts.idle);
    Response::from_parts(head, ResponseBody::Relay(Box::new(body)))
}

/// The one exit of every failure.
pub(crate) fn refuse(error: ProxyError, request_id: &HeaderValue) -> Response<ResponseBody> {
    let id = request_id.to_str().unwrap_or_default();
    let body = json!({"error": {"code": error.code(), "message": error.to_string(), "request_id": id}});
    let mut response = Response::new(ResponseBody::Own(Full::new(Bytes::from(body.to_string()))));
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_REQUEST_ID, request_id.clone());
    response
}
