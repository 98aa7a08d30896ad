//! What commands make of consumers, and of what they are known by.

use std::{sync::Arc, time::Duration};

use gateway_proto::api_key::ApiKey;
use jiff::Timestamp;

use super::{
    ChangeKind, Outcome, Plan, Planned, ROUTES, Whole, after, change, check_revision, plan_put, put, remove, times,
};
use crate::{
    error::RegistryError,
    registry::{
        consumer::MAX_KEYS,
        model::{Consumer, ConsumerName, Desired, KeptKey, Key, KeyId, PasswordHash, Record, Revision},
    },
    store::{Batch, CredentialChange},
};

/// Adds a consumer.
pub(in crate::registry) fn create_consumer(now: &Desired, consumer: Consumer, at: Timestamp) -> Planned {
    if now.consumers.contains_key(&consumer.name) {
        return Err(RegistryError::Exists(Key::Consumer(consumer.name)));
    }
    put(now, Whole { consumers: vec![consumer], ..Whole::default() }, ROUTES, at)
}

/// Replaces a consumer, but for his keys and his password.
pub(in crate::registry) fn update_consumer(
    now: &Desired,
    consumer: Consumer,
    expected: Option<Revision>,
    at: Timestamp,
) -> Planned {
    check_revision(now, &Key::Consumer(consumer.name.clone()), expected)?;
    put(now, Whole { consumers: vec![consumer], ..Whole::default() }, ROUTES, at)
}

/// Removes a consumer, whatever names him in its rules: a token may name one who is not registered, too.
pub(in crate::registry) fn delete_consumer(
    now: &Desired,
    name: &ConsumerName,
    expected: Option<Revision>,
    at: Timestamp,
) -> Planned {
    let key = Key::Consumer(name.clone());
    let revision = check_revision(now, &key, expected)?;
    let old = find(now, name)?;
    let keys = old.keys.iter().map(|key| CredentialChange::RevokeKey(name.clone(), key.id.clone()));
    let password = old.password.iter().map(|_| CredentialChange::RemovePassword(name.clone()));
    let plan = remove(now, key, revision, at);
    let batch = plan.batch.map(|batch| Batch { credentials: keys.chain(password).collect(), ..batch });
    Ok(Plan { batch, ..plan })
}

/// Gives a consumer a password, or takes it away.
pub(in crate::registry) fn set_password(
    now: &Desired,
    name: &ConsumerName,
    password: Option<PasswordHash>,
    at: Timestamp,
) -> Planned {
    let old = find(now, name)?;
    if old.password == password {
        let outcome = Outcome { resource: Arc::clone(old), change: ChangeKind::Unchanged };
        return Ok(Plan { consumers: vec![outcome], ..Plan::nothing(now) });
    }
    let done = match &password {
        Some(_) => CredentialChange::SetPassword(name.clone()),
        None => CredentialChange::RemovePassword(name.clone()),
    };
    Ok(change_credentials(now, Consumer { password, ..Consumer::clone(old) }, done, at))
}

/// Gives a consumer a key. The plan tells of no consumer if another key has its id: then another one has to
/// be drawn.
pub(in crate::registry) fn create_key(
    now: &Desired,
    name: &ConsumerName,
    key: &ApiKey,
    lifetime: Option<Duration>,
    at: Timestamp,
) -> Planned {
    let old = find(now, name)?;
    if old.keys.len() >= MAX_KEYS {
        let message = format!(
            "\"{name}\" has {MAX_KEYS} keys already, which is the most; revoke one first, such as an expired one"
        );
        return Err(RegistryError::invalid("consumer", message));
    }
    let expires_at = lifetime.map(|lifetime| at.checked_add(lifetime).unwrap_or(Timestamp::MAX));
    let key = KeptKey::of(key, at, expires_at);
    if now.key_holder(&key.id).is_some() {
        return Ok(Plan::nothing(now));
    }
    let done = CredentialChange::CreateKey(name.clone(), key.id.clone());
    let mut consumer = Consumer::clone(old);
    let place = consumer.keys.partition_point(|other| other.id < key.id);
    consumer.keys.insert(place, key);
    Ok(change_credentials(now, consumer, done, at))
}

/// Ends a key.
pub(in crate::registry) fn revoke_key(now: &Desired, id: &KeyId, at: Timestamp) -> Planned {
    let old = now.key_holder(id).ok_or(RegistryError::KeyNotFound)?;
    let mut consumer = Consumer::clone(old);
    consumer.keys.retain(|key| key.id != *id);
    let done = CredentialChange::RevokeKey(consumer.name.clone(), id.clone());
    Ok(change_credentials(now, consumer, done, at))
}

/// Plans a consumer of a change: what he is known by stays as it is.
pub(super) fn plan(now: &Desired, mut consumer: Consumer, batch: &mut Batch) -> Outcome<Consumer> {
    let old = now.consumers.get(&consumer.name);
    if let Some(old) = old.filter(|old| old.asks_the_same_as(&consumer)) {
        return Outcome { resource: Arc::clone(old), change: ChangeKind::Unchanged };
    }
    if let Some(old) = old {
        (consumer.keys, consumer.password) = (old.keys.clone(), old.password.clone());
    }
    write(now, consumer, batch)
}

fn change_credentials(now: &Desired, consumer: Consumer, done: CredentialChange, at: Timestamp) -> Plan {
    let mut batch = Batch { base: Some(now.revision), credentials: vec![done], at, ..Batch::default() };
    let outcome = write(now, consumer, &mut batch);
    let next = after(now, &batch);
    Plan { consumers: vec![outcome], ..Plan::of(batch, next) }
}

fn write(now: &Desired, mut consumer: Consumer, batch: &mut Batch) -> Outcome<Consumer> {
    let old = now.consumers.get(&consumer.name);
    consumer.revision = now.revision.next();
    (consumer.created_at, consumer.updated_at) = times(old.map(|old| old.created_at), batch.at);
    let (consumer, old) = (Arc::new(consumer), old.map(|old| old.revision));
    plan_put(Record::Consumer(Arc::clone(&consumer)), old, batch);
    Outcome { resource: consumer, change: change(old) }
}

fn find<'a>(now: &'a Desired, name: &ConsumerName) -> Result<&'a Arc<Consumer>, RegistryError> {
    now.consumers.get(name).ok_or_else(|| RegistryError::NotFound(Key::Consumer(name.clone())))
}
