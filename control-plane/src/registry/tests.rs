mod consumers;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use gateway_proto::host::HostPattern;
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::*;
use crate::{
    auth::token::Tokens,
    registry::apply::ChangeKind,
    store::{AuditPage, AuditQuery, Batch, HealthRecord, Loaded, TokenNote, WatchError, memory::MemoryStore},
};

/// A store whose commits wait until the test lets them through or fails them.
struct Gated {
    inner: MemoryStore,
    waiting: Mutex<VecDeque<Waiting>>,
}

type Waiting = (Batch, oneshot::Sender<Result<Revision, StoreError>>);

impl Gated {
    fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }

    /// Lets the oldest commit through to the store.
    async fn pass(&self) {
        let (batch, answer) = self.waiting.lock().unwrap().pop_front().unwrap();
        let result = self.inner.commit(batch).await.unwrap();
        let _ = answer.send(result);
    }

    /// Fails the oldest commit.
    fn fail(&self, err: StoreError) {
        let (_, answer) = self.waiting.lock().unwrap().pop_front().unwrap();
        let _ = answer.send(Err(err));
    }
}

impl Store for Gated {
    fn load(&self) -> Result<Loaded, StoreError> {
        self.inner.load()
    }

    fn commit(&self, batch: Batch) -> oneshot::Receiver<Result<Revision, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap().push_back((batch, answer));
        answered
    }

    fn record_health(&self, records: Vec<HealthRecord>) -> oneshot::Receiver<()> {
        self.inner.record_health(records)
    }

    fn note_tokens(&self, notes: Vec<TokenNote>) -> oneshot::Receiver<()> {
        self.inner.note_tokens(notes)
    }

    fn tokens(&self) -> watch::Receiver<Tokens> {
        self.inner.tokens()
    }

    fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.inner.audit(query)
    }

    fn desired(&self) -> watch::Receiver<Desired> {
        self.inner.desired()
    }

    fn watch(&self, after: Revision) -> Result<Changes, WatchError> {
        self.inner.watch(after)
    }

    fn size(&self) -> u64 {
        0
    }

    fn failure(&self) -> watch::Receiver<Option<StoreError>> {
        self.inner.failure()
    }
}

fn gated() -> (Registry, Arc<Gated>) {
    let store = Arc::new(Gated { inner: MemoryStore::new("cluster").unwrap(), waiting: Mutex::default() });
    let registry = Registry::open(Arc::clone(&store) as Arc<dyn Store>, Arc::new(|| Timestamp::UNIX_EPOCH)).unwrap();
    (registry, store)
}

fn in_memory() -> Registry {
    let store = Arc::new(MemoryStore::new("cluster").unwrap());
    Registry::open(store, Arc::new(|| Timestamp::UNIX_EPOCH)).unwrap()
}

fn draft(name: &str, hosts: &[&str]) -> Draft {
    Draft {
        name: sample::name(name),
        title: None,
        tags: vec![],
        hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
        endpoints: vec![],
        load_balancing: None,
        health_check: None,
        timeouts: None,
        limits: None,
        policies: None,
    }
}

/// Starts a command and lets it run until it waits.
async fn start<T: Send + 'static>(command: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    let task = tokio::spawn(command);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    task
}

async fn create(
    registry: &Registry,
    name: &str,
    hosts: &[&str],
) -> tokio::task::JoinHandle<Result<Outcome<Service>, RegistryError>> {
    let (registry, draft) = (registry.clone(), draft(name, hosts));
    start(async move { registry.create(draft).await }).await
}

#[tokio::test]
async fn a_command_is_answered_when_it_is_durable_and_seen_then() {
    let (registry, store) = gated();
    let created = create(&registry, "a", &["a.test"]).await;
    assert!(!created.is_finished());
    assert_eq!(registry.get(&sample::name("a")).unwrap_err(), RegistryError::NotFound(Key::Service(sample::name("a"))));
    store.pass().await;
    assert_eq!(created.await.unwrap().unwrap().resource.revision, Revision(1));
    assert_eq!(registry.get(&sample::name("a")).unwrap().revision, Revision(1));
    assert_eq!(registry.desired().borrow().revision, Revision(1));
}

