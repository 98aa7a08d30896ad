//! Every way in which a request can fail, and what the client is told.

use http::StatusCode;

/// Why a request was not answered by its upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum ProxyError {
    /// The request is malformed or ambiguous; the text says in which way.
    #[error("{0}")]
    BadRequest(&'static str),
    /// No service answers for the host.
    #[error("no service is registered for this host")]
    NoRoute,
    /// This data plane has no table yet.
    #[error("this gateway has not received its configuration yet; try again shortly")]
    NotReady,
    /// The service has no endpoint that may get traffic.
    #[error("no healthy endpoint is available for this service")]
    NoHealthyEndpoint,
    /// The connection to the endpoint could not be made.
    #[error("the upstream server could not be reached")]
    UpstreamConnect,
    /// The endpoint took too long to accept a connection.
    #[error("the upstream server could not be reached in time")]
    UpstreamConnectTimeout,
    /// The endpoint closed the connection before it had answered.
    #[error("the upstream server closed the connection before it answered")]
    UpstreamReset,
    /// The endpoint answered with something that is not HTTP.
    #[error("the upstream server sent an invalid answer")]
    UpstreamProtocol,
    /// The endpoint took too long to answer.
    #[error("the upstream server did not answer in time")]
    UpstreamTimeout,
    /// The client went away or broke its own body off.
    #[error("the request body ended early or was malformed")]
    ClientBody,
}

impl ProxyError {
    /// The status that the client gets.
    #[must_use]
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::ClientBody => StatusCode::BAD_REQUEST,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NotReady | Self::NoHealthyEndpoint => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamConnect | Self::UpstreamReset | Self::UpstreamProtocol => StatusCode::BAD_GATEWAY,
            Self::UpstreamConnectTimeout | Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The stable code in the body, in metrics and in logs.
    #[must_use]
    pub(crate) const fn code(self) -> &'static str {
        CODES[self.code_index()]
    }

    /// The position of its code in [`CODES`].
    #[must_use]
    pub(crate) const fn code_index(self) -> usize {
        match self {
            Self::BadRequest(_) | Self::ClientBody => 0,
            Self::NoRoute => 1,
            Self::NotReady => 2,
            Self::NoHealthyEndpoint => 3,
            Self::UpstreamConnect => 4,
            Self::UpstreamReset => 5,
            Self::UpstreamProtocol => 6,
            Self::UpstreamConnectTimeout | Self::UpstreamTimeout => 7,
        }
    }
}

/// Every stable code.
pub(crate) const CODES: [&str; 8] = [
    "bad_request",
    "no_route",
    "not_ready",
    "no_healthy_endpoint",
    "upstream_connect",
    "upstream_reset",
    "upstream_protocol",
    "upstream_timeout",
];
