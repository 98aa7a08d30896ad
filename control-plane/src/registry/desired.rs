//! Every service at one revision, by name and by host.

use std::sync::Arc;

use gateway_proto::host::HostPattern;
use imbl::OrdMap;

use super::model::{Revision, Service, ServiceName};

/// Every service at one revision; a copy costs nothing, and comparing two skips what they share.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The revision of the last commit.
    pub revision: Revision,
    /// By name.
    pub services: OrdMap<ServiceName, Arc<Service>>,
    /// The owner of each host; always what `services` says.
    pub hosts: OrdMap<HostPattern, ServiceName>,
}

impl Desired {
    /// Adds a service or replaces the one of its name; returns that one.
    ///
    /// A host that another service holds changes its owner: whoever calls this has made sure that
    /// there is none, or that the other service gives it up in the same commit.
    pub fn put(&mut self, service: Arc<Service>) -> Option<Arc<Service>> {
        let old = self.remove(&service.name);
        for host in &service.hosts {
            self.hosts.insert(host.clone(), service.name.clone());
        }
        self.services.insert(service.name.clone(), service);
        old
    }

    /// Removes a service and returns it.
    pub fn remove(&mut self, name: &ServiceName) -> Option<Arc<Service>> {
        let old = self.services.remove(name)?;
        for host in &old.hosts {
            if self.hosts.get(host) == Some(name) {
                self.hosts.remove(host);
            }
        }
        Some(old)
    }

    /// The service that a request for `host` reaches: the owner of the exact host, else of the
    /// wildcard with the longest suffix. `host` is in the form of `Authority::host`.
    #[must_use]
    pub fn route(&self, host: &str) -> Option<&Arc<Service>> {
        let exact = self.hosts.get(&HostPattern::Exact(host.into()));
        let owner = exact.or_else(|| {
            let dots = host.match_indices('.').filter(|(at, _)| *at > 0);
            dots.map(|(at, _)| HostPattern::Wildcard(host[at + 1..].into()))
                .find_map(|wildcard| self.hosts.get(&wildcard))
        })?;
        self.services.get(owner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Desired;
    use crate::registry::sample;

    fn reached(desired: &Desired, host: &str) -> Option<String> {
        desired.route(host).map(|service| service.name.to_string())
    }

    #[test]
    fn the_exact_host_wins_then_the_longest_wildcard() {
        let mut desired = Desired::default();
        desired.put(Arc::new(sample::service("exact", &["mail.example.test"])));
        desired.put(Arc::new(sample::service("near", &["*.mail.example.test"])));
        desired.put(Arc::new(sample::service("far", &["*.example.test", "[2001:db8::1]"])));
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
        desired.put(Arc::new(sample::service("a", &["a.test", "b.test"])));
        let old = desired.put(Arc::new(sample::service("a", &["b.test"]))).unwrap();
        assert_eq!(old.hosts.len(), 2);
        assert_eq!(reached(&desired, "a.test"), None);
        assert_eq!(reached(&desired, "b.test").as_deref(), Some("a"));
        assert!(desired.remove(&old.name).is_some());
        assert!(desired.remove(&old.name).is_none());
        assert!(desired.hosts.is_empty());
    }

    #[test]
    fn a_host_that_moves_within_a_commit_is_kept_whatever_the_order() {
        for giver_first in [true, false] {
            let mut desired = Desired::default();
            desired.put(Arc::new(sample::service("giver", &["a.test"])));
            let mut changes = vec![sample::service("giver", &[]), sample::service("taker", &["a.test"])];
            if !giver_first {
                changes.reverse();
            }
            for service in changes {
                desired.put(Arc::new(service));
            }
            assert_eq!(reached(&desired, "a.test").as_deref(), Some("taker"));
        }
    }
}
