//! The data planes: how far each has come, and which have left lately.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Version, session::Node};
use crate::{auth::token::TokenId, registry::model::Revision};

/// How long a data plane that has left is still shown.
const REMEMBERED: Duration = Duration::from_secs(600);
/// How many that have left are still shown.
const MAX_LEFT: usize = 1000;
/// How many may be connected.
const MAX_CONNECTED: usize = 10_000;

/// What is known of one data plane.
#[derive(Debug, Clone)]
pub struct NodeState {
    /// What it said of itself.
    pub node: Node,
    /// Whether its stream is open.
    pub connected: bool,
    /// When its stream was opened or, if it is not connected, closed.
    pub since: Timestamp,
    /// Where its stream comes from.
    pub peer: Option<SocketAddr>,
    /// The token that its stream was opened with, where authentication is on.
    pub token: Option<TokenId>,
    /// The version that all its workers serve and the revision that this reflects.
    pub serves: Option<(Version, Revision)>,
    /// Why it refused the last response; empty if it accepted it.
    pub violations: Vec<String>,
    /// Which of the streams under this id it is.
    stream: u64,
    /// Ends the stream.
    replaced: CancellationToken,
}

impl NodeState {
    /// Whether it serves `version` or a later one of that run.
    #[must_use]
    pub fn serves(&self, version: Version) -> bool {
        self.serves.is_some_and(|(held, _)| held.includes(version))
    }
}

/// Every data plane that is connected or left lately, by its id.
///
/// An id belongs to the newest stream that names it: a data plane that has been cut off returns
/// before the old connection is known to be dead. The older stream is ended, so that two data
/// planes which share an id by mistake show up in their logs, and keep serving.
///
/// A stream of another token does not get it as long as the older one is open: who has a token of his
/// own poses as nobody else.
#[derive(Debug)]
pub struct Nodes {
    roster: Mutex<Roster>,
    changed: watch::Sender<()>,
    now: fn() -> Timestamp,
}

#[derive(Debug, Default)]
struct Roster {
    nodes: BTreeMap<String, NodeState>,
    streams: u64,
}

/// Why a data plane is not entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too many are connected.
    Full,
    /// One of another token is connected under its id.
    Taken,
}

impl Nodes {
    /// None yet.
    #[must_use]
    pub fn new(now: fn() -> Timestamp) -> Arc<Self> {
        Arc::new(Self { roster: Mutex::default(), changed: watch::Sender::new(()), now })
    }

    /// Enters a data plane, which stays connected until the returned value is dropped.
    ///
    /// # Errors
    /// There are too many, or its id is another token's.
    pub fn connect(
        self: &Arc<Self>,
        node: Node,
        peer: Option<SocketAddr>,
        token: Option<TokenId>,
        serves: Option<(Version, Revision)>,
    ) -> Result<Connected, Refused> {
        let since = (self.now)();
        let replaced = CancellationToken::new();
        let mut roster = self.roster();
        roster.forget_left(since);
        roster.check(&node.id, token.as_ref())?;
        let connected = roster.nodes.values().filter(|node| node.connected).count();
        if connected >= MAX_CONNECTED && !roster.nodes.get(&node.id).is_some_and(|node| node.connected) {
            return Err(Refused::Full);
        }
        roster.streams += 1;
        let stream = roster.streams;
        let id = node.id.clone();
        let state = NodeState {
            node,
            connected: true,
            since,
            peer,
            token,
            serves,
            violations: Vec::new(),
            stream,
            replaced: replaced.clone(),
        };
        if let Some(old) = roster.nodes.insert(id.clone(), state)
            && old.connected
        {
            tracing::warn!(node = %id, old = ?old.peer, new = ?peer, "a second stream under the id of a data plane ends the first");
            old.replaced.cancel();
        }
        drop(roster);
        self.changed.send_replace(());
        Ok(Connected { nodes: Arc::clone(self), id, stream, replaced })
    }

