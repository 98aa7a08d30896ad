//! What is held, and what a response makes of it. Pure: a response that is refused leaves what is
//! held as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, mem,
    sync::Arc,
};

use gateway_proto::{DIGEST_BUCKETS, discovery::v1 as pb};
use imbl::OrdMap;
use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use crate::table::{Stamp, Version};

/// What changed, by name: the resource as it is now, or `None` where it is gone.
pub(crate) type Changes = BTreeMap<Arc<str>, Option<Arc<pb::Resource>>>;

/// Every resource that is held, as it was received. A copy costs nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    stamp: Option<Stamp>,
    resources: OrdMap<Key, Held>,
    buckets: Arc<[u64]>,
}

/// A resource on the wire, which takes up a fraction of what it does when it is read. Nobody reads it again
/// but the cache.
#[derive(Clone, PartialEq)]
struct Held {
    digest: u64,
    /// Without name and digest.
    body: Arc<[u8]>,
}

/// What is in it may be secret.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.digest)
    }
}

impl Held {
    fn of(resource: &mut pb::Resource) -> Self {
        let (name, digest) = (mem::take(&mut resource.name), mem::take(&mut resource.digest));
        let body = resource.encode_to_vec().into();
        (resource.name, resource.digest) = (name, digest);
        Self { digest, body }
    }

    /// The whole resource, as it is on the wire: messages behind one another are one (Protocol Buffers
    /// Encoding, "Last One Wins").
    fn write(&self, name: &str, out: &mut Vec<u8>) {
        let front = pb::Resource { name: name.to_owned(), digest: self.digest, body: None };
        let length = front.encoded_len() + self.body.len();
        prost::encoding::encode_varint(length as u64, out);
        front.encode_raw(out);
        out.extend_from_slice(&self.body);
    }
}

/// Sorted by bucket first, so that a bucket is a range.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    bucket: usize,
    name: Arc<str>,
}

impl Key {
    fn of(name: &str) -> Self {
        Self { bucket: bucket_of(name), name: Arc::from(name) }
    }
}

/// The bucket whose digest a resource counts towards.
pub(crate) fn bucket_of(name: &str) -> usize {
    usize::try_from(xxh3_64(name.as_bytes()) % DIGEST_BUCKETS as u64).unwrap_or(0)
}

/// Why a response is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is another cluster's.
    OtherCluster { held: Arc<str>, offered: String },
    /// It is older than what is held: the control plane's store is a stale copy.
    OlderRevision { held: u64, offered: u64 },
    /// It goes back within one run of the publisher.
    OlderVersion { held: Version, offered: Version },
    /// It does not apply to what is held.
    OtherBase { held: Option<Version>, base: Version },
    /// What would be held is not what the publisher holds.
    Digest { computed: u64, told: u64 },
    /// It breaks the rules of the stream.
    Malformed(String),
    /// Resources cannot be routed by.
    Resources(Vec<String>),
}

/// What to do after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Go on with the stream: the next change may be good.
    Stay,
    /// Subscribe anew with what is held.
    Resubscribe,
    /// Subscribe anew as if nothing were held.
    StartOver,
    /// Turn to another control plane.
    Leave,
}

impl Refusal {
    /// What to do after it.
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::OtherCluster { .. } | Self::OlderRevision { .. } => Remedy::Leave,
            Self::OlderVersion { .. } | Self::OtherBase { .. } | Self::Malformed(_) => Remedy::Resubscribe,
            Self::Digest { .. } => Remedy::StartOver,
            Self::Resources(_) => Remedy::Stay,
        }
    }

    /// A sentence for each thing that is wrong.
    pub(crate) fn violations(self) -> Vec<String> {
        match self {
            Self::Resources(violations) => violations,
            other @ (Self::OtherCluster { .. }
            | Self::OlderRevision { .. }
            | Self::OlderVersion { .. }
            | Self::OtherBase { .. }
            | Self::Digest { .. }
            | Self::Malformed(_)) => vec![other.to_string()],
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherCluster { held, offered } => {
                write!(f, "the response is of cluster {offered:?}, and this data plane serves cluster {held:?}")
            }
            Self::OlderRevision { held, offered } => {
                write!(f, "the response is of revision {offered}, and this data plane serves the newer revision {held}")
            }
            Self::OlderVersion { held, offered } => {
                write!(f, "the response is of version {offered}, and this data plane serves the newer version {held}")
            }
            Self::OtherBase { held: Some(held), base } => {
                write!(f, "the response applies to version {base}, and this data plane holds version {held}")
            }
            Self::OtherBase { held: None, base } => {
                write!(f, "the response applies to version {base}, and this data plane holds none")
            }
            Self::Digest { computed, told } => {
                write!(f, "the response leads to the digest {computed:016x}, and {told:016x} was to be reached")
            }
            Self::Malformed(what) => f.write_str(what),
            Self::Resources(violations) => f.write_str(&violations.join("; ")),
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self { stamp: None, resources: OrdMap::new(), buckets: Arc::from(vec![0; DIGEST_BUCKETS]) }
    }
}

