//! What a command makes of the registry. Pure: the current state in, the commit out.

use std::sync::Arc;

use gateway_proto::violation::Path;
use jiff::Timestamp;

use super::{
    draft::{self, Draft, DraftEndpoint, Wanted},
    model::{Consumer, Desired, EndpointAddress, Key, Purge, Record, Revision, Route, RouteName, Service, ServiceName},
    purge::{Mode, Target},
};
use crate::{
    error::RegistryError,
    store::{Batch, Expect, Precondition},
};

mod check;
mod consumers;

pub(super) use self::consumers::{
    create_consumer, create_key, delete_consumer, revoke_key, set_password, update_consumer,
};

/// What a command comes to.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What to commit; `None` if everything is already so.
    pub batch: Option<Batch>,
    /// What becomes of each service, in the order of the command.
    pub services: Vec<Outcome<Service>>,
    /// What becomes of each route, in the order of the command.
    pub routes: Vec<Outcome<Route>>,
    /// What becomes of each consumer, in the order of the command.
    pub consumers: Vec<Outcome<Consumer>>,
    /// The state when the commit is done.
    pub next: Desired,
}

/// What becomes of one service, route or consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<T> {
    /// The service, route or consumer as it then is.
    pub resource: Arc<T>,
    /// What it came to.
    pub change: ChangeKind,
}

/// What one service, route or consumer of a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// It is different.
    Updated,
    /// It was already so.
    Unchanged,
}

impl Plan {
    /// Nothing to commit.
    fn nothing(now: &Desired) -> Self {
        let (services, routes, consumers) = (Vec::new(), Vec::new(), Vec::new());
        Self { batch: None, services, routes, consumers, next: now.clone() }
    }

    /// A commit of which nothing is told but that it is done.
    fn of(batch: Batch, next: Desired) -> Self {
        Self { batch: Some(batch), services: Vec::new(), routes: Vec::new(), consumers: Vec::new(), next }
    }
}

type Planned = Result<Plan, RegistryError>;

/// Whole records to write, those of a kind of distinct names.
#[derive(Default)]
struct Whole {
    services: Vec<Service>,
    routes: Vec<Route>,
    consumers: Vec<Consumer>,
}

/// Where a request has its routes, by their place in it.
type RoutePath = fn(usize) -> Path<'static>;

const ONE_ROUTE: RoutePath = |_| Path::Root("route");
const ROUTES: RoutePath = |at| Path::Item(&Path::Root("routes"), at);

/// Adds a service.
pub(super) fn create(now: &Desired, draft: Draft, at: Timestamp) -> Planned {
    if now.services.contains_key(&draft.name) {
        return Err(RegistryError::Exists(Key::Service(draft.name)));
    }
    put_service(now, draft.into_service(), at)
}

/// Replaces a service.
pub(super) fn update(now: &Desired, draft: Draft, expected: Option<Revision>, at: Timestamp) -> Planned {
    check_revision(now, &Key::Service(draft.name.clone()), expected)?;
    put_service(now, draft.into_service(), at)
}

/// Adds a service, or adds to the one of its name.
pub(super) fn register(now: &Desired, draft: Draft, at: Timestamp) -> Planned {
    let service = match now.services.get(&draft.name) {
        Some(service) => draft.merged_into(service)?,
        None => draft.into_service(),
    };
    put_service(now, service, at)
}

/// Adds endpoints to a service.
pub(super) fn add_endpoints(now: &Desired, name: &ServiceName, more: Vec<DraftEndpoint>, at: Timestamp) -> Planned {
    let mut service = find(now, name)?;
    draft::merge_endpoints(&mut service.endpoints, more);
    draft::check_counts(&service, "")?;
    put_service(now, service, at)
}

