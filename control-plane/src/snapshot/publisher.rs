//! Publishes a snapshot whenever what is desired or what is healthy has changed.

use std::{collections::BTreeSet, mem, sync::Arc};

use imbl::ordmap::DiffItem;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Snapshot,
    resource::{ResourceName, of_consumer, of_purge, of_route, of_service},
};
use crate::{
    health::HealthView,
    registry::model::{Desired, RouteName, ServiceName},
};

/// Publishes one snapshot after another. What changes while it builds one comes with the next.
#[derive(Debug)]
pub struct Publisher {
    desired: watch::Receiver<Desired>,
    health: watch::Receiver<HealthView>,
    /// What the latest snapshot was built from.
    built_from: (Desired, HealthView),
    published: watch::Sender<Arc<Snapshot>>,
}

impl Publisher {
    /// Publishes the first snapshot, of the loaded store and the restored health. `epoch` is
    /// another for each run.
    #[must_use]
    pub fn new(
        cluster_id: Arc<str>,
        epoch: u64,
        mut desired: watch::Receiver<Desired>,
        mut health: watch::Receiver<HealthView>,
    ) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let built_from = (desired.borrow_and_update().clone(), health.borrow_and_update().clone());
        let mut first = Snapshot::empty(cluster_id, epoch);
        let nothing = (Desired::default(), HealthView::new());
        if let Some(snapshot) = advance(&first, &nothing, &built_from) {
            first = snapshot;
        }
        // An empty registry is published too.
        first.version.sequence = 1;
        first.revision = built_from.0.revision;
        let (published, receiver) = watch::channel(Arc::new(first));
        (Self { desired, health, built_from, published }, receiver)
    }

    /// Works until `stop`, or until nothing is left to follow.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let changed = tokio::select! {
                () = stop.cancelled() => return,
                changed = self.desired.changed() => changed,
                changed = self.health.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
            let now = (self.desired.borrow_and_update().clone(), self.health.borrow_and_update().clone());
            let before = mem::replace(&mut self.built_from, now);
            let next = advance(&self.published.borrow(), &before, &self.built_from);
            if let Some(snapshot) = next {
                tracing::debug!(version = %snapshot.version, revision = %snapshot.revision, "published");
                self.published.send_replace(Arc::new(snapshot));
            }
        }
    }
}

/// The snapshot after `latest`, or `None` if it would be the same. Only what the change concerns is
/// looked at.
fn advance(latest: &Snapshot, before: &(Desired, HealthView), now: &(Desired, HealthView)) -> Option<Snapshot> {
    let (desired, health) = now;
    let mut next = latest.clone();
    let mut changed = latest.revision != desired.revision;
    let mut noted = false;
    for service in touched(before, now) {
        let (served, pending) = match desired.services.get(&service) {
            Some(wanted) => {
                let (resource, pending) = of_service(wanted, health);
                (next.put(resource), pending)
            }
            None => (next.remove(&ResourceName::of_service(&service)), 0),
        };
        changed |= served;
        let noted_before = if pending == 0 {
            next.pending.remove(&service).unwrap_or_default()
        } else {
            next.pending.insert(service, pending).unwrap_or_default()
        };
        noted |= noted_before != pending;
    }
    for route in touched_routes(&before.0, desired) {
        changed |= match desired.routes.get(&route) {
            Some(wanted) => next.put(of_route(wanted)),
            None => next.remove(&ResourceName::of_route(&route)),
        };
    }
    for change in before.0.consumers.diff(&desired.consumers) {
        changed |= match change {
            DiffItem::Add(_, consumer) | DiffItem::Update { new: (_, consumer), .. } => next.put(of_consumer(consumer)),
            DiffItem::Remove(name, _) => next.remove(&ResourceName::of_consumer(name)),
        };
    }
    for change in before.0.purges.diff(&desired.purges) {
        changed |= match change {
            DiffItem::Add(_, purge) | DiffItem::Update { new: (_, purge), .. } => next.put(of_purge(purge)),
            DiffItem::Remove(revision, _) => next.remove(&ResourceName::of_purge(*revision)),
        };
    }
    next.revision = desired.revision;
    // Data planes do not see what is pending, so that alone makes no version.
    next.version.sequence += u64::from(changed);
    (changed || noted).then_some(next)
}

/// The services whose resources may have changed.
fn touched(before: &(Desired, HealthView), now: &(Desired, HealthView)) -> BTreeSet<ServiceName> {
    let services = before.0.services.diff(&now.0.services).map(|change| match change {
        DiffItem::Add(name, _) | DiffItem::Update { new: (name, _), .. } | DiffItem::Remove(name, _) => name.clone(),
    });
    let verdicts = before.1.diff(&now.1).filter_map(|change| match change {
        DiffItem::Update { old: (_, old), new: (_, new) } if old.health == new.health => None,
        DiffItem::Add(key, _) | DiffItem::Update { new: (key, _), .. } | DiffItem::Remove(key, _) => {
            Some(key.service.clone())
        }
    });
    services.chain(verdicts).collect()
}

