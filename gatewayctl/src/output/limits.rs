//! Rate limits in force, and how they do.

use std::collections::BTreeMap;

use gateway_proto::{
    admin::v1::{NodeLimits, ShowLimitsResponse, node_limits::Answer},
    discovery::v1::{self as pb, limit_in_force::Owner},
};
use serde::Serialize;

use super::{
    rate_limit::{self, KeyPart, RateLimit},
    table::{grid, list},
    text,
};

/// All that is known of the limits of a cluster.
#[derive(Debug)]
pub struct Limits {
    /// In the order of owners and names; one that data planes have in two versions is there twice.
    pub limits: Vec<Limit>,
    /// Of whom nothing is known, one sentence each.
    pub silent: Vec<String>,
}

/// A limit, and how it does.
#[derive(Debug, Serialize)]
pub struct Limit {
    /// Whose it is, if a service's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whose it is, if a route's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub limit: RateLimit,
    /// How it does, in the order of data planes.
    pub data_planes: Vec<OnDataPlane>,
}

/// What one data plane has counted.
#[derive(Debug, Serialize)]
pub struct OnDataPlane {
    /// Its id.
    pub id: String,
    /// Requests that were let through.
    pub admitted: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests that would have been refused, were the limit in force.
    pub shadow_refused: u64,
    /// The leased keys of which most is asked.
    pub keys: Vec<Key>,
}

/// A leased key.
#[derive(Debug, Serialize)]
pub struct Key {
    /// The first digits of its hash.
    pub hash: String,
    /// The share of the limit that the data plane has, 0 to 1.
    pub share: f64,
    /// What was asked of it in the last period, relative to the whole limit.
    pub asked: f64,
}

/// By what limits are told apart: whose they are, and what they say.
type Identity = (Option<String>, Option<String>, String);

impl From<ShowLimitsResponse> for Limits {
    fn from(answer: ShowLimitsResponse) -> Self {
        let ShowLimitsResponse { nodes, others } = answer;
        let mut silent = Vec::new();
        let mut limits = BTreeMap::<Identity, Limit>::new();
        for NodeLimits { node_id, answer } in nodes {
            let node = text::escape(&node_id);
            match answer {
                Some(Answer::Report(pb::LimitsReport { limits: told, others, nodes: _ })) => {
                    if others > 0 {
                        silent.push(format!("{node}: {others} more limits are not shown; name the one to see"));
                    }
                    told.into_iter().for_each(|limit| enter(&mut limits, &node_id, limit));
                }
                Some(Answer::Problem(problem)) => silent.push(format!("{node}: {}", text::escape(&problem))),
                None => silent.push(format!("{node}: answers what is not known here; update gatewayctl")),
            }
        }
        if others > 0 {
            silent.push(format!("{others} more data planes were not asked"));
        }
        Self { limits: limits.into_values().collect(), silent }
    }
}

fn enter(limits: &mut BTreeMap<Identity, Limit>, node: &str, wire: pb::LimitInForce) {
    let pb::LimitInForce { owner, limit, admitted, refused, shadow_refused, keys } = wire;
    let (service, route) = match owner {
        Some(Owner::Service(name)) => (Some(name), None),
        Some(Owner::Route(name)) => (None, Some(name)),
        None => (None, None),
    };
    let limit = RateLimit::full(&limit.unwrap_or_default());
    // While a change is on its way, data planes differ in what a limit says.
    let identity = (service.clone(), route.clone(), format!("{} {limit:?}", limit.name));
    let entry = limits.entry(identity).or_insert(Limit { service, route, limit, data_planes: Vec::new() });
    let keys = keys.iter().map(Key::from).collect();
    entry.data_planes.push(OnDataPlane { id: node.to_owned(), admitted, refused, shadow_refused, keys });
}

impl From<&pb::HotKey> for Key {
    fn from(wire: &pb::HotKey) -> Self {
        let pb::HotKey { hash, share, asked } = *wire;
        let of_whole = |parts: u64| (parts as f64 / f64::from(u32::MAX) * 10_000.0).round() / 10_000.0;
        Self { hash: format!("{hash:08x}"), share: of_whole(share.into()), asked: of_whole(asked) }
    }
}

impl Limits {
    /// Which limits there are, and under that how they do.
    #[must_use]
    pub fn screen(&self, width: Option<u16>) -> String {
        if self.limits.is_empty() {
            return String::new();
        }
        let header = ["LIMIT", "OF", "ADMITS", "BY", "SCOPE", "MODE"];
        let mut screen = grid(width, header, self.limits.iter().map(Limit::row));
        let header = ["LIMIT", "OF", "DATA PLANE", "ADMITTED", "REFUSED", "SHADOW", "SHARES OF THE HOTTEST KEYS"];
        screen.push_str("\n\n");
        screen.push_str(&grid(width, header, self.limits.iter().flat_map(Limit::counts)));
        screen
    }
}

impl Limit {
    fn owner(&self) -> String {
        match (&self.service, &self.route) {
            (Some(service), _) => format!("service {service}"),
            (None, Some(route)) => format!("route {route}"),
            (None, None) => "-".to_owned(),
        }
    }

    fn row(&self) -> [String; 6] {
        let limit = &self.limit;
        let parts: Vec<_> = limit.key.iter().flat_map(rate_limit::Key::parts).map(part).collect();
        let mode = if limit.shadow == Some(true) { "shadow" } else { "refuses" };
        let scope = limit.scope.unwrap_or("node").to_owned();
        [limit.name.clone(), self.owner(), limit.quota(), parts.join(" + "), scope, mode.to_owned()]
    }

    fn counts(&self) -> impl Iterator<Item = [String; 7]> {
        self.data_planes.iter().map(|on| {
            let OnDataPlane { id, admitted, refused, shadow_refused, keys } = on;
            let percent = |key: &Key| format!("{} {:.1}%", key.hash, key.share * 100.0);
            let hottest: Vec<_> = keys.iter().take(3).map(percent).collect();
            let keys = list(hottest.iter().map(String::as_str));
            let [admitted, refused, shadow] = [admitted, refused, shadow_refused].map(ToString::to_string);
            [self.limit.name.clone(), self.owner(), id.clone(), admitted, refused, shadow, keys]
        })
    }
}

fn part(part: &KeyPart) -> String {
    match part {
        KeyPart::ClientAddress => "client_address".to_owned(),
        KeyPart::Route => "route".to_owned(),
        KeyPart::Service => "service".to_owned(),
        KeyPart::Consumer => "consumer".to_owned(),
        KeyPart::Header(name) => format!("header {name}"),
        KeyPart::Cookie(name) => format!("cookie {name}"),
        KeyPart::Claim(name) => format!("claim {name}"),
        KeyPart::Unknown => "?".to_owned(),
    }
}
