//! A service, and what is known of it beside requests.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gateway_proto::host::HostPattern;
pub use gateway_routing::route::{Limits, Policies};
use http::HeaderName;

/// A service to route to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The registry's name; also the label in logs and metrics.
    pub name: Arc<str>,
    /// Its healthy endpoints; each with the sum of the weights up to and with its own, so that a
    /// pick is one random number and a search.
    pub healthy: Box<[WeightedEndpoint]>,
    /// Time limits of its requests.
    pub timeouts: Timeouts,
    /// Other limits of its requests. Where the data plane has such a limit too, the smaller one holds.
    pub limits: Limits,
    /// What is done beside forwarding.
    pub policies: Policies,
    /// By which fields its endpoints may be told who calls, whatever policy does so; the table knows.
    pub told: Arc<[HeaderName]>,
}

/// A healthy endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightedEndpoint {
    /// Where it is.
    pub address: SocketAddr,
    /// The sum of the weights up to and with its own.
    pub cumulative_weight: u32,
}

/// Time limits of a service's requests.
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

/// A service with what requests do not need: its hosts, and its endpoints in any state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What requests need.
    pub(crate) service: Arc<Service>,
    /// What it answers for where no route does.
    pub(crate) hosts: Box<[HostPattern]>,
    /// Every address of it.
    pub(crate) endpoints: Box<[Endpoint]>,
}

/// An endpoint in any state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Where it is.
    pub(crate) address: SocketAddr,
    /// Its share relative to the others.
    pub(crate) weight: u32,
    /// Whether it gets traffic.
    pub(crate) healthy: bool,
}
