//! From one table to the next. Pure, and in proportion to what changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gateway_proto::host::HostPattern;
use gateway_routing::{
    HostRoutes,
    route::{Policies, Policy, Route},
};

use super::{Consumer, Entry, RoutingTable, Service, Stamp};

/// What changed, by name: what it is now, or `None` where it is gone.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Of services.
    pub(crate) services: BTreeMap<Arc<str>, Option<Arc<Entry>>>,
    /// Of routes.
    pub(crate) routes: BTreeMap<Arc<str>, Option<Arc<Route>>>,
    /// Of consumers.
    pub(crate) consumers: BTreeMap<Arc<str>, Option<Consumer>>,
}

/// Why things that are each good make no table together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Several services claim one host.
    Owners {
        /// The host or wildcard.
        host: HostPattern,
        /// The services, in order.
        services: BTreeSet<Arc<str>>,
    },
    /// Two routes match the very same requests.
    Routes {
        /// Of these hosts.
        hosts: BTreeSet<HostPattern>,
        /// The name that comes first.
        first: Arc<str>,
        /// The other one.
        second: Arc<str>,
    },
    /// Several consumers have keys that cannot be told apart.
    Keys {
        /// The consumers, in order.
        consumers: BTreeSet<Arc<str>>,
    },
    /// Routes lead to a service that is not there.
    NoService {
        /// The service's name.
        service: Arc<str>,
        /// The routes, in order.
        routes: BTreeSet<Arc<str>>,
    },
}

impl RoutingTable {
    /// The table after these changes. It is the same as if everything were put in at once.
    ///
    /// Of the routes, only those of hosts are compiled of which a route came, changed or went.
    ///
    /// # Errors
    /// Every conflict, each once.
    pub(crate) fn amend(&self, stamp: Stamp, changes: &Changes) -> Result<Self, Vec<Conflict>> {
        let mut next = Self { stamp: Some(stamp), ..self.clone() };
        let mut retold = BTreeSet::new();
        let mut conflicts = next.amend_services(&changes.services, &mut retold);
        conflicts.extend(next.amend_routes(&changes.routes, &mut retold));
        retold.iter().for_each(|service| next.retell(service));
        conflicts.extend(next.missing_services(changes));
        let shared = next.consumers.amend(&changes.consumers);
        conflicts.extend(shared.into_iter().map(|consumers| Conflict::Keys { consumers }));
        if conflicts.is_empty() { Ok(next) } else { Err(conflicts) }
    }

    fn amend_services(
        &mut self,
        changes: &BTreeMap<Arc<str>, Option<Arc<Entry>>>,
        retold: &mut BTreeSet<Arc<str>>,
    ) -> Vec<Conflict> {
        // Every old host goes before the first new one comes: hosts may move between services.
        for name in changes.keys() {
            if let Some(old) = self.services.remove(name) {
                self.caching -= usize::from(caches(&old.service.policies));
                self.key_sources.remove(&old.service.policies);
                self.tellers.remove_service(name, &old.service.policies, retold);
                old.hosts.iter().for_each(|host| self.index.update(host, |bound| bound.owner = None));
            }
        }
        let mut claims = BTreeMap::<_, BTreeSet<_>>::new();
        for (name, entry) in changes {
            let Some(entry) = entry else { continue };
            for host in &entry.hosts {
                match self.index.get(host).and_then(|bound| bound.owner.as_ref()) {
                    Some(owner) if owner.name != *name => {
                        claims.entry(host).or_default().extend([Arc::clone(&owner.name), Arc::clone(name)]);
                    }
                    Some(_) | None => self.index.update(host, |bound| bound.owner = Some(Arc::clone(&entry.service))),
                }
            }
            self.caching += usize::from(caches(&entry.service.policies));
            self.key_sources.add(&entry.service.policies);
            self.tellers.add_service(name, &entry.service.policies, retold);
            self.services.insert(Arc::clone(name), Arc::clone(entry));
            retold.insert(Arc::clone(name));
        }
        claims.into_iter().map(|(host, services)| Conflict::Owners { host: host.clone(), services }).collect()
    }

