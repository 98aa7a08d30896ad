//! A route as `/config` shows it.

use gateway_routing::{
    Match,
    route::{Route, TimeoutOverrides},
};
use serde::Serialize;

use self::action::ActionView;
use super::{
    condition::{ConditionView, PathView},
    policy::PoliciesView,
    service::{LimitsView, text},
};

mod action;

#[derive(Serialize)]
pub(super) struct RouteView<'t> {
    name: &'t str,
    hosts: Vec<String>,
    #[serde(rename = "match")]
    rule: MatchView<'t>,
    priority: i16,
    #[serde(flatten)]
    action: ActionView<'t>,
    timeouts: TimeoutsView,
    limits: LimitsView,
    #[serde(flatten)]
    policies: PoliciesView<'t>,
}

#[derive(Serialize)]
struct MatchView<'t> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathView<'t>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<ConditionView<'t>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    query: Vec<ConditionView<'t>>,
}

#[derive(Serialize)]
struct TimeoutsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    connect: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<String>,
}

impl<'t> From<&'t Route> for RouteView<'t> {
    fn from(Route { name, hosts, rule, action, timeouts, limits, policies }: &'t Route) -> Self {
        Self {
            name,
            hosts: hosts.iter().map(ToString::to_string).collect(),
            rule: rule.into(),
            priority: rule.given_priority(),
            action: action.into(),
            timeouts: (*timeouts).into(),
            limits: (*limits).into(),
            policies: policies.into(),
        }
    }
}

impl<'t> From<&'t Match> for MatchView<'t> {
    fn from(rule: &'t Match) -> Self {
        Self {
            path: PathView::of(rule.path()),
            methods: rule.given_methods().iter().map(|method| method.to_string()).collect(),
            headers: rule.header_conditions().iter().map(Into::into).collect(),
            query: rule.query_conditions().iter().map(Into::into).collect(),
        }
    }
}

impl From<TimeoutOverrides> for TimeoutsView {
    fn from(TimeoutOverrides { connect, response, idle, total }: TimeoutOverrides) -> Self {
        Self { connect: connect.map(text), response: response.map(text), idle: idle.map(text), total: total.map(text) }
    }
}
