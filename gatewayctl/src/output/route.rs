//! A route as it is printed: named as in the declarative file.

use gateway_proto::registry::v1::{self as pb, condition::Test, path_match::Kind};
use serde::Serialize;

use super::{
    action::Action,
    policy::{Limits, Policies, Timeouts},
    text,
};

/// A route. What is `None` is left away: read-only fields and defaults in an exported file.
#[derive(Debug, Clone, Serialize)]
pub struct Route {
    /// Unique.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Exact or wildcard.
    pub hosts: Vec<String>,
    /// Which of their requests; all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#match: Option<Match>,
    /// What comes before what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// What becomes of a request; none for an action that this program does not know.
    #[serde(flatten)]
    pub action: Option<Action>,
    /// Time limits of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
    /// Other limits of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What is done beside the action.
    #[serde(flatten)]
    pub policies: Policies,
    /// Of the last change. Read-only, as what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When it was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

/// Conditions on a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Match {
    /// The path; every one without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
    /// The methods; every one without them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Of header fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Condition>,
    /// Of query parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<Condition>,
}

/// How a path is matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathMatch {
    /// This one.
    Exact(String),
    /// This one and all below it.
    Prefix(String),
    /// With `{name}` for a segment.
    Template(String),
    /// A regular expression.
    Regex(String),
}

/// A condition on a header field or query parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Its name.
    pub name: String,
    /// What must be; none for a test that this program does not know.
    #[serde(flatten)]
    pub test: Option<ConditionTest>,
}

/// What must be of a header field or query parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionTest {
    /// This value.
    Exact(String),
    /// Any value.
    Present(bool),
    /// A value that begins so.
    Prefix(String),
    /// A value in which this is found.
    Regex(String),
}

impl Route {
    /// All that is known of it, as the control plane stores it.
    #[must_use]
    pub fn full(wire: &pb::Route) -> Self {
        let pb::Route {
            name,
            title,
            hosts,
            r#match,
            priority,
            action,
            timeouts,
            limits,
            policies,
            revision,
            created_at,
            updated_at,
        } = wire;
        Self {
            name: name.clone(),
            title: Some(title.clone()),
            hosts: hosts.clone(),
            r#match: r#match.as_ref().map(Match::full).filter(|left| *left != Match::default()),
            priority: Some(*priority),
            action: action.as_ref().map(Action::full),
            timeouts: timeouts.as_ref().map(Timeouts::full).filter(|left| *left != Timeouts::default()),
            limits: limits.map(Limits::full).filter(|left| *left != Limits::default()),
            policies: policies.as_ref().map(Policies::full).unwrap_or_default(),
            revision: Some(*revision),
            created_at: created_at.as_ref().map(text::timestamp),
            updated_at: updated_at.as_ref().map(text::timestamp),
        }
    }

    /// The same as a data plane knows it, to which title, revision and times are nothing.
    #[must_use]
    pub fn unversioned(wire: &pb::Route) -> Self {
        Self { title: None, revision: None, created_at: None, updated_at: None, ..Self::full(wire) }
    }

    /// The same without read-only fields and defaults: what a declarative file has to say.
    #[must_use]
    pub fn declared(wire: &pb::Route) -> Self {
        let full = Self::full(wire);
        Self {
            title: full.title.filter(|title| !title.is_empty()),
            priority: full.priority.filter(|priority| *priority != 0),
            action: full.action.map(Action::without_defaults),
            policies: full.policies.without_defaults(),
            revision: None,
            created_at: None,
            updated_at: None,
            ..full
        }
    }
}

impl Match {
    fn full(wire: &pb::RouteMatch) -> Self {
        let pb::RouteMatch { path, methods, headers, query } = wire;
        Self {
            path: path.as_ref().and_then(|path| path.kind.as_ref()).map(PathMatch::from),
            methods: methods.clone(),
            headers: headers.iter().map(Condition::from).collect(),
            query: query.iter().map(Condition::from).collect(),
        }
    }
}

impl From<&Kind> for PathMatch {
    fn from(wire: &Kind) -> Self {
        match wire {
            Kind::Exact(path) => Self::Exact(path.clone()),
            Kind::Prefix(path) => Self::Prefix(path.clone()),
            Kind::Template(path) => Self::Template(path.clone()),
            Kind::Regex(path) => Self::Regex(path.clone()),
        }
    }
}

impl From<&pb::Condition> for Condition {
    fn from(wire: &pb::Condition) -> Self {
        let pb::Condition { name, test } = wire;
        let test = test.as_ref().map(|test| match test {
            Test::Exact(value) => ConditionTest::Exact(value.clone()),
            Test::Present(present) => ConditionTest::Present(*present),
            Test::Prefix(value) => ConditionTest::Prefix(value.clone()),
            Test::Regex(value) => ConditionTest::Regex(value.clone()),
        });
        Self { name: name.clone(), test }
    }
}
