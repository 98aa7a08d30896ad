//! What every store must do: one suite, run against each.

mod audit;
mod consumers;
mod purges;
mod routes;
mod tokens;

use jiff::Timestamp;
use tempfile::TempDir;

use self::{
    audit::{
        pages_of_the_audit_fit_together, the_audit_keeps_so_many_changes, who_changed_what_is_kept_with_the_change,
    },
    consumers::{a_batch_with_consumers_is_all_or_nothing, consumers_are_kept_with_what_they_are_known_by},
    purges::{purges_are_kept_until_another_takes_them_away, purges_of_every_kind_are_read_back},
    routes::{
        a_batch_of_services_and_routes_is_all_or_nothing, policies_of_services_are_kept,
        routes_are_kept_beside_services,
    },
    tokens::{tokens_are_kept_and_ended_with_commits, tokens_are_noted_without_consuming_revisions},
};
use super::{
    Batch, Expect, HealthRecord, Precondition, Store, StoreError, WatchError, memory::MemoryStore, sled::SledStore,
};
use crate::registry::{
    model::{Desired, Key, Record, Revision, Service},
    sample,
};

/// A store under test.
struct Fixture {
    store: Option<Box<dyn Store>>,
    /// Where it is on disk.
    directory: Option<TempDir>,
}

impl Fixture {
    fn memory() -> Self {
        Self { store: Some(Box::new(MemoryStore::new("cluster").unwrap())), directory: None }
    }

    fn sled() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SledStore::open(directory.path().to_owned(), "cluster").unwrap();
        Self { store: Some(Box::new(store)), directory: Some(directory) }
    }

    fn store(&self) -> &dyn Store {
        self.store.as_deref().unwrap()
    }

    /// Closes the store and opens it again.
    fn reopen(&mut self) {
        let loaded = self.store().load().unwrap();
        self.store = None;
        self.store = Some(match &self.directory {
            Some(directory) => Box::new(SledStore::open(directory.path().to_owned(), "another").unwrap()),
            None => Box::new(MemoryStore::from_loaded(loaded).unwrap()),
        });
    }

    fn desired(&self) -> Desired {
        self.store().load().unwrap().desired
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
        self.store().commit(batch).await.unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.store().load().unwrap().desired.services.keys().map(ToString::to_string).collect()
    }

    /// Waits until health is written: it goes with any batch, or before.
    async fn health(&self) -> Vec<HealthRecord> {
        self.commit(Batch::default()).await.unwrap();
        self.store().load().unwrap().health
    }
}

fn put(services: &[Service]) -> Batch {
    Batch { puts: services.iter().cloned().map(Record::from).collect(), ..Batch::default() }
}

fn key(service: &str) -> Key {
    Key::Service(sample::name(service))
}

fn delete(name: &str) -> Batch {
    Batch { deletes: vec![key(name)], ..Batch::default() }
}

fn health(service: &str, endpoint: &str, addresses: &[(&str, bool)]) -> HealthRecord {
    HealthRecord {
        service: sample::name(service),
        endpoint: sample::endpoint(endpoint).address,
        addresses: addresses.iter().map(|(address, healthy)| (address.parse().unwrap(), *healthy)).collect(),
    }
}

async fn revisions_grow_by_one_and_survive(mut fixture: Fixture) {
    assert_eq!(fixture.store().load().unwrap().desired.revision, Revision(0));
    assert_eq!(fixture.commit(put(&[sample::service("a", &["a.test"])])).await, Ok(Revision(1)));
    assert_eq!(fixture.commit(put(&[sample::service("b", &["b.test"])])).await, Ok(Revision(2)));
    assert_eq!(fixture.commit(delete("a")).await, Ok(Revision(3)));
    fixture.reopen();
    let loaded = fixture.store().load().unwrap();
    assert_eq!((loaded.cluster_id.as_str(), loaded.desired.revision), ("cluster", Revision(3)));
    let b = loaded.desired.owner("b.test").unwrap();
    assert_eq!((b.name.as_str(), b.revision), ("b", Revision(2)));
    assert_eq!(loaded.desired.owner("a.test"), None);
    assert_eq!(fixture.commit(Batch::default()).await, Ok(Revision(4)));
}

