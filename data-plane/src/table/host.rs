//! From a request's host to what decides about it: the exact host first, then the longest wildcard.

use std::sync::Arc;

use gateway_proto::host::HostPattern;
use gateway_routing::{HostRoutes, route::Route};
use imbl::OrdMap;

use super::{Map, Service};

/// The routes of one host.
pub type Routes = HostRoutes<Arc<Route>>;

/// What decides about the requests of one host, or of all below a wildcard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bound {
    /// The routes that name it.
    pub routes: Routes,
    /// The service whose own host it is, and which gets what no route matches.
    pub owner: Option<Arc<Service>>,
}

impl Bound {
    fn is_empty(&self) -> bool {
        let Self { routes, owner } = self;
        routes.is_empty() && owner.is_none()
    }
}

/// Every host of every service and route.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HostIndex {
    exact: Map<Bound>,
    /// By suffix, without the `*.`.
    wildcard: Map<Bound>,
    /// How many wildcards have a suffix of so many labels.
    depths: OrdMap<u32, usize>,
    /// Bit n: there is a wildcard whose suffix has n labels. A host of 253 characters has at most
    /// 127 labels, so every suffix has its bit.
    depth_bits: u128,
}

impl HostIndex {
    /// What is bound to this very pattern.
    pub(crate) fn get(&self, pattern: &HostPattern) -> Option<&Bound> {
        match pattern {
            HostPattern::Exact(host) => self.exact.get(&**host),
            HostPattern::Wildcard(suffix) => self.wildcard.get(&**suffix),
        }
    }

    /// Changes what is bound to the pattern. A pattern to which nothing is bound is forgotten.
    pub(crate) fn update(&mut self, pattern: &HostPattern, change: impl FnOnce(&mut Bound)) {
        match pattern {
            HostPattern::Exact(host) => {
                update(&mut self.exact, host, change);
            }
            HostPattern::Wildcard(suffix) => match update(&mut self.wildcard, suffix, change) {
                Effect::Came => self.count(labels(suffix)),
                Effect::Went => self.discount(labels(suffix)),
                Effect::None => {}
            },
        }
    }

    fn count(&mut self, depth: u32) {
        *self.depths.entry(depth).or_insert(0) += 1;
        self.depth_bits |= bit(depth);
    }

    fn discount(&mut self, depth: u32) {
        let left = self.depths.get(&depth).copied().unwrap_or(0).saturating_sub(1);
        if left > 0 {
            self.depths.insert(depth, left);
        } else {
            self.depths.remove(&depth);
            self.depth_bits &= !bit(depth);
        }
    }

    /// What decides for a host in the form of `Authority::host`.
    ///
    /// Costs one look-up, and for a host that nothing names exactly one more for each number of
    /// labels that registered wildcards have: however many labels a client sends.
    pub(crate) fn find(&self, host: &str) -> Option<&Bound> {
        if let Some(bound) = self.exact.get(host) {
            return Some(bound);
        }
        if self.depth_bits == 0 {
            return None;
        }
        let mut depth = labels(host);
        let mut rest = host;
        while let Some((_, suffix)) = rest.split_once('.') {
            depth -= 1;
            if self.depth_bits & bit(depth) != 0
                && let Some(bound) = self.wildcard.get(suffix)
            {
                return Some(bound);
            }
            rest = suffix;
        }
        None
    }
}

/// What a change did to the set of keys.
enum Effect {
    Came,
    Went,
    None,
}

fn update(map: &mut Map<Bound>, key: &str, change: impl FnOnce(&mut Bound)) -> Effect {
    if let Some(bound) = map.get_mut(key) {
        change(bound);
        if !bound.is_empty() {
            return Effect::None;
        }
        map.remove(key);
        return Effect::Went;
    }
    let mut bound = Bound::default();
    change(&mut bound);
    if bound.is_empty() {
        return Effect::None;
    }
    map.insert(Arc::from(key), bound);
    Effect::Came
}

fn labels(host: &str) -> u32 {
    host.bytes().fold(1, |labels, byte| labels + u32::from(byte == b'.'))
}

fn bit(depth: u32) -> u128 {
    1_u128.checked_shl(depth).unwrap_or(0)
}

#[cfg(test)]
mod tests;
