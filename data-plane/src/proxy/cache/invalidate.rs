//! What changes something makes what is stored of it invalid (RFC 9111 section 4.4), whichever way it
//! took: a POST that one route takes is about what another one has stored of the same URL.

use gateway_caching::{
    invalidation::invalidated,
    key::{Key, Rules, Target},
};
use gateway_routing::route::{Action, Cache, Route};
use http::Method;

use super::{fields::AsCame, wanted::target};
use crate::{
    proxy::{exchange::Exchange, forward::Answer, parse::ParsedRequest},
    table::{Bound, RoutingTable, Service},
    worker::Worker,
};

/// A request that may change something at a host of which responses are stored.
#[derive(Debug)]
pub(crate) struct Change {
    method: Method,
    authority: Vec<u8>,
    host: Box<str>,
    path: Vec<u8>,
    query: Option<Vec<u8>>,
}

impl Change {
    /// Of this request, if it is one. Where nothing is cached, that costs a look at a number.
    pub(crate) fn of(table: &RoutingTable, request: &ParsedRequest, head: &[u8]) -> Option<Self> {
        let method = &request.head.method;
        // RFC 9110 section 9.2.1.
        if !table.caches() || [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method) {
            return None;
        }
        let host = request.host(head);
        table.bound(host).filter(|bound| stored_by(table, bound).next().is_some())?;
        let Target { authority, path, query, .. } = target(request, head, ("", ""));
        let (authority, path, query) = (authority.to_vec(), path.to_vec(), query.map(<[u8]>::to_vec));
        Some(Self { method: method.clone(), authority, host: host.into(), path, query })
    }

    /// Takes out what this answer makes invalid; to be called before the client has it.
    pub(crate) fn invalidate(&self, worker: &Worker, table: &RoutingTable, answer: &Answer, exchange: &Exchange<'_>) {
        let Some(bound) = table.bound(&self.host) else { return };
        let bytes = &exchange.buffers.upstream.filled()[..answer.head_len];
        let response = AsCame { fields: &answer.head.fields, head: bytes };
        let mut key = Key::default();
        let of = |service, route| Target {
            service,
            route,
            scheme: gateway_caching::key::Scheme::Http,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
        };
        let itself = of("", "");
        for invalid in invalidated(&self.method, &itself, answer.head.status, &response) {
            for (service, route, rules) in stored_by(table, bound) {
                let target = Target { path: &invalid.path, query: invalid.query, ..of(service, route) };
                rules.primary(&target, &mut key);
                let store = worker.cache();
                let key = store.key(key.bytes(), key.url(), key.host());
                // The disk first, or somebody brings it back from there.
                if let Some(disk) = worker.disk() {
                    disk.remove(&key);
                }
                store.invalidate(&key);
            }
        }
    }
}

/// Under which services and routes, and by which rules, responses of a host are stored.
fn stored_by<'t>(
    table: &'t RoutingTable,
    Bound { routes, owner }: &'t Bound,
) -> impl Iterator<Item = (&'t str, &'t str, &'t Rules)> {
    let own =
        owner.as_deref().into_iter().filter_map(|service| Some((&*service.name, "", &policy(None, service)?.key)));
    let routes = routes.routes().iter();
    let routed = routes.flat_map(move |route| {
        services(route).filter_map(move |name| {
            let service = table.service(name)?;
            Some((&*service.name, &*route.name, &policy(Some(route), service)?.key))
        })
    });
    own.chain(routed)
}

fn services(route: &Route) -> impl Iterator<Item = &str> {
    let forward = match &route.action {
        Action::Forward(forward) => Some(forward),
        Action::Redirect(_) | Action::Respond(_) => None,
    };
    forward.into_iter().flat_map(|forward| forward.services.iter().map(|service| &*service.name))
}

fn policy<'t>(route: Option<&'t Route>, service: &'t Service) -> Option<&'t Cache> {
    match route {
        Some(route) => route.policies.cache.or(&service.policies.cache),
        None => service.policies.cache.or(&service.policies.cache),
    }
}
