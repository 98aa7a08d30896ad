//! Purges of the caches, and how long they are kept.
//!
//! A purge is kept for data planes that are away. One that stays away for longer than that learns by
//! the floor of a later purge that it has missed some.

use std::{fmt, sync::Arc};

use gateway_proto::registry::v1 as pb;
use imbl::{OrdMap, ordmap::DiffItem};
use jiff::{SignedDuration, Timestamp};

use super::model::Revision;
use crate::time::timestamp;

/// Purges that are kept at the most.
pub const MAX_KEPT: usize = 10_000;
/// Bytes that the texts of these may have, together.
pub const MAX_KEPT_BYTES: usize = 8 * 1024 * 1024;
/// How long a purge is kept, until a later one takes it away.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Purges that one commit takes away at the most, so that none is large. Each adds one, so that the
/// others go with the next ones.
const PRUNED_AT_ONCE: usize = 100;

/// Responses that are to leave every cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// The commit that it is, by which it is known.
    pub revision: Revision,
    /// Which responses.
    pub target: Target,
    /// What becomes of them.
    pub mode: Mode,
    /// The last purge before it that is not kept any more; 0 if all are.
    pub floor: Revision,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// Which responses are purged, in the form in which data planes compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Those to this URL.
    Url(String),
    /// Those of this host.
    Host(String),
    /// Those to URLs that begin so.
    Prefix(String),
    /// Those with this tag.
    Tag(String),
}

/// What becomes of what is purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is stale.
    Soft,
    /// It is gone.
    Hard,
}

impl Target {
    /// The URL, host, prefix or tag.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Url(text) | Self::Host(text) | Self::Prefix(text) | Self::Tag(text) => text,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Url(_) => "url",
            Self::Host(_) => "host",
            Self::Prefix(_) => "prefix",
            Self::Tag(_) => "tag",
        };
        write!(f, "{kind} {:?}", self.text())
    }
}

impl From<&Purge> for pb::CachePurge {
    fn from(purge: &Purge) -> Self {
        use pb::cache_purge::What;
        let Purge { revision, target, mode, floor: _, created_at } = purge;
        let what = match target {
            Target::Url(url) => What::Url(url.clone()),
            Target::Host(host) => What::Host(host.clone()),
            Target::Prefix(prefix) => What::Prefix(prefix.clone()),
            Target::Tag(tag) => What::Tag(tag.clone()),
        };
        let created_at = Some(timestamp(*created_at));
        Self { revision: revision.0, what: Some(what), soft: *mode == Mode::Soft, created_at }
    }
}

/// The purges that are kept; a copy costs nothing. The newest always is.
#[derive(Debug, Clone, Default)]
pub struct Purges {
    by_revision: OrdMap<Revision, Arc<Purge>>,
    /// What their texts come to.
    bytes: usize,
}

impl Purges {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_revision.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_revision.is_empty()
    }

    /// The purge of a revision.
    #[must_use]
    pub fn get(&self, revision: Revision) -> Option<&Arc<Purge>> {
        self.by_revision.get(&revision)
    }

    /// The newest.
    #[must_use]
    pub fn newest(&self) -> Option<&Arc<Purge>> {
        self.by_revision.get_max().map(|(_, purge)| purge)
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Purge>> {
        self.by_revision.values()
    }

    /// What `now` has and this has not, and the other way round.
    pub fn diff<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = DiffItem<'a, 'a, Revision, Arc<Purge>>> {
        self.by_revision.diff(&now.by_revision)
    }

    pub(super) fn put(&mut self, purge: Arc<Purge>) -> Option<Arc<Purge>> {
        let old = self.remove(purge.revision);
        self.bytes += purge.target.text().len();
        self.by_revision.insert(purge.revision, purge);
        old
    }

    pub(super) fn remove(&mut self, revision: Revision) -> Option<Arc<Purge>> {
        let old = self.by_revision.remove(&revision)?;
        self.bytes -= old.target.text().len();
        Some(old)
    }

    /// Those that go when one more of this length comes: they are too old, or too many. The oldest first.
    pub(super) fn outdated(&self, length: usize, at: Timestamp) -> Vec<Revision> {
        let (mut count, mut bytes) = (self.len() + 1, self.bytes + length);
        let goes = |purge: &&Arc<Purge>| {
            let is_old = at.duration_since(purge.created_at) > KEPT_FOR;
            let goes = is_old || count > MAX_KEPT || bytes > MAX_KEPT_BYTES;
            (count, bytes) = (count - 1, bytes - purge.target.text().len());
            goes
        };
        self.iter().take_while(goes).take(PRUNED_AT_ONCE).map(|purge| purge.revision).collect()
    }
}