/// Takes endpoints from a service: all of these or none.
pub(super) fn remove_endpoints(now: &Desired, name: &ServiceName, gone: &[EndpointAddress], at: Timestamp) -> Planned {
    let mut service = find(now, name)?;
    let is_there = |address: &&EndpointAddress| service.endpoints.iter().any(|known| known.address == **address);
    let missing: Vec<EndpointAddress> = gone.iter().filter(|address| !is_there(address)).cloned().collect();
    if !missing.is_empty() {
        return Err(RegistryError::EndpointsNotFound { service: name.clone(), endpoints: missing });
    }
    service.endpoints.retain(|endpoint| !gone.contains(&endpoint.address));
    put_service(now, service, at)
}

/// Removes a service that no route leads to.
pub(super) fn delete(now: &Desired, name: &ServiceName, expected: Option<Revision>, at: Timestamp) -> Planned {
    let key = Key::Service(name.clone());
    let revision = check_revision(now, &key, expected)?;
    check::is_unused(now, name)?;
    Ok(remove(now, key, revision, at))
}

/// Adds a route.
pub(super) fn create_route(now: &Desired, route: Route, at: Timestamp) -> Planned {
    let name = route.name();
    if now.routes.contains_key(&name) {
        return Err(RegistryError::Exists(Key::Route(name)));
    }
    put(now, Whole { routes: vec![route], ..Whole::default() }, ONE_ROUTE, at)
}

/// Replaces a route.
pub(super) fn update_route(now: &Desired, route: Route, expected: Option<Revision>, at: Timestamp) -> Planned {
    check_revision(now, &Key::Route(route.name()), expected)?;
    put(now, Whole { routes: vec![route], ..Whole::default() }, ONE_ROUTE, at)
}

/// Removes a route.
pub(super) fn delete_route(now: &Desired, name: &RouteName, expected: Option<Revision>, at: Timestamp) -> Planned {
    let key = Key::Route(name.clone());
    let revision = check_revision(now, &key, expected)?;
    Ok(remove(now, key, revision, at))
}

/// Creates and replaces many services, routes and consumers at once.
pub(super) fn apply(now: &Desired, wanted: Wanted, at: Timestamp) -> Planned {
    let Wanted { services, routes, consumers } = wanted;
    let services = services.into_iter().map(Draft::into_service).collect();
    put(now, Whole { services, routes, consumers }, ROUTES, at)
}

/// Adds a purge, and takes away those that are not kept beside it.
pub(super) fn purge(now: &Desired, target: Target, mode: Mode, at: Timestamp) -> Plan {
    let newest = now.purges.newest();
    // A clock may go back; purges are in the order of their times too, for the oldest go first.
    let created_at = newest.map_or(at, |newest| at.max(newest.created_at));
    let outdated = now.purges.outdated(target.text().len(), created_at);
    let floor = outdated.last().copied().or(newest.map(|newest| newest.floor)).unwrap_or_default();
    let purge = Record::from(Purge { revision: now.revision.next(), target, mode, floor, created_at });
    let deletes: Vec<Key> = outdated.into_iter().map(Key::Purge).collect();
    let mut next = now.clone();
    for key in &deletes {
        next.remove(key);
    }
    next.put(purge.clone());
    next.revision = now.revision.next();
    let batch = Batch { base: Some(now.revision), deletes, puts: vec![purge], at, ..Batch::default() };
    Plan::of(batch, next)
}

fn find(now: &Desired, name: &ServiceName) -> Result<Service, RegistryError> {
    let found = now.services.get(name).map(|service| Service::clone(service));
    found.ok_or_else(|| RegistryError::NotFound(Key::Service(name.clone())))
}

/// The revision of what is there, which is the one that is expected.
fn check_revision(now: &Desired, key: &Key, expected: Option<Revision>) -> Result<Revision, RegistryError> {
    let Some(actual) = now.get(key).map(|found| found.revision()) else {
        return Err(RegistryError::NotFound(key.clone()));
    };
    match expected {
        Some(expected) if expected != actual => {
            Err(RegistryError::StaleRevision { key: key.clone(), expected, actual })
        }
        Some(_) | None => Ok(actual),
    }
}

