//! Consumers in the registry: the commands on them, their keys and their passwords.

use std::{sync::Arc, time::Duration};

use gateway_proto::api_key::ApiKey;
use tokio::task::spawn_blocking;

use super::{
    Registry,
    apply::{self, Outcome, Plan},
    list::{self, ConsumerQuery, KeyPage, KeyQuery, Page},
    model::{Consumer, ConsumerName, KeptKey, Key, KeyId, PasswordHash, Revision},
    password::Password,
};
use crate::error::RegistryError;

/// A key that was made.
#[derive(Debug)]
pub struct NewKey {
    /// Whose it is, now that he has it.
    pub consumer: Arc<Consumer>,
    /// What is kept of it.
    pub kept: KeptKey,
    /// The key itself, which is not.
    pub key: ApiKey,
}

/// A key that was ended.
#[derive(Debug)]
pub struct RevokedKey {
    /// Whose it was.
    pub consumer: ConsumerName,
    /// What it was.
    pub kept: KeptKey,
    /// The revision of its end.
    pub revision: Revision,
}

impl Registry {
    /// Reads a consumer.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn get_consumer(&self, name: &ConsumerName) -> Result<Arc<Consumer>, RegistryError> {
        let found = self.inner.desired.borrow().consumers.get(name).cloned();
        found.ok_or_else(|| RegistryError::NotFound(Key::Consumer(name.clone())))
    }

    /// Reads a page of consumers.
    #[must_use]
    pub fn list_consumers(&self, query: &ConsumerQuery) -> Page<Consumer> {
        list::consumers(&self.durable(), query)
    }

    /// Reads a page of keys.
    ///
    /// # Errors
    /// They are to be those of a consumer who is not there.
    pub fn list_keys(&self, query: &KeyQuery) -> Result<KeyPage, RegistryError> {
        if let Some(name) = &query.consumer {
            self.get_consumer(name)?;
        }
        Ok(list::keys(&self.durable(), query))
    }

    /// Adds a consumer.
    ///
    /// # Errors
    /// His name is taken, or the store cannot write.
    pub async fn create_consumer(&self, consumer: Consumer) -> Result<Outcome<Consumer>, RegistryError> {
        only_consumer(self.run(move |now, at| apply::create_consumer(now, consumer.clone(), at)).await?)
    }

    /// Replaces a consumer, but for his keys and his password. The registry's revision is returned too.
    ///
    /// # Errors
    /// There is none, he is at another revision, or the store cannot write.
    pub async fn update_consumer(
        &self,
        consumer: Consumer,
        expected: Option<Revision>,
    ) -> Result<(Outcome<Consumer>, Revision), RegistryError> {
        let plan = self.run(move |now, at| apply::update_consumer(now, consumer.clone(), expected, at)).await?;
        let revision = plan.next.revision;
        Ok((only_consumer(plan)?, revision))
    }

    /// Removes a consumer with his keys and his password; the revision of his removal is returned.
    ///
    /// # Errors
    /// There is none, he is at another revision, or the store cannot write.
    pub async fn delete_consumer(
        &self,
        name: ConsumerName,
        expected: Option<Revision>,
    ) -> Result<Revision, RegistryError> {
        let plan = self.run(move |now, at| apply::delete_consumer(now, &name, expected, at)).await?;
        Ok(plan.next.revision)
    }

    /// Gives a consumer a password, or takes it away.
    ///
    /// # Errors
    /// There is none of that name, or the store cannot write.
    pub async fn set_password(
        &self,
        name: ConsumerName,
        password: Option<Password>,
    ) -> Result<Outcome<Consumer>, RegistryError> {
        let hash = match password {
            None => None,
            Some(password) => {
                // To find out that he is not there costs less than a hash.
                self.get_consumer(&name)?;
                Some(self.hash(password).await?)
            }
        };
        only_consumer(self.run(move |now, at| apply::set_password(now, &name, hash.clone(), at)).await?)
    }

    /// Makes a key of a consumer, valid for so long. `draw` is asked for keys until one has an id that no
    /// other key has.
    ///
    /// # Errors
    /// There is no such consumer, he has as many keys as he may, or the store cannot write.
    pub async fn create_key(
        &self,
        name: &ConsumerName,
        lifetime: Option<Duration>,
        mut draw: impl FnMut() -> ApiKey,
    ) -> Result<NewKey, RegistryError> {
        loop {
            let key = draw();
            let (name, drawn) = (name.clone(), key.clone());
            let plan = self.run(move |now, at| apply::create_key(now, &name, &drawn, lifetime, at)).await?;
            let Some(Outcome { resource: consumer, change: _ }) = plan.consumers.into_iter().next() else { continue };
            let kept = KeyId::parse(key.id()).and_then(|id| consumer.key(&id).cloned());
            let kept = kept.ok_or(RegistryError::KeyNotFound)?;
            return Ok(NewKey { consumer, kept, key });
        }
    }

    /// Ends a key.
    ///
    /// # Errors
    /// There is none of that id, or the store cannot write.
    pub async fn revoke_key(&self, id: KeyId) -> Result<RevokedKey, RegistryError> {
        // What is known of a key and whose it is never change, so that it can be read before.
        let holder = self.inner.desired.borrow().key_holder(&id).cloned().ok_or(RegistryError::KeyNotFound)?;
        let kept = holder.key(&id).cloned().ok_or(RegistryError::KeyNotFound)?;
        let plan = self.run(move |now, at| apply::revoke_key(now, &id, at)).await?;
        Ok(RevokedKey { consumer: holder.name.clone(), kept, revision: plan.next.revision })
    }

    /// Hashes a password where it keeps nobody waiting. A client that goes away makes no room for another
    /// hash before its own is done.
    async fn hash(&self, password: Password) -> Result<PasswordHash, RegistryError> {
        let permit = Arc::clone(&self.inner.hashing).acquire_owned().await.map_err(|_| RegistryError::ShuttingDown)?;
        let salt = rand::random();
        let hashed = spawn_blocking(move || {
            let _permit = permit;
            PasswordHash::of(&password, salt)
        });
        hashed.await.map_err(|_| RegistryError::ShuttingDown)
    }
}

/// The outcome of a command on one consumer.
fn only_consumer(plan: Plan) -> Result<Outcome<Consumer>, RegistryError> {
    plan.consumers.into_iter().next().ok_or(RegistryError::ShuttingDown)
}
