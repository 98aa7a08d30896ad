//! What a store holds, and what batches make of it. Pure.

use std::{collections::HashSet, sync::Arc};

use imbl::OrdMap;

use super::{
    Batch, Change, Expect, HealthRecord, Loaded, Precondition, StoreError, TokenChange, TokenNote,
    audit::{Entry, Place},
    codec,
    image::{Head, Image},
};
use crate::{
    auth::{
        Actor,
        token::{Kept, TokenId, Tokens},
    },
    registry::model::{Desired, EndpointAddress, Key, Record, Service, ServiceName},
};

/// Everything in a store; a copy costs nothing.
#[derive(Debug, Clone)]
pub(super) struct State {
    cluster_id: Arc<str>,
    desired: Desired,
    /// The wrapping sum of the records' digests.
    digest: u64,
    health: OrdMap<ServiceName, OrdMap<EndpointAddress, Arc<HealthRecord>>>,
    tokens: Tokens,
}

impl State {
    pub(super) fn new(loaded: Loaded) -> Self {
        let Loaded { cluster_id, desired, health, tokens } = loaded;
        let digest = digest(&desired);
        let mut state = Self { cluster_id: cluster_id.into(), desired, digest, health: OrdMap::new(), tokens };
        for record in health {
            state.record_health(record, &mut Image::default());
        }
        state
    }

