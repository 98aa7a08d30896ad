//! What a command makes of the registry. Pure: the current state in, the commit out.

use std::{collections::HashMap, sync::Arc};

use gateway_proto::host::HostPattern;
use jiff::Timestamp;

use super::{
    draft::{self, Draft, DraftEndpoint},
    model::{Desired, EndpointAddress, Revision, Service, ServiceName},
};
use crate::{
    error::{RegistryError, TakenHost},
    store::{Batch, Expect, Precondition},
};

/// What a command comes to.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What to commit; `None` if everything is already so.
    pub batch: Option<Batch>,
    /// What becomes of each service, in the order of the command.
    pub outcomes: Vec<Outcome>,
    /// The state when the commit is done.
    pub next: Desired,
}

/// What becomes of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The service as it then is.
    pub service: Arc<Service>,
    /// What it came to.
    pub change: ChangeKind,
}

/// What one service of a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// It is different.
    Updated,
    /// It was already so.
    Unchanged,
}

type Planned = Result<Plan, RegistryError>;

/// Adds a service.
pub(super) fn create(now: &Desired, draft: Draft, at: Timestamp) -> Planned {
    if now.services.contains_key(&draft.name) {
        return Err(RegistryError::Exists { service: draft.name });
    }
    put(now, vec![draft.into_service()], at)
}

/// Replaces a service.
pub(super) fn update(now: &Desired, draft: Draft, expected: Option<Revision>, at: Timestamp) -> Planned {
    check_revision(find(now, &draft.name)?, expected)?;
    put(now, vec![draft.into_service()], at)
}

/// Adds a service, or adds to the one of its name.
pub(super) fn register(now: &Desired, draft: Draft, at: Timestamp) -> Planned {
    let service = match now.services.get(&draft.name) {
        Some(service) => draft.merged_into(service)?,
        None => draft.into_service(),
    };
    put(now, vec![service], at)
}

/// Adds endpoints to a service.
pub(super) fn add_endpoints(now: &Desired, name: &ServiceName, more: Vec<DraftEndpoint>, at: Timestamp) -> Planned {
    let mut service = Service::clone(find(now, name)?);
    draft::merge_endpoints(&mut service.endpoints, more);
    draft::check_counts(&service, "")?;
    put(now, vec![service], at)
}

/// Takes endpoints from a service: all of these or none.
pub(super) fn remove_endpoints(now: &Desired, name: &ServiceName, gone: &[EndpointAddress], at: Timestamp) -> Planned {
    let mut service = Service::clone(find(now, name)?);
    let is_there = |address: &&EndpointAddress| service.endpoints.iter().any(|known| known.address == **address);
    let missing: Vec<EndpointAddress> = gone.iter().filter(|address| !is_there(address)).cloned().collect();
    if !missing.is_empty() {
        return Err(RegistryError::EndpointsNotFound { service: name.clone(), endpoints: missing });
    }
    service.endpoints.retain(|endpoint| !gone.contains(&endpoint.address));
    put(now, vec![service], at)
}

/// Removes a service.
pub(super) fn delete(now: &Desired, name: &ServiceName, expected: Option<Revision>, at: Timestamp) -> Planned {
    let service = find(now, name)?;
    check_revision(service, expected)?;
    let expect = Expect::At(service.revision);
    let batch = Batch {
        base: Some(now.revision),
        preconditions: vec![Precondition { service: name.clone(), expect }],
        deletes: vec![name.clone()],
        puts: Vec::new(),
        at,
    };
    let mut next = now.clone();
    next.remove(name);
    next.revision = now.revision.next();
    Ok(Plan { batch: Some(batch), outcomes: Vec::new(), next })
}

/// Creates and replaces many services at once.
pub(super) fn apply(now: &Desired, drafts: Vec<Draft>, at: Timestamp) -> Planned {
    put(now, drafts.into_iter().map(Draft::into_service).collect(), at)
}

fn find<'a>(now: &'a Desired, name: &ServiceName) -> Result<&'a Arc<Service>, RegistryError> {
    now.services.get(name).ok_or_else(|| RegistryError::NotFound { service: name.clone() })
}

fn check_revision(service: &Service, expected: Option<Revision>) -> Result<(), RegistryError> {
    match expected {
        Some(expected) if expected != service.revision => {
            Err(RegistryError::StaleRevision { service: service.name.clone(), expected, actual: service.revision })
        }
        Some(_) | None => Ok(()),
    }
}

/// Writes whole services of distinct names; those that are already so are left alone.
fn put(now: &Desired, services: Vec<Service>, at: Timestamp) -> Planned {
    let revision = now.revision.next();
    let mut batch = Batch { base: Some(now.revision), at, ..Batch::default() };
    let mut outcomes = Vec::with_capacity(services.len());
    for mut service in services {
        let old = now.services.get(&service.name);
        if let Some(old) = old.filter(|old| old.asks_the_same_as(&service)) {
            outcomes.push(Outcome { service: Arc::clone(old), change: ChangeKind::Unchanged });
            continue;
        }
        service.revision = revision;
        service.created_at = old.map_or(at, |old| old.created_at);
        // A clock may go back; a service is not changed before it was created.
        service.updated_at = at.max(service.created_at);
        let service = Arc::new(service);
        let expect = old.map_or(Expect::Absent, |old| Expect::At(old.revision));
        batch.preconditions.push(Precondition { service: service.name.clone(), expect });
        batch.puts.push(Arc::clone(&service));
        let change = if old.is_some() { ChangeKind::Updated } else { ChangeKind::Created };
        outcomes.push(Outcome { service, change });
    }
    check_hosts(now, &batch.puts)?;
    if batch.puts.is_empty() {
        return Ok(Plan { batch: None, outcomes, next: now.clone() });
    }
    let mut next = now.clone();
    for service in &batch.puts {
        next.put(Arc::clone(service));
    }
    next.revision = revision;
    Ok(Plan { batch: Some(batch), outcomes, next })
}

/// Whether each host is free, its service's own, or given up by its owner in the same change.
fn check_hosts(now: &Desired, puts: &[Arc<Service>]) -> Result<(), RegistryError> {
    let changed: HashMap<&ServiceName, &Service> = puts.iter().map(|service| (&service.name, &**service)).collect();
    let mut claimed: HashMap<&HostPattern, &ServiceName> = HashMap::new();
    let mut taken = Vec::new();
    for service in puts {
        for host in &service.hosts {
            let keeps = |owner: &&ServiceName| changed.get(*owner).is_none_or(|owner| owner.hosts.contains(host));
            let owner = now.hosts.get(host).filter(|owner| **owner != service.name).filter(keeps);
            if let Some(owner) = owner.or_else(|| claimed.get(host).copied()) {
                taken.push(TakenHost { host: host.clone(), owner: owner.clone(), wanted_by: service.name.clone() });
            }
            claimed.entry(host).or_insert(&service.name);
        }
    }
    if taken.is_empty() { Ok(()) } else { Err(RegistryError::HostTaken(taken)) }
}

#[cfg(test)]
mod tests;
