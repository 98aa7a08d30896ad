//! Where a request would go, as a data plane explains it.

mod screen;

use gateway_proto::{
    admin::v1::ExplainResponse,
    discovery::v1::{self as discovery, ExplainQuery},
};
use serde::Serialize;

use super::{
    action::Action,
    policy::{HeaderField, Limits, Policies, Timeouts},
    route::Route,
};

/// A request, and what would become of it.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The request's method.
    pub method: String,
    /// Its URL.
    pub url: String,
    /// Its header fields as they were given.
    pub headers: Vec<HeaderField>,
    /// What would become of it.
    pub outcome: Outcome,
    /// The code that it would be refused with.
    pub error: Option<String>,
    /// The route that is chosen; none if it is the service that owns the host, or nothing.
    pub route: Option<Route>,
    /// The service that owns the host.
    pub host_service: Option<String>,
    /// The host as it is looked up.
    pub host: String,
    /// The host or wildcard that decides.
    pub host_pattern: Option<String>,
    /// The path that routes are matched by.
    pub path: String,
    /// How servers may read the path differently.
    pub ambiguity: Option<String>,
    /// Where the client would be sent, or the path and query that would be sent to an endpoint.
    pub location: Option<String>,
    /// What the gateway answers by itself, whatever the route says.
    pub own_answer: Option<String>,
    /// The services that it may go to.
    pub targets: Vec<Target>,
    /// The routes that came near.
    pub passed_over: Vec<PassedOver>,
    /// How many more routes the host has.
    pub others: u32,
    /// The data plane that was asked.
    pub node: String,
    /// The revision that it serves.
    pub revision: u64,
    /// The version that it serves.
    pub version: String,
}

/// What would become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It would go to a service.
    Forward,
    /// The client would be sent elsewhere.
    Redirect,
    /// The gateway would answer by itself.
    Respond,
    /// The gateway would refuse it.
    Refuse,
}

/// A service that the request may go to.
#[derive(Debug, Serialize)]
pub struct Target {
    /// Its name.
    pub service: String,
    /// Its share in per mille.
    pub weight: u32,
    /// Whether it gets a copy, whose answer is dropped.
    pub mirror: bool,
    /// Where it may go.
    pub endpoints: Vec<Endpoint>,
    /// Time limits in force.
    pub timeouts: Option<Timeouts>,
    /// Other limits in force.
    pub limits: Option<Limits>,
    /// Policies in force.
    #[serde(flatten)]
    pub policies: Policies,
}

/// An address of an endpoint.
#[derive(Debug, Serialize)]
pub struct Endpoint {
    /// IP:PORT.
    pub address: String,
    /// Its share relative to the others.
    pub weight: u32,
    /// Whether it gets traffic.
    pub healthy: bool,
}

/// A route that is not chosen.
#[derive(Debug, Serialize)]
pub struct PassedOver {
    /// Its name.
    pub route: String,
    /// Why it is not.
    pub why: String,
}

impl Explained {
    /// The answer to a query.
    #[must_use]
    pub fn new(query: ExplainQuery, answer: ExplainResponse) -> Self {
        let ExplainQuery { method, url, headers } = query;
        let ExplainResponse { node_id, explanation } = answer;
        let discovery::Explanation {
            version,
            revision,
            host,
            host_pattern,
            path,
            ambiguity,
            error,
            route,
            host_service,
            passed_over,
            others,
            targets,
            location,
            own_answer,
        } = explanation.unwrap_or_default();
        let route = route.as_ref().map(Route::unversioned);
        let (error, host_service, own_answer) = (given(error), given(host_service), given(own_answer));
        Self {
            method,
            url,
            headers: headers.iter().map(HeaderField::from).collect(),
            outcome: match own_answer {
                Some(_) => Outcome::Respond,
                None => Outcome::of(error.as_deref(), route.as_ref(), host_service.as_deref()),
            },
            error,
            route,
            host_service,
            host,
            host_pattern: given(host_pattern),
            path,
            ambiguity: given(ambiguity),
            location: given(location),
            own_answer,
            targets: targets.iter().map(Target::from).collect(),
            passed_over: passed_over.into_iter().map(PassedOver::from).collect(),
            others,
            node: node_id,
            revision,
            version,
        }
    }
}

impl Outcome {
    fn of(error: Option<&str>, route: Option<&Route>, host_service: Option<&str>) -> Self {
        match (error, route.map(|route| &route.action), host_service) {
            (Some(_), _, _) => Self::Refuse,
            (None, Some(Some(Action::Redirect(_))), _) => Self::Redirect,
            (None, Some(Some(Action::Respond(_))), _) => Self::Respond,
            (None, Some(Some(Action::Forward(_)) | None), _) | (None, None, Some(_)) => Self::Forward,
            (None, None, None) => Self::Refuse,
        }
    }
}

impl From<&discovery::Target> for Target {
    fn from(wire: &discovery::Target) -> Self {
        let discovery::Target { service, weight, is_mirror, endpoints, timeouts, limits, policies } = wire;
        Self {
            service: service.clone(),
            weight: *weight,
            mirror: *is_mirror,
            endpoints: endpoints.iter().map(Endpoint::from).collect(),
            timeouts: timeouts.as_ref().map(Timeouts::full),
            limits: limits.map(Limits::full).filter(|limits| *limits != Limits::default()),
            policies: policies.as_ref().map(Policies::full).unwrap_or_default(),
        }
    }
}

impl From<&discovery::ExplainedEndpoint> for Endpoint {
    fn from(wire: &discovery::ExplainedEndpoint) -> Self {
        let discovery::ExplainedEndpoint { address, weight, healthy } = wire;
        Self { address: address.clone(), weight: *weight, healthy: *healthy }
    }
}

impl From<discovery::PassedOver> for PassedOver {
    fn from(wire: discovery::PassedOver) -> Self {
        let discovery::PassedOver { route, why } = wire;
        Self { route, why }
    }
}

fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
