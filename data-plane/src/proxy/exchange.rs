//! What is known of one request and its answer: the only source of metrics and logs.

use std::net::SocketAddr;

use http::{HeaderValue, StatusCode};

use crate::error::ProxyError;

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Where the client is.
    pub client: SocketAddr,
    /// Names the request in the answer, at the upstream and in logs.
    pub request_id: HeaderValue,
    /// Where it was sent to.
    pub endpoint: Option<SocketAddr>,
    /// The status that the client got.
    pub status: Option<StatusCode>,
    /// Why it failed, where it did.
    pub error: Option<ProxyError>,
}

impl Exchange {
    pub(crate) fn new(client: SocketAddr, request_id: HeaderValue) -> Self {
        Self { client, request_id, endpoint: None, status: None, error: None }
    }
}
