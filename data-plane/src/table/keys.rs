//! Where the policies of a table take keys from.

use gateway_routing::route::{AuthMethod, Jwks, Policies, Policy};
use imbl::{GenericHashMap, shared_ptr::DefaultSharedPtr};

/// Each place, with how many policies name it. What did not change is shared with the table before.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct KeySources(GenericHashMap<Jwks, usize, foldhash::fast::RandomState, DefaultSharedPtr>);

impl KeySources {
    /// Whether they are the very same, which costs nothing to tell; others may be equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }

    pub(crate) fn has(&self, place: &Jwks) -> bool {
        self.0.contains_key(place)
    }

    /// Every one, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Jwks> {
        self.0.keys()
    }

    /// These policies came.
    pub(super) fn add(&mut self, policies: &Policies) {
        for place in places(policies) {
            *self.0.entry(place.clone()).or_insert(0) += 1;
        }
    }

    /// These policies went.
    pub(super) fn remove(&mut self, policies: &Policies) {
        for place in places(policies) {
            match self.0.get_mut(place) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => drop(self.0.remove(place)),
            }
        }
    }
}

fn places(policies: &Policies) -> impl Iterator<Item = &Jwks> {
    let methods = match &policies.auth {
        Policy::On(auth) => &*auth.methods,
        Policy::Off | Policy::Unset => &[],
    };
    methods.iter().filter_map(|method| match method {
        AuthMethod::Jwt(jwt) => Some(&jwt.jwks),
        AuthMethod::ApiKey(_) | AuthMethod::Basic | AuthMethod::Introspection(_) | AuthMethod::Forward(_) => None,
    })
}
