//! Who calls.

use std::sync::Arc;

use gateway_auth::{Json, jwt::Claims};
use gateway_caching::Time;
use gateway_routing::route::RateLimit;

use super::subject::Subject;
use crate::table::{
    RoutingTable,
    consumers::{Consumer, Key},
};

/// Who calls, as far as it is known. A consumer of the table is borrowed from there: that costs a request
/// nothing that is shared with others.
#[derive(Debug, Clone, Default)]
pub(crate) enum Caller<'t> {
    /// Nobody has shown anything, or nothing that was accepted.
    #[default]
    Nobody,
    /// Known by this key.
    Keyed(&'t Consumer, &'t Key),
    /// Known by a password.
    Consumer(&'t Consumer),
    /// Whoever a token or another server says; and the consumer of that name, if there is one and he was looked up.
    Told(Arc<Subject>, Option<&'t Consumer>),
}

impl<'t> Caller<'t> {
    /// Looks him up of whom others have told.
    pub(super) fn register(&mut self, table: &'t RoutingTable) {
        if let Self::Told(subject, registered) = self {
            *registered = subject.consumer.as_deref().and_then(|name| table.consumers().named(name));
        }
    }

    /// Whether a newer table than the one that he was found by has all the same of him: he may have had to wait.
    pub(super) fn is_known_to(&self, newer: &RoutingTable, table: &RoutingTable) -> bool {
        let is_same = |consumer: &Consumer| newer.consumers().named(&consumer.name) == Some(consumer);
        std::ptr::eq(newer, table) || self.registered().is_none_or(is_same)
    }

    /// Whether what he came with is still good by a newer table, as far as tables tell.
    pub(crate) fn is_welcome(&self, newer: &RoutingTable, now: Time) -> bool {
        let consumers = newer.consumers();
        match self {
            Self::Nobody | Self::Told(_, None) => true,
            Self::Keyed(consumer, key) => consumers.of_key(&key.sha256, now).is_some_and(|of| of.name == consumer.name),
            Self::Consumer(consumer) => {
                consumers.named(&consumer.name).is_some_and(|now| now.password() == consumer.password())
            }
            Self::Told(_, Some(consumer)) => consumers.named(&consumer.name).is_some(),
        }
    }

    /// When his token ends, in seconds since 1970.
    pub(super) fn expires(&self) -> Option<i64> {
        self.claims()?.expires
    }

    /// The consumer's name.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Nobody => None,
            Self::Keyed(consumer, _) | Self::Consumer(consumer) => Some(&consumer.name),
            Self::Told(subject, _) => subject.consumer.as_deref(),
        }
    }

    pub(super) fn groups(&self) -> &[Arc<str>] {
        match self {
            Self::Nobody => &[],
            Self::Keyed(consumer, _) | Self::Consumer(consumer) => &consumer.groups,
            Self::Told(subject, _) => &subject.groups,
        }
    }

    /// What his token says of this.
    pub(crate) fn claim(&self, name: &str) -> Option<&Json> {
        self.claims()?.all.get(name)
    }

    /// What his token says.
    pub(super) fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Nobody | Self::Keyed(..) | Self::Consumer(_) => None,
            Self::Told(subject, _) => subject.claims.as_deref(),
        }
    }

    /// The consumer as he is registered.
    pub(crate) const fn registered(&self) -> Option<&'t Consumer> {
        match self {
            Self::Nobody => None,
            Self::Keyed(consumer, _) | Self::Consumer(consumer) => Some(consumer),
            Self::Told(_, registered) => *registered,
        }
    }

    /// How often he may call, over all services and routes.
    pub(crate) fn rate_limits(&self) -> &'t [RateLimit] {
        self.registered().map(Consumer::rate_limits).unwrap_or_default()
    }
}
