//! What the benchmarks measure: the pure stages of a request's way.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use gateway_proto::host::HostPattern;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    http1::{head::ResponseHead, scan::Scan},
    proxy::{
        balance,
        edits::{FieldEdits, RequestEdits},
        headers::{self, ClientFraming, Onward, Persistence},
        identity::{ClientAddress, RequestId},
        parse::ParsedRequest,
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

    /// Finds the head's end and reads it, in the memory of the request before; whether it is valid.
    pub fn parse(&mut self) -> bool {
        let found = Scan::default().find_end(&self.bytes, &Limits::default().request_head());
        found.is_ok_and(|length| length == Some(self.bytes.len()))
            && self.parsed.parse(&self.bytes, Limits::default().request_head().fields).is_ok()
    }

    /// Writes the head as the upstream gets it; its length in bytes.
    pub fn write(&mut self) -> usize {
        self.out.clear();
        headers::write_request(
            &mut self.out,
            &self.bytes,
            &self.parsed,
            &self.client,
            &self.id,
            &RequestEdits::default(),
        );
        self.out.len()
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
    let second = Duration::from_secs(1);
    let timeouts = Timeouts { connect: second, response: second, idle: second, total: None };
    let entry = |host: &str| {
        let Ok(pattern) = HostPattern::parse(host) else { panic!("{host:?} is no host") };
        let service = Service {
            name: host.into(),
            healthy: Box::default(),
            timeouts,
            limits: Default::default(),
            policies: Default::default(),
        };
        Entry { service: Arc::new(service), hosts: [pattern].into(), endpoints: Box::default() }
    };
    let services = hosts.map(|host| (Arc::from(&*host), Some(Arc::new(entry(&host))))).collect();
    let changes = Changes { services, ..Changes::default() };
    let stamp = Stamp { cluster_id: "bench".into(), version: Version { epoch: 1, sequence: 1 }, revision: 1 };
    let Ok(table) = RoutingTable::default().amend(stamp, &changes) else { panic!("a host is given twice") };
    table
}

/// An endpoint of the service; none if it has none that is healthy.
pub fn pick(service: &Service, rng: &mut impl Rng) -> Option<SocketAddr> {
    balance::pick(service, &[], rng).ok()
}