    pub(super) fn desired(&self) -> &Desired {
        &self.desired
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    pub(super) fn loaded(&self) -> Loaded {
        let health = self.health.values().flat_map(OrdMap::values).map(|record| HealthRecord::clone(record));
        Loaded {
            cluster_id: self.cluster_id.to_string(),
            desired: self.desired.clone(),
            health: health.collect(),
            tokens: self.tokens.clone(),
        }
    }

    /// Checks a batch and applies it whole, or changes nothing. What is to be written goes into
    /// `image`.
    pub(super) fn commit(&mut self, batch: Batch, image: &mut Image) -> Result<Change, StoreError> {
        let Batch { base, preconditions, mut deletes, puts, tokens, credentials, at, actor } = batch;
        if let Some(expected) = base.filter(|base| *base != self.desired.revision) {
            return Err(StoreError::Moved { expected, actual: self.desired.revision });
        }
        for precondition in preconditions {
            self.check(precondition)?;
        }
        let revision = self.desired.revision.next();
        let written: HashSet<Key> = puts.iter().map(Record::key).collect();
        deletes.retain(|key| !written.contains(key));
        for key in &deletes {
            self.delete(key, image);
        }
        let mut change = Change { revision, at, deletes, puts, tokens, credentials, actor };
        for record in &mut change.puts {
            record.set_revision(revision);
            self.put(record, image);
        }
        for token in &change.tokens {
            self.change_token(token, image);
        }
        self.desired.revision = revision;
        image.audit.insert(Place::of(revision), Entry::of(&change));
        image.head = Some(self.head());
        Ok(change)
    }

    fn head(&self) -> Head {
        let format = codec::format_of_store(&self.desired, &self.tokens);
        Head { revision: self.desired.revision, digest: self.digest, format }
    }

    fn change_token(&mut self, change: &TokenChange, image: &mut Image) {
        match change {
            TokenChange::Create(kept) => self.keep_token(Arc::clone(kept), image),
            TokenChange::Revoke(id) => {
                if self.tokens.remove(id).is_some() {
                    image.tokens.insert(id.clone(), None);
                }
            }
        }
    }

    fn keep_token(&mut self, kept: Arc<Kept>, image: &mut Image) {
        image.tokens.insert(kept.id.clone(), Some(Arc::clone(&kept)));
        self.tokens.insert(kept.id.clone(), kept);
    }

    /// Takes over what is to be kept of a token. What is to be written goes into `image`.
    pub(super) fn note_token(&mut self, note: TokenNote, image: &mut Image) {
        match note {
            TokenNote::First(kept) => {
                let first = || Entry::begin(kept.created_at, &Actor::first_start());
                image.audit.entry(Place::after(self.desired.revision)).or_insert_with(first).add_token(&kept);
                self.keep_token(kept, image);
                // The first token makes the store one that earlier programs must refuse.
                image.head = Some(self.head());
            }
            TokenNote::Used(id, at) => self.use_token(&id, at, image),
        }
    }

    /// A token that has been revoked meanwhile stays so.
    fn use_token(&mut self, id: &TokenId, at: jiff::Timestamp, image: &mut Image) {
        let Some(kept) = self.tokens.get(id) else { return };
        let used = Kept { last_used_at: Some(at), ..Kept::clone(kept) };
        self.keep_token(Arc::new(used), image);
    }

    fn check(&self, precondition: Precondition) -> Result<(), StoreError> {
        let Precondition { key, expect } = precondition;
        let actual = self.desired.get(&key).map(|record| record.revision());
        let holds = match expect {
            Expect::Absent => actual.is_none(),
            Expect::At(revision) => actual == Some(revision),
        };
        if holds { Ok(()) } else { Err(StoreError::Precondition { key, expected: expect, actual }) }
    }

    fn delete(&mut self, key: &Key, image: &mut Image) {
        if let Some(old) = self.desired.remove(key) {
            self.digest = self.digest.wrapping_sub(codec::digest(&old));
            image.records.insert(key.clone(), None);
        }
        match key {
            Key::Service(name) => {
                for endpoint in self.health.remove(name).unwrap_or_default().keys() {
                    image.health.insert((name.clone(), endpoint.clone()), None);
                }
            }
            Key::Consumer(_) | Key::Purge(_) | Key::Route(_) => {}
        }
    }

    fn put(&mut self, record: &Record, image: &mut Image) {
        let old = self.desired.put(record.clone());
        let old = old.map_or(0, |old| codec::digest(&old));
        self.digest = self.digest.wrapping_sub(old).wrapping_add(codec::digest(record));
        image.records.insert(record.key(), Some(record.clone()));
        match record {
            Record::Service(service) => self.forget_endpoints(service, image),
            Record::Consumer(_) | Record::Purge(_) | Record::Route(_) => {}
        }
    }

    /// Forgets what is known of endpoints that the service does not have any more.
    fn forget_endpoints(&mut self, service: &Service, image: &mut Image) {
        let Some(known) = self.health.get_mut(&service.name) else { return };
        let kept: HashSet<&EndpointAddress> = service.endpoints.iter().map(|endpoint| &endpoint.address).collect();
        let gone: Vec<EndpointAddress> = known.keys().filter(|endpoint| !kept.contains(endpoint)).cloned().collect();
        for endpoint in gone {
            known.remove(&endpoint);
            image.health.insert((service.name.clone(), endpoint), None);
        }
    }

    /// Takes over what is known of an endpoint. What is to be written goes into `image`.
    pub(super) fn record_health(&mut self, record: HealthRecord, image: &mut Image) {
        let HealthRecord { service, endpoint, addresses } = &record;
        let registered = self.desired.services.get(service);
        if !registered.is_some_and(|service| service.endpoints.iter().any(|known| known.address == *endpoint)) {
            return;
        }
        let known = self.health.get(service).and_then(|endpoints| endpoints.get(endpoint));
        if known.map_or(addresses.is_empty(), |known| **known == record) {
            return;
        }
        let key = (service.clone(), endpoint.clone());
        let endpoints = self.health.entry(service.clone()).or_default();
        if addresses.is_empty() {
            endpoints.remove(endpoint);
            image.health.insert(key, None);
        } else {
            let record = Arc::new(record);
            endpoints.insert(key.1.clone(), Arc::clone(&record));
            image.health.insert(key, Some(record));
        }
    }
}

/// The wrapping sum of the records' digests.
pub(super) fn digest(desired: &Desired) -> u64 {
    let services = desired.services.values().cloned().map(Record::Service);
    let routes = desired.routes.values().cloned().map(Record::Route);
    let consumers = desired.consumers.values().cloned().map(Record::Consumer);
    let records = services.chain(routes).chain(consumers).chain(desired.purges.iter().cloned().map(Record::Purge));
    records.fold(0, |sum, record| sum.wrapping_add(codec::digest(&record)))
}