    fn amend_routes(
        &mut self,
        changes: &BTreeMap<Arc<str>, Option<Arc<Route>>>,
        retold: &mut BTreeSet<Arc<str>>,
    ) -> Vec<Conflict> {
        // By host, the routes that are new to it.
        let mut touched = BTreeMap::<HostPattern, Vec<&Arc<Route>>>::new();
        for name in changes.keys() {
            if let Some(old) = self.routes.remove(name) {
                self.caching -= usize::from(caches(&old.policies));
                self.key_sources.remove(&old.policies);
                self.tellers.remove_route(&old, &self.services, retold);
                old.services().for_each(|service| self.drop_reference(service, name));
                touched.extend(old.hosts.iter().map(|host| (host.clone(), Vec::new())));
            }
        }
        for (name, route) in changes {
            let Some(route) = route else { continue };
            for service in route.services() {
                self.references.entry(Arc::clone(service)).or_default().insert(Arc::clone(name));
            }
            for host in &route.hosts {
                touched.entry(host.clone()).or_default().push(route);
            }
            self.caching += usize::from(caches(&route.policies));
            self.key_sources.add(&route.policies);
            self.tellers.add_route(route, &self.services, retold);
            self.routes.insert(Arc::clone(name), Arc::clone(route));
        }
        let mut equals = BTreeMap::<_, BTreeSet<_>>::new();
        for (host, new) in touched {
            for conflict in self.rebuild(&host, changes, &new) {
                let gateway_routing::Conflict { first, second } = conflict;
                equals.entry((first, second)).or_default().insert(host.clone());
            }
        }
        equals.into_iter().map(|((first, second), hosts)| Conflict::Routes { hosts, first, second }).collect()
    }

    /// Lets a service know by which fields its endpoints may be told who calls, where that is another list than it
    /// has.
    fn retell(&mut self, name: &Arc<str>) {
        let Some(entry) = self.services.get(name) else { return };
        let told = self.tellers.of(name);
        if entry.service.told == told {
            return;
        }
        let service = Arc::new(Service { told, ..Service::clone(&entry.service) });
        let entry = Arc::new(Entry { service: Arc::clone(&service), ..Entry::clone(entry) });
        for host in &entry.hosts {
            self.index.update(host, |bound| bound.owner = Some(Arc::clone(&service)));
        }
        self.services.insert(Arc::clone(name), entry);
    }

    /// Compiles what the host has now: the routes that did not change, and the new ones.
    fn rebuild(
        &mut self,
        host: &HostPattern,
        changes: &BTreeMap<Arc<str>, Option<Arc<Route>>>,
        new: &[&Arc<Route>],
    ) -> Vec<gateway_routing::Conflict> {
        let old = self.index.get(host).map_or(&[][..], |bound| bound.routes.routes());
        let kept = old.iter().filter(|route| !changes.contains_key(&route.name));
        let routes = kept.chain(new.iter().copied()).map(Arc::clone).collect();
        match HostRoutes::build(routes) {
            Ok(routes) => self.index.update(host, |bound| bound.routes = routes),
            Err(conflicts) => return conflicts,
        }
        Vec::new()
    }

    fn drop_reference(&mut self, service: &Arc<str>, route: &Arc<str>) {
        let Some(routes) = self.references.get_mut(service) else { return };
        routes.remove(route);
        if routes.is_empty() {
            self.references.remove(service);
        }
    }

    /// What leads nowhere after the changes: a route that came or changed leads to it, or it went.
    fn missing_services(&self, changes: &Changes) -> Vec<Conflict> {
        let gone = changes.services.keys();
        let named = changes.routes.values().flatten().flat_map(|route| route.services());
        let asked: BTreeSet<_> = gone.chain(named).filter(|name| !self.has_service(name)).collect();
        let conflict = |service: &Arc<str>| {
            let routes = self.references.get(service)?.iter().cloned().collect();
            Some(Conflict::NoService { service: Arc::clone(service), routes })
        };
        asked.into_iter().filter_map(conflict).collect()
    }
}

const fn caches(policies: &Policies) -> bool {
    matches!(policies.cache, Policy::On(_))
}