#[tokio::test]
async fn commands_do_not_wait_for_each_others_flush() {
    let (registry, store) = gated();
    let a = create(&registry, "a", &["a.test"]).await;
    let b = create(&registry, "b", &["b.test"]).await;
    assert_eq!(store.waiting(), 2);
    // A host that is queued is taken, but nobody is told before that is durable.
    let c = create(&registry, "c", &["a.test"]).await;
    assert_eq!((store.waiting(), c.is_finished()), (2, false));
    store.pass().await;
    store.pass().await;
    assert_eq!(a.await.unwrap().unwrap().resource.revision, Revision(1));
    assert_eq!(b.await.unwrap().unwrap().resource.revision, Revision(2));
    assert!(matches!(c.await.unwrap(), Err(RegistryError::HostTaken(_))));
}

#[tokio::test]
async fn what_changes_nothing_is_answered_when_what_it_relies_on_is_durable() {
    let (registry, store) = gated();
    let first = create(&registry, "a", &["a.test"]).await;
    let again = registry.clone();
    let again = start(async move { again.register(draft("a", &["a.test"])).await }).await;
    assert_eq!((store.waiting(), again.is_finished()), (1, false));
    store.pass().await;
    first.await.unwrap().unwrap();
    let again = again.await.unwrap().unwrap();
    assert_eq!((again.change, again.resource.revision), (ChangeKind::Unchanged, Revision(1)));
}

#[tokio::test]
async fn a_failed_commit_takes_back_what_was_built_on_it() {
    let (registry, store) = gated();
    let full = StoreError::DiskFull { path: "scripted".into() };
    let a = create(&registry, "a", &["x.test"]).await;
    let b = create(&registry, "b", &["b.test"]).await;
    let taken = create(&registry, "c", &["x.test"]).await;
    store.fail(full.clone());
    assert_eq!(a.await.unwrap().unwrap_err(), RegistryError::StoreUnavailable(full));
    // The store refuses b, which was planned on a; it is planned anew. The host of a is free.
    store.pass().await;
    while store.waiting() < 2 {
        tokio::task::yield_now().await;
    }
    store.pass().await;
    store.pass().await;
    b.await.unwrap().unwrap();
    taken.await.unwrap().unwrap();
    let names: Vec<String> = registry.desired().borrow().services.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["b", "c"]);
    assert_eq!(registry.desired().borrow().revision, Revision(2));
}

#[tokio::test]
async fn a_client_that_goes_away_takes_nothing_back() {
    let (registry, store) = gated();
    let gone = create(&registry, "a", &["a.test"]).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    let next = create(&registry, "b", &["b.test"]).await;
    store.pass().await;
    store.pass().await;
    assert_eq!(next.await.unwrap().unwrap().resource.revision, Revision(2));
    assert!(registry.get(&sample::name("a")).is_ok());
    // And a failure that nobody is told of is taken back all the same.
    create(&registry, "c", &["c.test"]).await.abort();
    store.fail(StoreError::Busy);
    let again = create(&registry, "c", &["c.test"]).await;
    store.pass().await;
    assert_eq!(again.await.unwrap().unwrap().resource.revision, Revision(3));
}

#[tokio::test]
async fn a_store_that_fails_is_told_to_everybody() {
    let (registry, store) = gated();
    let a = create(&registry, "a", &[]).await;
    let b = create(&registry, "b", &[]).await;
    let refused = create(&registry, "a", &[]).await;
    for _ in 0..2 {
        store.fail(StoreError::Closed);
    }
    for answer in [a, b] {
        assert_eq!(answer.await.unwrap().unwrap_err(), RegistryError::StoreUnavailable(StoreError::Closed));
    }
    // What was refused because of a is planned anew.
    while store.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    store.fail(StoreError::Closed);
    assert_eq!(refused.await.unwrap().unwrap_err(), RegistryError::StoreUnavailable(StoreError::Closed));
    assert_eq!(registry.desired().borrow().revision, Revision(0));
}

