//! The last commits, for those who follow them.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gateway_proto::registry::v1 as pb;
use gateway_routing::route::wire;
use jiff::Timestamp;
use prost::Message;
use tokio::sync::watch;

use super::{CredentialChange, TokenChange};
use crate::{
    auth::Actor,
    registry::{
        model::{Key, Record, Revision},
        patterns,
    },
};

/// Commits that are kept.
const MAX_CHANGES: usize = 4096;
/// What is kept in all of them together, in hundreds of bytes, give or take: some 100 MB at the most.
const MAX_WEIGHT: usize = 1 << 20;
/// A regular expression, compiled.
const PATTERN: usize = 640;

/// One commit, as it became durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its revision.
    pub revision: Revision,
    /// When it was asked for.
    pub at: Timestamp,
    /// What it deleted and did not write again.
    pub deletes: Vec<Key>,
    /// What it wrote.
    pub puts: Vec<Record>,
    /// What it did to tokens.
    pub tokens: Vec<TokenChange>,
    /// What it did to what consumers are known by.
    pub credentials: Vec<CredentialChange>,
    /// Who asked for it.
    pub actor: Actor,
}

impl Change {
    fn weight(&self) -> usize {
        let puts: usize = self.puts.iter().map(weight).sum();
        1 + self.deletes.len() + self.tokens.len() + self.credentials.len() + puts
    }
}

fn weight(record: &Record) -> usize {
    match record {
        Record::Consumer(consumer) => {
            let wire = pb::Consumer::from(&**consumer);
            8 + consumer.keys.len() * 2
                + wire.encoded_len() / 100
                + patterns::of_rate_limits(wire.rate_limits.as_ref()) * PATTERN
        }
        Record::Purge(purge) => 2 + purge.target.text().len() / 100,
        Record::Service(service) => {
            let policies = wire::policies(&service.policies);
            let patterns = patterns::of_policies(policies.as_ref()) * PATTERN;
            let policies = policies.map_or(0, |wire| wire.encoded_len() / 100);
            8 + service.hosts.len() + service.endpoints.len() + policies + patterns
        }
        Record::Route(route) => {
            let wire = pb::Route::from(&**route);
            8 + wire.hosts.len() + wire.encoded_len() / 100 + patterns::of_route(&wire) * PATTERN
        }
    }
}

/// Why changes cannot be followed from a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchError {
    /// The revision is older than the history that is kept.
    Compacted {
        /// The oldest revision after which changes are kept.
        oldest: Revision,
    },
    /// The revision is still to come.
    Ahead {
        /// The latest revision.
        current: Revision,
    },
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compacted { oldest } => {
                write!(f, "changes are kept from revision {oldest} on; begin again with the current state")
            }
            Self::Ahead { current } => {
                write!(f, "the latest revision is {current}; begin again with the current state")
            }
        }
    }
}

impl std::error::Error for WatchError {}

/// A ring of commits without gaps.
#[derive(Debug)]
pub(super) struct History {
    ring: Mutex<Ring>,
    head: watch::Sender<Revision>,
}

#[derive(Debug)]
struct Ring {
    /// The revision before the first change in it.
    floor: Revision,
    weight: usize,
    changes: VecDeque<Arc<Change>>,
}

impl Ring {
    fn head(&self) -> Revision {
        self.changes.back().map_or(self.floor, |change| change.revision)
    }

    fn push(&mut self, change: Arc<Change>) {
        self.weight += change.weight();
        self.changes.push_back(change);
        while self.changes.len() > MAX_CHANGES || (self.weight > MAX_WEIGHT && self.changes.len() > 1) {
            let Some(gone) = self.changes.pop_front() else { return };
            self.floor = gone.revision;
            self.weight -= gone.weight();
        }
    }

    fn after(&self, revision: Revision) -> Result<Option<Arc<Change>>, WatchError> {
        let ahead = revision.0.checked_sub(self.floor.0).ok_or(WatchError::Compacted { oldest: self.floor })?;
        if revision > self.head() {
            return Err(WatchError::Ahead { current: self.head() });
        }
        // Revisions grow by one, so that the place of each is known.
        Ok(usize::try_from(ahead).ok().and_then(|at| self.changes.get(at)).cloned())
    }
}

impl History {
    /// Without changes, at this revision.
    pub(super) fn new(revision: Revision) -> Arc<Self> {
        let ring = Ring { floor: revision, weight: 0, changes: VecDeque::new() };
        Arc::new(Self { ring: Mutex::new(ring), head: watch::Sender::new(revision) })
    }

    /// Adds the commit that follows the last one.
    pub(super) fn push(&self, change: Arc<Change>) {
        let revision = change.revision;
        self.ring().push(change);
        self.head.send_replace(revision);
    }

