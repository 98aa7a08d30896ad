//! Digests by which a data plane that returns and the control plane find out in which buckets
//! they differ, without a history that both share.

use std::sync::Arc;

use gateway_proto::DIGEST_BUCKETS;
use xxhash_rust::xxh3::xxh3_64;

/// The bucket of a resource: the hash of its name modulo the number of buckets.
#[must_use]
pub fn bucket_of(name: &str) -> u16 {
    // Less than 1,024, so that nothing is cut off.
    (xxh3_64(name.as_bytes()) % DIGEST_BUCKETS as u64) as u16
}

/// The digest of an encoded resource.
#[must_use]
pub fn digest_of(encoded: &[u8]) -> u64 {
    xxh3_64(encoded)
}

/// Sums over resources by bucket and over all, which do not depend on the order in which
/// resources came and went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    buckets: Arc<[u64; DIGEST_BUCKETS]>,
    total: u64,
}

impl Default for Digests {
    fn default() -> Self {
        Self { buckets: Arc::new([0; DIGEST_BUCKETS]), total: 0 }
    }
}

impl Digests {
    /// The digest over every resource.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The digest of each bucket.
    #[must_use]
    pub fn buckets(&self) -> &[u64; DIGEST_BUCKETS] {
        &self.buckets
    }

    /// Counts a resource in.
    pub fn add(&mut self, bucket: u16, digest: u64) {
        let sum = &mut Arc::make_mut(&mut self.buckets)[usize::from(bucket)];
        *sum = sum.wrapping_add(digest);
        self.total = self.total.wrapping_add(digest);
    }

    /// Counts a resource out.
    pub fn subtract(&mut self, bucket: u16, digest: u64) {
        self.add(bucket, digest.wrapping_neg());
    }
}

#[cfg(test)]
mod tests {
    use super::{Digests, bucket_of, digest_of};

    #[test]
    fn hashes_are_those_that_the_contract_names() {
        // XXH3-64 with seed 0, as its reference implementation computes it. Data planes compute
        // the bucket too, and digests outlive the process in their caches.
        assert_eq!(digest_of(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(u64::from(bucket_of("")), 0x2d06_8005_38d3_94c2 % 1024);
    }

    #[test]
    fn sums_do_not_depend_on_the_order_and_are_undone() {
        let entries = [(3, u64::MAX), (3, 17), (1023, 5), (0, 1 << 63)];
        let mut forward = Digests::default();
        let mut backward = Digests::default();
        entries.iter().for_each(|(bucket, digest)| forward.add(*bucket, *digest));
        entries.iter().rev().for_each(|(bucket, digest)| backward.add(*bucket, *digest));
        assert_eq!(forward, backward);
        assert_eq!(forward.total(), forward.buckets().iter().fold(0u64, |sum, digest| sum.wrapping_add(*digest)));
        entries.iter().for_each(|(bucket, digest)| forward.subtract(*bucket, *digest));
        assert_eq!(forward, Digests::default());
    }
}
