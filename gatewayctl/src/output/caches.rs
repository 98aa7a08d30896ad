//! The caches of the data planes, as they are printed.

use gateway_proto::{
    admin::v1::{self as admin, node_cache_stats::Answer},
    discovery::v1 as discovery,
    registry::v1::{self as pb, cache_purge::What},
};
use serde::Serialize;

use super::{table, text};

/// What was purged.
#[derive(Debug, Clone, Serialize)]
pub struct Purged {
    /// This, if it is a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Or a host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Or the beginning of URLs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Or a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether it was only made stale.
    pub soft: bool,
    /// Of the purge.
    pub revision: u64,
    /// When it was asked for.
    pub created_at: Option<String>,
}

impl From<&pb::CachePurge> for Purged {
    fn from(wire: &pb::CachePurge) -> Self {
        let pb::CachePurge { revision, what, soft, created_at } = wire;
        let mut purged = Self {
            url: None,
            host: None,
            prefix: None,
            tag: None,
            soft: *soft,
            revision: *revision,
            created_at: created_at.as_ref().map(text::timestamp),
        };
        match what.clone() {
            Some(What::Url(url)) => purged.url = Some(url),
            Some(What::Host(host)) => purged.host = Some(host),
            Some(What::Prefix(prefix)) => purged.prefix = Some(prefix),
            Some(What::Tag(tag)) => purged.tag = Some(tag),
            None => {}
        }
        purged
    }
}

impl Purged {
    /// Kind and text, such as `host shop.example.com`.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { url, host, prefix, tag, soft, revision: _, created_at: _ } = self;
        let kinds = [("url", url), ("host", host), ("prefix", prefix), ("tag", tag)];
        let known = kinds.into_iter().find_map(|(kind, text)| Some(format!("{kind} {}", text.as_ref()?)));
        let soft = if *soft { " softly" } else { "" };
        known.unwrap_or_else(|| "what this program does not know".to_owned()) + soft
    }
}

/// The cache of one data plane.
#[derive(Debug, Clone, Serialize)]
pub struct CacheStats {
    /// The data plane's id.
    pub node: String,
    /// What it said; none if it has not answered.
    #[serde(flatten)]
    pub numbers: Option<Numbers>,
    /// Why it has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a cache holds now, and what it has done since its data plane was started.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Numbers {
    /// Keys that something is stored under.
    pub entries: u64,
    /// Bytes of what is stored.
    pub stored_bytes: u64,
    /// Bytes that are held: stored, being received, or still being sent.
    pub held_bytes: u64,
    /// Bytes that may be held.
    pub memory_bytes: u64,
    /// Requests that were answered from it.
    pub hits: u64,
    /// Requests that could have been.
    pub misses: u64,
    /// Hits among all of these, from 0 to 1; none if there were no such requests.
    pub hit_ratio: Option<f64>,
    /// Hits with a stale response.
    pub stale: u64,
    /// Requests that followed another one.
    pub coalesced: u64,
    /// Responses that made room for others.
    pub evicted: u64,
    /// Responses that were purged or invalidated.
    pub purged: u64,
    /// Answers that broke off while they were being stored.
    pub fill_errors: u64,
    /// The disk behind it; none where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskNumbers>,
}

/// What the disk behind a cache has now, and what it has done since its data plane was started.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct DiskNumbers {
    /// Bytes that its files have.
    pub size_bytes: u64,
    /// Bytes that wait to be written.
    pub queued_bytes: u64,
    /// Requests for which something was found there.
    pub hits: u64,
    /// Requests for which it was asked in vain.
    pub misses: u64,
    /// Responses that were taken to be written.
    pub written: u64,
    /// Responses that were not, as too much waited.
    pub dropped: u64,
    /// Responses that could not be read as they were written.
    pub errors: u64,
    /// Responses that could not be read in time.
    pub busy: u64,
}

impl From<admin::NodeCacheStats> for CacheStats {
    fn from(wire: admin::NodeCacheStats) -> Self {
        let admin::NodeCacheStats { node_id: node, answer } = wire;
        match answer {
            Some(Answer::Stats(stats)) => Self { node, numbers: Some(stats.into()), problem: None },
            Some(Answer::Problem(problem)) => Self { node, numbers: None, problem: Some(problem) },
            None => Self { node, numbers: None, problem: Some("has given no answer".into()) },
        }
    }
}