/// What a route leads to and what it is led to by are looked at in what is queued, too.
#[tokio::test]
async fn services_and_routes_hold_together_before_they_are_durable() {
    let (registry, store) = gated();
    let a = create(&registry, "a", &[]).await;
    let led = registry.clone();
    let led = start(async move { led.create_route(sample::route("r", &["x.test"], "/", "a")).await }).await;
    let rival = registry.clone();
    let rival = start(async move { rival.create_route(sample::route("q", &["x.test"], "/", "a")).await }).await;
    let deleted = registry.clone();
    let deleted = start(async move { deleted.delete(sample::name("a"), None).await }).await;
    assert_eq!((store.waiting(), rival.is_finished(), deleted.is_finished()), (2, false, false));
    // The service comes to nothing, and so does the route; the rival is not told of a conflict.
    let full = StoreError::DiskFull { path: "scripted".into() };
    store.fail(full.clone());
    store.pass().await;
    assert_eq!(a.await.unwrap().unwrap_err(), RegistryError::StoreUnavailable(full));
    start(async {}).await.await.unwrap();
    assert!(store.waiting() == 0 && led.is_finished() && rival.is_finished() && deleted.is_finished());
    for refused in [led.await.unwrap().unwrap_err(), rival.await.unwrap().unwrap_err()] {
        assert!(matches!(refused, RegistryError::ServiceMissing(_)), "{refused}");
    }
    let missing = RegistryError::NotFound(Key::Service(sample::name("a")));
    assert_eq!(deleted.await.unwrap().unwrap_err(), missing);
}

#[tokio::test]
async fn routes_are_created_read_changed_listed_and_deleted() {
    let registry = in_memory();
    registry.create(draft("a", &[])).await.unwrap();
    let route = sample::route("r", &["x.test"], "/", "a");
    let name = sample::route_name("r");
    assert_eq!(registry.get_route(&name).unwrap_err(), RegistryError::NotFound(Key::Route(name.clone())));
    let created = registry.create_route(route.clone()).await.unwrap();
    assert_eq!((created.change, created.resource.revision), (ChangeKind::Created, Revision(2)));
    let titled = Route { title: "Shop".into(), ..route };
    let updated = registry.update_route(titled, Some(Revision(2))).await.unwrap();
    assert_eq!((updated.change, updated.resource.revision), (ChangeKind::Updated, Revision(3)));
    assert_eq!(registry.get_route(&name).unwrap(), updated.resource);
    assert_eq!(registry.list_routes(&RouteQuery::default()).items, [updated.resource]);
    let refused = registry.delete(sample::name("a"), None).await.unwrap_err();
    assert!(matches!(refused, RegistryError::ServiceInUse { .. }), "{refused}");
    assert_eq!(registry.delete_route(name, Some(Revision(3))).await, Ok(Revision(4)));
    assert_eq!(registry.delete(sample::name("a"), None).await, Ok(Revision(5)));
}

#[tokio::test]
async fn a_preview_changes_nothing() {
    let registry = in_memory();
    let drafts = vec![draft("a", &["a.test"]), draft("b", &["b.test"])];
    let routes = vec![sample::route("r", &["x.test"], "/", "b")];
    let consumers = vec![sample::consumer("anna", &["staff"])];
    let wanted = Wanted { services: drafts, routes, consumers };
    let preview = registry.preview(wanted.clone()).unwrap();
    assert_eq!((preview.services[0].change, preview.revision), (ChangeKind::Created, Revision(0)));
    assert_eq!((preview.routes[0].change, registry.desired().borrow().routes.len()), (ChangeKind::Created, 0));
    assert_eq!((preview.consumers[0].change, registry.desired().borrow().consumers.len()), (ChangeKind::Created, 0));
    let applied = registry.apply(wanted.clone()).await.unwrap();
    let counts = (applied.services.len(), applied.routes.len(), applied.consumers.len());
    assert_eq!((counts, applied.revision), ((2, 1, 1), Revision(1)));
    let again = registry.apply(wanted).await.unwrap();
    assert_eq!((again.services[1].change, again.revision), (ChangeKind::Unchanged, Revision(1)));
    assert_eq!([again.routes[0].change, again.consumers[0].change], [ChangeKind::Unchanged; 2]);
    assert_eq!(registry.delete(sample::name("a"), Some(Revision(1))).await, Ok(Revision(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_writers_on_one_service_lose_nothing() {
    let registry = in_memory();
    registry.create(draft("a", &[])).await.unwrap();
    let add = |port: usize| {
        let registry = registry.clone();
        let address = EndpointAddress::parse(&format!("10.0.0.1:{port}")).unwrap();
        tokio::spawn(async move {
            registry.add_endpoints(sample::name("a"), vec![DraftEndpoint { address, weight: None }]).await
        })
    };
    let mut revisions = Vec::new();
    for added in (1..=900).map(add).collect::<Vec<_>>() {
        let added = added.await.unwrap().unwrap();
        assert_eq!(added.change, ChangeKind::Updated);
        revisions.push(added.resource.revision.0);
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=901).collect::<Vec<u64>>());
    assert_eq!(registry.get(&sample::name("a")).unwrap().endpoints.len(), 900);
}
