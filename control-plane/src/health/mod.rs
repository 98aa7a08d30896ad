//! Finds out which addresses are healthy: one probe per address for the whole cluster.
//!
//! `monitor` follows the desired state with the tasks that `watching` holds: `address` probes one
//! address, `names` looks up one host name. `probe` is a single probe, and `state` decides what
//! its outcome means.

mod address;
pub mod monitor;
mod names;
mod probe;
mod state;
#[cfg(test)]
mod tests;
mod watching;

pub use self::{
    monitor::{Monitor, Settings},
    names::{Resolve, SystemResolver},
};

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use imbl::OrdMap;
use jiff::Timestamp;

use crate::registry::model::{EndpointAddress, ServiceName};

/// What is known of every address; a copy costs nothing, and comparing two skips what they share.
pub type HealthView = OrdMap<EndpointKey, Arc<EndpointHealth>>;

/// One address of one endpoint of one service, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey {
    /// The service.
    pub service: ServiceName,
    /// The endpoint as registered.
    pub endpoint: EndpointAddress,
    /// The address it stands for; `None` while a host name has no address.
    pub address: Option<SocketAddr>,
}

/// Whether an address gets traffic, and why not.
#[derive(Debug)]
pub struct EndpointHealth {
    /// Its share of the requests, as registered.
    pub weight: u32,
    /// The verdict.
    pub health: Health,
    /// Why not healthy, a short sentence for people; empty if healthy.
    pub reason: String,
    /// When `health` became what it is.
    pub since: Timestamp,
    /// When it was probed last; not part of what makes two states differ.
    pub last_probe: Arc<LastProbe>,
}

impl PartialEq for EndpointHealth {
    fn eq(&self, other: &Self) -> bool {
        let Self { weight, health, reason, since, last_probe: _ } = self;
        (weight, health, reason, since) == (&other.weight, &other.health, &other.reason, &other.since)
    }
}

impl Eq for EndpointHealth {}

/// A verdict on an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// Not probed yet: no traffic.
    Pending,
    /// Traffic.
    Healthy,
    /// No traffic.
    Unhealthy,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        })
    }
}

/// When an address was probed last. Every probe changes it, so it is kept outside the view's
/// comparisons: a probe that changes no verdict wakes nobody.
#[derive(Debug)]
pub struct LastProbe(AtomicI64);

impl LastProbe {
    const NEVER: i64 = i64::MIN;

    /// The time of the last probe, exact to the microsecond; `None` if there was none.
    #[must_use]
    pub fn get(&self) -> Option<Timestamp> {
        match self.0.load(Ordering::Relaxed) {
            Self::NEVER => None,
            micros => Timestamp::from_microsecond(micros).ok(),
        }
    }

    /// Notes a probe.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_microsecond(), Ordering::Relaxed);
    }
}

impl Default for LastProbe {
    fn default() -> Self {
        Self(AtomicI64::new(Self::NEVER))
    }
}

/// What is known of one service's addresses, in order.
pub fn of_service<'a>(
    view: &'a HealthView,
    service: &'a ServiceName,
) -> impl Iterator<Item = (&'a EndpointKey, &'a Arc<EndpointHealth>)> {
    // The smallest key that a service can have.
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let first = EndpointKey { service: service.clone(), endpoint: EndpointAddress::Socket(address), address: None };
    view.range(first..).take_while(move |(key, _)| key.service == *service)
}

/// What is known of one endpoint's addresses, in order.
pub fn of_endpoint<'a>(
    view: &'a HealthView,
    service: &'a ServiceName,
    endpoint: &'a EndpointAddress,
) -> impl Iterator<Item = (&'a EndpointKey, &'a Arc<EndpointHealth>)> {
    let first = EndpointKey { service: service.clone(), endpoint: endpoint.clone(), address: None };
    view.range(first..).take_while(move |(key, _)| key.service == *service && key.endpoint == *endpoint)
}