impl From<discovery::CacheStats> for Numbers {
    fn from(wire: discovery::CacheStats) -> Self {
        let discovery::CacheStats {
            entries,
            stored_bytes,
            held_bytes,
            memory_bytes,
            hits,
            misses,
            stale,
            coalesced,
            evicted,
            purged,
            fill_errors,
            disk,
        } = wire;
        Self {
            entries,
            stored_bytes,
            held_bytes,
            memory_bytes,
            hits,
            misses,
            hit_ratio: hit_ratio(hits, misses),
            stale,
            coalesced,
            evicted,
            purged,
            fill_errors,
            disk: disk.map(DiskNumbers::from),
        }
    }
}

impl From<discovery::CacheDiskStats> for DiskNumbers {
    fn from(wire: discovery::CacheDiskStats) -> Self {
        let discovery::CacheDiskStats { size_bytes, queued_bytes, hits, misses, written, dropped, errors, busy } = wire;
        Self { size_bytes, queued_bytes, hits, misses, written, dropped, errors, busy }
    }
}

impl DiskNumbers {
    /// Both together.
    fn and(self, other: &Self) -> Self {
        Self {
            size_bytes: self.size_bytes.saturating_add(other.size_bytes),
            queued_bytes: self.queued_bytes.saturating_add(other.queued_bytes),
            hits: self.hits.saturating_add(other.hits),
            misses: self.misses.saturating_add(other.misses),
            written: self.written.saturating_add(other.written),
            dropped: self.dropped.saturating_add(other.dropped),
            errors: self.errors.saturating_add(other.errors),
            busy: self.busy.saturating_add(other.busy),
        }
    }
}

impl Numbers {
    /// Both together.
    #[must_use]
    fn and(self, other: &Self) -> Self {
        let (hits, misses) = (self.hits.saturating_add(other.hits), self.misses.saturating_add(other.misses));
        Self {
            entries: self.entries.saturating_add(other.entries),
            stored_bytes: self.stored_bytes.saturating_add(other.stored_bytes),
            held_bytes: self.held_bytes.saturating_add(other.held_bytes),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            hits,
            misses,
            hit_ratio: hit_ratio(hits, misses),
            stale: self.stale.saturating_add(other.stale),
            coalesced: self.coalesced.saturating_add(other.coalesced),
            evicted: self.evicted.saturating_add(other.evicted),
            purged: self.purged.saturating_add(other.purged),
            fill_errors: self.fill_errors.saturating_add(other.fill_errors),
            disk: match (self.disk, &other.disk) {
                (Some(one), Some(other)) => Some(one.and(other)),
                (one, other) => one.or(*other),
            },
        }
    }
}

/// To four digits, so that the same counts always print as the same text.
#[expect(clippy::cast_precision_loss, reason = "it is at most 10,000")]
fn hit_ratio(hits: u64, misses: u64) -> Option<f64> {
    let (hits, all) = (u128::from(hits), u128::from(hits) + u128::from(misses));
    let share = (hits * 10_000 + all / 2).checked_div(all)?;
    Some(share as f64 / 10_000.0)
}

/// A line for each data plane and, if there are several, one for all of them together.
#[must_use]
pub fn stats_table(width: Option<u16>, caches: &[CacheStats]) -> String {
    let header = [
        "NODE",
        "ENTRIES",
        "USED",
        "OF",
        "HITS",
        "MISSES",
        "RATIO",
        "STALE",
        "COALESCED",
        "EVICTED",
        "PURGED",
        "FILL ERRORS",
        "DISK HITS",
    ];
    let told = caches.iter().filter_map(|cache| cache.numbers.as_ref());
    let total = told.fold(Numbers::default(), Numbers::and);
    let rows = caches.iter().map(|cache| row(&cache.node, cache.numbers.as_ref()));
    let total = (caches.len() > 1).then(|| row("total", Some(&total)));
    table::grid(width, header, rows.chain(total))
}

fn row(name: &str, numbers: Option<&Numbers>) -> [String; 13] {
    let Some(numbers) = numbers else {
        let mut row = std::array::from_fn(|_| "-".to_owned());
        name.clone_into(&mut row[0]);
        return row;
    };
    let Numbers {
        entries,
        stored_bytes,
        held_bytes: _,
        memory_bytes,
        hits,
        misses,
        hit_ratio,
        stale,
        coalesced,
        evicted,
        purged,
        fill_errors,
        disk,
    } = numbers;
    let ratio = hit_ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1}%", ratio * 100.0));
    [
        name.to_owned(),
        entries.to_string(),
        text::bytes(*stored_bytes),
        text::bytes(*memory_bytes),
        hits.to_string(),
        misses.to_string(),
        ratio,
        stale.to_string(),
        coalesced.to_string(),
        evicted.to_string(),
        purged.to_string(),
        fill_errors.to_string(),
        disk.map_or_else(|| "-".to_owned(), |disk| disk.hits.to_string()),
    ]
}