async fn what_is_read_back_is_what_was_written(mut fixture: Fixture) {
    let mut large = sample::service("large", &["large.test", "*.large.test"]);
    large.endpoints = (1..=1000).map(|port| sample::endpoint(&format!("{}.internal:{port}", "x".repeat(60)))).collect();
    large.title = "ü".repeat(200);
    let small = Service { endpoints: vec![], ..large.clone() };
    for services in [vec![large.clone(), sample::service("other", &[])], vec![small], vec![large]] {
        let revision = fixture.commit(put(&services)).await.unwrap();
        fixture.reopen();
        let desired = fixture.store().load().unwrap().desired;
        for service in services {
            assert_eq!(*desired.services[&service.name], Service { revision, ..service });
        }
    }
    fixture.commit(delete("large")).await.unwrap();
    fixture.reopen();
    assert_eq!(fixture.names(), ["other"]);
}

async fn a_batch_is_all_or_nothing(mut fixture: Fixture) {
    fixture.commit(put(&[sample::service("a", &[])])).await.unwrap();
    let absent = |name: &str| Precondition { key: key(name), expect: Expect::Absent };
    let batch = Batch {
        preconditions: vec![absent("b"), absent("a")],
        deletes: vec![key("a")],
        ..put(&[sample::service("b", &[])])
    };
    let refused = StoreError::Precondition { key: key("a"), expected: Expect::Absent, actual: Some(Revision(1)) };
    assert_eq!(fixture.commit(batch).await, Err(refused));
    assert_eq!(fixture.names(), ["a"]);
    fixture.reopen();
    assert_eq!(fixture.names(), ["a"]);
    let both = Batch { deletes: vec![key("a")], ..put(&[sample::service("b", &[]), sample::service("c", &[])]) };
    assert_eq!(fixture.commit(both).await, Ok(Revision(2)));
    fixture.reopen();
    assert_eq!(fixture.names(), ["b", "c"]);
}

async fn preconditions_are_checked_by_the_writer(fixture: Fixture) {
    let at = |revision| Precondition { key: key("a"), expect: Expect::At(Revision(revision)) };
    let expecting = |revision| Batch { preconditions: vec![at(revision)], ..put(&[sample::service("a", &[])]) };
    let refused = |revision, actual| {
        let expected = Expect::At(Revision(revision));
        Err(StoreError::Precondition { key: key("a"), expected, actual })
    };
    assert_eq!(fixture.commit(expecting(1)).await, refused(1, None));
    assert_eq!(fixture.commit(put(&[sample::service("a", &[])])).await, Ok(Revision(1)));
    assert_eq!(fixture.commit(expecting(1)).await, Ok(Revision(2)));
    assert_eq!(fixture.commit(expecting(1)).await, refused(1, Some(Revision(2))));
    let based = |base| Batch { base: Some(Revision(base)), ..delete("a") };
    let moved = StoreError::Moved { expected: Revision(1), actual: Revision(2) };
    assert_eq!(fixture.commit(based(1)).await, Err(moved));
    assert_eq!(fixture.commit(based(2)).await, Ok(Revision(3)));
}

async fn commits_that_race_keep_their_order(fixture: Fixture) {
    let services = (0..300).map(|at| sample::service(&format!("s{at}"), &[]));
    let answers: Vec<_> = services.map(|service| fixture.store().commit(put(&[service]))).collect();
    for (at, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap(), Ok(Revision(at as u64 + 1)));
    }
    assert_eq!(fixture.names().len(), 300);
}

async fn an_answer_comes_after_readers_can_see_it(fixture: Fixture) {
    let mut changes = fixture.store().watch(Revision(0)).unwrap();
    let desired = fixture.store().desired();
    for at in 1..=20 {
        let service = sample::service(&format!("s{at}"), &[]);
        let batch = Batch { at: Timestamp::new(at, 0).unwrap(), ..put(&[service]) };
        let revision = fixture.commit(batch).await.unwrap();
        assert_eq!(desired.borrow().revision, revision);
        let change = changes.next().await.unwrap();
        assert_eq!((change.revision, change.at.as_second()), (revision, at));
        assert_eq!((change.puts.len(), change.puts[0].revision()), (1, revision));
    }
    fixture.commit(delete("s1")).await.unwrap();
    assert_eq!(changes.next().await.unwrap().deletes, [key("s1")]);
}

