//! Where a worker finds its counters by the names of service and route.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;

use super::{Labels, ServiceStats};

type ByName<T> = HashMap<Arc<str>, T, RandomState>;

/// Counters of a route and the service, where one was chosen.
type OfService = (Option<Arc<str>>, Arc<ServiceStats>);

/// Where a worker finds its counters; it has them from the first request on that is counted so.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By service, of requests that no route took.
    services: ByName<Arc<ServiceStats>>,
    /// By route, for each service that it led to: few, so that a list is fine.
    routes: ByName<Vec<OfService>>,
}

impl Index {
    /// The counters of what is counted so, if there are any.
    pub(super) fn find(&self, route: Option<&Arc<str>>, service: Option<&Arc<str>>) -> Option<&Arc<ServiceStats>> {
        let Some(route) = route else { return self.services.get(service?) };
        let of_route = self.routes.get(route)?;
        of_route.iter().find(|(name, _)| name.as_ref() == service).map(|(_, stats)| stats)
    }

    /// Adds counters.
    pub(super) fn insert(&mut self, labels: &Labels, stats: Arc<ServiceStats>) {
        let Labels { service, route } = labels.clone();
        match (route, service) {
            (Some(route), service) => self.routes.entry(route).or_default().push((service, stats)),
            (None, Some(service)) => drop(self.services.insert(service, stats)),
            (None, None) => {}
        }
    }

    /// Forgets counters.
    pub(super) fn remove(&mut self, Labels { service, route }: &Labels) {
        match (route, service) {
            (Some(route), service) => {
                let Some(of_route) = self.routes.get_mut(route) else { return };
                of_route.retain(|(name, _)| name != service);
                if of_route.is_empty() {
                    self.routes.remove(route);
                }
            }
            (None, Some(service)) => drop(self.services.remove(service)),
            (None, None) => {}
        }
    }
}
