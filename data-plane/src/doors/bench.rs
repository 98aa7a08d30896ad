//! What the benchmarks measure: the pure stages of a request's way.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use gateway_proto::host::HostPattern;
use gateway_routing::{
    Match,
    route::{Action, Forward, Route, WeightedService},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    http1::{head::ResponseHead, scan::Scan},
    proxy::{
        balance,
        edits::{FieldEdits, RequestEdits},
        headers::{self, ClientFraming, Onward, Persistence},
        identity::{ClientAddress, RequestId},
        parse::ParsedRequest,
        route::{self, Asked, Routed},
        variant::Variant,
    },
    table::{Changes, Entry, RoutingTable, Service, Stamp, Timeouts, Version},
    worker::limits::Limits,
};

const DATE: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// A request on its way through the gateway.
#[derive(Debug)]
pub struct Request {
    bytes: Vec<u8>,
    parsed: ParsedRequest,
    client: ClientAddress,
    id: RequestId,
    out: Vec<u8>,
}

impl Request {
    /// Of a whole head.
    ///
    /// # Panics
    /// When the gateway refuses it.
    #[must_use]
    pub fn new(head: &str) -> Self {
        let mut request = Self {
            bytes: head.into(),
            parsed: ParsedRequest::default(),
            client: ClientAddress::new(Ipv4Addr::new(192, 0, 2, 7).into()),
            id: RequestId::random(&mut SmallRng::seed_from_u64(1)),
            out: Vec::new(),
        };
        assert!(request.parse(), "the gateway refuses {head:?}");
        request
    }

    /// Asks this host instead, whose name is as long.
    pub fn ask(&mut self, host: &str) {
        let start = self.parsed.host(&self.bytes).as_ptr() as usize - self.bytes.as_ptr() as usize;
        self.bytes[start..start + host.len()].copy_from_slice(host.as_bytes());
    }

    /// Finds the head's end and reads it, in the memory of the request before; whether it is valid.
    pub fn parse(&mut self) -> bool {
        let found = Scan::default().find_end(&self.bytes, &Limits::default().request_head());
        found.is_ok_and(|length| length == Some(self.bytes.len()))
            && self.parsed.parse(&self.bytes, Limits::default().request_head().fields).is_ok()
    }

    /// What decides about it: the name of its route, else of the service that owns its host.
    #[must_use]
    pub fn route<'t>(&self, table: &'t RoutingTable) -> Option<&'t str> {
        Some(match route::select(table, &Asked::new(&self.parsed, &self.bytes)).ok()? {
            Routed::Route(route) => &route.name,
            Routed::Owner(service) => &service.name,
        })
    }

    /// Writes the head as the upstream gets it; its length in bytes.
    pub fn write(&mut self) -> usize {
        let Self { bytes, parsed, client, id, out } = self;
        out.clear();
        headers::write_request(out, bytes, parsed, client, id, &RequestEdits::default(), b"");
        out.len()
    }
}

/// An answer on its way back.
#[derive(Debug)]
pub struct Response {
    bytes: Vec<u8>,
    parsed: ResponseHead,
    id: RequestId,
    out: Vec<u8>,
}

impl Response {
    /// Of a whole head.
    ///
    /// # Panics
    /// When the gateway refuses it.
    #[must_use]
    pub fn new(head: &str) -> Self {
        let mut parsed = ResponseHead::default();
        assert_eq!(
            parsed.parse(head.as_bytes(), Limits::default().request_head().fields),
            Ok(()),
            "the gateway refuses {head:?}"
        );
        let id = RequestId::random(&mut SmallRng::seed_from_u64(1));
        Self { bytes: head.into(), parsed, id, out: Vec::new() }
    }

    /// Writes the head as the client gets it; its length in bytes.
    pub fn write(&mut self) -> usize {
        self.out.clear();
        let onward = Onward {
            framing: ClientFraming::AsDeclared,
            persistence: Persistence::Stays,
            id: &self.id,
            date: DATE,
            fields: FieldEdits::default(),
            variant: Variant::default(),
            limits: None,
            cache: None,
        };
        headers::write_response(&mut self.out, &self.bytes, &self.parsed, onward);
        self.out.len()
    }
}

/// A table in which every host belongs to a service of its own, without endpoints.
///
/// # Panics
/// When a host is invalid or given twice.
#[must_use]
pub fn table(hosts: impl Iterator<Item = String>) -> RoutingTable {
    let services =
        hosts.map(|host| (Arc::from(&*host), Some(Arc::new(entry(&host, [pattern(&host)].into()))))).collect();
    compiled(&Changes { services, ..Changes::default() })
}

/// A table of routes, each of a name, a host and what it matches, that all lead to one service.
///
/// # Panics
/// When a host is invalid, or two routes conflict.
#[must_use]
pub fn routed_table(routes: impl Iterator<Item = (String, String, Match)>) -> RoutingTable {
    let weighted = WeightedService { name: "bench".into(), weight: 1000 };
    let forward = Forward { services: [weighted].into(), sticky: None, mirror: None, path: None, host: None };
    let route = |(name, host, rule): (String, String, Match)| Route {
        name: name.into(),
        hosts: [pattern(&host)].into(),
        rule,
        action: Action::Forward(forward.clone()),
        timeouts: Default::default(),
        limits: Default::default(),
        policies: Default::default(),
    };
    let routes = routes.map(route).map(|route| (Arc::clone(&route.name), Some(Arc::new(route)))).collect();
    let services = [("bench".into(), Some(Arc::new(entry("bench", Box::default()))))].into();
    compiled(&Changes { services, routes, ..Changes::default() })
}

fn pattern(host: &str) -> HostPattern {
    let Ok(pattern) = HostPattern::parse(host) else { panic!("{host:?} is no host") };
    pattern
}

fn entry(name: &str, hosts: Box<[HostPattern]>) -> Entry {
    let second = Duration::from_secs(1);
    let timeouts = Timeouts { connect: second, response: second, idle: second, total: None };
    let service = Service {
        name: name.into(),
        healthy: Box::default(),
        timeouts,
        limits: Default::default(),
        policies: Default::default(),
    };
    Entry { service: Arc::new(service), hosts, endpoints: Box::default() }
}

fn compiled(changes: &Changes) -> RoutingTable {
    let stamp = Stamp { cluster_id: "bench".into(), version: Version { epoch: 1, sequence: 1 }, revision: 1 };
    RoutingTable::default().amend(stamp, changes).unwrap_or_else(|conflicts| panic!("{conflicts:?}"))
}

/// An endpoint of the service; none if it has none that is healthy.
pub fn pick(service: &Service, rng: &mut impl Rng) -> Option<SocketAddr> {
    balance::pick(service, &[], rng).ok()
}
