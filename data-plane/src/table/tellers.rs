//! By which fields the endpoints of each service are told who calls.
//!
//! An endpoint believes such a field whichever way a request comes, so that clients' own of these names must not
//! come by any. What the policies tell that lead to a service is counted, so that a change costs what it changes.

use std::{collections::BTreeSet, hash::Hash, iter, sync::Arc};

use gateway_routing::route::{Action, Auth, Policies, Policy, Route};
use http::HeaderName;
use imbl::{GenericHashMap, shared_ptr::DefaultSharedPtr};

use super::{Entry, Map};

/// Each of them, and how often it is named.
type Counts<K> = GenericHashMap<K, usize, foldhash::fast::RandomState, DefaultSharedPtr>;

/// What is told, by the names of services. All that changes tells which services have other fields now: these are to
/// be retold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tellers {
    /// The fields: of their own policies, and of those of all routes that lead to them, be they in force or not; of
    /// a shadow, those of each service, too, by whose own policy requests go that it gets copies of.
    fields: Map<Counts<HeaderName>>,
    /// By these services, their shadows, and by how many routes they are that.
    shadows: Map<Counts<Arc<str>>>,
}

impl Tellers {
    /// The fields of a service in one order.
    pub(super) fn of(&self, service: &str) -> Arc<[HeaderName]> {
        let Some(counts) = self.fields.get(service) else { return Arc::default() };
        let mut fields: Vec<_> = counts.keys().cloned().collect();
        fields.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        fields.into()
    }

    /// A service came.
    pub(super) fn add_service(&mut self, name: &Arc<str>, policies: &Policies, retold: &mut BTreeSet<Arc<str>>) {
        for believing in self.believing(name) {
            self.add(&believing, policies, retold);
        }
    }

    /// A service went.
    pub(super) fn remove_service(&mut self, name: &Arc<str>, policies: &Policies, retold: &mut BTreeSet<Arc<str>>) {
        for believing in self.believing(name) {
            self.remove(&believing, policies, retold);
        }
    }

    /// A route came.
    pub(super) fn add_route(&mut self, route: &Route, services: &Map<Arc<Entry>>, retold: &mut BTreeSet<Arc<str>>) {
        route.services().for_each(|service| self.add(service, &route.policies, retold));
        for (target, shadow) in copied(route) {
            if add(&mut self.shadows, target, shadow)
                && let Some(entry) = services.get(target)
            {
                self.add(shadow, &entry.service.policies, retold);
            }
        }
    }

    /// A route went.
    pub(super) fn remove_route(&mut self, route: &Route, services: &Map<Arc<Entry>>, retold: &mut BTreeSet<Arc<str>>) {
        route.services().for_each(|service| self.remove(service, &route.policies, retold));
        for (target, shadow) in copied(route) {
            if remove(&mut self.shadows, target, shadow)
                && let Some(entry) = services.get(target)
            {
                self.remove(shadow, &entry.service.policies, retold);
            }
        }
    }

    /// Those whose endpoints are told what the service's own policy tells: it, and its shadows.
    fn believing(&self, service: &Arc<str>) -> Vec<Arc<str>> {
        let shadows = self.shadows.get(service).into_iter().flat_map(Counts::keys);
        iter::once(service).chain(shadows).cloned().collect()
    }

    fn add(&mut self, service: &Arc<str>, policies: &Policies, retold: &mut BTreeSet<Arc<str>>) {
        for field in told(policies) {
            if add(&mut self.fields, service, field) {
                retold.insert(Arc::clone(service));
            }
        }
    }

    fn remove(&mut self, service: &Arc<str>, policies: &Policies, retold: &mut BTreeSet<Arc<str>>) {
        for field in told(policies) {
            if remove(&mut self.fields, service, field) {
                retold.insert(Arc::clone(service));
            }
        }
    }
}

/// Counts one more. Whether it is the first.
fn add<K: Clone + Eq + Hash>(all: &mut Map<Counts<K>>, service: &Arc<str>, named: &K) -> bool {
    let count = all.entry(Arc::clone(service)).or_default().entry(named.clone()).or_insert(0);
    *count += 1;
    *count == 1
}

/// Counts one less. Whether it was the last.
fn remove<K: Clone + Eq + Hash>(all: &mut Map<Counts<K>>, service: &str, named: &K) -> bool {
    let Some(counts) = all.get_mut(service) else { return false };
    let was_last = match counts.get_mut(named) {
        Some(count) if *count > 1 => {
            *count -= 1;
            false
        }
        Some(_) | None => counts.remove(named).is_some(),
    };
    if counts.is_empty() {
        all.remove(service);
    }
    was_last
}

/// Each service by whose own policy requests of the route go, and the one that gets copies of them.
fn copied(route: &Route) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
    let forward = match &route.action {
        Action::Forward(forward) => Some(forward).filter(|_| route.policies.auth == Policy::Unset),
        Action::Redirect(_) | Action::Respond(_) => None,
    };
    let mirrored = forward.and_then(|forward| Some((forward, &forward.mirror.as_ref()?.service)));
    mirrored.into_iter().flat_map(|(forward, shadow)| forward.services.iter().map(move |to| (&to.name, shadow)))
}

fn told(policies: &Policies) -> impl Iterator<Item = &HeaderName> {
    let auth = match &policies.auth {
        Policy::On(auth) => Some(auth),
        Policy::Off | Policy::Unset => None,
    };
    auth.into_iter().flat_map(|auth| Auth::told(auth))
}
