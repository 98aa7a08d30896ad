//! What is registered, of whatever kind.

use std::{fmt, sync::Arc};

use super::model::{Consumer, ConsumerName, Purge, Revision, Route, RouteName, Service, ServiceName};

/// Kind and name of what is registered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A consumer.
    Consumer(ConsumerName),
    /// A purge of the caches, by its commit.
    Purge(Revision),
    /// A route.
    Route(RouteName),
    /// A service.
    Service(ServiceName),
}

/// Something that is registered, whole; cheap to copy.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A consumer.
    Consumer(Arc<Consumer>),
    /// A purge of the caches.
    Purge(Arc<Purge>),
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
            Self::Consumer(consumer) => Key::Consumer(consumer.name.clone()),
            Self::Purge(purge) => Key::Purge(purge.revision),
            Self::Route(route) => Key::Route(route.name()),
            Self::Service(service) => Key::Service(service.name.clone()),
        }
    }

    /// The commit that changed it last.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Consumer(consumer) => consumer.revision,
            Self::Purge(purge) => purge.revision,
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
            Self::Consumer(consumer) => Arc::make_mut(consumer).revision = revision,
            Self::Purge(purge) => Arc::make_mut(purge).revision = revision,
            Self::Route(route) => Arc::make_mut(route).revision = revision,
            Self::Service(service) => Arc::make_mut(service).revision = revision,
        }
    }
}

impl From<Consumer> for Record {
    fn from(consumer: Consumer) -> Self {
        Self::Consumer(Arc::new(consumer))
    }
}

impl From<Purge> for Record {
    fn from(purge: Purge) -> Self {
        Self::Purge(Arc::new(purge))
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
            Self::Consumer(name) => write!(f, "consumer \"{name}\""),
            Self::Purge(revision) => write!(f, "purge {revision}"),
            Self::Route(name) => write!(f, "route \"{name}\""),
            Self::Service(name) => write!(f, "service \"{name}\""),
        }
    }
}
