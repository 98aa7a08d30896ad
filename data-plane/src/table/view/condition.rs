//! Conditions on paths, header fields and query parameters as `/config` shows them.

use gateway_routing::{Condition, PathKind, PathMatcher, Test};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PathView<'t> {
    Exact(&'t str),
    Template(&'t str),
    Prefix(&'t str),
    Regex(&'t str),
}

impl<'t> PathView<'t> {
    /// None for every path.
    pub(super) fn of(path: &'t PathMatcher) -> Option<Self> {
        match path.kind() {
            PathKind::Any => None,
            PathKind::Exact => Some(Self::Exact(path.text())),
            PathKind::Template => Some(Self::Template(path.text())),
            PathKind::Prefix => Some(Self::Prefix(path.text())),
            PathKind::Regex => Some(Self::Regex(path.text())),
        }
    }
}

/// Whether a request has a secret may be what a condition asks: its text is not shown.
#[derive(Serialize)]
pub(super) struct ConditionView<'t> {
    name: &'t str,
    test: &'static str,
}

impl<'t> From<&'t Condition> for ConditionView<'t> {
    fn from(condition: &'t Condition) -> Self {
        let test = match condition.test() {
            Test::Exact(_) => "exact",
            Test::Present => "present",
            Test::Prefix(_) => "prefix",
            Test::Regex(_) => "regex",
        };
        Self { name: condition.name(), test }
    }
}