    /// Whether whoever has this token may come under an id, which other streams than that of snapshots name, too.
    ///
    /// # Errors
    /// A data plane of another token is connected under it.
    pub fn check(&self, id: &str, token: Option<&TokenId>) -> Result<(), Refused> {
        self.roster().check(id, token)
    }

    /// Every data plane in the order of their ids.
    #[must_use]
    pub fn list(&self) -> Vec<NodeState> {
        let mut roster = self.roster();
        roster.forget_left((self.now)());
        roster.nodes.values().cloned().collect()
    }

    /// One data plane.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<NodeState> {
        let mut roster = self.roster();
        roster.forget_left((self.now)());
        roster.nodes.get(id).cloned()
    }

    /// How many are connected, and how many of these serve `version`.
    #[must_use]
    pub fn count(&self, version: Version) -> (usize, usize) {
        let roster = self.roster();
        let connected = roster.nodes.values().filter(|node| node.connected);
        connected.fold((0, 0), |(all, current), node| (all + 1, current + usize::from(node.serves(version))))
    }

    /// Tells of every change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        // Nothing panics while it holds the lock, and each change is whole.
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, id: &str, stream: u64, change: impl FnOnce(&mut NodeState)) {
        {
            let mut roster = self.roster();
            let Some(node) = roster.nodes.get_mut(id).filter(|node| node.stream == stream) else { return };
            change(node);
        }
        self.changed.send_replace(());
    }
}

impl Roster {
    fn check(&self, id: &str, token: Option<&TokenId>) -> Result<(), Refused> {
        let holder = self.nodes.get(id).filter(|node| node.connected && node.token.as_ref() != token);
        let Some(holder) = holder else { return Ok(()) };
        let (holder, token) = (holder.token.as_ref().map(TokenId::as_str), token.map(TokenId::as_str));
        tracing::warn!(node = %id, holder, token, "a stream under the id of a data plane of another token is refused");
        Err(Refused::Taken)
    }

    fn forget_left(&mut self, now: Timestamp) {
        self.nodes.retain(|_, node| node.connected || now.duration_since(node.since).unsigned_abs() < REMEMBERED);
        let mut left: Vec<_> = self.nodes.values().filter(|node| !node.connected).collect();
        let Some(excess) = left.len().checked_sub(MAX_LEFT).filter(|excess| *excess > 0) else { return };
        left.sort_unstable_by_key(|node| node.since);
        let oldest: Vec<_> = left[..excess].iter().map(|node| node.node.id.clone()).collect();
        for id in oldest {
            self.nodes.remove(&id);
        }
    }
}

/// A data plane whose stream is open.
#[derive(Debug)]
pub struct Connected {
    nodes: Arc<Nodes>,
    id: String,
    stream: u64,
    replaced: CancellationToken,
}

impl Connected {
    /// All its workers serve this now.
    pub fn serves(&self, version: Version, revision: Revision) {
        self.nodes.update(&self.id, self.stream, |node| {
            node.serves = Some((version, revision));
            node.violations.clear();
        });
    }

    /// It has refused a response.
    pub fn refused(&self, violations: Vec<String>) {
        tracing::warn!(node = %self.id, ?violations, "a data plane refused a snapshot");
        self.nodes.update(&self.id, self.stream, |node| node.violations = violations);
    }