    /// The changes after a revision.
    pub(super) fn watch(self: &Arc<Self>, after: Revision) -> Result<Changes, WatchError> {
        // Subscribed first, so that nothing comes unnoticed between the two.
        let head = self.head.subscribe();
        self.ring().after(after)?;
        Ok(Changes { history: Arc::clone(self), head, cursor: after })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commits one after the other. It keeps none of them itself: a reader that falls too far behind
/// is told so.
#[derive(Debug)]
pub struct Changes {
    history: Arc<History>,
    head: watch::Receiver<Revision>,
    cursor: Revision,
}

impl Changes {
    /// The next commit; waits for it. Nothing is lost if this is cancelled.
    ///
    /// # Errors
    /// The reader was too slow.
    pub async fn next(&mut self) -> Result<Arc<Change>, WatchError> {
        loop {
            self.head.mark_unchanged();
            let next = self.history.ring().after(self.cursor)?;
            if let Some(change) = next {
                self.cursor = change.revision;
                return Ok(change);
            }
            if self.head.changed().await.is_err() {
                // The sender lives as long as the history, which `self` keeps.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gateway_proto::registry::v1 as pb;
    use jiff::Timestamp;

    use super::{Change, History, MAX_CHANGES, WatchError, weight};
    use crate::{
        auth::Actor,
        registry::{
            model::{Record, Revision},
            sample, validate,
        },
    };

    fn change(revision: u64) -> Arc<Change> {
        Arc::new(Change {
            revision: Revision(revision),
            at: Timestamp::UNIX_EPOCH,
            deletes: vec![],
            puts: vec![],
            tokens: vec![],
            credentials: vec![],
            actor: Actor::default(),
        })
    }

    #[tokio::test]
    async fn a_follower_sees_every_change_once_and_waits_for_the_next() {
        let history = History::new(Revision(7));
        history.push(change(8));
        let mut changes = history.watch(Revision(7)).unwrap();
        assert_eq!(changes.next().await, Ok(change(8)));
        let waiting = tokio::spawn(async move { changes.next().await });
        tokio::task::yield_now().await;
        history.push(change(9));
        assert_eq!(waiting.await.unwrap(), Ok(change(9)));
    }

    #[tokio::test]
    async fn old_changes_go_and_a_slow_follower_is_told() {
        let history = History::new(Revision(0));
        let mut slow = history.watch(Revision(0)).unwrap();
        for revision in 1..=MAX_CHANGES as u64 + 1 {
            history.push(change(revision));
        }
        let compacted = WatchError::Compacted { oldest: Revision(1) };
        assert_eq!(slow.next().await, Err(compacted));
        assert_eq!(history.watch(Revision(0)).err(), Some(compacted));
        assert_eq!(history.watch(Revision(1)).unwrap().next().await, Ok(change(2)));
    }

    #[tokio::test]
    async fn large_changes_go_sooner() {
        let history = History::new(Revision(0));
        let mut service = sample::service("large", &[]);
        service.endpoints = vec![sample::endpoint("127.0.0.1:1"); 1000];
        let puts = vec![Record::from(service); 500];
        for revision in 1..=3 {
            history.push(Arc::new(Change { puts: puts.clone(), ..Change::clone(&change(revision)) }));
        }
        assert_eq!(history.watch(Revision(0)).err(), Some(WatchError::Compacted { oldest: Revision(1) }));
    }

    #[test]
    fn large_routes_and_their_regular_expressions_count() {
        let mut large = sample::wire_route("large", ["a", "b"], "c");
        let action = pb::Respond { status: 200, body: "x".repeat(64 * 1024), content_type: String::new() };
        large.action = Some(pb::route::Action::Respond(action));
        let condition = |at: usize| pb::Condition {
            name: format!("x-{at}"),
            test: Some(pb::condition::Test::Regex("^a+$".into())),
        };
        let mut patterns = large.clone();
        patterns.r#match = Some(pb::RouteMatch { headers: (0..32).map(condition).collect(), ..Default::default() });
        let consumer = Record::from(sample::full_consumer("anna"));
        assert!(weight(&consumer) > 640, "{}", weight(&consumer));
        for (wire, at_least) in [(large, 655), (patterns, 32 * 640)] {
            let route = Record::from(validate::route(Some(wire)).unwrap());
            assert!(weight(&route) > at_least, "{}", weight(&route));
        }
        let set = vec![pb::HeaderField { name: "x-a".into(), value: "x".repeat(1000) }];
        let rules = pb::HeaderRules { set, ..pb::HeaderRules::default() };
        let policies = pb::Policies { request_headers: Some(rules), ..pb::Policies::default() };
        let mut wire = pb::Service { name: "a".into(), ..pb::Service::default() };
        let plain = Record::from(validate::service(Some(wire.clone())).unwrap().into_service());
        wire.policies = Some(policies);
        let service = Record::from(validate::service(Some(wire.clone())).unwrap().into_service());
        assert_eq!(weight(&service), weight(&plain) + 10);
        let bypass = pb::CacheBypass { query: vec![condition(0)], ..pb::CacheBypass::default() };
        let cache = pb::Cache { bypass: Some(bypass), ..pb::Cache::default() };
        wire.policies = Some(pb::Policies { cache: Some(cache), ..pb::Policies::default() });
        let service = Record::from(validate::service(Some(wire)).unwrap().into_service());
        assert_eq!(weight(&service), weight(&plain) + 640);
    }

    #[test]
    fn a_revision_to_come_is_refused() {
        let history = History::new(Revision(3));
        assert_eq!(history.watch(Revision(4)).err(), Some(WatchError::Ahead { current: Revision(3) }));
        assert!(history.watch(Revision(3)).is_ok());
        assert_eq!(history.watch(Revision(2)).err(), Some(WatchError::Compacted { oldest: Revision(3) }));
    }
}
