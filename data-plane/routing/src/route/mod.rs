//! A route as the registry holds it, read once into types that cannot be wrong.
//!
//! The control plane checks routes with this code and the data planes compile with it, so that what
//! the one admits the others take.

use std::{sync::Arc, time::Duration};

use gateway_proto::host::HostPattern;
use http::StatusCode;

use crate::{Match, Rule};

mod policy;
mod read;
pub mod wire;

pub use policy::{
    AllowOrigin, Allowed, AmbiguousPaths, Auth, AuthClaim, AuthMethod, AuthRule, Cache, CacheBypass, ClaimHeader,
    Compression, CompressionAlgorithm, Cors, CredentialPlace, Exemption, ForwardAuth, HeaderField, HeaderRules,
    Identity, IdentityClaims, Introspection, Jwks, Jwt, JwtAlgorithm, KeyPart, Limits, MediaRange, Policies, Policy,
    Quota, RateLimit, Scope, TimeoutOverrides,
};

pub use read::{check_policies, check_route, limits, policies, route, timeouts};

/// A rule for some of the requests of some hosts.
#[derive(Debug, Clone)]
pub struct Route {
    /// Unique among routes.
    pub name: Arc<str>,
    /// Distinct; at least one.
    pub hosts: Box<[HostPattern]>,
    /// Which of their requests.
    pub rule: Match,
    /// What becomes of them.
    pub action: Action,
    /// Time limits that take the place of the service's, each by itself.
    pub timeouts: TimeoutOverrides,
    /// Other limits that take the place of the service's, each by itself.
    pub limits: Limits,
    /// What is done beside the action; each takes the place of the service's.
    pub policies: Policies,
}

impl Route {
    /// The services that its requests may come to, the one that gets copies included, which may be
    /// named twice.
    pub fn services(&self) -> impl Iterator<Item = &Arc<str>> {
        let forward = match &self.action {
            Action::Forward(forward) => Some(forward),
            Action::Redirect(_) | Action::Respond(_) => None,
        };
        let services = forward.into_iter().flat_map(|Forward { services, .. }| services);
        let mirror = forward.into_iter().filter_map(|Forward { mirror, .. }| mirror.as_ref());
        let services = services.map(|WeightedService { name, weight: _ }| name);
        services.chain(mirror.map(|Mirror { service, per_mille: _ }| service))
    }
}

impl Rule for Route {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn rule(&self) -> &Match {
        &self.rule
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        let Self { name, hosts, rule, action, timeouts, limits, policies } = self;
        // Rules are equal whatever their parameters are called, but a rewritten path is told by names.
        *name == other.name
            && *hosts == other.hosts
            && *rule == other.rule
            && rule.path().text() == other.rule.path().text()
            && *action == other.action
            && *timeouts == other.timeouts
            && *limits == other.limits
            && *policies == other.policies
    }
}

impl Eq for Route {}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It goes to a service.
    Forward(Forward),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The gateway answers by itself.
    Respond(Respond),
}

/// To one of several services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// At least one, distinct; their weights are 1,000 in all.
    pub services: Box<[WeightedService]>,
    /// What keeps a client with one service.
    pub sticky: Option<Sticky>,
    /// Which service gets a copy.
    pub mirror: Option<Mirror>,
    /// In place of the client's path.
    pub path: Option<PathRewrite>,
    /// In place of the client's Host.
    pub host: Option<Box<str>>,
}

/// A service and its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightedService {
    /// The service's name.
    pub name: Arc<str>,
    /// In per mille.
    pub weight: u32,
}

/// What a client is recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sticky {
    /// The value of this header field; in lower case.
    Header(Box<str>),
    /// The value of this cookie.
    Cookie(Box<str>),
    /// The address it comes from.
    ClientAddress,
}

/// A copy of a share of the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The service that gets the copies.
    pub service: Arc<str>,
    /// In per mille, 1 to 1,000.
    pub per_mille: u32,
}

/// What takes the place of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathRewrite {
    /// In place of the prefix that the route matches; without a slash at its end, so that `/` is "".
    Prefix(Box<str>),
    /// In place of the whole path.
    Whole(Box<[Piece]>),
}

/// A piece of a path to be put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands here.
    Literal(Box<str>),
    /// The segment that this parameter of the route's template stands for.
    Parameter(Box<str>),
}

/// An answer that sends the client elsewhere. What is not given stays as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// The scheme.
    pub scheme: Option<Scheme>,
    /// The host, without port.
    pub host: Option<Box<str>>,
    /// The port.
    pub port: Option<u16>,
    /// The path.
    pub path: Option<PathRewrite>,
    /// Whether the query is left out.
    pub strip_query: bool,
}

/// A scheme that clients can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// An answer of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respond {
    /// 200 to 599.
    pub status: StatusCode,
    /// What is said; empty for nothing.
    pub body: Box<str>,
    /// The media type of the body.
    pub content_type: Box<str>,
}

/// How long a day is: the longest of all time limits.
pub const MAX_DURATION: Duration = Duration::from_secs(24 * 3600);
