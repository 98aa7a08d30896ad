//! Routes for tests.

use gateway_proto::{
    host::HostPattern,
    registry::v1 as pb,
    violation::{Path, Violations},
};
use gateway_routing::{
    Match, PathMatcher,
    route::{self as routing, Action, Forward, Policies, TimeoutOverrides, WeightedService},
};

use crate::registry::{
    model::{Route, RouteName},
    validate,
};

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
        rule: Match::new(PathMatcher::prefix(prefix).unwrap()),
        action: Action::Forward(forward),
        timeouts: TimeoutOverrides::default(),
        limits: routing::Limits::default(),
        policies: Policies::default(),
    };
    Route::new(route, String::new())
}

/// A route that says all there is to say, and leads to these services and mirrors to another.
pub(crate) fn full_route(name: &str, services: [&str; 2], mirror: &str) -> Route {
    validate::route(Some(wire_route(name, services, mirror))).unwrap()
}

/// The same as it is sent.
pub(crate) fn wire_route(name: &str, services: [&str; 2], mirror: &str) -> pb::Route {
    let share = |name: &str| pb::WeightedService { name: name.into(), weight: Some(500) };
    let forward = pb::Forward {
        services: services.map(share).into(),
        sticky: Some(pb::Sticky { key: Some(pb::sticky::Key::Cookie("session".into())) }),
        mirror: Some(pb::Mirror { service: mirror.into(), per_mille: Some(7) }),
        rewrite: Some(pb::Rewrite {
            path_rewrite: Some(pb::rewrite::PathRewrite::Path("/v2/{id}".into())),
            host: "internal.test".into(),
        }),
    };
    pb::Route {
        name: name.into(),
        title: "Ürsprung".into(),
        hosts: vec![format!("{name}.test"), format!("*.{name}.test")],
        r#match: Some(pb::RouteMatch {
            path: Some(pb::PathMatch { kind: Some(pb::path_match::Kind::Template("/users/{id}".into())) }),
            methods: vec!["GET".into(), "PURGE".into()],
            headers: vec![condition("X-Beta", pb::condition::Test::Regex("^1+$".into()))],
            query: vec![condition("debug", pb::condition::Test::Present(true))],
        }),
        priority: -7,
        action: Some(pb::route::Action::Forward(forward)),
        timeouts: Some(pb::Timeouts {
            total: Some(prost_types::Duration { seconds: 5, nanos: 1 }),
            ..pb::Timeouts::default()
        }),
        limits: Some(pb::Limits { request_body: Some(0) }),
        policies: Some(wire_policies()),
        ..pb::Route::default()
    }
}

fn condition(name: &str, test: pb::condition::Test) -> pb::Condition {
    pb::Condition { name: name.into(), test: Some(test) }
}

/// Policies of every kind.
pub(crate) fn policies() -> Policies {
    let mut violations = Violations::default();
    let policies = routing::policies(&wire_policies(), &Path::Root("policies"), &mut violations);
    violations.finish(Some(policies)).unwrap()
}

/// The same as they are sent.
pub(crate) fn wire_policies() -> pb::Policies {
    let set = vec![pb::HeaderField { name: "x-a".into(), value: "1".into() }];
    pb::Policies {
        cors: Some(pb::Cors { allow_origins: vec!["https://app.test".into()], ..pb::Cors::default() }),
        compression: Some(pb::Compression { enabled: Some(false), ..pb::Compression::default() }),
        request_headers: Some(pb::HeaderRules { set, ..pb::HeaderRules::default() }),
        response_headers: Some(pb::HeaderRules { remove: vec!["x-b".into()], ..pb::HeaderRules::default() }),
        ambiguous_paths: pb::AmbiguousPaths::Refuse.into(),
        cache: Some(pb::Cache {
            bypass: Some(pb::CacheBypass {
                headers: vec![condition("x-debug", pb::condition::Test::Regex("^1".into()))],
                ..pb::CacheBypass::default()
            }),
            ..pb::Cache::default()
        }),
        rate_limits: Some(pb::RateLimits {
            limits: vec![pb::RateLimit {
                name: "per-client".into(),
                requests: Some(100),
                per: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                key: vec![pb::RateLimitKeyPart { part: Some(pb::rate_limit_key_part::Part::ClientAddress(true)) }],
                scope: pb::RateLimitScope::Cluster.into(),
                ..pb::RateLimit::default()
            }],
        }),
        auth: Some(pb::Auth {
            methods: vec![pb::AuthMethod { method: Some(pb::auth_method::Method::Basic(pb::BasicAuth {})) }],
            allow: vec![pb::AuthRule { group: "staff".into(), ..pb::AuthRule::default() }],
            ..pb::Auth::default()
        }),
    }
}
