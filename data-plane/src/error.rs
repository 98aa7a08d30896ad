//! Every way in which a request can fail, and what the client is told.

use http::StatusCode;

/// Why a request was not answered by its upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum ProxyError {
    /// The request is malformed or ambiguous; the text says in which way.
    #[error("{0}")]
    BadRequest(&'static str),
    /// The request line is longer than the limit.
    #[error("the request line is too long")]
    UriTooLong,
    /// The head is larger than the limit, or has too many fields.
    #[error("the request head is too large")]
    HeadersTooLarge,
    /// The body is larger than the data plane or the service allows.
    #[error("the request body is too large")]
    BodyTooLarge,
    /// The client took too long for its request.
    #[error("the request did not arrive in time")]
    RequestTimeout,
    /// RFC 9110 section 7.6.2: the request may go no further, and the gateway answers no TRACE; or it is one
    /// that would show what the operator adds (section 9.3.8).
    #[error("the request may not be forwarded")]
    NotForwarded,
    /// No service answers for the host, and no route for the request.
    #[error("no route matches this request, and no service is registered for its host")]
    NoRoute,
    /// This data plane has no table yet.
    #[error("this gateway has not received its configuration yet; try again shortly")]
    NotReady,
    /// The service has no endpoint that may get traffic.
    #[error("no healthy endpoint is available for this service")]
    NoHealthyEndpoint,
    /// The request has no credentials, or some that are not accepted.
    #[error("this request needs credentials that are accepted")]
    Unauthenticated,
    /// Whether its credentials are good cannot be told now: who would have to be asked does not answer.
    #[error("the credentials of this request cannot be verified now; try again shortly")]
    AuthUnavailable,
    /// The request asks for what its client may not have.
    #[error("this request is not allowed")]
    Forbidden,
    /// A rate limit is used up.
    #[error("too many requests; try again later")]
    RateLimited,
    /// There is no place for another connection, or no descriptor for one to the endpoint.
    #[error("this gateway has too many connections; try again shortly")]
    Overloaded,
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
    /// The request wants a stored response (RFC 9111 section 5.2.1.7), or one that is stored may not be used
    /// without the endpoint, which cannot be asked (section 5.2.2.2).
    #[error("no stored response may be used to answer this request")]
    NotCached,
    /// The client went away or reads no further; nobody hears the answer.
    #[error("the client closed the connection")]
    ClientGone,
}

impl ProxyError {
    /// The status that the client gets.
    #[must_use]
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::ClientGone => StatusCode::BAD_REQUEST,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NotForwarded => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::NotReady | Self::NoHealthyEndpoint | Self::Overloaded | Self::AuthUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::UpstreamConnect | Self::UpstreamReset | Self::UpstreamProtocol => StatusCode::BAD_GATEWAY,
            Self::UpstreamConnectTimeout | Self::UpstreamTimeout | Self::NotCached => StatusCode::GATEWAY_TIMEOUT,
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
            Self::BadRequest(_) => 0,
            Self::UriTooLong => 1,
            Self::HeadersTooLarge => 2,
            Self::BodyTooLarge => 3,
            Self::RequestTimeout => 4,
            Self::NotForwarded => 5,
            Self::NoRoute => 6,
            Self::NotReady => 7,
            Self::NoHealthyEndpoint => 8,
            Self::Overloaded => 9,
            Self::UpstreamConnect => 10,
            Self::UpstreamReset => 11,
            Self::UpstreamProtocol => 12,
            Self::UpstreamConnectTimeout | Self::UpstreamTimeout => 13,
            Self::NotCached => 14,
            Self::ClientGone => 15,
            Self::RateLimited => 16,
            Self::Forbidden => 17,
            Self::Unauthenticated => 18,
            Self::AuthUnavailable => 19,
        }
    }
}

/// Every stable code.
pub(crate) const CODES: [&str; 20] = [
    "bad_request",
    "uri_too_long",
    "headers_too_large",
    "body_too_large",
    "request_timeout",
    "not_forwarded",
    "no_route",
    "not_ready",
    "no_healthy_endpoint",
    "overloaded",
    "upstream_connect",
    "upstream_reset",
    "upstream_protocol",
    "upstream_timeout",
    "not_cached",
    "client_gone",
    "rate_limited",
    "forbidden",
    "unauthenticated",
    "auth_unavailable",
];
