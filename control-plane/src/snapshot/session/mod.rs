//! What one data plane is sent: a state machine without I/O.
//!
//! One response is unanswered at a time. What is published meanwhile comes together in the next,
//! so that a slow data plane costs no memory.

use std::{sync::Arc, vec};

use gateway_proto::{DIGEST_BUCKETS, code::Reason, discovery::v1 as pb};

use super::{
    Snapshot, Version,
    delta::{self, Delta},
    resource::{Resource, ResourceName},
};
use crate::registry::model::Revision;

/// About how many bytes of resources a message carries at the most; a single resource that is
/// larger travels alone.
pub const CHUNK_BYTES: usize = 1024 * 1024;
/// The longest text that a data plane may say of itself, in bytes.
pub(crate) const MAX_NODE_TEXT: usize = 1024;
/// How much is kept of why a data plane refused a response: so many sentences of so many characters.
const MAX_VIOLATIONS: usize = 32;
const MAX_VIOLATION: usize = 1024;

/// A data plane as it introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Unique among the data planes.
    pub id: String,
    /// The version and commit of its program.
    pub build: String,
    /// Where it accepts clients.
    pub proxy_address: String,
}

/// What a request from the data plane came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// It has introduced itself, and holds this.
    Subscribed {
        /// Who it is.
        node: Node,
        /// What it serves already, if anything, and the revision that this reflects.
        holds: Option<(Version, Revision)>,
    },
    /// All its workers serve this.
    Acked {
        /// The version.
        version: Version,
        /// The revision that it reflects.
        revision: Revision,
    },
    /// It has refused the last response for these reasons.
    Refused {
        /// One sentence each.
        violations: Vec<String>,
    },
}

/// Why a stream ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable name.
    pub reason: Reason,
    /// For people.
    pub message: String,
}

/// One data plane's stream.
#[derive(Debug)]
pub struct Session {
    latest: Arc<Snapshot>,
    /// `None` before it has subscribed.
    held: Option<Held>,
    outstanding: Option<Outstanding>,
    /// The digest of the content that was refused last, not to be sent again.
    refused: Option<u64>,
    nonce: u64,
}

/// What a data plane serves, as far as is known here.
#[derive(Debug)]
enum Held {
    Nothing,
    /// Something of another stream.
    Buckets(Version, Box<[u64; DIGEST_BUCKETS]>),
    Snapshot(Arc<Snapshot>),
}

/// A response that was not answered yet.
#[derive(Debug)]
struct Outstanding {
    nonce: u64,
    base: Option<Version>,
    target: Arc<Snapshot>,
    /// What is still to be sent of it; `None` once the last chunk is.
    rest: Option<Rest>,
}

#[derive(Debug)]
struct Rest {
    replaced_buckets: Vec<u32>,
    removals: std::iter::Peekable<vec::IntoIter<ResourceName>>,
    upserts: std::iter::Peekable<vec::IntoIter<Arc<Resource>>>,
}

impl Session {
    /// A stream that has just been opened.
    #[must_use]
    pub const fn new(latest: Arc<Snapshot>) -> Self {
        Self { latest, held: None, outstanding: None, refused: None, nonce: 0 }
    }

    /// A newer snapshot is published.
    pub fn on_snapshot(&mut self, latest: Arc<Snapshot>) {
        self.latest = latest;
    }

    /// Takes in a request of the data plane.
    ///
    /// # Errors
    /// Why the stream cannot go on.
    pub fn on_request(&mut self, request: pb::DiscoveryRequest) -> Result<Event, Refusal> {
        let pb::DiscoveryRequest { request } = request;
        match request {
            Some(pb::discovery_request::Request::Subscribe(subscribe)) => self.on_subscribe(subscribe),
            Some(pb::discovery_request::Request::Ack(pb::Ack { nonce })) => self.on_ack(nonce),
            Some(pb::discovery_request::Request::Nack(pb::Nack { nonce, violations })) => {
                self.on_nack(nonce, violations)
            }
            None => Err(invalid("a request must be a subscribe, an ack or a nack".into())),
        }
    }

    fn on_subscribe(&mut self, subscribe: pb::Subscribe) -> Result<Event, Refusal> {
        let pb::Subscribe { node, cluster_id, resume, bucket_digests, revision } = subscribe;
        if self.held.is_some() {
            return Err(invalid("this stream has subscribed already; open another one".into()));
        }
        let node = parse_node(node)?;
        let latest = &self.latest;
        if !cluster_id.is_empty() && *cluster_id != *latest.cluster_id {
            let message =
                format!("the data plane belongs to cluster {cluster_id:?}, and this is {:?}", latest.cluster_id);
            return Err(Refusal { reason: Reason::WrongCluster, message });
        }
        if revision > latest.revision.0 {
            let message = format!(
                "the data plane holds revision {revision}, and this control plane only {}: its store is a stale copy",
                latest.revision
            );
            return Err(Refusal { reason: Reason::StaleReplica, message });
        }
        let resume = resume.map(|pb::Version { epoch, sequence }| Version { epoch, sequence });
        let held = match (resume, bucket_digests.len()) {
            (None, 0 | DIGEST_BUCKETS) | (Some(_), 0) => Held::Nothing,
            (Some(version), _) => match <Box<[u64; DIGEST_BUCKETS]>>::try_from(bucket_digests.into_boxed_slice()) {
                Ok(digests) => Held::Buckets(version, digests),
                Err(digests) => return Err(wrong_digests(digests.len())),
            },
            (None, count) => return Err(wrong_digests(count)),
        };
        self.held = Some(held);
        Ok(Event::Subscribed { node, holds: resume.map(|version| (version, Revision(revision))) })
    }

