//! What decides about a request: a route of its host, else the service that owns the host.

use std::{borrow::Cow, ops::Range};

use gateway_routing::{
    Request,
    route::{Action, Route},
};
use http::Method;

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
    request: &'r ParsedRequest,
    head: &'r [u8],
}

impl<'r> Asked<'r> {
    /// Of a request and the head that it was read from.
    pub(crate) const fn new(request: &'r ParsedRequest, head: &'r [u8]) -> Self {
        Self { method: &request.head.method, request, head }
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
        let fields = self.request.head.fields.iter();
        let named = fields.filter(move |field| field.name_bytes(self.head).eq_ignore_ascii_case(name.as_bytes()));
        named.map(|field| field.value(self.head))
    }
}

/// What decides about a request. Borrows nothing of it, so that the exchange can go on.
#[derive(Debug)]
pub(crate) struct Routed<'t> {
    /// The route that it takes; `None` where no route of the host matches, and then there is an owner.
    pub route: Option<&'t Route>,
    /// The service that owns the host.
    pub owner: Option<&'t Service>,
    /// Where it is not as it was sent, and the route has looked at it.
    #[allow(dead_code, reason = "for what rewrites paths")]
    normal_path: Option<Box<[u8]>>,
}

#[allow(dead_code, reason = "for what rewrites paths")]
impl Routed<'_> {
    /// The path in normal form, as the route was found by it. A route that does not look at paths has
    /// it as it was sent.
    pub(crate) fn path<'a>(&'a self, asked: &'a Asked<'_>) -> &'a [u8] {
        self.normal_path.as_deref().unwrap_or_else(|| asked.path())
    }

    /// The segment that a parameter of the route's template stands for, in normal form.
    pub(crate) fn parameter<'a>(&'a self, name: &str, asked: &'a Asked<'_>) -> Option<&'a [u8]> {
        self.route?.rule.path().parameter(name, self.path(asked))
    }
}

/// The route that a request takes, and the service that owns its host. A host without routes is
/// answered without a look at the request.
pub(crate) fn select<'t>(table: &'t RoutingTable, asked: &Asked<'_>) -> Result<Routed<'t>, ProxyError> {
    let Some(bound) = table.bound(asked.request.host(asked.head)) else {
        return Err(if table.is_ready() { ProxyError::NoRoute } else { ProxyError::NotReady });
    };
    let owner = bound.owner.as_deref();
    let selected = bound.routes.as_ref().and_then(|routes| routes.select(asked));
    let Some(selected) = selected else {
        owner.ok_or(ProxyError::NoRoute)?;
        return Ok(Routed { route: None, owner, normal_path: None });
    };
    let route = &**selected.value();
    let normal_path = match selected.into_path() {
        Some(Cow::Owned(path)) => Some(path.into()),
        Some(Cow::Borrowed(_)) | None => None,
    };
    Ok(Routed { route: Some(route), owner, normal_path })
}

/// The service that gets the request.
pub(crate) fn destination<'t>(table: &'t RoutingTable, routed: &Routed<'t>) -> Result<&'t Service, ProxyError> {
    let Some(route) = routed.route else { return routed.owner.ok_or(ProxyError::NoRoute) };
    let weighted = match &route.action {
        Action::Forward(forward) => forward.services.iter().find(|service| service.weight > 0),
        Action::Redirect(_) | Action::Respond(_) => None,
    };
    weighted.and_then(|service| table.service(&service.name)).ok_or(ProxyError::NoRoute)
}

#[cfg(test)]
mod tests;