async fn history_begins_with_the_store(mut fixture: Fixture) {
    fixture.commit(put(&[sample::service("a", &[])])).await.unwrap();
    fixture.reopen();
    let compacted = WatchError::Compacted { oldest: Revision(1) };
    assert_eq!(fixture.store().watch(Revision(0)).err(), Some(compacted));
    assert_eq!(fixture.store().watch(Revision(2)).err(), Some(WatchError::Ahead { current: Revision(1) }));
    let mut changes = fixture.store().watch(Revision(1)).unwrap();
    fixture.commit(delete("a")).await.unwrap();
    assert_eq!(changes.next().await.unwrap().revision, Revision(2));
}

async fn a_receiver_that_is_dropped_changes_nothing(mut fixture: Fixture) {
    drop(fixture.store().commit(put(&[sample::service("a", &[])])));
    fixture.store().desired().wait_for(|desired| desired.revision == Revision(1)).await.unwrap();
    fixture.reopen();
    assert_eq!(fixture.commit(Batch::default()).await, Ok(Revision(2)));
    assert_eq!(fixture.names(), ["a"]);
}

async fn health_is_kept_without_consuming_revisions(mut fixture: Fixture) {
    fixture.commit(put(&[sample::service("a", &[])])).await.unwrap();
    let known = health("a", "127.0.0.1:3001", &[("127.0.0.1:3001", true), ("[::1]:3001", false)]);
    fixture.store().record_health(vec![known.clone(), health("b", "127.0.0.1:1", &[("127.0.0.1:1", true)])]);
    // Closing writes what waits.
    fixture.reopen();
    if fixture.directory.is_some() {
        assert_eq!(fixture.store().load().unwrap().health, std::slice::from_ref(&known));
    }
    fixture.store().record_health(vec![known.clone()]);
    assert_eq!(fixture.health().await, [known]);
    let newer = health("a", "127.0.0.1:3001", &[("127.0.0.1:3001", false)]);
    fixture.store().record_health(vec![newer.clone()]);
    assert_eq!(fixture.health().await, [newer]);
    assert_eq!(fixture.store().load().unwrap().desired.revision, Revision(3));
    fixture.store().record_health(vec![health("a", "127.0.0.1:3001", &[])]);
    assert_eq!(fixture.health().await, []);
    fixture.reopen();
    assert_eq!(fixture.store().load().unwrap().health, []);
}

async fn health_goes_with_its_endpoint_and_service(mut fixture: Fixture) {
    let mut service = sample::service("a", &[]);
    service.endpoints = vec![sample::endpoint("10.0.0.1:1"), sample::endpoint("10.0.0.2:1")];
    fixture.commit(put(&[service.clone()])).await.unwrap();
    let first = health("a", "10.0.0.1:1", &[("10.0.0.1:1", true)]);
    let second = health("a", "10.0.0.2:1", &[("10.0.0.2:1", true)]);
    fixture.store().record_health(vec![first.clone(), second]);
    assert_eq!(fixture.health().await.len(), 2);
    service.endpoints.truncate(1);
    fixture.commit(put(&[service.clone()])).await.unwrap();
    fixture.reopen();
    assert_eq!(fixture.store().load().unwrap().health, [first]);
    fixture.commit(delete("a")).await.unwrap();
    fixture.commit(put(&[service])).await.unwrap();
    fixture.reopen();
    assert_eq!(fixture.store().load().unwrap().health, []);
}

/// One test of each name for each store.
macro_rules! conformance {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $test() { super::$test(super::Fixture::memory()).await; })*
        }
        mod sled {
            $(#[tokio::test] async fn $test() { super::$test(super::Fixture::sled()).await; })*
        }
    };
}

conformance!(
    revisions_grow_by_one_and_survive,
    what_is_read_back_is_what_was_written,
    a_batch_is_all_or_nothing,
    preconditions_are_checked_by_the_writer,
    commits_that_race_keep_their_order,
    an_answer_comes_after_readers_can_see_it,
    history_begins_with_the_store,
    a_receiver_that_is_dropped_changes_nothing,
    health_is_kept_without_consuming_revisions,
    health_goes_with_its_endpoint_and_service,
    routes_are_kept_beside_services,
    a_batch_of_services_and_routes_is_all_or_nothing,
    policies_of_services_are_kept,
    purges_of_every_kind_are_read_back,
    purges_are_kept_until_another_takes_them_away,
    consumers_are_kept_with_what_they_are_known_by,
    a_batch_with_consumers_is_all_or_nothing,
    tokens_are_kept_and_ended_with_commits,
    tokens_are_noted_without_consuming_revisions,
    who_changed_what_is_kept_with_the_change,
    pages_of_the_audit_fit_together,
    the_audit_keeps_so_many_changes,
);
