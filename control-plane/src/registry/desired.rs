//! Everything that is registered at one revision, and the indices on it.

use std::sync::Arc;

use gateway_proto::host::HostPattern;
use imbl::{HashMap, OrdMap, OrdSet};

use super::{
    model::{Claim, Consumer, ConsumerName, Key, KeyId, Record, Revision, Route, RouteName, Service, ServiceName},
    purge::Purges,
};

/// Everything that is registered at one revision; a copy costs nothing, and comparing two skips what
/// they share.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The revision of the last commit.
    pub revision: Revision,
    /// By name.
    pub services: OrdMap<ServiceName, Arc<Service>>,
    /// By name.
    pub routes: OrdMap<RouteName, Arc<Route>>,
    /// By name.
    pub consumers: OrdMap<ConsumerName, Arc<Consumer>>,
    /// By revision.
    pub purges: Purges,
    /// The owner of each host; always what `services` says.
    pub hosts: OrdMap<HostPattern, ServiceName>,
    /// Which services routes lead or mirror to; always what `routes` says.
    references: OrdSet<Reference>,
    /// The route that has the requests; always what `routes` says.
    claims: HashMap<Claim, RouteName>,
    /// Whose each key is; always what `consumers` says.
    keys: HashMap<KeyId, ConsumerName>,
}

/// That a route leads or mirrors to a service. In the order of services, so that those of one of them
/// are found together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    service: Arc<str>,
    route: Arc<str>,
}

impl Desired {
    /// What is registered under a key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Record> {
        match key {
            Key::Consumer(name) => self.consumers.get(name).cloned().map(Record::Consumer),
            Key::Purge(revision) => self.purges.get(*revision).cloned().map(Record::Purge),
            Key::Route(name) => self.routes.get(name).cloned().map(Record::Route),
            Key::Service(name) => self.services.get(name).cloned().map(Record::Service),
        }
    }

    /// Adds something or replaces what is under its key; returns that.
    ///
    /// A host that another service holds changes its owner, and so do requests that another route has:
    /// whoever calls this has made sure that there is none, or that the other gives it up in the same
    /// commit.
    pub fn put(&mut self, record: Record) -> Option<Record> {
        match record {
            Record::Consumer(consumer) => self.put_consumer(consumer).map(Record::Consumer),
            Record::Purge(purge) => self.purges.put(purge).map(Record::Purge),
            Record::Route(route) => self.put_route(route).map(Record::Route),
            Record::Service(service) => self.put_service(service).map(Record::Service),
        }
    }

    /// Removes what is under a key and returns it.
    pub fn remove(&mut self, key: &Key) -> Option<Record> {
        match key {
            Key::Consumer(name) => self.remove_consumer(name).map(Record::Consumer),
            Key::Purge(revision) => self.purges.remove(*revision).map(Record::Purge),
            Key::Route(name) => self.remove_route(name).map(Record::Route),
            Key::Service(name) => self.remove_service(name).map(Record::Service),
        }
    }

    fn put_service(&mut self, service: Arc<Service>) -> Option<Arc<Service>> {
        let old = self.remove_service(&service.name);
        for host in &service.hosts {
            self.hosts.insert(host.clone(), service.name.clone());
        }
        self.services.insert(service.name.clone(), service);
        old
    }

    fn remove_service(&mut self, name: &ServiceName) -> Option<Arc<Service>> {
        let old = self.services.remove(name)?;
        for host in &old.hosts {
            if self.hosts.get(host) == Some(name) {
                self.hosts.remove(host);
            }
        }
        Some(old)
    }

    fn put_route(&mut self, route: Arc<Route>) -> Option<Arc<Route>> {
        let name = route.name();
        let old = self.remove_route(&name);
        self.references.extend(references(&route));
        self.claims.extend(route.claims().map(|claim| (claim, name.clone())));
        self.routes.insert(name, route);
        old
    }

    fn remove_route(&mut self, name: &RouteName) -> Option<Arc<Route>> {
        let old = self.routes.remove(name)?;
        for reference in references(&old) {
            self.references.remove(&reference);
        }
        for claim in old.claims() {
            if self.claims.get(&claim) == Some(name) {
                self.claims.remove(&claim);
            }
        }
        Some(old)
    }

    fn put_consumer(&mut self, consumer: Arc<Consumer>) -> Option<Arc<Consumer>> {
        let old = self.remove_consumer(&consumer.name);
        self.keys.extend(consumer.keys.iter().map(|key| (key.id.clone(), consumer.name.clone())));
        self.consumers.insert(consumer.name.clone(), consumer);
        old
    }

    fn remove_consumer(&mut self, name: &ConsumerName) -> Option<Arc<Consumer>> {
        let old = self.consumers.remove(name)?;
        for key in &old.keys {
            self.keys.remove(&key.id);
        }
        Some(old)
    }

    /// The service that gets what no route takes of the requests for `host`: the owner of the exact
    /// host, else of the wildcard with the longest suffix. `host` is in the form of `Authority::host`.
    #[must_use]
    pub fn owner(&self, host: &str) -> Option<&Arc<Service>> {
        let exact = self.hosts.get(&HostPattern::Exact(host.into()));
        let owner = exact.or_else(|| {
            let dots = host.match_indices('.').filter(|(at, _)| *at > 0);
            dots.map(|(at, _)| HostPattern::Wildcard(host[at + 1..].into()))
                .find_map(|wildcard| self.hosts.get(&wildcard))
        })?;
        self.services.get(owner)
    }

    /// The routes that lead or mirror to a service, in the order of their names.
    pub fn routes_to(&self, service: &ServiceName) -> impl Iterator<Item = &Arc<Route>> {
        let first = Reference { service: service.as_str().into(), route: "".into() };
        let references = self.references.range(first..).take_while(move |found| *found.service == *service.as_str());
        references.filter_map(|found| self.routes.get(&*found.route))
    }

    /// The route that has these requests.
    #[must_use]
    pub fn holder(&self, claim: &Claim) -> Option<&RouteName> {
        self.claims.get(claim)
    }

    /// Whose key has this id.
    #[must_use]
    pub fn key_holder(&self, id: &KeyId) -> Option<&Arc<Consumer>> {
        self.consumers.get(self.keys.get(id)?)
    }
}

