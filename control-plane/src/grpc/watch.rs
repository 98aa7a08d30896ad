//! One client's watch: the registry's changes and the endpoints' transitions, merged.
//!
//! A watch runs as fast as its client reads, and keeps no more than one commit and two copies of
//! the view of health; a client that falls behind the store's history is told so.

use std::{collections::VecDeque, future::ready, ops::Bound, sync::Arc};

use futures_util::{Stream, stream};
use gateway_proto::registry::v1::{self as pb, watch_response::Event as WireEvent};
use imbl::{OrdMap, ordmap::DiffItem};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{convert, endpoint_status, refusal};
use crate::{
    auth::Actor,
    error::RegistryError,
    health::{EndpointHealth, EndpointKey, HealthView},
    registry::{
        Registry,
        model::{ConsumerName, Desired, Key, Record, Revision, RouteName, ServiceName},
    },
    store::{Change, Changes},
    time::timestamp,
};

/// Parts of the current state that are prepared at once.
const CHUNK: usize = 256;

/// A watch between two events.
#[derive(Debug)]
pub(super) struct Watcher {
    registry: Registry,
    changes: Changes,
    health: watch::Receiver<HealthView>,
    stop: CancellationToken,
    /// The revision of the last event.
    revision: Revision,
    /// Who asked for it.
    actor: Actor,
    /// The view of health that was told.
    told: HealthView,
    /// The view that is told next, after the changes that came before it.
    seen: Option<HealthView>,
    /// What is still to be told of the state at the beginning.
    current: Option<Current>,
    ready: VecDeque<Event>,
}

/// How far the telling of the current state has come.
#[derive(Debug)]
enum Current {
    Services(Desired, Option<ServiceName>),
    Routes(Desired, Option<RouteName>),
    Consumers(Desired, Option<ConsumerName>),
    Health(Option<EndpointKey>),
}

#[derive(Debug)]
enum Event {
    Upserted(Record),
    Deleted(Key, Timestamp),
    Health(EndpointKey, Arc<EndpointHealth>),
    Synced,
    /// What follows is of this revision, and who asked for it.
    Revision(Revision, Actor),
}

impl Watcher {
    /// A watch that tells the current state first.
    pub(super) fn from_current(
        registry: Registry,
        mut health: watch::Receiver<HealthView>,
        stop: CancellationToken,
    ) -> Result<Self, RegistryError> {
        // In this order, so that the endpoints are those of services that are told.
        let told = health.borrow_and_update().clone();
        let desired = registry.desired().borrow().clone();
        let (changes, revision) = (registry.watch(desired.revision)?, desired.revision);
        let current = Some(Current::Services(desired, None));
        Ok(Self {
            registry,
            changes,
            health,
            stop,
            revision,
            actor: Actor::default(),
            told,
            seen: None,
            current,
            ready: VecDeque::new(),
        })
    }

    /// A watch that tells what follows a revision, or what follows now.
    pub(super) fn after(
        registry: Registry,
        mut health: watch::Receiver<HealthView>,
        stop: CancellationToken,
        revision: Option<Revision>,
    ) -> Result<Self, RegistryError> {
        let told = health.borrow_and_update().clone();
        let revision = revision.unwrap_or_else(|| registry.desired().borrow().revision);
        let changes = registry.watch(revision)?;
        Ok(Self {
            registry,
            changes,
            health,
            stop,
            revision,
            actor: Actor::default(),
            told,
            seen: None,
            current: None,
            ready: VecDeque::new(),
        })
    }

