//! A route's part of the declarative file: which requests it is for.

use std::ops::RangeInclusive;

use gateway_proto::registry::v1::{self as pb, condition::Test, path_match, route::Action};

use super::{action, at::At, policy};

/// The fields of a route.
pub(super) const ROUTE: [&str; 18] = [
    "name",
    "title",
    "hosts",
    "match",
    "priority",
    "forward",
    "redirect",
    "respond",
    "timeouts",
    "limits",
    "cors",
    "compression",
    "request_headers",
    "response_headers",
    "ambiguous_paths",
    "cache",
    "rate_limits",
    "auth",
];
/// The fields of a match.
pub(super) const MATCH: [&str; 4] = ["path", "methods", "headers", "query"];
/// The fields of a path's match.
pub(super) const PATH: [&str; 4] = ["exact", "prefix", "template", "regex"];
/// The fields of a condition.
pub(super) const CONDITION: [&str; 5] = ["name", "exact", "present", "prefix", "regex"];
/// The priorities there are.
pub(super) const PRIORITY: RangeInclusive<i32> = -1000..=1000;

pub(super) fn route(at: &mut At<'_>) -> pb::Route {
    if !at.has_fields(&ROUTE) {
        return pb::Route::default();
    }
    at.needs("name");
    at.needs("hosts");
    pb::Route {
        name: at.field("name", |at| at.filled_text()).unwrap_or_default(),
        title: at.field("title", |at| at.text()).unwrap_or_default(),
        hosts: at.field("hosts", |at| at.texts()).unwrap_or_default(),
        r#match: at.field("match", route_match),
        priority: at.field("priority", |at| at.number(PRIORITY)).unwrap_or_default(),
        action: at.one_of([
            ("forward", |at| action::forward(at).map(Action::Forward)),
            ("redirect", |at| action::redirect(at).map(Action::Redirect)),
            ("respond", |at| action::respond(at).map(Action::Respond)),
        ]),
        timeouts: at.field("timeouts", policy::timeouts),
        limits: at.field("limits", policy::limits),
        policies: policy::policies(at),
        revision: 0,
        created_at: None,
        updated_at: None,
    }
}

fn route_match(at: &mut At<'_>) -> Option<pb::RouteMatch> {
    at.has_fields(&MATCH).then(|| pb::RouteMatch {
        path: at.field("path", path_match),
        methods: at.field("methods", |at| at.texts()).unwrap_or_default(),
        headers: at.field("headers", |at| at.items(condition)).unwrap_or_default(),
        query: at.field("query", |at| at.items(condition)).unwrap_or_default(),
    })
}

pub(super) fn path_match(at: &mut At<'_>) -> Option<pb::PathMatch> {
    at.has_fields(&PATH).then(|| pb::PathMatch {
        kind: at.one_of([
            ("exact", |at| at.text().map(path_match::Kind::Exact)),
            ("prefix", |at| at.text().map(path_match::Kind::Prefix)),
            ("template", |at| at.text().map(path_match::Kind::Template)),
            ("regex", |at| at.text().map(path_match::Kind::Regex)),
        ]),
    })
}

pub(super) fn condition(at: &mut At<'_>) -> pb::Condition {
    if !at.has_fields(&CONDITION) {
        return pb::Condition::default();
    }
    at.needs("name");
    pb::Condition {
        name: at.field("name", |at| at.filled_text()).unwrap_or_default(),
        test: at.one_of([
            ("exact", |at| at.text().map(Test::Exact)),
            ("present", |at| {
                at.only_true("leave the condition away if it does not matter").map(|()| Test::Present(true))
            }),
            ("prefix", |at| at.text().map(Test::Prefix)),
            ("regex", |at| at.text().map(Test::Regex)),
        ]),
    }
}
