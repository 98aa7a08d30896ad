//! How often anyone may call.

use std::{net::IpAddr, sync::Arc, time::Duration};

use gateway_proto::network::Network;

use crate::{Condition, Request};

/// How often those may call whom its key tells apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Distinct among the limits beside it; a name, and a label of metrics.
    pub name: Arc<str>,
    /// What is counted, and how much of it is admitted.
    pub quota: Quota,
    /// What a counter is found by: 1 to 8 parts, distinct.
    pub key: Box<[KeyPart]>,
    /// Whose limit it is; a node's where it counts what is under way.
    pub scope: Scope,
    /// Which requests are not counted.
    pub exempt: Exemption,
    /// Whether it only counts what it would have refused.
    pub shadow: bool,
}

/// What is counted, and how much of it is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Requests, as they come.
    Requests {
        /// In each period; at least 1, and at most one in a nanosecond.
        count: u64,
        /// The period: 1 ms to a year of 365.25 days.
        per: Duration,
        /// At once after a rest; at least 1, and no more than comes back in 366 days.
        burst: u64,
    },
    /// Bytes of content, both ways together, when it is known how many there are.
    Bytes {
        /// In each period; at least 1.
        count: u64,
        /// As of requests.
        per: Duration,
        /// As of requests.
        burst: u64,
    },
    /// Requests under way at once, 1 to 1,000,000.
    Concurrent(u32),
}

/// A part of what a counter is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// The client's address, of which so many bits are told apart.
    ClientAddress {
        /// 1 to 32.
        ipv4_prefix: u8,
        /// 1 to 128.
        ipv6_prefix: u8,
    },
    /// The route that was taken, or none.
    Route,
    /// The service that is asked.
    Service,
    /// The value of this header field; in lower case.
    Header(Box<str>),
    /// The value of this cookie.
    Cookie(Box<str>),
    /// The consumer who was authenticated.
    Consumer,
    /// The value of this claim.
    Claim(Box<str>),
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Each data plane's own.
    Node,
    /// That of all data planes together.
    Cluster,
}

/// Which requests are not counted: those of which any of these holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exemption {
    /// Networks of clients.
    pub client_networks: Box<[Network]>,
    /// On header fields, in one order.
    pub headers: Box<[Condition]>,
}

impl Exemption {
    /// Whether this client's request is not counted. A client whose address nobody knows is in no network.
    pub fn holds(&self, client: Option<IpAddr>, request: &impl Request) -> bool {
        let Self { client_networks, headers } = self;
        client.is_some_and(|client| client_networks.iter().any(|network| network.contains(client)))
            || headers.iter().any(|condition| condition.holds_in_header(request))
    }
}
