//! Why the registry refuses something, each with a sentence that says what to do.

use std::fmt;

pub use gateway_proto::violation::Violation;
use gateway_proto::{code::Reason, host::HostPattern};

use crate::{
    registry::model::{EndpointAddress, Revision, ServiceName},
    store::{StoreError, WatchError},
};

/// Why the registry refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryError {
    /// Fields are missing, malformed or out of range: all of them, at least one.
    Invalid(Vec<Violation>),
    /// There is no service of that name.
    NotFound {
        /// The name.
        service: ServiceName,
    },
    /// The service has no such endpoints.
    EndpointsNotFound {
        /// The service.
        service: ServiceName,
        /// Those that it does not have, at least one.
        endpoints: Vec<EndpointAddress>,
    },
    /// There is a service of that name.
    Exists {
        /// The name.
        service: ServiceName,
    },
    /// Other services own hosts: all of them, at least one.
    HostTaken(Vec<TakenHost>),
    /// The service has changed since it was read.
    StaleRevision {
        /// The service.
        service: ServiceName,
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
            Self::NotFound { .. } => Reason::ServiceNotFound,
            Self::EndpointsNotFound { .. } => Reason::EndpointNotFound,
            Self::Exists { .. } => Reason::ServiceExists,
            Self::HostTaken(_) => Reason::HostTaken,
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
            Self::NotFound { service } => write!(f, "there is no service \"{service}\"; register it first"),
            Self::EndpointsNotFound { service, endpoints } => {
                write!(f, "service \"{service}\" has no endpoint ")?;
                list(f, endpoints, ", ")?;
                f.write_str("; name endpoints that it has; nothing was removed")
            }
            Self::Exists { service } => {
                write!(f, "there is a service \"{service}\" already; update it, or choose another name")
            }
            Self::HostTaken(taken) => {
                list(f, taken, "; ")?;
                f.write_str("; remove it there first, or choose another host")
            }
            Self::StaleRevision { service, expected, actual } => write!(
                f,
                "service \"{service}\" is at revision {actual} and not at {expected} any more; read it again and repeat the change"
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
