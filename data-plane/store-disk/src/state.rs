//! What a folder says of itself, as it is written (pure).
//!
//! Little endian: the magic, the version, whether the last run was closed, eight numbers of 64 bits, the
//! removals, each a hash of 128 bits and a moment, and XXH3 of all that.

use xxhash_rust::xxh3::xxh3_64;

use crate::removals::{Kept, MAX_REMOVALS};

/// By this a folder is known as one of ours.
pub(crate) const MAGIC: &[u8] = b"gateway-cache-disk\n";
const VERSION: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// Of the hashes of keys: chance.
    pub(crate) seed: u64,
    pub(crate) block: u64,
    pub(crate) blocks: u64,
    /// Counts the runs.
    pub(crate) run: u64,
    /// A hash of the cluster's name, whose purges the entries know.
    pub(crate) cluster: u64,
    /// Whether the run was closed: only then all removals are known.
    pub(crate) is_closed: bool,
    pub(crate) kept: Kept,
}

impl State {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { seed, block, blocks, run, cluster, is_closed, kept: Kept { gone, doubtful, held } } = self;
        let mut out = MAGIC.to_vec();
        out.extend([VERSION, u8::from(*is_closed)]);
        for number in [*seed, *block, *blocks, *run, *cluster, *gone, *doubtful, held.len() as u64] {
            out.extend(number.to_le_bytes());
        }
        for (hash, moment) in held {
            out.extend(hash.to_le_bytes());
            out.extend(moment.to_le_bytes());
        }
        out.extend(xxh3_64(&out).to_le_bytes());
        out
    }

    /// Nothing, if it is damaged, or of another version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        if xxh3_64(content) != u64::from_le_bytes(*sum) {
            return None;
        }
        let (&[version, closed], mut rest) = content.strip_prefix(MAGIC)?.split_first_chunk::<2>()?;
        if version != VERSION || closed > 1 {
            return None;
        }
        let mut number = || {
            let (number, behind) = rest.split_first_chunk::<8>()?;
            rest = behind;
            Some(u64::from_le_bytes(*number))
        };
        let (seed, block, blocks, run) = (number()?, number()?, number()?, number()?);
        let (cluster, gone, doubtful, count) = (number()?, number()?, number()?, number()?);
        let (removals, behind) = rest.as_chunks::<24>();
        if removals.len() as u64 != count || !behind.is_empty() || removals.len() > MAX_REMOVALS {
            return None;
        }
        let removal = |bytes: &[u8; 24]| {
            let (hash, moment) = bytes.split_first_chunk::<16>()?;
            Some((u128::from_le_bytes(*hash), u64::from_le_bytes(*moment.first_chunk()?)))
        };
        let held = removals.iter().map(removal).collect::<Option<_>>()?;
        Some(Self { seed, block, blocks, run, cluster, is_closed: closed == 1, kept: Kept { gone, doubtful, held } })
    }
}
