//! Which share of a cluster's limit is this data plane's.

use std::collections::HashMap;

use crate::{SharedKey, key::LimitId, share::Share};

/// The most leases that a data plane holds.
pub const MAX_LEASES: usize = 16_384;

/// The shares of a data plane, as the control plane last gave them. It is never changed: the next ones
/// take its place as a whole. Whoever hears of none for too long puts a fair share for all in their place.
#[derive(Debug, Clone)]
pub struct Shares {
    fair: Share,
    nodes: u32,
    leased: HashMap<(LimitId, SharedKey), Share, foldhash::fast::RandomState>,
}

/// There were more leases than [`MAX_LEASES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a data plane holds at most {MAX_LEASES} leases")]
pub struct TooManyLeases;

/// Those of a data plane that has not heard of any other: everything.
impl Default for Shares {
    fn default() -> Self {
        Self { fair: Share::WHOLE, nodes: 1, leased: HashMap::default() }
    }
}

impl Shares {
    /// A fair share among `nodes` data planes of what is not leased, and these leases.
    ///
    /// # Errors
    /// Where there are more than [`MAX_LEASES`].
    pub fn new(
        nodes: u32,
        leases: impl IntoIterator<Item = ((LimitId, SharedKey), Share)>,
    ) -> Result<Self, TooManyLeases> {
        let mut leased = HashMap::default();
        for (key, share) in leases {
            if leased.len() == MAX_LEASES {
                return Err(TooManyLeases);
            }
            leased.insert(key, share);
        }
        Ok(Self { fair: Share::fair(nodes), nodes, leased })
    }

    /// The share of a key that is leased; others have the fair one.
    #[must_use]
    pub fn lease(&self, limit: LimitId, key: SharedKey) -> Option<Share> {
        if self.leased.is_empty() {
            return None;
        }
        self.leased.get(&(limit, key)).copied()
    }

    /// The share of what nobody leases.
    #[must_use]
    pub const fn fair(&self) -> Share {
        self.fair
    }

    /// Among how many data planes limits are shared.
    #[must_use]
    pub const fn nodes(&self) -> u32 {
        self.nodes
    }
}
