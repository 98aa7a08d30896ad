//! What two routes cannot both have.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use gateway_proto::host::HostPattern;
use gateway_routing::Match;

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
    rule: Arc<Match>,
    hash: u64,
}

impl Claim {
    /// The claims of a route with these hosts, in their order.
    pub fn of(hosts: &[HostPattern], rule: &Arc<Match>) -> impl Iterator<Item = Self> {
        let mut hasher = DefaultHasher::new();
        rule.hash(&mut hasher);
        let rule = Rule { rule: Arc::clone(rule), hash: hasher.finish() };
        hosts.iter().map(move |host| Self { host: host.clone(), rule: rule.clone() })
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.rule, &other.rule) || self.rule == other.rule)
    }
}

impl Eq for Rule {}

impl Hash for Rule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}
