//! Counting regular expressions: a few bytes are compiled into up to 64 KiB.

use gateway_proto::registry::v1 as pb;

/// How many regular expressions a route has.
#[must_use]
pub fn of_route(wire: &pb::Route) -> usize {
    of_policies(wire.policies.as_ref()) + wire.r#match.as_ref().map_or(0, of_match)
}

fn of_match(pb::RouteMatch { path, methods: _, headers, query }: &pb::RouteMatch) -> usize {
    let of_path = path.iter().filter(|path| matches!(path.kind, Some(pb::path_match::Kind::Regex(_))));
    of_path.count() + of_conditions(headers) + of_conditions(query)
}

/// How many regular expressions the policies of a service or a route have.
#[must_use]
pub fn of_policies(wire: Option<&pb::Policies>) -> usize {
    let bypass = wire.and_then(|wire| wire.cache.as_ref()?.bypass.as_ref());
    bypass.map_or(0, |pb::CacheBypass { headers, query, cookies: _ }| of_conditions(headers) + of_conditions(query))
}

fn of_conditions(wire: &[pb::Condition]) -> usize {
    wire.iter().filter(|wire| matches!(wire.test, Some(pb::condition::Test::Regex(_)))).count()
}
