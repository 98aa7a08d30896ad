//! The requests for consumers, and for what they are known by.

use gateway_proto::{api_key::ApiKey, registry::v1 as pb};
use rand::Rng;

use crate::{
    error::RegistryError,
    registry::{
        Registry,
        consumers::{NewKey, RevokedKey},
        list::{KeyPage, Page},
        model::Revision,
        validate::{self, consumer_name},
    },
};

pub(super) async fn create(
    registry: &Registry,
    request: pb::CreateConsumerRequest,
) -> Result<pb::CreateConsumerResponse, RegistryError> {
    let pb::CreateConsumerRequest { consumer } = request;
    let created = registry.create_consumer(validate::consumer(consumer)?).await?;
    Ok(pb::CreateConsumerResponse { consumer: Some((&*created.resource).into()) })
}

pub(super) fn get(
    registry: &Registry,
    request: pb::GetConsumerRequest,
) -> Result<pb::GetConsumerResponse, RegistryError> {
    let pb::GetConsumerRequest { name } = request;
    let consumer = registry.get_consumer(&consumer_name(&name, "name")?)?;
    Ok(pb::GetConsumerResponse { consumer: Some((&*consumer).into()) })
}

pub(super) fn list(
    registry: &Registry,
    request: pb::ListConsumersRequest,
) -> Result<pb::ListConsumersResponse, RegistryError> {
    let Page { items, next_page_token, revision } = registry.list_consumers(&validate::consumer_query(request)?);
    let consumers = items.iter().map(|consumer| (&**consumer).into()).collect();
    Ok(pb::ListConsumersResponse { consumers, next_page_token, revision: revision.0 })
}

pub(super) async fn update(
    registry: &Registry,
    request: pb::UpdateConsumerRequest,
) -> Result<pb::UpdateConsumerResponse, RegistryError> {
    let pb::UpdateConsumerRequest { consumer, expected_revision } = request;
    let consumer = validate::consumer(consumer)?;
    let (updated, revision) = registry.update_consumer(consumer, expected(expected_revision)).await?;
    Ok(pb::UpdateConsumerResponse { consumer: Some((&*updated.resource).into()), revision: revision.0 })
}

pub(super) async fn delete(
    registry: &Registry,
    request: pb::DeleteConsumerRequest,
) -> Result<pb::DeleteConsumerResponse, RegistryError> {
    let pb::DeleteConsumerRequest { name, expected_revision } = request;
    let name = consumer_name(&name, "name")?;
    let Revision(revision) = registry.delete_consumer(name, expected(expected_revision)).await?;
    Ok(pb::DeleteConsumerResponse { revision })
}

pub(super) async fn set_password(
    registry: &Registry,
    request: pb::SetPasswordRequest,
) -> Result<pb::SetPasswordResponse, RegistryError> {
    let (name, password) = validate::password(request)?;
    let set = registry.set_password(name, password).await?;
    Ok(pb::SetPasswordResponse { consumer: Some((&*set.resource).into()) })
}

pub(super) async fn create_key(
    registry: &Registry,
    request: pb::CreateKeyRequest,
) -> Result<pb::CreateKeyResponse, RegistryError> {
    let (name, lifetime) = validate::lifetime(request)?;
    let NewKey { consumer, kept, key } = registry.create_key(&name, lifetime, || draw(&mut rand::rng())).await?;
    let (secret, revision) = (key.reveal().to_owned(), consumer.revision.0);
    Ok(pb::CreateKeyResponse { key: Some(kept.wire(&consumer.name)), secret, revision })
}

pub(super) fn list_keys(
    registry: &Registry,
    request: pb::ListKeysRequest,
) -> Result<pb::ListKeysResponse, RegistryError> {
    let KeyPage { items, next_page_token } = registry.list_keys(&validate::key_query(request)?)?;
    let keys = items.iter().map(|(consumer, key)| key.wire(consumer)).collect();
    Ok(pb::ListKeysResponse { keys, next_page_token })
}

pub(super) async fn revoke_key(
    registry: &Registry,
    request: pb::RevokeKeyRequest,
) -> Result<pb::RevokeKeyResponse, RegistryError> {
    let pb::RevokeKeyRequest { id } = request;
    let RevokedKey { consumer, kept, revision } = registry.revoke_key(validate::key_id(&id)?).await?;
    Ok(pb::RevokeKeyResponse { key: Some(kept.wire(&consumer)), revision: revision.0 })
}

/// A key with a fresh id and secret.
fn draw(rng: &mut impl Rng) -> ApiKey {
    ApiKey::from_bits(rng.next_u64(), std::array::from_fn(|_| rng.next_u64()))
}

/// 0 means whichever there is.
fn expected(revision: u64) -> Option<Revision> {
    Some(Revision(revision)).filter(|revision| *revision != Revision::default())
}
