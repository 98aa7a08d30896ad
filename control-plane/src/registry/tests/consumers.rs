//! Consumers: what is queued, drawn, hashed and interrupted.

use super::*;
use crate::registry::password::Password;

fn anna() -> model::ConsumerName {
    sample::consumer_name("anna")
}

async fn with_anna() -> Registry {
    let registry = in_memory();
    registry.create_consumer(sample::consumer("anna", &[])).await.unwrap();
    registry
}

fn password() -> Option<Password> {
    Password::parse("correct horse".into()).ok()
}

#[tokio::test]
async fn a_key_is_drawn_until_its_id_is_free() {
    let registry = with_anna().await;
    registry.create_key(&anna(), None, || sample::secret_key(1)).await.unwrap();
    let mut draws = [1, 1, 2].map(sample::secret_key).into_iter();
    let made = registry.create_key(&anna(), None, || draws.next().unwrap()).await.unwrap();
    assert_eq!((made.key, made.consumer.keys.len(), made.consumer.revision), (sample::secret_key(2), 2, Revision(3)));
    assert!(draws.next().is_none());
}

#[tokio::test]
async fn a_key_is_there_when_it_is_answered_and_not_before() {
    let (registry, store) = gated();
    let created = start({
        let registry = registry.clone();
        async move { registry.create_consumer(sample::consumer("anna", &[])).await }
    });
    let created = created.await;
    let made = start({
        let registry = registry.clone();
        async move { registry.create_key(&anna(), None, || sample::secret_key(1)).await }
    })
    .await;
    // It is planned on a consumer who is queued.
    assert_eq!(store.waiting(), 2);
    store.pass().await;
    assert!(created.await.unwrap().is_ok());
    assert!(!made.is_finished() && registry.get_consumer(&anna()).unwrap().keys.is_empty());
    store.pass().await;
    let made = made.await.unwrap().unwrap();
    assert_eq!(registry.get_consumer(&anna()).unwrap(), made.consumer);
}

#[tokio::test]
async fn a_change_that_fails_leaves_nothing_half_done() {
    let (registry, store) = gated();
    let wanted = Wanted {
        services: vec![draft("a", &[])],
        consumers: vec![sample::full_consumer("anna"), sample::consumer("ben", &[])],
        ..Wanted::default()
    };
    let applied = start({
        let registry = registry.clone();
        async move { registry.apply(wanted).await }
    })
    .await;
    store.fail(StoreError::Closed);
    assert!(matches!(applied.await.unwrap(), Err(RegistryError::StoreUnavailable(_))));
    let desired = registry.desired().borrow().clone();
    assert!(desired.services.is_empty() && desired.consumers.is_empty());
    assert!(desired.key_holder(&sample::key(1).id).is_none());
    assert_eq!(registry.revoke_key(sample::key(1).id).await.unwrap_err(), RegistryError::KeyNotFound);
}

#[tokio::test]
async fn who_goes_away_while_his_password_is_hashed_has_changed_nothing_and_no_more_are_hashed_at_once() {
    let registry = with_anna().await;
    for _ in 0..8 {
        let set = registry.set_password(anna(), password());
        // It is polled once, so that it hashes or waits for its turn, and dropped.
        assert!(futures_util::FutureExt::now_or_never(set).is_none());
    }
    let set = registry.set_password(anna(), password()).await.unwrap();
    assert_eq!((set.change, set.resource.revision), (ChangeKind::Updated, Revision(2)));
    let hashing = registry.inner.hashing.acquire_many(2).await.unwrap();
    assert_eq!(hashing.num_permits(), 2);
    assert_eq!(registry.desired().borrow().revision, Revision(2));
}

#[tokio::test]
async fn many_passwords_at_once_are_all_set() {
    let registry = with_anna().await;
    let names: Vec<String> = (0..6).map(|at| format!("c{at}")).collect();
    for name in &names {
        registry.create_consumer(sample::consumer(name, &[])).await.unwrap();
    }
    let set = |name: &String| {
        let (registry, name) = (registry.clone(), sample::consumer_name(name));
        tokio::spawn(async move { registry.set_password(name, password()).await })
    };
    for task in names.iter().map(set).collect::<Vec<_>>() {
        assert!(task.await.unwrap().unwrap().resource.password.is_some());
    }
}