fn remove(now: &Desired, key: Key, revision: Revision, at: Timestamp) -> Plan {
    let mut next = now.clone();
    next.remove(&key);
    next.revision = now.revision.next();
    let preconditions = vec![Precondition { key: key.clone(), expect: Expect::At(revision) }];
    let batch = Batch { base: Some(now.revision), preconditions, deletes: vec![key], at, ..Batch::default() };
    Plan::of(batch, next)
}

fn put_service(now: &Desired, service: Service, at: Timestamp) -> Planned {
    put(now, Whole { services: vec![service], ..Whole::default() }, ROUTES, at)
}

/// Writes whole records; those that are already so are left alone.
fn put(now: &Desired, whole: Whole, path: RoutePath, at: Timestamp) -> Planned {
    let Whole { services, routes, consumers } = whole;
    let mut batch = Batch { base: Some(now.revision), at, ..Batch::default() };
    let services: Vec<_> = services.into_iter().map(|service| plan_service(now, service, &mut batch)).collect();
    let routes: Vec<_> = routes.into_iter().map(|route| plan_route(now, route, &mut batch)).collect();
    let consumers: Vec<_> = consumers.into_iter().map(|consumer| consumers::plan(now, consumer, &mut batch)).collect();
    if batch.puts.is_empty() {
        return Ok(Plan { batch: None, services, routes, consumers, next: now.clone() });
    }
    check::hosts(now, &services)?;
    let next = after(now, &batch);
    check::references(&next, &routes, path)?;
    check::claims(now, &routes, path)?;
    Ok(Plan { batch: Some(batch), services, routes, consumers, next })
}

/// The state when a batch that deletes nothing is committed.
fn after(now: &Desired, batch: &Batch) -> Desired {
    let mut next = now.clone();
    for record in &batch.puts {
        next.put(record.clone());
    }
    next.revision = now.revision.next();
    next
}

fn plan_service(now: &Desired, mut service: Service, batch: &mut Batch) -> Outcome<Service> {
    let old = now.services.get(&service.name);
    if let Some(old) = old.filter(|old| old.asks_the_same_as(&service)) {
        return Outcome { resource: Arc::clone(old), change: ChangeKind::Unchanged };
    }
    service.revision = now.revision.next();
    (service.created_at, service.updated_at) = times(old.map(|old| old.created_at), batch.at);
    let (service, old) = (Arc::new(service), old.map(|old| old.revision));
    plan_put(Record::Service(Arc::clone(&service)), old, batch);
    Outcome { resource: service, change: change(old) }
}

fn plan_route(now: &Desired, mut route: Route, batch: &mut Batch) -> Outcome<Route> {
    let old = now.routes.get(&route.name());
    if let Some(old) = old.filter(|old| old.asks_the_same_as(&route)) {
        return Outcome { resource: Arc::clone(old), change: ChangeKind::Unchanged };
    }
    route.revision = now.revision.next();
    (route.created_at, route.updated_at) = times(old.map(|old| old.created_at), batch.at);
    let (route, old) = (Arc::new(route), old.map(|old| old.revision));
    plan_put(Record::Route(Arc::clone(&route)), old, batch);
    Outcome { resource: route, change: change(old) }
}

fn plan_put(record: Record, old: Option<Revision>, batch: &mut Batch) {
    let expect = old.map_or(Expect::Absent, Expect::At);
    batch.preconditions.push(Precondition { key: record.key(), expect });
    batch.puts.push(record);
}

fn change(old: Option<Revision>) -> ChangeKind {
    if old.is_some() { ChangeKind::Updated } else { ChangeKind::Created }
}

/// When something was created and when it was changed last. A clock may go back; nothing is changed
/// before it was created.
fn times(created: Option<Timestamp>, at: Timestamp) -> (Timestamp, Timestamp) {
    let created = created.unwrap_or(at);
    (created, at.max(created))
}

#[cfg(test)]
mod tests;
