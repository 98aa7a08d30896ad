//! The desired state in types that cannot be wrong.
//!
//! Values are made by `validate` from what clients send and by the store's codec from what was
//! validated before; every default is filled in.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use gateway_proto::host::{Authority, HostError, HostPattern};
use gateway_routing::route::Policies;
use jiff::Timestamp;

pub use super::{
    claim::Claim,
    consumer::{Consumer, KeptKey, KeyId},
    desired::Desired,
    name::{ConsumerName, RouteName, ServiceName},
    password::PasswordHash,
    purge::Purge,
    record::{Key, Record},
    route::Route,
};

/// A durable state of the store: grows by one with each commit, and compares across restarts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of the commit after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A named group of endpoints and the hosts whose requests they serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Unique.
    pub name: ServiceName,
    /// For people.
    pub title: String,
    /// Sorted and distinct.
    pub tags: Vec<String>,
    /// Distinct, also across services; in the order given.
    pub hosts: Vec<HostPattern>,
    /// Distinct by address; in the order given.
    pub endpoints: Vec<Endpoint>,
    /// How an endpoint is picked.
    pub load_balancing: LoadBalancing,
    /// How health is found out.
    pub health_check: HealthCheck,
    /// Time limits of a request.
    pub timeouts: Timeouts,
    /// Other limits of a request.
    pub limits: Limits,
    /// What is done beside forwarding.
    pub policies: Policies,
    /// The commit that changed it last.
    pub revision: Revision,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Service {
    /// Whether both ask for the same, whenever they were committed.
    #[must_use]
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        let Self {
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
            revision: _,
            created_at: _,
            updated_at: _,
        } = self;
        *name == other.name
            && *title == other.title
            && *tags == other.tags
            && *hosts == other.hosts
            && *endpoints == other.endpoints
            && *load_balancing == other.load_balancing
            && *health_check == other.health_check
            && *timeouts == other.timeouts
            && *limits == other.limits
            && *policies == other.policies
    }
}

/// One upstream server as registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it is.
    pub address: EndpointAddress,
    /// Its share relative to the others, 1 to 1,000.
    pub weight: u32,
}

/// HOST:PORT of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointAddress {
    /// An address that needs no resolving.
    Socket(SocketAddr),
    /// A name whose addresses are looked up again and again.
    Name {
        /// Lower case, without a trailing dot.
        host: Arc<str>,
        /// 1 to 65535.
        port: u16,
    },
}

impl EndpointAddress {
    /// Reads HOST:PORT: an IPv4 address, an IPv6 address in brackets or a host name, and a port
    /// from 1 to 65535.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence to follow the field's name.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let authority = Authority::parse(text).map_err(AddressError::Host)?;
        let port = authority.port.filter(|port| *port != 0).ok_or(AddressError::Port)?;
        let host = authority.host;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Self::Socket(SocketAddr::new(ip, port)));
        }
        // No top-level domain is a number: this was meant as an IPv4 address (WHATWG URL section
        // 3.5), and resolvers disagree about what "127.1" or "010.0.0.1" is.
        if host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(AddressError::Ipv4);
        }
        Ok(Self::Name { host: host.as_ref().into(), port })
    }
}

/// Why a text is not the address of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// There is nothing.
    Empty,
    /// The host is none.
    Host(HostError),
    /// There is no port, or it is 0.
    Port,
    /// Digits and dots that are no IPv4 address.
    Ipv4,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty; give HOST:PORT, such as \"10.0.0.7:8080\""),
            Self::Host(err) => write!(f, "{err}; give HOST:PORT, an IPv6 address in brackets"),
            Self::Port => f.write_str("has no port from 1 to 65535; give HOST:PORT, such as \"10.0.0.7:8080\""),
            Self::Ipv4 => {
                f.write_str("is no IPv4 address; write four numbers from 0 to 255, such as \"10.0.0.7:8080\"")
            }
        }
    }
}

impl std::error::Error for AddressError {}

impl fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// The rule by which an endpoint is picked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LoadBalancing {
    /// At random, in proportion to weight.
    #[default]
    Random,
}

/// How the control plane finds out whether endpoints are healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthCheck {
    /// It does not: they always count as healthy.
    Disabled,
    /// By probing each address.
    Enabled(ProbePolicy),
}

/// What is probed, how often, and how verdicts follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbePolicy {
    /// What is probed.
    pub probe: Probe,
    /// Time between two probes of an address.
    pub interval: Duration,
    /// Time until a probe has failed, at most `interval`.
    pub timeout: Duration,
    /// Passes in a row that make an unhealthy address healthy.
    pub rise: u32,
    /// Failures in a row that make a healthy address unhealthy.
    pub fall: u32,
    /// By how much an interval varies at random, in per cent of it.
    pub jitter_percent: u32,
}

/// One kind of probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A GET whose status decides; redirects are not followed.
    Http {
        /// Path and query, beginning with `/`.
        path: String,
        /// Statuses that pass.
        expected_statuses: Vec<RangeInclusive<u16>>,
        /// The Host field where it is not the endpoint's address.
        host: Option<String>,
    },
    /// A connection that can be made.
    Tcp,
}

/// Time limits at the data plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is made.
    pub connect: Duration,
    /// From the request sent to the response head received.
    pub response: Duration,
    /// How long an upstream body may stand still, and a pooled connection idle.
    pub idle: Duration,
    /// From the end of the request's head to the last byte of the answer, tunnels excepted; `None` is
    /// no limit.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(2), response: seconds(30), idle: seconds(60), total: None }
    }
}

/// Limits of a request that are not of time; without any by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body in bytes, up to 1 TiB; `None` leaves it to the data planes' own limit.
    pub request_body: Option<u64>,
}

impl Default for ProbePolicy {
    fn default() -> Self {
        Self {
            probe: Probe::Http { path: "/healthcheck".into(), expected_statuses: vec![200..=299], host: None },
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            rise: 1,
            fall: 2,
            jitter_percent: 10,
        }
    }
}
