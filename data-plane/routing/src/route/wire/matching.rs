//! What a route matches, to the wire.

use gateway_proto::registry::v1 as pb;

use crate::{Condition, Match, PathKind, PathMatcher, Test};

/// Nothing for every request.
pub(super) fn rule(rule: &Match) -> Option<pb::RouteMatch> {
    let Match { path, methods, headers, query, priority: _ } = rule;
    let wire = pb::RouteMatch {
        path: path_match(path),
        methods: methods.iter().map(|method| method.to_string()).collect(),
        headers: headers.iter().map(condition).collect(),
        query: query.iter().map(condition).collect(),
    };
    (wire != pb::RouteMatch::default()).then_some(wire)
}

pub(super) fn path_match(path: &PathMatcher) -> Option<pb::PathMatch> {
    use pb::path_match::Kind;
    let text = path.text().to_owned();
    let kind = match path.kind() {
        PathKind::Any => return None,
        PathKind::Regex => Kind::Regex(text),
        PathKind::Prefix => Kind::Prefix(text),
        PathKind::Template => Kind::Template(text),
        PathKind::Exact => Kind::Exact(text),
    };
    Some(pb::PathMatch { kind: Some(kind) })
}

pub(super) fn condition(condition: &Condition) -> pb::Condition {
    use pb::condition::Test as Wire;
    let test = match condition.test() {
        Test::Exact(text) => Wire::Exact(text.to_string()),
        Test::Present => Wire::Present(true),
        Test::Prefix(text) => Wire::Prefix(text.to_string()),
        Test::Regex(pattern) => Wire::Regex(pattern.as_str().to_owned()),
    };
    pb::Condition { name: condition.name().to_owned(), test: Some(test) }
}
