//! One request and its answer: whom it concerns, how far it came, what became of it. The only source
//! of metrics and logs.

use std::{net::SocketAddr, time::Instant};

use gateway_caching::Time;
use gateway_proto::network::Network;
use gateway_routing::route::{Route, Scheme};
use http::{Method, StatusCode};
use rand::Rng;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::{
    auth::{Caller, Challenge, Outcome},
    cache::Told,
    compress::Wish,
    cors::Stance,
    destination::InForce,
    identity::{ClientAddress, RequestId},
    limit::Held,
    parse::ParsedRequest,
};
use crate::{
    error::ProxyError,
    http1::{field::Name, framing::Framing, head::Version},
    table::Service,
    worker::{buffer::Scratch, watchdog::Watch},
};

/// The client's side of an exchange.
#[derive(Debug)]
pub(crate) struct ClientSide<'c> {
    pub reader: ReadHalf<'c>,
    pub writer: WriteHalf<'c>,
    pub address: &'c ClientAddress,
}

/// Whom an exchange waits for; decides what is said when the time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// For the client's request.
    Request,
    /// For whoever knows whether its credentials are good.
    Authentication,
    /// For a connection to the endpoint.
    Connect,
    /// For the endpoint, which has to listen or to answer.
    Response,
    /// For the client, which has to take the answer.
    Delivery,
}

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange<'c> {
    pub client: ClientSide<'c>,
    pub buffers: &'c mut Scratch,
    pub watch: &'c Watch,
    pub stage: Stage,
    /// The length of the request's head, while it is in the client's buffer.
    pub head_len: usize,
    /// The client's address, where a trusted proxy tells of another one than the connection's.
    told_address: Option<ClientAddress>,
    /// What the client uses, as far as it is known: a trusted proxy in front may take TLS off.
    pub scheme: Scheme,
    /// Names the request.
    pub id: RequestId,
    pub method: Method,
    /// Whether the client speaks HTTP/1.0.
    pub is_http10: bool,
    /// Whether the connection has served as many requests as it may.
    is_last: bool,
    /// Whether another request may follow on the client's connection.
    pub persistent: bool,
    /// Whether a part of the answer's head may have left.
    pub begun: bool,
    /// Whether a part of the request may still be on its way.
    pub unread: bool,
    /// Whether the client may wait for the endpoint's word before it sends content.
    pub expects: bool,
    /// Whether there will be a line of it in the access log.
    pub logged: bool,
    /// When its head was whole.
    pub started: Instant,
    /// When the head of the endpoint's answer was.
    pub answered: Option<Instant>,
    /// When it was over, where that is known.
    pub ended: Option<Instant>,
    /// What it was routed by, where a route matched.
    pub route: Option<&'c Route>,
    /// Who calls, as far as it is known.
    pub caller: Caller<'c>,
    /// What became of it where a policy says who may call.
    pub auth: Option<Outcome>,
    /// Where such a policy has accepted what it has brought: when that ends, as far as it says so itself.
    pub good_until: Option<Time>,
    /// Whether it has brought credentials that such a policy is about, good or bad.
    pub has_credentials: bool,
    /// What a client is told that has not shown who it is.
    pub challenge: Option<Challenge<'c>>,
    /// What answers say to pages of other origins, where there is a policy for it.
    pub cors: Option<Stance<'c>>,
    /// How the client would have what it gets, where there is a choice.
    pub wish: Option<Wish<'c>>,
    /// What it holds of the rate limits in force.
    pub held: Held<'c>,
    /// What the cache has done, where there is one.
    pub cache: Option<Told>,
    /// Whom it was for.
    pub service: Option<&'c Service>,
    /// Where it was sent to.
    pub endpoint: Option<SocketAddr>,
    /// How many times it was sent, or a connection for it was tried.
    pub attempts: u32,
    /// Whether the last of them was on a pooled connection.
    pub pooled: bool,
    /// Bytes of the answer that the client's connection took, its head included; interim responses
    /// are not.
    pub sent: u64,
    /// How many of them are the head.
    pub sent_head: u64,
    /// The status that the client got.
    pub status: Option<StatusCode>,
    /// Why it failed, where it did.
    pub error: Option<ProxyError>,
    /// What had been used of the client's buffer before this request.
    used_before: u64,
}