    /// Cancelled when another stream has taken the id over.
    #[must_use]
    pub const fn replaced(&self) -> &CancellationToken {
        &self.replaced
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let now = (self.nodes.now)();
        self.nodes.update(&self.id, self.stream, |node| {
            node.connected = false;
            node.since = now;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use jiff::Timestamp;

    use super::{MAX_LEFT, Nodes, Refused};
    use crate::{
        auth::sample::kept,
        registry::model::Revision,
        snapshot::{Version, session::Node},
    };

    fn node(id: &str) -> Node {
        Node { id: id.into(), build: String::new(), proxy_address: String::new() }
    }

    const fn version(epoch: u64, sequence: u64) -> Version {
        Version { epoch, sequence }
    }

    #[test]
    fn a_data_plane_serves_what_it_acknowledged_within_its_epoch() {
        let nodes = Nodes::new(Timestamp::now);
        let edge = nodes.connect(node("edge"), None, None, None).unwrap();
        assert_eq!(nodes.count(version(1, 1)), (1, 0));
        edge.serves(version(1, 5), Revision(9));
        let state = nodes.get("edge").unwrap();
        assert!(state.serves(version(1, 5)) && state.serves(version(1, 4)));
        assert!(!state.serves(version(1, 6)) && !state.serves(version(2, 1)));
        edge.refused(vec!["no".into()]);
        assert_eq!(nodes.get("edge").unwrap().violations, ["no"]);
        edge.serves(version(1, 6), Revision(9));
        assert!(nodes.get("edge").unwrap().violations.is_empty());
    }

    #[tokio::test]
    async fn the_newest_stream_owns_an_id_and_the_older_one_ends() {
        let nodes = Nodes::new(Timestamp::now);
        let mut changes = nodes.changes();
        let old = nodes.connect(node("edge"), None, None, None).unwrap();
        let new = nodes.connect(node("edge"), None, None, None).unwrap();
        assert!(old.replaced().is_cancelled() && !new.replaced().is_cancelled());
        new.serves(version(1, 2), Revision(2));
        old.serves(version(1, 1), Revision(1));
        drop(old);
        assert!(nodes.get("edge").unwrap().connected && nodes.get("edge").unwrap().serves(version(1, 2)));
        changes.borrow_and_update();
        drop(new);
        changes.changed().await.unwrap();
        assert!(!nodes.get("edge").unwrap().connected);
    }

    #[test]
    fn an_id_is_its_tokens_as_long_as_it_is_connected() {
        let nodes = Nodes::new(Timestamp::now);
        let [own, other] = [1, 2].map(|number| Some(kept(number).id.clone()));
        let old = nodes.connect(node("edge"), None, own.clone(), None).unwrap();
        assert_eq!(nodes.connect(node("edge"), None, other.clone(), None).unwrap_err(), Refused::Taken);
        assert_eq!(nodes.check("edge", other.as_ref()), Err(Refused::Taken));
        assert!(!old.replaced().is_cancelled());
        let new = nodes.connect(node("edge"), None, own.clone(), None).unwrap();
        assert!(old.replaced().is_cancelled());
        drop(old);
        assert_eq!(nodes.check("edge", other.as_ref()), Err(Refused::Taken), "the older stream's end changes nothing");
        drop(new);
        let rotated = nodes.connect(node("edge"), None, other, None).unwrap();
        assert_eq!(nodes.check("edge", own.as_ref()), Err(Refused::Taken));
        drop(rotated);
        assert_eq!(nodes.check("edge", own.as_ref()), Ok(()));
    }

    #[test]
    fn who_has_left_is_shown_for_ten_minutes_and_only_so_many() {
        static SECONDS: AtomicI64 = AtomicI64::new(0);
        let now = || Timestamp::from_second(SECONDS.load(Ordering::Relaxed)).unwrap();
        let nodes = Nodes::new(now);
        let stays = nodes.connect(node("stays"), None, None, None).unwrap();
        drop(nodes.connect(node("gone"), None, None, None).unwrap());
        SECONDS.store(599, Ordering::Relaxed);
        assert!(nodes.get("gone").is_some());
        SECONDS.store(600, Ordering::Relaxed);
        assert!(nodes.get("gone").is_none());
        for i in 0..MAX_LEFT + 5 {
            SECONDS.fetch_add(1, Ordering::Relaxed);
            drop(nodes.connect(node(&format!("n{i:04}")), None, None, None).unwrap());
            SECONDS.store(601, Ordering::Relaxed);
        }
        assert!(nodes.list().len() <= MAX_LEFT + 1);
        assert!(nodes.get("stays").is_some());
        drop(stays);
    }
}
