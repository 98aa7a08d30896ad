//! Who calls.

use std::sync::Arc;

use gateway_auth::Json;
use gateway_routing::route::RateLimit;

use super::subject::Subject;
use crate::table::{RoutingTable, consumers::Consumer};

/// Who calls, as far as it is known. A consumer of the table is borrowed from there: that costs a request
/// nothing that is shared with others.
#[derive(Debug, Clone, Default)]
pub(crate) enum Caller<'t> {
    /// Nobody has shown anything, or nothing that was accepted.
    #[default]
    Nobody,
    /// Known by a key or a password.
    Consumer(&'t Consumer),
    /// Whoever a token or another server says; and the consumer of that name, if there is one.
    Told(Arc<Subject>, Option<&'t Consumer>),
}

impl<'t> Caller<'t> {
    pub(super) fn told(subject: Arc<Subject>, table: &'t RoutingTable) -> Self {
        let registered = subject.consumer.as_deref().and_then(|name| table.consumers().named(name));
        Self::Told(subject, registered)
    }

    /// The consumer's name.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Nobody => None,
            Self::Consumer(consumer) => Some(&consumer.name),
            Self::Told(subject, _) => subject.consumer.as_deref(),
        }
    }

    pub(super) fn groups(&self) -> &[Arc<str>] {
        match self {
            Self::Nobody => &[],
            Self::Consumer(consumer) => &consumer.groups,
            Self::Told(subject, _) => &subject.groups,
        }
    }

    /// What his token says.
    pub(crate) fn claim(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Nobody | Self::Consumer(_) => None,
            Self::Told(subject, _) => subject.claims.as_ref()?.all.get(name),
        }
    }

    /// The consumer as he is registered.
    pub(crate) const fn registered(&self) -> Option<&'t Consumer> {
        match self {
            Self::Nobody => None,
            Self::Consumer(consumer) => Some(consumer),
            Self::Told(_, registered) => *registered,
        }
    }

    /// How often he may call, over all services and routes.
    pub(crate) fn rate_limits(&self) -> &'t [RateLimit] {
        self.registered().map(Consumer::rate_limits).unwrap_or_default()
    }
}