/// The routes whose resources may have changed.
fn touched_routes(before: &Desired, now: &Desired) -> Vec<RouteName> {
    let routes = before.routes.diff(&now.routes).map(|change| match change {
        DiffItem::Add(name, _) | DiffItem::Update { new: (name, _), .. } | DiffItem::Remove(name, _) => name.clone(),
    });
    routes.collect()
}

#[cfg(test)]
mod tests {
    use imbl::OrdMap;
    use proptest::prelude::*;
    use tokio::sync::watch;
    use tokio_util::sync::CancellationToken;

    use super::{Publisher, advance};
    use crate::{
        health::{Health, HealthView},
        registry::{
            model::{Consumer, Desired, Key, Record, Revision, Route, Service},
            purge::Target,
            sample,
        },
        snapshot::{Snapshot, Version, delta::diff, sample::heard},
    };

    const ADDRESS: &str = "10.0.0.1:80";

    fn put(desired: &mut Desired, name: &str, endpoints: &[&str]) {
        let endpoints = endpoints.iter().map(|address| sample::endpoint(address)).collect();
        desired.put(Record::from(Service { endpoints, ..sample::service(name, &[]) }));
        desired.revision = desired.revision.next();
    }

    fn put_route(desired: &mut Desired, name: &str, prefix: &str, title: &str) {
        // Requests have one holder: each has a host of its own.
        let host = format!("{name}.test");
        desired.put(Record::from(Route { title: title.into(), ..sample::route(name, &[&host], prefix, "s0") }));
        desired.revision = desired.revision.next();
    }

    #[tokio::test]
    async fn publishes_what_is_desired_and_healthy_from_the_first_snapshot_on() {
        let mut loaded = Desired::default();
        put(&mut loaded, "a", &[ADDRESS]);
        let mut restored = HealthView::new();
        heard(&mut restored, "a", ADDRESS, Some(ADDRESS), Health::Healthy);
        let (desired, health) = (watch::Sender::new(loaded), watch::Sender::new(restored));
        let (publisher, mut published) = Publisher::new("c".into(), 7, desired.subscribe(), health.subscribe());
        let first = published.borrow_and_update().clone();
        assert_eq!((first.version, first.revision), (Version { epoch: 7, sequence: 1 }, Revision(1)));
        assert_eq!((first.resources.len(), first.pending.len()), (1, 0));
        let task = tokio::spawn(publisher.run(CancellationToken::new()));

        desired.send_modify(|desired| put(desired, "b", &[ADDRESS]));
        published.changed().await.unwrap();
        let second = published.borrow_and_update().clone();
        assert_eq!((second.version.sequence, second.revision, second.resources.len()), (2, Revision(2), 2));
        assert_eq!(second.pending, OrdMap::unit(sample::name("b"), 1));

        // A verdict against it changes nothing for data planes, and yet it is told.
        health.send_modify(|view| heard(view, "b", ADDRESS, Some(ADDRESS), Health::Unhealthy));
        published.changed().await.unwrap();
        let noted = published.borrow_and_update().clone();
        assert_eq!((noted.version, noted.pending.len()), (second.version, 0));

        health.send_modify(|view| heard(view, "b", ADDRESS, Some(ADDRESS), Health::Healthy));
        published.changed().await.unwrap();
        assert_eq!(published.borrow_and_update().version.sequence, 3);
        drop((desired, health));
        task.await.unwrap();
    }

    #[test]
    fn a_commit_that_data_planes_do_not_see_still_makes_a_version() {
        let before = (Desired::default(), HealthView::new());
        let mut now = before.clone();
        now.0.revision = Revision(4);
        let latest = Snapshot::empty("c".into(), 1);
        let next = advance(&latest, &before, &now).unwrap();
        assert_eq!((next.version.sequence, next.revision), (1, Revision(4)));
        assert!(advance(&next, &now, &now).is_none());
    }

    #[tokio::test]
    async fn routes_are_published_changed_and_taken_back() {
        let (desired, health) = (watch::Sender::new(Desired::default()), watch::Sender::new(HealthView::new()));
        let (publisher, mut published) = Publisher::new("c".into(), 7, desired.subscribe(), health.subscribe());
        published.mark_unchanged();
        let task = tokio::spawn(publisher.run(CancellationToken::new()));
        let change = |record: Result<Route, &str>| {
            desired.send_modify(|desired| {
                match record {
                    Ok(route) => drop(desired.put(route.into())),
                    Err(gone) => drop(desired.remove(&Key::Route(sample::route_name(gone)))),
                }
                desired.revision = desired.revision.next();
            });
        };
        let mut digests = Vec::new();
        for record in [
            Ok(sample::route("r", &["x.test"], "/", "a")),
            Ok(sample::route("r", &["x.test"], "/", "b")),
            // What data planes do not see makes a version, for they are to know the revision.
            Ok(Route { title: "Shop".into(), ..sample::route("r", &["x.test"], "/", "b") }),
            Err("r"),
        ] {
            change(record);
            published.changed().await.unwrap();
            let snapshot = published.borrow_and_update().clone();
            assert_eq!(snapshot.revision.0 + 1, snapshot.version.sequence);
            let names: Vec<_> = snapshot.resources.keys().map(|name| name.as_str().to_owned()).collect();
            digests.push((names, snapshot.digests.total()));
        }
        let names: Vec<usize> = digests.iter().map(|(names, _)| names.len()).collect();
        assert_eq!(names, [1, 1, 1, 0], "{digests:?}");
        assert_eq!(digests[0].0, ["routes/r"]);
        assert!(digests[0].1 != digests[1].1 && digests[1].1 == digests[2].1 && digests[3].1 == 0, "{digests:?}");
        drop((desired, health));
        task.await.unwrap();
    }

