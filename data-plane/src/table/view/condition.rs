//! Conditions as `/config` shows them.

use gateway_routing::{Condition, Test};
use serde::Serialize;

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