impl<'c> Exchange<'c> {
    /// Of a request whose head is there, and not yet read.
    pub(crate) fn new(
        client: ClientSide<'c>,
        buffers: &'c mut Scratch,
        watch: &'c Watch,
        head_len: usize,
        is_last: bool,
        rng: &mut impl Rng,
    ) -> Self {
        let used_before = buffers.client.used();
        buffers.identity.clear();
        Self {
            client,
            buffers,
            watch,
            stage: Stage::Request,
            head_len,
            told_address: None,
            scheme: Scheme::Http,
            id: RequestId::random(rng),
            method: Method::GET,
            is_http10: false,
            is_last,
            // Until the request is understood, nothing may follow it.
            persistent: false,
            begun: false,
            unread: true,
            expects: false,
            logged: false,
            started: Instant::now(),
            answered: None,
            ended: None,
            route: None,
            caller: Caller::Nobody,
            auth: None,
            good_until: None,
            has_credentials: false,
            challenge: None,
            cors: None,
            wish: None,
            held: Held::default(),
            cache: None,
            service: None,
            endpoint: None,
            attempts: 0,
            pooled: false,
            sent: 0,
            sent_head: 0,
            status: None,
            error: None,
            used_before,
        }
    }

    /// The request's head.
    pub(crate) fn head(&self) -> &[u8] {
        &self.buffers.client.filled()[..self.head_len]
    }

    /// The same, to be changed in its place.
    pub(crate) fn head_mut(&mut self) -> &mut [u8] {
        &mut self.buffers.client.filled_mut()[..self.head_len]
    }

    /// The head is not needed any more.
    pub(crate) fn consume_head(&mut self) {
        self.buffers.client.consume(self.head_len);
        self.head_len = 0;
    }

    /// What matters after the head is gone.
    pub(crate) fn learn(&mut self, request: &ParsedRequest, rng: &mut impl Rng) {
        self.id = RequestId::of(&request.head.fields, self.head(), rng);
        self.method = request.head.method.clone();
        self.is_http10 = request.head.version == Version::Http10;
        self.persistent = request.persists() && !self.is_last;
        if self.logged {
            self.buffers.logged.keep(request, &self.buffers.client.filled()[..self.head_len]);
        }
        self.unread = !matches!(request.framing, Framing::None | Framing::Length(0));
        self.expects =
            self.unread && !self.is_http10 && request.head.fields.values(self.head(), Name::Expect).next().is_some();
    }

    /// Finds out who the client is, and what it uses, while the request's head is there.
    pub(crate) fn recognise(&mut self, trusted: &[Network], request: &ParsedRequest) {
        self.scheme = self.client.address.scheme(trusted, &request.head.fields, self.head());
        self.told_address = self.client.address.behind(trusted, &request.head.fields, self.head());
    }

    /// The client's address, as far as it is known.
    pub(crate) fn client_address(&self) -> &ClientAddress {
        self.told_address.as_ref().unwrap_or(self.client.address)
    }

    /// What these policies make of the request, while its head is there.
    pub(crate) fn settle(&mut self, policies: &InForce<'c>, request: &ParsedRequest) {
        let fields = &request.head.fields;
        self.cors = policies.cors.map(|policy| Stance::of(policy, fields, self.head()));
        self.wish = Wish::under(policies, fields, self.head());
    }

    /// Bytes of the request that were taken from the client's connection, its head included; to be
    /// asked when it is over.
    pub(crate) fn received(&self) -> u64 {
        match self.buffers.client.used() - self.used_before {
            // A head that was refused before its end is still where it was read into.
            0 => self.buffers.client.len() as u64,
            used => used,
        }
    }

    /// What the exchange failed of when its time was up.
    pub(crate) fn expired(&self) -> ProxyError {
        match self.stage {
            Stage::Request => ProxyError::RequestTimeout,
            Stage::Authentication => ProxyError::AuthUnavailable,
            Stage::Connect => ProxyError::UpstreamConnectTimeout,
            Stage::Response => ProxyError::UpstreamTimeout,
            Stage::Delivery => ProxyError::ClientGone,
        }
    }
}
