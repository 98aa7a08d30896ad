//! What the benchmarks measure: the pure stages of a request's way.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::digest;
use gateway_caching::Time;
use gateway_proto::{discovery::v1 as pb, host::HostPattern};
use gateway_routing::{
    Match,
    route::{Action, Forward, Route, WeightedService},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    discovery::{apply::State, compile::compile},
    http1::{head::ResponseHead, scan::Scan},
    proxy::{
        auth, balance,
        destination::Destination,
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
    identity: Vec<u8>,
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
            identity: Vec::new(),
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

    /// Says this from here on, in place of what is there.
    ///
    /// # Panics
    /// When it goes beyond the head.
    pub fn say(&mut self, at: usize, text: &str) {
        self.bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
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

    /// Finds out who calls the service by the key in a field, whether he may, and takes the field out; whether he
    /// may. The request has to be parsed anew.
    pub fn enter(&mut self, service: &Service, table: &RoutingTable) -> bool {
        let Self { bytes, parsed, identity, .. } = self;
        identity.clear();
        let Destination { policies, .. } = Destination::of_service(service);
        auth::enter_by_key(&policies, table, Time::from_seconds(1), (parsed, bytes), identity)
    }

    /// Writes the head as the upstream gets it; its length in bytes.
    pub fn write(&mut self) -> usize {
        let Self { bytes, parsed, client, id, identity, out, .. } = self;
        out.clear();
        headers::write_request(out, bytes, parsed, client, id, &RequestEdits::default(), identity);
        out.len()
    }
}

/// A table of consumers, and what is held of the stream that they came by.
#[derive(Debug, Default)]
pub struct Holding {
    state: State,
    table: RoutingTable,
    consumers: u32,
    changes: u64,
}

impl Holding {
    /// So many more consumers come, each with one key, and of a group that others are of, too.
    ///
    /// # Panics
    /// When they are refused.
    pub fn grow(&mut self, count: u32) {
        let upserts: Vec<_> =
            (self.consumers..self.consumers + count).map(|number| consumer(number, "staff")).collect();
        self.consumers += count;
        let digest = upserts.iter().fold(self.state.digest(), |sum, consumer| sum.wrapping_add(consumer.digest));
        self.follow(upserts, digest);
    }

    /// One of them moves to another group, and back: two changes.
    ///
    /// # Panics
    /// When they are refused.
    pub fn move_one(&mut self, number: u32) {
        let (before, moved) = (consumer(number, "staff"), consumer(number, "moved"));
        let digest = self.state.digest();
        let other = digest.wrapping_sub(before.digest).wrapping_add(moved.digest);
        self.follow(vec![moved], other);
        self.follow(vec![before], digest);
    }

    /// Takes what the stream would bring, up to the table.
    fn follow(&mut self, upserts: Vec<pb::Resource>, digest: u64) {
        self.changes += 1;
        let version = |sequence| pb::Version { epoch: 1, sequence };
        let response = pb::DiscoveryResponse {
            version: Some(version(self.changes)),
            base: self.state.stamp().map(|stamp| version(stamp.version.sequence)),
            revision: 1,
            cluster_id: "bench".into(),
            digest,
            upserts,
            last_chunk: true,
            ..Default::default()
        };
        let applied = self.state.apply(response).ok().and_then(|(state, changes)| {
            let table = compile(&self.table, state.stamp()?.clone(), &changes).ok()?;
            Some((state, table))
        });
        let Some((state, table)) = applied else { panic!("they are refused") };
        (self.state, self.table) = (state, table);
    }

    /// What they are served from.
    #[must_use]
    pub fn table(&self) -> &RoutingTable {
        &self.table
    }

    /// Gives up what is held of the stream, and keeps the table.
    pub fn forget_stream(&mut self) {
        self.state = State::default();
    }

    /// The key of a consumer.
    #[must_use]
    pub fn key(number: u32) -> String {
        format!("gwk_{number:012x}_{number:064x}")
    }
}

fn consumer(number: u32, group: &str) -> pb::Resource {
    let name = format!("consumer-{number:06}");
    let sha256 = digest::digest(&digest::SHA256, Holding::key(number).as_bytes()).as_ref().to_vec();
    let key = pb::ApiKey { id: format!("{number:012x}"), sha256, expires_at: None };
    let consumer =
        pb::Consumer { name: name.clone(), groups: vec![group.into()], keys: vec![key], ..Default::default() };
    let body = Some(pb::resource::Body::Consumer(consumer));
    pb::Resource {
        name: format!("consumers/{name}"),
        // Another one for each number and group.
        digest: (u64::from(number) << 8 | u64::from(group.as_bytes()[0])).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        body,
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
        told: Arc::default(),
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