    fn on_ack(&mut self, nonce: u64) -> Result<Event, Refusal> {
        let target = self.answered(nonce)?;
        let (version, revision) = (target.version, target.revision);
        self.held = Some(Held::Snapshot(target));
        self.refused = None;
        Ok(Event::Acked { version, revision })
    }

    fn on_nack(&mut self, nonce: u64, mut violations: Vec<String>) -> Result<Event, Refusal> {
        let target = self.answered(nonce)?;
        self.refused = Some(target.digests.total());
        violations.truncate(MAX_VIOLATIONS);
        for violation in &mut violations {
            if let Some((end, _)) = violation.char_indices().nth(MAX_VIOLATION) {
                violation.truncate(end);
            }
        }
        if violations.is_empty() {
            violations.push("the data plane gave no reason".into());
        }
        Ok(Event::Refused { violations })
    }

    /// The snapshot that is answered by `nonce`.
    fn answered(&mut self, nonce: u64) -> Result<Arc<Snapshot>, Refusal> {
        match self.outstanding.take() {
            Some(Outstanding { nonce: sent, target, rest: None, .. }) if sent == nonce => Ok(target),
            _ => Err(invalid(format!("nonce {nonce} names no response that waits for an answer"))),
        }
    }

    /// The next message to send, if there is one to send now.
    pub fn next_response(&mut self) -> Option<pb::DiscoveryResponse> {
        if self.outstanding.is_none() {
            self.outstanding = Some(self.plan()?);
        }
        self.outstanding.as_mut()?.next_chunk()
    }

    /// How to bring the data plane to the latest snapshot; `None` if it is there, or has refused
    /// just that content.
    fn plan(&mut self) -> Option<Outstanding> {
        let target = Arc::clone(&self.latest);
        let (base, delta) = match self.held.as_ref()? {
            Held::Snapshot(held) if held.version == target.version => return None,
            _ if self.refused == Some(target.digests.total()) => return None,
            Held::Nothing => (None, delta::full(&target.resources)),
            Held::Buckets(version, digests) => (Some(*version), delta::diff_buckets(digests, &target)),
            Held::Snapshot(held) => (Some(held.version), delta::diff(&held.resources, &target.resources)),
        };
        let Delta { upserts, removals, replaced_buckets } = delta;
        let rest = Rest {
            replaced_buckets: replaced_buckets.into_iter().map(u32::from).collect(),
            removals: removals.into_iter().peekable(),
            upserts: upserts.into_iter().peekable(),
        };
        self.nonce += 1;
        Some(Outstanding { nonce: self.nonce, base, target, rest: Some(rest) })
    }
}

impl Outstanding {
    fn next_chunk(&mut self) -> Option<pb::DiscoveryResponse> {
        let Rest { replaced_buckets, removals, upserts } = self.rest.as_mut()?;
        let mut room = CHUNK_BYTES;
        let mut fits = |size: usize, first: bool| {
            let fits = first || size <= room;
            room = room.saturating_sub(size);
            fits
        };
        let mut removed = Vec::new();
        while let Some(name) = removals.next_if(|name| fits(name.as_str().len(), false)) {
            removed.push(name.as_str().to_owned());
        }
        let mut upserted = Vec::new();
        while let Some(resource) = upserts.next_if(|resource| {
            let first = removed.is_empty() && upserted.is_empty();
            fits(resource.encoded_len, first)
        }) {
            upserted.push(resource.wire.clone());
        }
        let last = removals.peek().is_none() && upserts.peek().is_none();
        let replaced_buckets = std::mem::take(replaced_buckets);
        if last {
            self.rest = None;
        }
        let Self { nonce, base, target, .. } = self;
        Some(pb::DiscoveryResponse {
            nonce: *nonce,
            version: Some(wire_version(target.version)),
            base: base.map(wire_version),
            revision: target.revision.0,
            cluster_id: target.cluster_id.as_ref().to_owned(),
            upserts: upserted,
            removals: removed,
            replaced_buckets,
            last_chunk: last,
            digest: if last { target.digests.total() } else { 0 },
        })
    }
}

/// A version as it is sent.
#[must_use]
pub const fn wire_version(version: Version) -> pb::Version {
    let Version { epoch, sequence } = version;
    pb::Version { epoch, sequence }
}

fn parse_node(node: Option<pb::Node>) -> Result<Node, Refusal> {
    let Some(pb::Node { id, build, proxy_address }) = node else {
        return Err(invalid("subscribe.node is missing".into()));
    };
    if id.is_empty() {
        return Err(invalid("subscribe.node.id is empty; give the data plane an id".into()));
    }
    for (field, text) in [("id", &id), ("build", &build), ("proxy_address", &proxy_address)] {
        if text.len() > MAX_NODE_TEXT {
            return Err(invalid(format!("subscribe.node.{field} is longer than {MAX_NODE_TEXT} bytes")));
        }
    }
    Ok(Node { id, build, proxy_address })
}

fn wrong_digests(count: usize) -> Refusal {
    invalid(format!("subscribe.bucket_digests has {count} digests; give {DIGEST_BUCKETS} or none"))
}

const fn invalid(message: String) -> Refusal {
    Refusal { reason: Reason::Invalid, message }
}

#[cfg(test)]
mod tests;
