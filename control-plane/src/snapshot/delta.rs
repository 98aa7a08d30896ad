//! How two snapshots differ.

use std::sync::Arc;

use gateway_proto::DIGEST_BUCKETS;
use imbl::ordmap::DiffItem;

use super::{
    Resources, Snapshot,
    resource::{Resource, ResourceName},
};

/// What turns one set of resources into another.
#[derive(Debug, Default)]
pub struct Delta {
    /// To add or to replace.
    pub upserts: Vec<Arc<Resource>>,
    /// To remove.
    pub removals: Vec<ResourceName>,
    /// Buckets whose whole content is in `upserts`.
    pub replaced_buckets: Vec<u16>,
}

/// What turns `old` into `new`, at a cost in proportion to the change.
#[must_use]
pub fn diff(old: &Resources, new: &Resources) -> Delta {
    let mut delta = Delta::default();
    for change in old.diff(new) {
        match change {
            DiffItem::Add(_, resource) | DiffItem::Update { new: (_, resource), .. } => {
                delta.upserts.push(Arc::clone(resource));
            }
            DiffItem::Remove(name, _) => delta.removals.push(name.clone()),
        }
    }
    delta
}

/// What turns whatever has these digests into `new`.
#[must_use]
pub fn diff_buckets(held: &[u64; DIGEST_BUCKETS], new: &Snapshot) -> Delta {
    let differs: Vec<bool> = held.iter().zip(new.digests.buckets()).map(|(held, new)| held != new).collect();
    let replaced_buckets: Vec<u16> = (0u16..).zip(&differs).filter_map(|(bucket, d)| d.then_some(bucket)).collect();
    if replaced_buckets.is_empty() {
        return Delta::default();
    }
    let upserts = new.resources.values().filter(|resource| differs[usize::from(resource.bucket)]).cloned().collect();
    Delta { upserts, removals: Vec::new(), replaced_buckets }
}

/// What turns nothing into `new`.
#[must_use]
pub fn full(new: &Resources) -> Delta {
    Delta { upserts: new.values().cloned().collect(), ..Delta::default() }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, cmp::Ordering, sync::Arc};

    use imbl::OrdMap;
    use proptest::prelude::*;

    use super::{Delta, diff, diff_buckets, full};
    use crate::snapshot::{Snapshot, sample};

    fn apply(mut base: Snapshot, delta: &Delta) -> Snapshot {
        let Delta { upserts, removals, replaced_buckets } = delta;
        let gone: Vec<_> = base.resources.values().filter(|r| replaced_buckets.contains(&r.bucket)).cloned().collect();
        for name in gone.iter().map(|r| &r.name).chain(removals) {
            base.remove(name);
        }
        for resource in upserts {
            base.put((**resource).clone());
        }
        base
    }

    fn entries() -> impl Strategy<Value = Vec<(u16, u8)>> {
        proptest::collection::vec((0u16..400, 0u8..3), 0..200)
    }

    fn built(entries: &[(u16, u8)]) -> Snapshot {
        let mut snapshot = Snapshot::empty("c".into(), 1);
        for (name, content) in entries {
            snapshot.put(sample::resource(&format!("s{name}"), &content.to_string()));
        }
        snapshot
    }

    proptest! {
        #[test]
        fn every_way_from_a_to_b_ends_at_b_with_its_digests(a in entries(), b in entries(), shared in any::<bool>()) {
            let a = built(&a);
            let b = if shared {
                b.iter().fold(a.clone(), |mut next, (name, content)| {
                    let resource = sample::resource(&format!("s{name}"), &content.to_string());
                    if *content == 0 { next.remove(&resource.name); } else { next.put(resource); }
                    next
                })
            } else {
                built(&b)
            };
            let ways = [
                apply(a.clone(), &diff(&a.resources, &b.resources)),
                apply(a.clone(), &diff_buckets(a.digests.buckets(), &b)),
                apply(Snapshot::empty("c".into(), 1), &full(&b.resources)),
            ];
            for reached in ways {
                prop_assert_eq!(&reached.resources, &b.resources);
                prop_assert_eq!(&reached.digests, &b.digests);
            }
            let back = diff(&b.resources, &b.resources);
            prop_assert!(back.upserts.is_empty() && back.removals.is_empty());
        }
    }

    #[test]
    fn buckets_that_agree_are_not_sent() {
        let names: Vec<String> = (0..3000).map(|i| format!("s{i}")).collect();
        let old = names.iter().fold(Snapshot::empty("c".into(), 1), |mut s, name| {
            s.put(sample::resource(name, "old"));
            s
        });
        let mut new = old.clone();
        new.put(sample::resource("s7", "new"));
        let delta = diff_buckets(old.digests.buckets(), &new);
        assert_eq!(delta.replaced_buckets.len(), 1);
        assert!(delta.upserts.len() < 20, "{}", delta.upserts.len());
        let none = diff_buckets(new.digests.buckets(), &new);
        assert!(none.upserts.is_empty() && none.replaced_buckets.is_empty());
    }

    thread_local!(static COMPARISONS: Cell<u32> = const { Cell::new(0) });

    #[derive(Clone, PartialEq, Eq)]
    struct Counted(u32);

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARISONS.set(COMPARISONS.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    /// What the whole design rests on: publishing and sending one change among 100,000 resources
    /// costs what it costs among a hundred.
    #[test]
    fn the_cost_of_a_difference_does_not_grow_with_what_is_shared() {
        let old: OrdMap<Counted, Arc<u32>> = (0..100_000).map(|i| (Counted(2 * i), Arc::new(i))).collect();
        let mut new = old.clone();
        new.insert(Counted(77_777), Arc::new(0));
        new.remove(&Counted(50_000));
        new.insert(Counted(120_000), Arc::new(0));
        COMPARISONS.set(0);
        assert_eq!(old.diff(&new).count(), 3);
        assert!(COMPARISONS.get() < 2_000, "{} comparisons", COMPARISONS.get());
    }
}