    #[test]
    fn a_change_of_a_consumer_is_one_resource_among_many() {
        let before = (Desired::default(), HealthView::new());
        let mut now = before.clone();
        for at in 0..1000 {
            now.0.put(sample::consumer(&format!("c{at}"), &[]).into());
        }
        now.0.revision = Revision(1);
        let first = advance(&Snapshot::empty("c".into(), 1), &before, &now).unwrap();
        assert_eq!(first.resources.len(), 1000);
        let before = now.clone();
        now.0.put(Consumer { keys: vec![sample::key(1)], ..sample::consumer("c7", &[]) }.into());
        now.0.remove(&Key::Consumer(sample::consumer_name("c8")));
        now.0.revision = Revision(2);
        let second = advance(&first, &before, &now).unwrap();
        let delta = diff(&first.resources, &second.resources);
        let upserts: Vec<_> = delta.upserts.iter().map(|resource| resource.name.as_str()).collect();
        let removals: Vec<_> = delta.removals.iter().map(|name| name.as_str()).collect();
        assert_eq!((upserts, removals), (vec!["consumers/c7"], vec!["consumers/c8"]));
        assert_eq!((second.version.sequence, second.revision), (2, Revision(2)));
    }

    #[test]
    fn purges_come_as_resources_of_their_own_and_touch_no_other() {
        let before = (Desired::default(), HealthView::new());
        let mut now = before.clone();
        put(&mut now.0, "a", &[ADDRESS]);
        let first = advance(&Snapshot::empty("c".into(), 1), &before, &now).unwrap();
        let before = now.clone();
        for revision in [2, 3] {
            now.0.put(Record::from(sample::purge(revision, Target::Host("a.test".into()))));
            now.0.revision = Revision(revision);
        }
        let second = advance(&first, &before, &now).unwrap();
        let names: Vec<_> = second.resources.keys().map(|name| name.as_str().to_owned()).collect();
        assert_eq!(
            (names, second.revision),
            (["purges/2", "purges/3", "services/a"].map(String::from).into(), Revision(3))
        );
        let before = now.clone();
        now.0.remove(&Key::Purge(Revision(2)));
        let third = advance(&second, &before, &now).unwrap();
        let delta = diff(&second.resources, &third.resources);
        let gone: Vec<_> = delta.removals.iter().map(|name| name.as_str().to_owned()).collect();
        assert_eq!((delta.upserts.len(), gone), (0, vec!["purges/2".to_owned()]));
    }

    proptest! {
        /// A snapshot that was reached step by step is the one that is built at once.
        #[test]
        fn steps_lead_to_the_same_snapshot_as_a_fresh_start(
            steps in proptest::collection::vec((0u8..6, 0u8..6, 0u8..3, 0u8..3), 0..60),
        ) {
            let nothing = (Desired::default(), HealthView::new());
            let mut now = nothing.clone();
            let mut snapshot = Snapshot::empty("c".into(), 1);
            for (step, service, endpoint, verdict) in steps {
                let before = now.clone();
                let name = format!("s{service}");
                let address = format!("10.0.0.{endpoint}:80");
                match step {
                    0 => put(&mut now.0, &name, &[ADDRESS, &address][usize::from(endpoint == 1)..]),
                    1 => drop(now.0.remove(&Key::Service(sample::name(&name)))),
                    2 => {
                        let health = [Health::Pending, Health::Healthy, Health::Unhealthy][usize::from(verdict)];
                        heard(&mut now.1, &name, &address, Some(&address), health);
                    }
                    3 => put_route(&mut now.0, &format!("r{service}"), &format!("/{endpoint}"), ["", "Shop", "Other"][usize::from(verdict)]),
                    4 => drop(now.0.remove(&Key::Route(sample::route_name(&format!("r{service}"))))),
                    _ => drop(now.1.remove(&now.1.keys().next().cloned().unwrap_or_else(unused_key))),
                }
                if let Some(next) = advance(&snapshot, &before, &now) {
                    snapshot = next;
                }
            }
            let fresh = advance(&Snapshot::empty("c".into(), 1), &nothing, &now).unwrap_or(Snapshot::empty("c".into(), 1));
            prop_assert_eq!(&snapshot.resources, &fresh.resources);
            prop_assert_eq!(&snapshot.digests, &fresh.digests);
            prop_assert_eq!(&snapshot.pending, &fresh.pending);
        }
    }

    fn unused_key() -> crate::health::EndpointKey {
        let endpoint = sample::endpoint(ADDRESS).address;
        crate::health::EndpointKey { service: sample::name("unused"), endpoint, address: None }
    }
}
