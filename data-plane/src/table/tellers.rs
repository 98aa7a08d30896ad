//! By which fields the endpoints of each service are told who calls.
//!
//! An endpoint believes such a field whichever way a request comes, so that clients' own of these names must not
//! come by any. What the policies tell that lead to a service is counted, so that a change costs what it changes.

use std::sync::Arc;

use gateway_routing::route::{Auth, Policies, Policy};
use http::HeaderName;
use imbl::{GenericHashMap, shared_ptr::DefaultSharedPtr};

use super::Map;

/// Each field, and how often policies name it.
type Counts = GenericHashMap<HeaderName, usize, foldhash::fast::RandomState, DefaultSharedPtr>;

/// The fields by the names of services: of their own policies, and of those of all routes that lead to them, be
/// they in force or not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tellers(Map<Counts>);

impl Tellers {
    /// The fields of a service in one order.
    pub(super) fn of(&self, service: &str) -> Arc<[HeaderName]> {
        let Some(counts) = self.0.get(service) else { return Arc::default() };
        let mut fields: Vec<_> = counts.keys().cloned().collect();
        fields.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        fields.into()
    }

    /// These policies came. Whether the service has other fields now.
    pub(super) fn add(&mut self, service: &Arc<str>, policies: &Policies) -> bool {
        let mut is_other = false;
        for field in told(policies) {
            let count = self.0.entry(Arc::clone(service)).or_default().entry(field.clone()).or_insert(0);
            is_other |= *count == 0;
            *count += 1;
        }
        is_other
    }

    /// These policies went. Whether the service has other fields now.
    pub(super) fn remove(&mut self, service: &str, policies: &Policies) -> bool {
        let mut is_other = false;
        for field in told(policies) {
            let Some(counts) = self.0.get_mut(service) else { continue };
            match counts.get_mut(field) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => is_other |= counts.remove(field).is_some(),
            }
            if counts.is_empty() {
                self.0.remove(service);
            }
        }
        is_other
    }
}

fn told(policies: &Policies) -> impl Iterator<Item = &HeaderName> {
    let auth = match &policies.auth {
        Policy::On(auth) => Some(auth),
        Policy::Off | Policy::Unset => None,
    };
    auth.into_iter().flat_map(|auth| Auth::told(auth))
}
