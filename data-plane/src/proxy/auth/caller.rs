//! Who calls.

use std::sync::Arc;

use gateway_auth::{Json, jwt::Claims};
use gateway_caching::Time;
use gateway_routing::route::{AuthMethod, RateLimit};

use super::subject::Subject;
use crate::table::{
    RoutingTable,
    consumers::{Consumer, Key, NEVER},
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

    /// Whether what he came with, which ends then, is still good by a newer table and the time.
    pub(crate) fn is_welcome(&self, newer: &RoutingTable, ends: Time, now: Time) -> bool {
        let consumers = newer.consumers();
        let is_known = match self {
            Self::Nobody | Self::Told(_, None) => true,
            Self::Keyed(consumer, key) => consumers.of_key(&key.sha256, now).is_some_and(|of| of.name == consumer.name),
            Self::Consumer(consumer) => {
                consumers.named(&consumer.name).is_some_and(|there| there.password() == consumer.password())
            }
            Self::Told(_, Some(consumer)) => consumers.named(&consumer.name).is_some(),
        };
        is_known && now < ends
    }

    /// When what this method has accepted is none any more, as far as it says so itself.
    pub(super) fn end(&self, method: &AuthMethod) -> Time {
        let leeway = match method {
            AuthMethod::Jwt(jwt) => i64::try_from(jwt.leeway.as_secs()).unwrap_or(i64::MAX),
            AuthMethod::ApiKey(_) | AuthMethod::Basic | AuthMethod::Introspection(_) | AuthMethod::Forward(_) => 0,
        };
        // Tables say when a key ends.
        let expires = self.claims().and_then(|claims| claims.expires);
        expires.map_or(NEVER, |expires| Time::from_seconds(expires.saturating_add(leeway)))
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc, time::Duration};

    use gateway_auth::{Json, jwt::Claims};
    use gateway_caching::Time;
    use gateway_routing::route::{AuthMethod, CredentialPlace, IdentityClaims, Jwks, Jwt};
    use http::header::AUTHORIZATION;

    use super::Caller;
    use crate::{
        proxy::auth::subject::Subject,
        table::{Changes, Consumer, RoutingTable, consumers::NEVER, tests::stamp},
    };

    fn told(expires: Option<i64>) -> Caller<'static> {
        let claims = Claims { all: Json::Object(BTreeMap::new()), expires };
        let subject = Subject { consumer: Some("anna".into()), groups: [].into(), claims: Some(claims.into()) };
        Caller::Told(subject.into(), None)
    }

    fn jwt(leeway: Duration) -> AuthMethod {
        AuthMethod::Jwt(Arc::new(Jwt {
            issuer: "https://issuer.test".into(),
            audience: [].into(),
            jwks: Jwks::File("keys.json".into()),
            algorithms: [].into(),
            leeway,
            required_claims: [].into(),
            claims: IdentityClaims { consumer: "sub".into(), groups: "groups".into() },
            place: CredentialPlace::Header(AUTHORIZATION),
        }))
    }

    #[test]
    fn a_token_is_good_until_it_would_not_be_accepted_any_more() {
        let ends = told(Some(100)).end(&jwt(Duration::from_secs(60)));
        let is_welcome = |now| told(Some(100)).is_welcome(&RoutingTable::default(), ends, Time::from_seconds(now));
        assert!(is_welcome(159) && !is_welcome(160));
        assert_eq!(told(None).end(&jwt(Duration::ZERO)), NEVER);
        assert_eq!(Caller::Nobody.end(&AuthMethod::Basic), NEVER);
    }

    #[test]
    fn who_was_registered_and_is_not_any_more_is_not_welcome() {
        let table = |names: &[&str]| {
            let consumer = |name: &&str| (Arc::from(*name), Some(Consumer::new(name, [].into(), &[], None, [].into())));
            let changes = Changes { consumers: names.iter().map(consumer).collect(), ..Changes::default() };
            RoutingTable::default().amend(stamp(1), &changes).unwrap()
        };
        let (with, without) = (table(&["anna", "bert"]), table(&["bert"]));
        let mut caller = told(None);
        assert!(caller.is_welcome(&without, NEVER, Time::from_seconds(1)), "nobody had registered her");
        caller.register(&with);
        assert!(caller.is_welcome(&with, NEVER, Time::from_seconds(1)) && caller.is_known_to(&with, &without));
        assert!(!caller.is_welcome(&without, NEVER, Time::from_seconds(1)) && !caller.is_known_to(&without, &with));
    }
}
