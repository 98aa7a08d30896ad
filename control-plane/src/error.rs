//! Why the registry refuses something, each with a sentence that says what to do.

use std::fmt;

pub use gateway_proto::violation::Violation;
use gateway_proto::{code::Reason, host::HostPattern, violation::Shown};

use crate::{
    registry::model::{EndpointAddress, Key, Revision, RouteName, ServiceName},
    store::{StoreError, WatchError},
};

/// Why the registry refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryError {
    /// Fields are missing, malformed or out of range: all of them, at least one.
    Invalid(Vec<Violation>),
    /// There is none of that kind and name.
    NotFound(Key),
    /// The service has no such endpoints.
    EndpointsNotFound {
        /// The service.
        service: ServiceName,
        /// Those that it does not have, at least one.
        endpoints: Vec<EndpointAddress>,
    },
    /// No consumer has a key of that id.
    KeyNotFound,
    /// There is one of that kind and name.
    Exists(Key),
    /// Other services own hosts: all of them, at least one.
    HostTaken(Vec<TakenHost>),
    /// Other routes have the same requests: all of them, at least one.
    RouteConflict(Vec<ConflictingRoute>),
    /// Routes lead to services that there are not: all of them, at least one.
    ServiceMissing(Vec<MissingService>),
    /// Routes lead to the service that is to go.
    ServiceInUse {
        /// The service.
        service: ServiceName,
        /// All of them, at least one.
        routes: Vec<RouteName>,
    },
    /// It has changed since it was read.
    StaleRevision {
        /// What.
        key: Key,
        /// The revision that it was expected at.
        expected: Revision,
        /// The revision that it is at.
        actual: Revision,
    },
    /// The changes asked for are older than the history that is kept.
    Compacted {
        /// The oldest revision after which changes are kept.
        oldest: Revision,
    },
    /// The store cannot write.
    StoreUnavailable(StoreError),
    /// The control plane is stopping.
    ShuttingDown,
}

/// A host that another service owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenHost {
    /// The host.
    pub host: HostPattern,
    /// Whose it is.
    pub owner: ServiceName,
    /// Who asked for it.
    pub wanted_by: ServiceName,
}

/// A route that another one has the same requests of a host as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictingRoute {
    /// Where the host is in the request, such as `routes[2].hosts[0]`.
    pub field: String,
    /// The host.
    pub host: HostPattern,
    /// Who has its requests.
    pub other: RouteName,
    /// Who asked for them.
    pub wanted_by: RouteName,
}

/// A service that a route leads to and that there is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingService {
    /// Where it is in the request, such as `routes[2].forward.services[0].name`.
    pub field: String,
    /// Its name.
    pub service: String,
    /// Who leads there.
    pub wanted_by: RouteName,
}

impl RegistryError {
    /// A single violation.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { field: field.into(), message: message.into() }])
    }

    /// The stable reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Invalid(_) => Reason::Invalid,
            Self::NotFound(Key::Service(_)) => Reason::ServiceNotFound,
            Self::NotFound(Key::Route(_)) => Reason::RouteNotFound,
            Self::NotFound(Key::Consumer(_)) => Reason::ConsumerNotFound,
            Self::KeyNotFound => Reason::KeyNotFound,
            // Nobody asks for a purge by its revision.
            Self::NotFound(Key::Purge(_)) | Self::Exists(Key::Purge(_)) => Reason::Invalid,
            Self::EndpointsNotFound { .. } => Reason::EndpointNotFound,
            Self::Exists(Key::Service(_)) => Reason::ServiceExists,
            Self::Exists(Key::Route(_)) => Reason::RouteExists,
            Self::Exists(Key::Consumer(_)) => Reason::ConsumerExists,
            Self::HostTaken(_) => Reason::HostTaken,
            Self::RouteConflict(_) => Reason::RouteConflict,
            Self::ServiceMissing(_) => Reason::ServiceMissing,
            Self::ServiceInUse { .. } => Reason::ServiceInUse,
            Self::StaleRevision { .. } => Reason::StaleRevision,
            Self::Compacted { .. } => Reason::Compacted,
            Self::StoreUnavailable(_) => Reason::StoreUnavailable,
            Self::ShuttingDown => Reason::ShuttingDown,
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(violations) => list(f, violations, "; "),
            Self::NotFound(key @ Key::Service(_)) => write!(f, "there is no {key}; register it first"),
            Self::NotFound(key @ (Key::Consumer(_) | Key::Purge(_) | Key::Route(_))) => {
                write!(f, "there is no {key}; create it first")
            }
            // It may be a whole key that was given, which nobody is shown again.
            Self::KeyNotFound => f.write_str("there is no key of that id; ids have 12 hexadecimal digits"),
            Self::EndpointsNotFound { service, endpoints } => {
                write!(f, "service \"{service}\" has no endpoint ")?;
                list(f, endpoints, ", ")?;
                f.write_str("; name endpoints that it has; nothing was removed")
            }
            Self::Exists(key) => write!(f, "there is a {key} already; update it, or choose another name"),
            Self::HostTaken(taken) => {
                list(f, taken, "; ")?;
                f.write_str("; remove it there first, or choose another host")
            }
            Self::RouteConflict(conflicts) => {
                list(f, conflicts, "; ")?;
                f.write_str("; change what one of them matches, or its priority")
            }
            Self::ServiceMissing(missing) => {
                list(f, missing, "; ")?;
                f.write_str("; register it first, or lead elsewhere")
            }
            Self::ServiceInUse { service, routes } => {
                write!(f, "service \"{service}\" cannot be deleted, for these routes lead to it: ")?;
                list(f, routes, ", ")?;
                f.write_str("; delete or change them first")
            }
            Self::StaleRevision { key, expected, actual } => write!(
                f,
                "{key} is at revision {actual} and not at {expected} any more; read it again and repeat the change"
            ),
            Self::Compacted { oldest } => {
                write!(f, "changes are kept from revision {oldest} on only; begin again with the current state")
            }
            Self::StoreUnavailable(err) => write!(f, "the change was not stored: {err}"),
            Self::ShuttingDown => f.write_str("the control plane is stopping; try again when it is back"),
        }
    }
}

impl std::error::Error for RegistryError {}

impl fmt::Display for TakenHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, owner, wanted_by } = self;
        write!(f, "service \"{wanted_by}\" cannot have host \"{host}\", for service \"{owner}\" has it")
    }
}

impl fmt::Display for ConflictingRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field: _, host, other, wanted_by } = self;
        write!(f, "route \"{wanted_by}\" matches the same requests of host \"{host}\" as route \"{other}\"")
    }
}

impl fmt::Display for MissingService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field: _, service, wanted_by } = self;
        write!(f, "route \"{wanted_by}\" leads to service {}, which there is not", Shown(service))
    }
}

impl From<WatchError> for RegistryError {
    fn from(err: WatchError) -> Self {
        match err {
            WatchError::Compacted { oldest } => Self::Compacted { oldest },
            WatchError::Ahead { current } => Self::invalid(
                "after_revision",
                format!("is still to come; the latest revision is {current}, so give that one or an earlier one"),
            ),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display], between: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
