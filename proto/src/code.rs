//! Stable names for every reason why the control plane refuses something.
//!
//! They travel as the `reason` of `google.rpc.ErrorInfo`, scripts match on them, and they are
//! never renamed.

use std::fmt;

use tonic::Code as GrpcCode;

/// The `domain` of every `google.rpc.ErrorInfo` that the gateway sends.
pub const DOMAIN: &str = "gateway";

/// Why the control plane refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Fields are missing, malformed or out of range.
    Invalid,
    /// There is no such service.
    ServiceNotFound,
    /// There is no such route.
    RouteNotFound,
    /// There is no such consumer.
    ConsumerNotFound,
    /// There is no such key of a consumer.
    KeyNotFound,
    /// The service has no such endpoint.
    EndpointNotFound,
    /// There is no such data plane.
    NodeNotFound,
    /// The data plane does not answer what it is asked.
    NodeUnavailable,
    /// A service of that name exists.
    ServiceExists,
    /// A route of that name exists.
    RouteExists,
    /// A consumer of that name exists.
    ConsumerExists,
    /// Another service owns the host.
    HostTaken,
    /// Another route matches the same requests of a host at the same priority.
    RouteConflict,
    /// A route leads to a service that does not exist.
    ServiceMissing,
    /// A route leads to the service that is to be deleted.
    ServiceInUse,
    /// The service, route or consumer has changed since it was read.
    StaleRevision,
    /// The changes asked for are older than the history that is kept.
    Compacted,
    /// The data plane belongs to another cluster.
    WrongCluster,
    /// The data plane has seen a newer state than this control plane holds.
    StaleReplica,
    /// The store cannot write; nothing was changed.
    StoreUnavailable,
    /// The control plane is stopping.
    ShuttingDown,
    /// There was no token with the request, or none that is valid.
    Unauthenticated,
    /// The token's role does not allow it.
    PermissionDenied,
    /// There is no such token.
    TokenNotFound,
    /// No other valid token of the role admin lasts as long.
    LastAdminToken,
    /// There are as many tokens as there may be.
    TooManyTokens,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 26] = [
        Self::Invalid,
        Self::ServiceNotFound,
        Self::RouteNotFound,
        Self::ConsumerNotFound,
        Self::KeyNotFound,
        Self::EndpointNotFound,
        Self::NodeNotFound,
        Self::NodeUnavailable,
        Self::ServiceExists,
        Self::RouteExists,
        Self::ConsumerExists,
        Self::HostTaken,
        Self::RouteConflict,
        Self::ServiceMissing,
        Self::ServiceInUse,
        Self::StaleRevision,
        Self::Compacted,
        Self::WrongCluster,
        Self::StaleReplica,
        Self::StoreUnavailable,
        Self::ShuttingDown,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::TokenNotFound,
        Self::LastAdminToken,
        Self::TooManyTokens,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID",
            Self::ServiceNotFound => "SERVICE_NOT_FOUND",
            Self::RouteNotFound => "ROUTE_NOT_FOUND",
            Self::ConsumerNotFound => "CONSUMER_NOT_FOUND",
            Self::KeyNotFound => "KEY_NOT_FOUND",
            Self::EndpointNotFound => "ENDPOINT_NOT_FOUND",
            Self::NodeNotFound => "NODE_NOT_FOUND",
            Self::NodeUnavailable => "NODE_UNAVAILABLE",
            Self::ServiceExists => "SERVICE_EXISTS",
            Self::RouteExists => "ROUTE_EXISTS",
            Self::ConsumerExists => "CONSUMER_EXISTS",
            Self::HostTaken => "HOST_TAKEN",
            Self::RouteConflict => "ROUTE_CONFLICT",
            Self::ServiceMissing => "SERVICE_MISSING",
            Self::ServiceInUse => "SERVICE_IN_USE",
            Self::StaleRevision => "STALE_REVISION",
            Self::Compacted => "COMPACTED",
            Self::WrongCluster => "WRONG_CLUSTER",
            Self::StaleReplica => "STALE_REPLICA",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::TokenNotFound => "TOKEN_NOT_FOUND",
            Self::LastAdminToken => "LAST_ADMIN_TOKEN",
            Self::TooManyTokens => "TOO_MANY_TOKENS",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// The gRPC status it travels with.
    #[must_use]
    pub const fn grpc(self) -> GrpcCode {
        match self {
            Self::Invalid => GrpcCode::InvalidArgument,
            Self::ServiceNotFound | Self::RouteNotFound | Self::EndpointNotFound | Self::NodeNotFound => {
                GrpcCode::NotFound
            }
            Self::ConsumerNotFound | Self::KeyNotFound | Self::TokenNotFound => GrpcCode::NotFound,
            Self::LastAdminToken => GrpcCode::FailedPrecondition,
            Self::TooManyTokens => GrpcCode::ResourceExhausted,
            Self::Unauthenticated => GrpcCode::Unauthenticated,
            Self::PermissionDenied => GrpcCode::PermissionDenied,
            Self::ServiceExists | Self::RouteExists | Self::ConsumerExists => GrpcCode::AlreadyExists,
            Self::HostTaken | Self::RouteConflict => GrpcCode::AlreadyExists,
            Self::StaleRevision => GrpcCode::Aborted,
            Self::Compacted => GrpcCode::OutOfRange,
            Self::ServiceMissing | Self::ServiceInUse => GrpcCode::FailedPrecondition,
            Self::WrongCluster | Self::StaleReplica => GrpcCode::FailedPrecondition,
            Self::NodeUnavailable | Self::StoreUnavailable | Self::ShuttingDown => GrpcCode::Unavailable,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn every_reason_is_found_by_its_name() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(Reason::parse("NO_SUCH_REASON"), None);
    }
}
