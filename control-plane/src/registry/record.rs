//! What is registered, of whatever kind.

use std::{fmt, sync::Arc};

use super::model::{Revision, Route, RouteName, Service, ServiceName};

/// Kind and name of what is registered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A route.
    Route(RouteName),
    /// A service.
    Service(ServiceName),
}

/// Something that is registered, whole; cheap to copy.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A route.
    Route(Arc<Route>),
    /// A service.
    Service(Arc<Service>),
}

impl Record {
    /// What it is kept under.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Route(route) => Key::Route(route.name()),
            Self::Service(service) => Key::Service(service.name.clone()),
        }
    }

    /// The commit that changed it last.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Route(route) => route.revision,
            Self::Service(service) => service.revision,
        }
    }

    /// Makes it one that this commit has changed.
    pub fn set_revision(&mut self, revision: Revision) {
        if self.revision() == revision {
            return;
        }
        match self {
            Self::Route(route) => Arc::make_mut(route).revision = revision,
            Self::Service(service) => Arc::make_mut(service).revision = revision,
        }
    }
}

impl From<Route> for Record {
    fn from(route: Route) -> Self {
        Self::Route(Arc::new(route))
    }
}

impl From<Service> for Record {
    fn from(service: Service) -> Self {
        Self::Service(Arc::new(service))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(name) => write!(f, "route \"{name}\""),
            Self::Service(name) => write!(f, "service \"{name}\""),
        }
    }
}
