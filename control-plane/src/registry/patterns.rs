//! Counting regular expressions: a few bytes are compiled into up to 64 KiB.

use gateway_proto::registry::v1 as pb;

/// How many regular expressions a route has.
#[must_use]
pub fn of_route(wire: &pb::Route) -> usize {
    of_policies(wire.policies.as_ref()) + wire.r#match.as_ref().map_or(0, of_match)
}

fn of_match(pb::RouteMatch { path, methods: _, headers, query }: &pb::RouteMatch) -> usize {
    of_path(path.as_ref()) + of_conditions(headers) + of_conditions(query)
}

/// How many regular expressions the policies of a service or a route have.
#[must_use]
pub fn of_policies(wire: Option<&pb::Policies>) -> usize {
    let Some(wire) = wire else { return 0 };
    let bypass = wire.cache.iter().filter_map(|wire| wire.bypass.as_ref());
    let bypass =
        bypass.map(|pb::CacheBypass { headers, query, cookies: _ }| of_conditions(headers) + of_conditions(query));
    let limits = of_rate_limits(wire.rate_limits.as_ref());
    let rules = wire.auth.iter().flat_map(|wire| wire.allow.iter().chain(&wire.deny));
    let rules = rules.map(|wire| of_path(wire.path.as_ref()));
    limits + bypass.chain(rules).sum::<usize>()
}

/// How many regular expressions the limits of a service, a route or a consumer have.
#[must_use]
pub fn of_rate_limits(wire: Option<&pb::RateLimits>) -> usize {
    let limits = wire.into_iter().flat_map(|pb::RateLimits { limits }| limits);
    limits.filter_map(|wire| wire.exempt.as_ref()).map(|wire| of_conditions(&wire.headers)).sum()
}

fn of_path(wire: Option<&pb::PathMatch>) -> usize {
    usize::from(wire.is_some_and(|wire| matches!(wire.kind, Some(pb::path_match::Kind::Regex(_)))))
}

fn of_conditions(wire: &[pb::Condition]) -> usize {
    wire.iter().filter(|wire| matches!(wire.test, Some(pb::condition::Test::Regex(_)))).count()
}
