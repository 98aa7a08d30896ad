//! The shares that this data plane holds, and what is said of them.

use std::{cmp::Reverse, collections::HashMap, time::Duration};

use gateway_proto::discovery::v1 as pb;

/// All of a limit, in the parts that shares and demands are counted in.
pub const WHOLE: u64 = 1 << 32;
/// The most that is said to be asked for: a million times the limit.
const MAX_PARTS: u64 = WHOLE << 20;
/// Keys that are reported: of one limit, and of all.
const MAX_REPORTED_OF_LIMIT: usize = 1024;
const MAX_REPORTED: usize = 8192;
/// Keys that control planes lease; for a moment, as many that end may be held beside as many that begin.
const MAX_LEASES: usize = 8192;

/// One key of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which limit.
    pub limit: u64,
    /// Which of its keys: a hash that every data plane computes alike.
    pub hash: u128,
}

/// What is asked of a key, in parts of [`WHOLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Which key.
    pub key: Key,
    /// What was asked for, relative to what the whole limit lets through in that time.
    pub asked: u64,
    /// What was let through of it.
    pub passed: u64,
    /// How much is used of this data plane's share of the burst; 0 where that is not known.
    pub used: u64,
}

impl Demand {
    /// Of a key of which so many requests (or bytes) were asked for in this time, and so many let
    /// through, where each costs so many nanoseconds at the whole rate.
    #[must_use]
    pub fn of(key: Key, asked: u64, passed: u64, cost: u64, elapsed: Duration) -> Self {
        let nanos = elapsed.as_nanos().max(1);
        let parts = |count: u64| {
            let parts = (u128::from(count) * u128::from(cost)).saturating_mul(u128::from(WHOLE)) / nanos;
            u64::try_from(parts).unwrap_or(u64::MAX)
        };
        Self { key, asked: parts(asked), passed: parts(passed), used: 0 }
    }
}

/// What is to be added to the used part of a key's burst, in parts of [`WHOLE`], relative to this data
/// plane's share of it: with the share of another comes what is used of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// Which key.
    pub key: Key,
    /// How much.
    pub by: i64,
}

/// The shares that this data plane holds. Until it has heard of others, everything is its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shares {
    nodes: u32,
    leased: HashMap<Key, u32>,
}

impl Shares {
    /// Among how many data planes limits are shared; 0 if that has never been said.
    #[must_use]
    pub const fn nodes(&self) -> u32 {
        self.nodes
    }

    /// The share of a key, in parts of [`WHOLE`].
    #[must_use]
    pub fn of(&self, key: &Key) -> u64 {
        match self.leased.get(key) {
            // All but nothing of it is all.
            Some(&u32::MAX) => WHOLE,
            Some(share) => u64::from(*share),
            None => self.even(),
        }
    }

    /// The share of keys that are not leased.
    #[must_use]
    pub fn even(&self) -> u64 {
        WHOLE / u64::from(self.nodes.max(1))
    }

    /// The keys that are leased, and their shares.
    pub fn leased(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.leased.keys().map(|key| (key, self.of(key)))
    }

    /// Every share is the even one.
    pub(super) fn forget(&mut self) {
        self.leased.clear();
    }

    /// The same, among so many or more.
    pub(super) fn share_evenly(&mut self, nodes: u32) {
        self.nodes = self.nodes.max(nodes);
        self.forget();
    }

    /// Takes in what the control plane says, and returns what is to be shifted.
    ///
    /// # Errors
    /// Why that cannot be; nothing has changed then.
    pub(crate) fn take_in(&mut self, lease: pb::LimitLease) -> Result<Vec<Shift>, String> {
        let pb::LimitLease { nodes, complete, limits } = lease;
        if nodes == 0 {
            return Err("nodes is 0, although this data plane is one".into());
        }
        let named: usize = limits.iter().map(|limit| limit.keys.len()).sum();
        let held = if complete { 0 } else { self.leased.len() };
        // Of these, some may be held already or end.
        if named > MAX_LEASES || held + named > 2 * MAX_LEASES {
            return Err(format!("limits names {named} keys, and {held} are held; {MAX_LEASES} are leased at most"));
        }
        if complete {
            self.leased.clear();
        }
        let mut shifts = Vec::new();
        for pb::LeaseOfLimit { limit, keys } in limits {
            for pb::LeaseOfKey { key_high, key_low, share, shift } in keys {
                let key = Key { limit, hash: u128::from(key_high) << 64 | u128::from(key_low) };
                match share {
                    Some(share) => self.leased.insert(key, share),
                    None => self.leased.remove(&key),
                };
                if shift != 0 {
                    shifts.push(Shift { key, by: shift });
                }
            }
        }
        self.nodes = nodes;
        Ok(shifts)
    }

    /// Says what is asked for, used and held: no more than is taken, those of which most is asked or used.
    pub(super) fn to_wire(&self, mut demands: Vec<Demand>) -> Vec<pb::DemandOfLimit> {
        // What is used, in parts of the whole burst.
        let owed = |demand: &Demand| (u128::from(demand.used) * u128::from(self.of(&demand.key))) >> 32;
        let weight = |demand: &Demand| u128::from(demand.asked).max(owed(demand));
        demands.sort_by_cached_key(|demand| (demand.key.limit, Reverse(weight(demand)), demand.key.hash));
        let mut limits: Vec<pb::DemandOfLimit> = Vec::new();
        let mut count = 0;
        for Demand { key, asked, passed, used } in demands {
            if limits.last().is_none_or(|last| last.limit != key.limit) {
                limits.push(pb::DemandOfLimit { limit: key.limit, keys: Vec::new() });
            }
            let Some(last) = limits.last_mut() else { continue };
            if last.keys.len() == MAX_REPORTED_OF_LIMIT || count == MAX_REPORTED {
                continue;
            }
            count += 1;
            last.keys.push(pb::DemandOfKey {
                // The halves are what is wanted.
                key_high: (key.hash >> 64) as u64,
                key_low: key.hash as u64,
                asked: asked.min(MAX_PARTS),
                passed: passed.min(MAX_PARTS),
                used: used.min(MAX_PARTS),
                share: self.leased.get(&key).copied(),
            });
        }
        limits.retain(|limit| !limit.keys.is_empty());
        limits
    }
}
