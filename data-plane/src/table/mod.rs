//! What the workers route by: immutable, compiled by the control thread, shared by all workers.

use std::{net::SocketAddr, sync::Arc, time::Duration};

/// A compiled snapshot. Compiling a change costs in proportion to the change.
#[derive(Debug, Clone, Default)]
pub struct RoutingTable {}

/// A service to route to.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// The registry's name; also the label in logs and metrics.
    pub name: Arc<str>,
    /// Its healthy endpoints; each with the sum of the weights up to and with its own, so that a
    /// pick is one random number and a search.
    pub healthy: Box<[WeightedEndpoint]>,
    /// Time limits of its requests.
    pub timeouts: Timeouts,
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
}
