//! From a request's host to its service: the exact host first, then the longest wildcard.

use std::sync::Arc;

use gateway_proto::host::HostPattern;
use imbl::{GenericHashMap, OrdMap, shared_ptr::DefaultSharedPtr};

use super::Service;

/// A hash trie: a change costs O(log n), and what did not change is shared with the table before.
type Map = GenericHashMap<Arc<str>, Arc<Service>, foldhash::fast::RandomState, DefaultSharedPtr>;

/// Every host of every service.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HostIndex {
    exact: Map,
    /// By suffix, without the `*.`.
    wildcard: Map,
    /// How many wildcards have a suffix of so many labels.
    depths: OrdMap<u32, usize>,
    /// Bit n: there is a wildcard whose suffix has n labels. A host of 253 characters has at most
    /// 127 labels, so every suffix has its bit.
    depth_bits: u128,
}

impl HostIndex {
    /// The service that owns this very pattern.
    pub(crate) fn owner(&self, pattern: &HostPattern) -> Option<&Arc<Service>> {
        match pattern {
            HostPattern::Exact(host) => self.exact.get(&**host),
            HostPattern::Wildcard(suffix) => self.wildcard.get(&**suffix),
        }
    }

    /// Gives the pattern to the service.
    pub(crate) fn insert(&mut self, pattern: &HostPattern, service: &Arc<Service>) {
        match pattern {
            HostPattern::Exact(host) => {
                self.exact.insert(Arc::from(&**host), Arc::clone(service));
            }
            HostPattern::Wildcard(suffix) => {
                if self.wildcard.insert(Arc::from(&**suffix), Arc::clone(service)).is_none() {
                    let depth = labels(suffix);
                    *self.depths.entry(depth).or_insert(0) += 1;
                    self.depth_bits |= bit(depth);
                }
            }
        }
    }

    /// Forgets the pattern.
    pub(crate) fn remove(&mut self, pattern: &HostPattern) {
        match pattern {
            HostPattern::Exact(host) => {
                self.exact.remove(&**host);
            }
            HostPattern::Wildcard(suffix) => {
                if self.wildcard.remove(&**suffix).is_none() {
                    return;
                }
                let depth = labels(suffix);
                let left = self.depths.get(&depth).copied().unwrap_or(0).saturating_sub(1);
                if left > 0 {
                    self.depths.insert(depth, left);
                } else {
                    self.depths.remove(&depth);
                    self.depth_bits &= !bit(depth);
                }
            }
        }
    }

    /// The service for a host in the form of `Authority::host`.
    ///
    /// Costs one look-up, and for a host that no service names exactly one more for each number of
    /// labels that registered wildcards have: however many labels a client sends.
    pub(crate) fn find(&self, host: &str) -> Option<&Arc<Service>> {
        if let Some(service) = self.exact.get(host) {
            return Some(service);
        }
        if self.depth_bits == 0 {
            return None;
        }
        let mut depth = labels(host);
        let mut rest = host;
        while let Some((_, suffix)) = rest.split_once('.') {
            depth -= 1;
            if self.depth_bits & bit(depth) != 0
                && let Some(service) = self.wildcard.get(suffix)
            {
                return Some(service);
            }
            rest = suffix;
        }
        None
    }
}

fn labels(host: &str) -> u32 {
    host.bytes().fold(1, |labels, byte| labels + u32::from(byte == b'.'))
}

fn bit(depth: u32) -> u128 {
    1_u128.checked_shl(depth).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use gateway_proto::host::{Authority, HostPattern};
    use proptest::prelude::*;

    use super::HostIndex;
    use crate::table::{Service, tests::service};

    fn index(patterns: &[&str]) -> HostIndex {
        let mut index = HostIndex::default();
        for pattern in patterns {
            index.insert(&HostPattern::parse(pattern).unwrap(), &Arc::new(service(pattern)));
        }
        index
    }

    fn found<'a>(index: &'a HostIndex, host: &str) -> Option<&'a str> {
        index.find(&Authority::parse(host).unwrap().host).map(|service: &Arc<Service>| &*service.name)
    }

    #[test]
    fn the_exact_host_wins_then_the_longest_wildcard() {
        let index = index(&["a.shop.test", "*.shop.test", "*.eu.shop.test", "*.test"]);
        assert_eq!(found(&index, "a.shop.test"), Some("a.shop.test"));
        assert_eq!(found(&index, "b.shop.test"), Some("*.shop.test"));
        assert_eq!(found(&index, "b.a.shop.test"), Some("*.shop.test"));
        assert_eq!(found(&index, "b.eu.shop.test"), Some("*.eu.shop.test"));
        assert_eq!(found(&index, "eu.shop.test"), Some("*.shop.test"));
        assert_eq!(found(&index, "shop.test"), Some("*.test"));
        assert_eq!(found(&index, "test"), None);
        assert_eq!(found(&index, "a.shop.testing"), None);
        assert_eq!(found(&index, "[2001:db8::1]"), None);
    }

    #[test]
    fn names_at_the_limits_of_dns_are_found() {
        let deepest = format!("{}a", "a.".repeat(125));
        let pattern = format!("*.{deepest}");
        let index = index(&[&pattern]);
        assert_eq!(found(&index, &format!("b.{deepest}")), Some(&*pattern));
        assert_eq!(found(&index, &deepest), None);
    }

    #[test]
    fn a_removed_wildcard_leaves_no_trace() {
        let mut index = index(&["*.a.test", "*.b.test"]);
        index.remove(&HostPattern::parse("*.a.test").unwrap());
        assert_eq!(found(&index, "x.a.test"), None);
        assert_eq!(found(&index, "x.b.test"), Some("*.b.test"));
        index.remove(&HostPattern::parse("*.b.test").unwrap());
        index.remove(&HostPattern::parse("*.b.test").unwrap());
        assert_eq!(index, HostIndex::default());
    }

    /// Few labels, so that hosts and patterns meet often.
    fn host() -> impl Strategy<Value = String> {
        prop::collection::vec("[ab]", 1..6).prop_map(|labels| labels.join("."))
    }

    fn pattern() -> impl Strategy<Value = HostPattern> {
        (any::<bool>(), host())
            .prop_map(|(wild, host)| HostPattern::parse(&if wild { format!("*.{host}") } else { host }).unwrap())
    }

    proptest! {
        #[test]
        fn finds_what_trying_every_pattern_finds(
            changes in prop::collection::vec((any::<bool>(), pattern()), 0..40),
            hosts in prop::collection::vec(host(), 20),
        ) {
            let mut index = HostIndex::default();
            let mut model = BTreeMap::new();
            for (insert, pattern) in changes {
                let name = pattern.to_string();
                if insert {
                    index.insert(&pattern, &Arc::new(service(&name)));
                    model.insert(name, pattern);
                } else {
                    index.remove(&pattern);
                    model.remove(&name);
                }
            }
            for host in hosts {
                let exact = |pattern: &HostPattern| matches!(pattern, HostPattern::Exact(_));
                let expected = model.values().filter(|pattern| pattern.matches(&host))
                    .max_by_key(|pattern| (exact(pattern), pattern.to_string().len())).map(ToString::to_string);
                prop_assert_eq!(index.find(&host).map(|service| service.name.to_string()), expected);
            }
        }
    }
}