impl State {
    /// Of which snapshot it is; `None` while nothing is held.
    pub(crate) fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    /// The digest of each bucket.
    pub(crate) fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// The digest of everything.
    pub(crate) fn digest(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(*bucket))
    }

    /// How many resources there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.resources.len()
    }

    /// Writes every resource as it is on the wire, each with its length in front.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.resources.iter().for_each(|(key, held)| held.write(&key.name, out));
    }

    /// What is held after a whole response, and what that changed.
    pub(crate) fn apply(&self, response: pb::DiscoveryResponse) -> Result<(Self, Changes), Refusal> {
        let pb::DiscoveryResponse {
            nonce: _,
            version,
            base,
            revision,
            cluster_id,
            upserts,
            removals,
            replaced_buckets,
            last_chunk: _,
            digest,
        } = response;
        let stamp = self.next_stamp(version, revision, cluster_id)?;
        let mut leaving = self.leaving(base, &removals, &replaced_buckets)?;

        let mut next = Self { stamp: Some(stamp), ..self.clone() };
        let mut changes = Changes::new();
        for mut resource in upserts {
            let key = Key::of(&resource.name);
            leaving.remove(&key);
            let held = Held::of(&mut resource);
            if next.resources.get(&key) != Some(&held) {
                changes.insert(Arc::clone(&key.name), Some(Arc::new(resource)));
                next.put(key, held);
            }
        }
        for key in leaving {
            if next.take(&key) {
                changes.insert(key.name, None);
            }
        }
        let computed = next.digest();
        if computed != digest {
            return Err(Refusal::Digest { computed, told: digest });
        }
        Ok((next, changes))
    }

    fn next_stamp(&self, version: Option<pb::Version>, revision: u64, cluster_id: String) -> Result<Stamp, Refusal> {
        let version = read_version(version.ok_or_else(|| Refusal::Malformed("the response has no version".into()))?);
        if cluster_id.is_empty() {
            return Err(Refusal::Malformed("the response has no cluster id".into()));
        }
        let Some(held) = &self.stamp else {
            return Ok(Stamp { cluster_id: cluster_id.into(), version, revision });
        };
        if *held.cluster_id != *cluster_id {
            return Err(Refusal::OtherCluster { held: Arc::clone(&held.cluster_id), offered: cluster_id });
        }
        if revision < held.revision {
            return Err(Refusal::OlderRevision { held: held.revision, offered: revision });
        }
        if version.epoch == held.version.epoch && version.sequence < held.version.sequence {
            return Err(Refusal::OlderVersion { held: held.version, offered: version });
        }
        Ok(Stamp { cluster_id: Arc::clone(&held.cluster_id), version, revision })
    }

    /// What goes unless the response brings it again: everything without a base, else what is
    /// removed by name or with its bucket.
    fn leaving(
        &self,
        base: Option<pb::Version>,
        removals: &[String],
        replaced_buckets: &[u32],
    ) -> Result<BTreeSet<Key>, Refusal> {
        let Some(base) = base.map(read_version) else {
            return Ok(self.resources.keys().cloned().collect());
        };
        let held = self.stamp.as_ref().map(|stamp| stamp.version);
        if held != Some(base) {
            return Err(Refusal::OtherBase { held, base });
        }
        let mut leaving: BTreeSet<_> = removals.iter().map(|name| Key::of(name)).collect();
        for bucket in replaced_buckets {
            let first = usize::try_from(*bucket).ok().filter(|bucket| *bucket < DIGEST_BUCKETS);
            let first = first.ok_or_else(|| Refusal::Malformed(format!("there is no bucket {bucket}")))?;
            let start = |bucket| Key { bucket, name: Arc::from("") };
            leaving.extend(self.resources.range(start(first)..start(first + 1)).map(|(key, _)| key.clone()));
        }
        Ok(leaving)
    }

    fn put(&mut self, key: Key, held: Held) {
        let (bucket, digest) = (key.bucket, held.digest);
        let old = self.resources.insert(key, held).map_or(0, |old| old.digest);
        self.add(bucket, digest.wrapping_sub(old));
    }

    fn take(&mut self, key: &Key) -> bool {
        let Some(old) = self.resources.remove(key) else { return false };
        self.add(key.bucket, old.digest.wrapping_neg());
        true
    }

    fn add(&mut self, bucket: usize, digest: u64) {
        if let Some(sum) = Arc::make_mut(&mut self.buckets).get_mut(bucket) {
            *sum = sum.wrapping_add(digest);
        }
    }
}

fn read_version(version: pb::Version) -> Version {
    let pb::Version { epoch, sequence } = version;
    Version { epoch, sequence }
}

/// Puts the chunks of a response together.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    open: Option<pb::DiscoveryResponse>,
}

impl Assembly {
    /// The whole response, once this chunk is its last.
    pub(crate) fn add(&mut self, chunk: pb::DiscoveryResponse) -> Result<Option<pb::DiscoveryResponse>, Refusal> {
        let whole = match self.open.take() {
            None => chunk,
            Some(mut open) => {
                let of = |part: &pb::DiscoveryResponse| (part.nonce, part.version, part.base, part.revision);
                if of(&open) != of(&chunk) || open.cluster_id != chunk.cluster_id {
                    let (before, nonce) = (open.nonce, chunk.nonce);
                    return Err(Refusal::Malformed(format!(
                        "a chunk of nonce {nonce} does not continue the response of nonce {before}"
                    )));
                }
                open.upserts.extend(chunk.upserts);
                open.removals.extend(chunk.removals);
                open.replaced_buckets.extend(chunk.replaced_buckets);
                open.last_chunk = chunk.last_chunk;
                open.digest = chunk.digest;
                open
            }
        };
        if whole.last_chunk {
            return Ok(Some(whole));
        }
        self.open = Some(whole);
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