fn references(route: &Route) -> impl Iterator<Item = Reference> {
    let name = &route.route.name;
    route.route.services().map(|service| Reference { service: Arc::clone(service), route: Arc::clone(name) })
}

#[cfg(test)]
mod tests {
    use super::{Desired, Record};
    use crate::registry::{model::Consumer, sample};

    fn reached(desired: &Desired, host: &str) -> Option<String> {
        desired.owner(host).map(|service| service.name.to_string())
    }

    #[test]
    fn the_exact_host_wins_then_the_longest_wildcard() {
        let mut desired = Desired::default();
        desired.put(Record::from(sample::service("exact", &["mail.example.test"])));
        desired.put(Record::from(sample::service("near", &["*.mail.example.test"])));
        desired.put(Record::from(sample::service("far", &["*.example.test", "[2001:db8::1]"])));
        assert_eq!(reached(&desired, "mail.example.test").as_deref(), Some("exact"));
        assert_eq!(reached(&desired, "a.b.mail.example.test").as_deref(), Some("near"));
        assert_eq!(reached(&desired, "www.example.test").as_deref(), Some("far"));
        assert_eq!(reached(&desired, "[2001:db8::1]").as_deref(), Some("far"));
        assert_eq!(reached(&desired, "example.test"), None);
        assert_eq!(reached(&desired, "test"), None);
    }

    #[test]
    fn a_replaced_or_removed_service_gives_up_its_hosts() {
        let mut desired = Desired::default();
        desired.put(Record::from(sample::service("a", &["a.test", "b.test"])));
        let old = desired.put(Record::from(sample::service("a", &["b.test"]))).unwrap();
        let Record::Service(service) = &old else { panic!("{old:?}") };
        assert_eq!(service.hosts.len(), 2);
        assert_eq!(reached(&desired, "a.test"), None);
        assert_eq!(reached(&desired, "b.test").as_deref(), Some("a"));
        assert!(desired.remove(&old.key()).is_some());
        assert!(desired.remove(&old.key()).is_none());
        assert!(desired.hosts.is_empty());
    }

    #[test]
    fn a_key_is_found_by_its_id_as_long_as_its_consumer_has_it() {
        let (one, two) = (sample::key(1), sample::key(2));
        let holder = |desired: &Desired, id| desired.key_holder(id).map(|consumer| consumer.name.to_string());
        let mut desired = Desired::default();
        let anna = Consumer { keys: vec![one.clone(), two.clone()], ..sample::consumer("anna", &[]) };
        desired.put(Record::from(anna.clone()));
        assert_eq!(holder(&desired, &one.id).as_deref(), Some("anna"));
        desired.put(Record::from(Consumer { keys: vec![two.clone()], ..anna.clone() }));
        assert_eq!([&one.id, &two.id].map(|id| holder(&desired, id)), [None, Some("anna".to_owned())]);
        desired.remove(&Record::from(anna).key());
        assert_eq!(holder(&desired, &two.id), None);
        assert!(desired.keys.is_empty());
    }

    #[test]
    fn a_host_that_moves_within_a_commit_is_kept_whatever_the_order() {
        for giver_first in [true, false] {
            let mut desired = Desired::default();
            desired.put(Record::from(sample::service("giver", &["a.test"])));
            let mut changes = vec![sample::service("giver", &[]), sample::service("taker", &["a.test"])];
            if !giver_first {
                changes.reverse();
            }
            for service in changes {
                desired.put(Record::from(service));
            }
            assert_eq!(reached(&desired, "a.test").as_deref(), Some("taker"));
        }
    }
}
