//! What is told of the cache's part in an answer: `Cache-Status`, the access log, counters.

use gateway_caching::{
    Freshness, Time,
    status::{CacheStatus, Collapsed, Forward, Handled},
};
use http::StatusCode;

use super::entry::Entry;

/// How a request of a service that caches was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// From what is stored, and fresh.
    Hit,
    /// From what is stored, and stale.
    Stale,
    /// From what is stored, which the endpoint said is still good.
    Revalidated,
    /// By what came for another request.
    Collapsed,
    /// By the endpoint, or not at all.
    Miss,
    /// By the endpoint, as the request went past the cache.
    Bypass,
}

/// The outcomes in order, as metrics and logs name them.
pub(crate) const OUTCOMES: [&str; 6] = ["hit", "stale", "revalidated", "collapsed", "miss", "bypass"];

impl Outcome {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        OUTCOMES[self as usize]
    }
}

/// What is told of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub outcome: Outcome,
    pub status: CacheStatus,
}

impl Told {
    /// Answered without a word to the endpoint.
    pub(super) fn hit(freshness: &Freshness, now: Time) -> Self {
        let outcome = if freshness.is_fresh(now) { Outcome::Hit } else { Outcome::Stale };
        Self { outcome, status: CacheStatus { handled: Handled::Hit, ttl: Some(freshness.ttl(now)) } }
    }

    /// Answered by what has just come, and is stored.
    pub(super) fn stored(why: Forward, collapsed: Collapsed, entry: &Entry, now: Time) -> Self {
        let outcome = match collapsed {
            Collapsed::Served => Outcome::Collapsed,
            Collapsed::No | Collapsed::InVain => Outcome::Miss,
        };
        let handled = Handled::Forwarded { why, status: None, stored: Ok(()), collapsed };
        Self { outcome, status: CacheStatus { handled, ttl: Some(entry.freshness.ttl(now)) } }
    }

    /// Answered by what is stored, after the endpoint has said something about it.
    pub(super) fn asked(
        outcome: Outcome,
        why: Forward,
        status: Option<StatusCode>,
        stored: Result<(), Option<&'static str>>,
        ttl: i64,
    ) -> Self {
        let handled = Handled::Forwarded { why, status, stored, collapsed: Collapsed::No };
        Self { outcome, status: CacheStatus { handled, ttl: Some(ttl) } }
    }

    /// Answered by the endpoint, and not stored.
    pub(super) const fn passed(
        outcome: Outcome,
        why: Forward,
        collapsed: Collapsed,
        reason: Option<&'static str>,
    ) -> Self {
        let handled = Handled::Forwarded { why, status: None, stored: Err(reason), collapsed };
        Self { outcome, status: CacheStatus { handled, ttl: None } }
    }
}
