//! What decides about a request: a route of its host, else the service that owns the host.

use std::ops::Range;

use gateway_routing::{Request, route::Route};
use http::{HeaderName, Method};

use super::parse::{ParsedRequest, Target};
use crate::{
    error::ProxyError,
    table::{RoutingTable, Service},
};

/// A request as routes see it; the bytes stay where they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'r> {
    /// The method to route by; of a preflight, that of the request which it asks for.
    pub method: &'r Method,
    /// Fields that it will have, whatever their values; those that a preflight asks about.
    pub announced: &'r [HeaderName],
    request: &'r ParsedRequest,
    head: &'r [u8],
}

impl<'r> Asked<'r> {
    /// Of a request and the head that it was read from.
    pub(crate) const fn new(request: &'r ParsedRequest, head: &'r [u8]) -> Self {
        Self { method: &request.head.method, announced: &[], request, head }
    }

    /// The values of the fields of this name, which is in lower case. As Host, what the endpoint gets:
    /// the absolute form wins over the field (RFC 9112 section 3.2.2).
    pub(crate) fn values(self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let Self { request, head, .. } = self;
        let host = (name == "host").then(|| &head[request.authority.clone()]);
        let is_other = host.is_none();
        let fields = request.head.fields.iter();
        let named = fields.filter(move |field| is_other && field.is_named(head, name));
        host.into_iter().chain(named.map(move |field| field.value(head)))
    }

    /// What is behind the `?`, for as long as the head is there.
    pub(crate) fn into_query(self) -> &'r [u8] {
        self.target().1
    }

    /// The target's path and what is behind it.
    fn target(&self) -> (&'r [u8], &'r [u8]) {
        let split = |at: &Range<usize>| {
            let target = &self.head[at.clone()];
            let end = memchr::memchr(b'?', target).unwrap_or(target.len());
            (&target[..end], target.get(end + 1..).unwrap_or_default())
        };
        match &self.request.target {
            Target::Origin(at) => split(at),
            Target::Root(at) => (b"/", split(at).1),
            Target::Asterisk => (b"*", b""),
        }
    }
}

impl Request for Asked<'_> {
    fn method(&self) -> &Method {
        self.method
    }

    fn path(&self) -> &[u8] {
        self.target().0
    }

    fn query(&self) -> &[u8] {
        self.target().1
    }

    fn headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.values(name)
    }

    fn has_header(&self, name: &str) -> bool {
        self.values(name).next().is_some() || self.announced.iter().any(|announced| announced == name)
    }
}

/// What decides about a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Routed<'t> {
    /// A route of its host.
    Route(&'t Route),
    /// The service that owns its host.
    Owner(&'t Service),
}

/// What decides about a request. A host without routes is answered without a look at the request.
pub(crate) fn select<'t>(table: &'t RoutingTable, asked: &Asked<'_>) -> Result<Routed<'t>, ProxyError> {
    let Some(bound) = table.bound(asked.request.host(asked.head)) else {
        return Err(if table.is_ready() { ProxyError::NoRoute } else { ProxyError::NotReady });
    };
    if let Some(selected) = bound.routes.select(asked) {
        return Ok(Routed::Route(selected.route()));
    }
    bound.owner.as_deref().map(Routed::Owner).ok_or(ProxyError::NoRoute)
}

/// The service that gets what no route of the request's host matches.
pub(crate) fn owner<'t>(table: &'t RoutingTable, asked: &Asked<'_>) -> Option<&'t Service> {
    table.bound(asked.request.host(asked.head))?.owner.as_deref()
}

#[cfg(test)]
mod tests;