    /// The events. They end without an error when the control plane stops.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<pb::WatchResponse, Status>> + Send {
        stream::unfold(Some(self), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await {
                Some(Ok(event)) => Some((Ok(event), Some(watcher))),
                Some(Err(err)) => Some((Err(refusal::status(&err)), None)),
                None => None,
            }
        })
    }

    async fn next(&mut self) -> Option<Result<pb::WatchResponse, RegistryError>> {
        loop {
            if self.stop.is_cancelled() {
                return None;
            }
            while let Some(event) = self.ready.pop_front() {
                if let Some(response) = self.respond(event) {
                    return Some(Ok(response));
                }
            }
            if let Some(current) = self.current.take() {
                self.tell_current(current);
                continue;
            }
            tokio::select! {
                // A service is told before its endpoints: its change came before any view of them.
                biased;
                () = self.stop.cancelled() => return None,
                change = self.changes.next() => match change {
                    Ok(change) => self.tell_change(&change),
                    Err(err) => return Some(Err(err.into())),
                },
                () = ready(()), if self.seen.is_some() => self.tell_health(),
                changed = self.health.changed() => match changed {
                    Ok(()) => self.seen = Some(self.health.borrow_and_update().clone()),
                    // The monitor has ended, for the control plane is stopping.
                    Err(_) => return None,
                },
            }
        }
    }

    fn tell_current(&mut self, current: Current) {
        self.current = match current {
            Current::Services(desired, last) => {
                let rest = chunk(&desired.services, last.as_ref());
                let last = rest.last().map(|(name, _)| name.clone());
                self.ready.extend(rest.into_iter().map(|(_, service)| Event::Upserted(Record::Service(service))));
                Some(if last.is_some() { Current::Services(desired, last) } else { Current::Routes(desired, None) })
            }
            Current::Routes(desired, last) => {
                let rest = chunk(&desired.routes, last.as_ref());
                let last = rest.last().map(|(name, _)| name.clone());
                self.ready.extend(rest.into_iter().map(|(_, route)| Event::Upserted(Record::Route(route))));
                Some(if last.is_some() { Current::Routes(desired, last) } else { Current::Consumers(desired, None) })
            }
            Current::Consumers(desired, last) => {
                let rest = chunk(&desired.consumers, last.as_ref());
                let last = rest.last().map(|(name, _)| name.clone());
                self.ready.extend(rest.into_iter().map(|(_, consumer)| Event::Upserted(Record::Consumer(consumer))));
                Some(if last.is_some() { Current::Consumers(desired, last) } else { Current::Health(None) })
            }
            Current::Health(last) => {
                let rest = chunk(&self.told, last.as_ref());
                let last = rest.last().map(|(key, _)| key.clone());
                self.push_health(rest);
                if last.is_none() {
                    self.ready.push_back(Event::Synced);
                }
                last.map(|last| Current::Health(Some(last)))
            }
        };
    }

    fn tell_change(&mut self, change: &Change) {
        let Change { revision, at, deletes, puts, tokens: _, credentials: _, actor } = change;
        self.ready.push_back(Event::Revision(*revision, actor.clone()));
        self.ready.extend(deletes.iter().map(|key| Event::Deleted(key.clone(), *at)));
        self.ready.extend(puts.iter().cloned().map(Event::Upserted));
    }

    fn tell_health(&mut self) {
        let Some(view) = self.seen.take() else { return };
        let mut news = Vec::new();
        for item in self.told.diff(&view) {
            let (key, health) = match item {
                DiffItem::Add(key, health) => (key, health),
                DiffItem::Update { old: (_, old), new: (key, health) } => {
                    if (old.health, &old.reason) == (health.health, &health.reason) {
                        continue;
                    }
                    (key, health)
                }
                // Addresses go with their service or endpoint, or because a name moved on.
                DiffItem::Remove(..) => continue,
            };
            news.push((key.clone(), Arc::clone(health)));
        }
        self.told = view;
        self.push_health(news);
    }

    /// Makes events of what is known of addresses. The view lags behind the registry: what it still
    /// holds of a service that is deleted is not told, for that comes or came before.
    fn push_health(&mut self, known: Vec<(EndpointKey, Arc<EndpointHealth>)>) {
        let desired = self.registry.desired();
        let desired = desired.borrow();
        let current = known.into_iter().filter(|(key, _)| desired.services.contains_key(&key.service));
        self.ready.extend(current.map(|(key, health)| Event::Health(key, health)));
    }

    fn respond(&mut self, event: Event) -> Option<pb::WatchResponse> {
        // Health is nobody's doing.
        let actor =
            if matches!(event, Event::Health(..) | Event::Synced) { "" } else { self.actor.as_str() }.to_owned();
        let (time, event) = match event {
            Event::Revision(revision, actor) => {
                (self.revision, self.actor) = (revision, actor);
                return None;
            }
            Event::Upserted(Record::Service(service)) => {
                (service.updated_at, WireEvent::ServiceUpserted(convert::service(&service)))
            }
            Event::Upserted(Record::Route(route)) => (route.updated_at, WireEvent::RouteUpserted((&*route).into())),
            Event::Upserted(Record::Consumer(consumer)) => {
                (consumer.updated_at, WireEvent::ConsumerUpserted((&*consumer).into()))
            }
            Event::Upserted(Record::Purge(purge)) => (purge.created_at, WireEvent::CachePurged((&*purge).into())),
            // It is not kept any more, which concerns nobody.
            Event::Deleted(Key::Purge(_), _) => return None,
            Event::Deleted(Key::Service(name), at) => (at, WireEvent::ServiceDeleted(name.to_string())),
            Event::Deleted(Key::Route(name), at) => (at, WireEvent::RouteDeleted(name.to_string())),
            Event::Deleted(Key::Consumer(name), at) => (at, WireEvent::ConsumerDeleted(name.to_string())),
            Event::Health(key, health) => (health.since, WireEvent::EndpointStatus(endpoint_status(&key, &health))),
            Event::Synced => (self.registry.now(), WireEvent::Synced(pb::Synced {})),
        };
        let revision = self.revision.0;
        Some(pb::WatchResponse { revision, time: Some(timestamp(time)), event: Some(event), actor })
    }
}

/// The next entries after a key, or the first; none at the end.
fn chunk<K: Ord + Clone, V>(map: &OrdMap<K, Arc<V>>, last: Option<&K>) -> Vec<(K, Arc<V>)> {
    let start = last.map_or(Bound::Unbounded, Bound::Excluded);
    let rest = map.range::<_, K>((start, Bound::Unbounded)).take(CHUNK);
    rest.map(|(key, value)| (key.clone(), Arc::clone(value))).collect()
}

#[cfg(test)]
mod tests;
