//! Services and routes of `a.test`, put together as a test needs them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gateway_proto::host::HostPattern;
use gateway_routing::{
    Match, PathMatcher,
    route::{Action, Forward, HeaderField, HeaderRules, Mirror, Policies, Route, TimeoutOverrides, WeightedService},
};

use super::{PATIENCE, PATIENT, Proxy, free_port, service};
use crate::{
    table::{Changes, Consumer, Entry, Limits, RoutingTable, Service, tests::stamp},
    telemetry::access_log::WorkerLog,
};

/// Where a proxy of its own leads to.
#[derive(Default)]
pub(super) struct Site {
    changes: Changes,
}

impl Site {
    /// The service `a` has these endpoints, and gets what no route of `a.test` matches.
    pub(super) fn of(endpoints: &[SocketAddr]) -> Self {
        Self::owned_by(named("a", endpoints))
    }

    /// This service gets it.
    pub(super) fn owned_by(owner: Service) -> Self {
        Self::default().put(owner, &["a.test"])
    }

    /// Another service, for routes to lead to.
    pub(super) fn service(self, name: &str, endpoints: &[SocketAddr]) -> Self {
        self.put(named(name, endpoints), &[])
    }

    pub(super) fn put(mut self, service: Service, hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect();
        let name = Arc::clone(&service.name);
        let entry = Entry { service: Arc::new(service), hosts, endpoints: Box::default() };
        self.changes.services.insert(name, Some(Arc::new(entry)));
        self
    }

    pub(super) fn route(mut self, route: Route) -> Self {
        self.changes.routes.insert(Arc::clone(&route.name), Some(Arc::new(route)));
        self
    }

    pub(super) fn consumer(mut self, consumer: Consumer) -> Self {
        self.changes.consumers.insert(Arc::from(&*consumer.name), Some(consumer));
        self
    }

    pub(super) fn table(&self) -> RoutingTable {
        RoutingTable::default().amend(stamp(1), &self.changes).unwrap()
    }

    pub(super) async fn start(&self) -> Proxy {
        self.start_limited(&[]).await
    }

    /// With the limits that these flags set.
    pub(super) async fn start_limited(&self, flags: &[&str]) -> Proxy {
        Proxy::spawn(free_port(), self.table(), flags, None, PATIENCE).await
    }

    pub(super) async fn start_logged(&self, log: WorkerLog) -> Proxy {
        Proxy::spawn(free_port(), self.table(), &[], Some(log), PATIENCE).await
    }

    /// With so much time for a drain.
    pub(super) async fn start_draining(&self, drain_timeout: Duration) -> Proxy {
        Proxy::spawn(free_port(), self.table(), &[], None, drain_timeout).await
    }
}

pub(super) fn named(name: &str, endpoints: &[SocketAddr]) -> Service {
    Service { name: name.into(), ..service(endpoints, PATIENT, Limits::default()) }
}

/// What is at this path and below.
pub(super) fn below(prefix: &str) -> Match {
    Match::new(PathMatcher::prefix(prefix).unwrap())
}

/// A route that says nothing beside its action.
pub(super) fn route(name: &str, rule: Match, action: Action) -> Route {
    Route {
        name: name.into(),
        hosts: [HostPattern::parse("a.test").unwrap()].into(),
        rule,
        action,
        timeouts: TimeoutOverrides::default(),
        limits: Limits::default(),
        policies: Policies::default(),
    }
}

/// To these services, each with its weight.
pub(super) fn split(services: &[(&str, u32)]) -> Forward {
    let weighted = |(name, weight): &(&str, u32)| WeightedService { name: (*name).into(), weight: *weight };
    Forward { services: services.iter().map(weighted).collect(), sticky: None, mirror: None, path: None, host: None }
}

/// To one service.
pub(super) fn to(service: &str) -> Forward {
    split(&[(service, 1000)])
}

/// To one service, and a copy of every request to another.
pub(super) fn mirrored(service: &str, shadow: &str) -> Action {
    Action::Forward(Forward { mirror: Some(Mirror { service: shadow.into(), per_mille: 1000 }), ..to(service) })
}

/// Removes, sets and adds.
pub(super) fn rules(remove: &[&str], set: &[(&str, &str)], add: &[(&str, &str)]) -> Option<HeaderRules> {
    let fields = |pairs: &[(&str, &str)]| {
        let field = |(name, value): &(&str, &str)| HeaderField {
            name: name.to_lowercase().parse().unwrap(),
            value: value.parse().unwrap(),
        };
        pairs.iter().map(field).collect()
    };
    let remove = remove.iter().map(|name| name.to_lowercase().parse().unwrap()).collect();
    Some(HeaderRules { remove, set: fields(set), add: fields(add) })
}
