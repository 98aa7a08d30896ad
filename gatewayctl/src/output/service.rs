//! A service as it is printed: named as in the declarative file.

use std::collections::HashMap;

use gateway_proto::registry::v1 as pb;
use serde::Serialize;

use super::{
    policy::{Limits, Policies, Timeouts},
    text,
};

/// A service. What is `None` is left away: read-only fields and defaults in an exported file.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    /// Unique.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Exact or wildcard.
    pub hosts: Vec<String>,
    /// Where requests go.
    pub endpoints: Vec<Endpoint>,
    /// How an endpoint is picked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancing: Option<&'static str>,
    /// How health is found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Time limits of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
    /// Other limits of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What is done beside forwarding.
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

/// One upstream server.
#[derive(Debug, Clone, Serialize)]
pub struct Endpoint {
    /// HOST:PORT.
    pub address: String,
    /// Its share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Whether it gets traffic: read-only, and only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<&'static str>,
}

/// How health is found out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// A GET whose status decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpProbe>,
    /// A connection that can be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpProbe>,
    /// No probes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Time between two probes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Time until a probe has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Passes in a row that bring traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rise: Option<u32>,
    /// Failures in a row that end it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fall: Option<u32>,
    /// By how much an interval varies, in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_percent: Option<u32>,
}

/// A GET whose status decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HttpProbe {
    /// Path and query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Statuses that pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_statuses: Option<Vec<Statuses>>,
    /// The Host field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A connection that can be made; it has no settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TcpProbe {}

/// One status, or a range with both ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Statuses {
    /// Such as 404.
    One(u32),
    /// Such as `200-299`.
    Range(String),
}

/// The health of endpoints by the address they are registered with.
pub type HealthByAddress<'a> = HashMap<&'a str, &'static str>;

impl Service {
    /// All that is known of it, as the control plane stores it.
    #[must_use]
    pub fn full(wire: &pb::Service, health: Option<&HealthByAddress<'_>>) -> Self {
        let pb::Service {
            name,
            title,
            tags,
            hosts,
            endpoints,
            load_balancing,
            health_check,
            timeouts,
            limits,
            policies,
            revision,
            created_at,
            updated_at,
        } = wire;
        let endpoint = |endpoint: &pb::Endpoint| Endpoint {
            address: endpoint.address.clone(),
            weight: Some(endpoint.weight.max(1)),
            health: health.map(|health| health.get(&*endpoint.address).copied().unwrap_or("pending")),
        };
        Self {
            name: name.clone(),
            title: Some(title.clone()),
            tags: Some(tags.clone()),
            hosts: hosts.clone(),
            endpoints: endpoints.iter().map(endpoint).collect(),
            load_balancing: Some(load_balancing_name(*load_balancing)),
            health_check: health_check.as_ref().map(HealthCheck::full),
            timeouts: timeouts.as_ref().map(Timeouts::full),
            limits: limits.map(Limits::full).filter(|limits| *limits != Limits::default()),
            policies: policies.as_ref().map(Policies::full).unwrap_or_default(),
            revision: Some(*revision),
            created_at: created_at.as_ref().map(text::timestamp),
            updated_at: updated_at.as_ref().map(text::timestamp),
        }
    }

    /// The same without read-only fields and defaults: what a declarative file has to say.
    #[must_use]
    pub fn declared(wire: &pb::Service) -> Self {
        let full = Self::full(wire, None);
        Self {
            title: full.title.filter(|title| !title.is_empty()),
            tags: full.tags.filter(|tags| !tags.is_empty()),
            endpoints: full.endpoints.into_iter().map(Endpoint::without_defaults).collect(),
            load_balancing: full.load_balancing.filter(|name| *name != "random"),
            health_check: full
                .health_check
                .map(HealthCheck::without_defaults)
                .filter(|left| *left != HealthCheck::default()),
            timeouts: full.timeouts.map(Timeouts::without_defaults).filter(|left| *left != Timeouts::default()),
            policies: full.policies.without_defaults(),
            revision: None,
            created_at: None,
            updated_at: None,
            ..full
        }
    }
}

fn load_balancing_name(wire: i32) -> &'static str {
    match pb::LoadBalancing::try_from(wire) {
        Ok(pb::LoadBalancing::Unspecified | pb::LoadBalancing::Random) => "random",
        Err(_) => "unknown",
    }
}

impl Endpoint {
    fn without_defaults(self) -> Self {
        Self { weight: self.weight.filter(|weight| *weight != 1), ..self }
    }
}

impl HealthCheck {
    fn full(wire: &pb::HealthCheck) -> Self {
        let pb::HealthCheck { probe, interval, timeout, rise, fall, jitter_percent } = wire;
        let mut check = Self {
            interval: interval.as_ref().map(text::wire_duration),
            timeout: timeout.as_ref().map(text::wire_duration),
            rise: Some(*rise).filter(|rise| *rise > 0),
            fall: Some(*fall).filter(|fall| *fall > 0),
            jitter_percent: *jitter_percent,
            ..Self::default()
        };
        match probe {
            Some(pb::health_check::Probe::Http(http)) => check.http = Some(HttpProbe::full(http)),
            Some(pb::health_check::Probe::Tcp(pb::TcpProbe {})) => check.tcp = Some(TcpProbe {}),
            Some(pb::health_check::Probe::Disabled(pb::DisabledProbe {})) => {
                return Self { disabled: Some(true), ..Self::default() };
            }
            None => {}
        }
        check
    }

    /// Without the defaults that registry.proto promises.
    fn without_defaults(self) -> Self {
        let Self { http, tcp, disabled, interval, timeout, rise, fall, jitter_percent } = self;
        let interval = interval.filter(|interval| interval != "5s");
        Self {
            http: http.map(HttpProbe::without_defaults).filter(|left| *left != HttpProbe::default()),
            tcp,
            disabled,
            // The default time-out depends on the interval, so it is left away only beside the default.
            timeout: timeout.filter(|timeout| timeout != "2s" || interval.is_some()),
            interval,
            rise: rise.filter(|rise| *rise != 1),
            fall: fall.filter(|fall| *fall != 2),
            jitter_percent: jitter_percent.filter(|jitter| *jitter != 10),
        }
    }
}

impl HttpProbe {
    fn full(wire: &pb::HttpProbe) -> Self {
        let pb::HttpProbe { path, expected_statuses, host } = wire;
        let statuses = |range: &pb::StatusRange| match *range {
            pb::StatusRange { first, last } if first == last => Statuses::One(first),
            pb::StatusRange { first, last } => Statuses::Range(format!("{first}-{last}")),
        };
        Self {
            path: Some(path.clone()).filter(|path| !path.is_empty()),
            expected_statuses: Some(expected_statuses.iter().map(statuses).collect::<Vec<_>>())
                .filter(|all| !all.is_empty()),
            host: Some(host.clone()).filter(|host| !host.is_empty()),
        }
    }

    fn without_defaults(self) -> Self {
        let success = [Statuses::Range("200-299".to_owned())];
        Self {
            path: self.path.filter(|path| path != "/healthcheck"),
            expected_statuses: self.expected_statuses.filter(|statuses| *statuses != success),
            host: self.host,
        }
    }
}
