//! What two routes cannot both have.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use gateway_proto::host::HostPattern;
use gateway_routing::route::Route;

/// The requests for a host that match a rule, with its priority.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The host.
    pub host: HostPattern,
    rule: Rule,
}

/// A rule that is hashed once: it may be long, and goes with each of a route's hosts.
#[derive(Debug, Clone)]
struct Rule {
    of: Arc<Route>,
    hash: u64,
}

impl Claim {
    /// The claims of a route, in the order of its hosts.
    pub fn of(route: &Arc<Route>) -> impl Iterator<Item = Self> {
        let mut hasher = DefaultHasher::new();
        route.rule.hash(&mut hasher);
        let rule = Rule { of: Arc::clone(route), hash: hasher.finish() };
        route.hosts.iter().map(move |host| Self { host: host.clone(), rule: rule.clone() })
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.of, &other.of) || self.of.rule == other.of.rule)
    }
}

impl Eq for Rule {}

impl Hash for Rule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}
