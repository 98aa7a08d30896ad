//! Services and routes for tests.

use std::sync::Arc;

use gateway_proto::host::HostPattern;
use gateway_routing::{
    Match, PathMatcher,
    route::{self as routing, Action, Forward, Policies, TimeoutOverrides, WeightedService},
};
use jiff::Timestamp;

use super::model::{
    Endpoint, EndpointAddress, HealthCheck, Limits, LoadBalancing, ProbePolicy, Revision, Route, RouteName, Service,
    ServiceName, Timeouts,
};

/// A name that is one.
pub(crate) fn name(text: &str) -> ServiceName {
    ServiceName::parse(text).unwrap()
}

/// A service with these hosts, one endpoint and every default.
pub(crate) fn service(text: &str, hosts: &[&str]) -> Service {
    Service {
        name: name(text),
        title: String::new(),
        tags: Vec::new(),
        hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
        endpoints: vec![endpoint("127.0.0.1:3001")],
        load_balancing: LoadBalancing::Random,
        health_check: HealthCheck::Enabled(ProbePolicy::default()),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        policies: Policies::default(),
        revision: Revision::default(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

/// An endpoint of weight 1.
pub(crate) fn endpoint(address: &str) -> Endpoint {
    Endpoint { address: EndpointAddress::parse(address).unwrap(), weight: 1 }
}

/// A route's name that is one.
pub(crate) fn route_name(text: &str) -> RouteName {
    RouteName::parse(text).unwrap()
}

/// A route of these hosts for a path and all below it, which leads to a service.
pub(crate) fn route(name: &str, hosts: &[&str], prefix: &str, service: &str) -> Route {
    let services = [WeightedService { name: service.into(), weight: 1000 }].into();
    let forward = Forward { services, sticky: None, mirror: None, path: None, host: None };
    let route = routing::Route {
        name: name.into(),
        hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
        rule: Arc::new(Match::new(PathMatcher::prefix(prefix).unwrap())),
        action: Action::Forward(forward),
        timeouts: TimeoutOverrides::default(),
        limits: routing::Limits::default(),
        policies: Policies::default(),
    };
    Route::new(route, String::new())
}
