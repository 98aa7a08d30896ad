use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use gateway_proto::code::Reason;
use tonic_types::StatusExt;

use super::*;
use crate::{
    health::{Health, LastProbe},
    registry::{
        draft::{Draft, Wanted},
        model::{Consumer, Route},
        purge::{Mode, Target},
        sample, validate,
    },
    store::memory::MemoryStore,
};

/// Longer than any event takes.
const LONG: Duration = Duration::from_secs(20);

struct Fixture {
    registry: Registry,
    health: watch::Sender<HealthView>,
    stop: CancellationToken,
}

fn fixture() -> Fixture {
    let store = Arc::new(MemoryStore::new("cluster").unwrap());
    let registry = Registry::open(store, Arc::new(|| Timestamp::UNIX_EPOCH)).unwrap();
    Fixture { registry, health: watch::Sender::new(HealthView::new()), stop: CancellationToken::new() }
}

impl Fixture {
    fn current(&self) -> BoxStream<'static, String> {
        shown(Watcher::from_current(self.registry.clone(), self.health.subscribe(), self.stop.clone()).unwrap())
    }

    fn after(&self, revision: Option<u64>) -> BoxStream<'static, String> {
        let revision = revision.map(Revision);
        shown(Watcher::after(self.registry.clone(), self.health.subscribe(), self.stop.clone(), revision).unwrap())
    }

    async fn create(&self, name: &str) {
        self.registry.create(draft(name)).await.unwrap();
    }

    fn observe(&self, service: &str, health: Health, reason: &str) {
        let address = "127.0.0.1:3001";
        let endpoint = sample::endpoint(address).address;
        let key = EndpointKey { service: sample::name(service), endpoint, address: address.parse().ok() };
        let last_probe = Arc::<LastProbe>::default();
        let state =
            EndpointHealth { weight: 1, health, reason: reason.into(), since: Timestamp::UNIX_EPOCH, last_probe };
        self.health.send_modify(|view| drop(view.insert(key, Arc::new(state))));
    }
}

fn wanted(services: Vec<Draft>, routes: Vec<Route>) -> Wanted {
    Wanted { services, routes, ..Wanted::default() }
}

fn draft(name: &str) -> Draft {
    validate::service(Some(convert::service(&sample::service(name, &[])))).unwrap()
}

/// Events as short texts.
fn shown(watcher: Watcher) -> BoxStream<'static, String> {
    let shown = |response: Result<pb::WatchResponse, Status>| match response {
        Err(status) => format!("error {}", status.get_error_details().error_info().unwrap().reason),
        Ok(pb::WatchResponse { revision, time: _, event, actor: _ }) => match event.unwrap() {
            WireEvent::ServiceUpserted(service) => format!("{revision} put {} of {}", service.name, service.revision),
            WireEvent::ServiceDeleted(name) => format!("{revision} delete {name}"),
            WireEvent::EndpointStatus(status) => {
                format!("{revision} {} {}", status.service, status.health().as_str_name())
            }
            WireEvent::RouteUpserted(route) => format!("{revision} put route {} of {}", route.name, route.revision),
            WireEvent::RouteDeleted(name) => format!("{revision} delete route {name}"),
            WireEvent::ConsumerUpserted(consumer) => {
                let pb::Consumer { name, revision: of, keys, .. } = consumer;
                format!("{revision} put consumer {name} with {} keys of {of}", keys.len())
            }
            WireEvent::ConsumerDeleted(name) => format!("{revision} delete consumer {name}"),
            WireEvent::CachePurged(purge) => {
                format!("{revision} purge {:?} of {}", purge.what.unwrap(), purge.revision)
            }
            WireEvent::Synced(_) => format!("{revision} synced"),
        },
    };
    Box::pin(watcher.into_stream().map(shown))
}

async fn take(events: &mut BoxStream<'static, String>, count: usize) -> Vec<String> {
    let taken = events.take(count).collect();
    tokio::time::timeout(LONG, taken).await.expect("events in time")
}

#[tokio::test]
async fn the_current_state_comes_first_then_changes() {
    let fixture = fixture();
    fixture.create("a").await;
    fixture.create("b").await;
    fixture.observe("a", Health::Healthy, "");
    let mut events = fixture.current();
    fixture.create("c").await;
    let current = ["2 put a of 1", "2 put b of 2", "2 a HEALTH_HEALTHY", "2 synced"];
    assert_eq!(take(&mut events, 4).await, current);
    fixture.registry.delete(sample::name("a"), None).await.unwrap();
    assert_eq!(take(&mut events, 2).await, ["3 put c of 3", "4 delete a"]);
    assert!(events.next().now_or_never().is_none());
}

#[tokio::test]
async fn purges_are_told_as_they_happen_and_are_no_part_of_the_current_state() {
    let fixture = fixture();
    let purge = |host: &str| fixture.registry.purge(Target::Host(host.into()), Mode::Hard);
    purge("a.test").await.unwrap();
    let mut events = fixture.current();
    assert_eq!(take(&mut events, 1).await, ["1 synced"]);
    purge("b.test").await.unwrap();
    assert_eq!(take(&mut events, 1).await, ["2 purge Host(\"b.test\") of 2"]);
    assert_eq!(take(&mut fixture.after(Some(0)), 2).await[0], "1 purge Host(\"a.test\") of 1");
}

#[tokio::test]
async fn routes_are_told_as_services_are() {
    let fixture = fixture();
    fixture.create("a").await;
    let route = |name: &str| sample::route(name, &[&format!("{name}.test")], "/", "a");
    fixture.registry.create_route(route("r")).await.unwrap();
    fixture.observe("a", Health::Healthy, "");
    let mut current = fixture.current();
    let mut from_start = fixture.after(Some(0));
    let mut from_now = fixture.after(None);
    let state = ["2 put a of 1", "2 put route r of 2", "2 a HEALTH_HEALTHY", "2 synced"];
    assert_eq!(take(&mut current, 4).await, state);
    assert_eq!(take(&mut from_start, 2).await, ["1 put a of 1", "2 put route r of 2"]);
    // A service is told before the routes that lead to it.
    let new = sample::route("new", &["new.test"], "/", "b");
    fixture.registry.apply(wanted(vec![draft("b")], vec![new])).await.unwrap();
    fixture.registry.delete_route(sample::route_name("r"), None).await.unwrap();
    let changes = ["3 put b of 3", "3 put route new of 3", "4 delete route r"];
    for events in [&mut current, &mut from_start, &mut from_now] {
        assert_eq!(take(events, 3).await, changes);
        assert!(events.next().now_or_never().is_none());
    }
}

#[tokio::test]
async fn consumers_are_told_with_every_change_of_what_they_are_known_by() {
    let fixture = fixture();
    let registry = &fixture.registry;
    fixture.create("a").await;
    let mut from_start = fixture.after(Some(0));
    registry.create_consumer(sample::consumer("anna", &[])).await.unwrap();
    let anna = sample::consumer_name("anna");
    let made = registry.create_key(&anna, None, || sample::secret_key(1)).await.unwrap();
    fixture.observe("a", Health::Healthy, "");
    let mut current = fixture.current();
    let state = ["3 put a of 1", "3 put consumer anna with 1 keys of 3", "3 a HEALTH_HEALTHY", "3 synced"];
    assert_eq!(take(&mut current, 4).await, state);
    registry.revoke_key(made.kept.id).await.unwrap();
    registry.delete_consumer(anna, None).await.unwrap();
    let changes = ["4 put consumer anna with 0 keys of 4", "5 delete consumer anna"];
    assert_eq!(take(&mut current, 2).await, changes);
    let before = ["1 put a of 1", "2 put consumer anna with 0 keys of 2", "3 put consumer anna with 1 keys of 3"];
    assert_eq!(take(&mut from_start, 5).await, [&before[..], &changes[..]].concat());
}

#[tokio::test]
async fn many_consumers_are_told_whole() {
    let fixture = fixture();
    let consumers: Vec<Consumer> = (0..600).map(|at| sample::consumer(&format!("c{at:03}"), &[])).collect();
    fixture.registry.apply(Wanted { consumers, ..Wanted::default() }).await.unwrap();
    let events = take(&mut fixture.current(), 601).await;
    let told: Vec<&str> = [0, 255, 256, 599, 600].iter().map(|at: &usize| events[*at].as_str()).collect();
    let expected = ["c000", "c255", "c256", "c599"].map(|name| format!("1 put consumer {name} with 0 keys of 1"));
    assert_eq!(told, [&expected[..], &["1 synced".to_owned()]].concat());
}

#[tokio::test]
async fn many_routes_are_told_whole() {
    let fixture = fixture();
    let routes = (0..600).map(|at| sample::route(&format!("r{at:03}"), &["x.test"], &format!("/{at}"), "a"));
    fixture.registry.apply(wanted(vec![draft("a")], routes.collect())).await.unwrap();
    let events = take(&mut fixture.current(), 602).await;
    let told: Vec<&str> = [1, 256, 257, 600, 601].iter().map(|at: &usize| events[*at].as_str()).collect();
    let expected = ["r000", "r255", "r256", "r599"].map(|name| format!("1 put route {name} of 1"));
    assert_eq!(told, [&expected[..], &["1 synced".to_owned()]].concat());
}

#[tokio::test]
async fn an_empty_state_is_synced_at_once() {
    assert_eq!(take(&mut fixture().current(), 1).await, ["0 synced"]);
}

#[tokio::test]
async fn a_large_state_is_told_whole() {
    let fixture = fixture();
    let drafts = (0..1000).map(|at| draft(&format!("s{at:04}"))).collect();
    fixture.registry.apply(wanted(drafts, vec![])).await.unwrap();
    for at in 0..600 {
        fixture.observe(&format!("s{at:04}"), Health::Pending, "");
    }
    let events = take(&mut fixture.current(), 1601).await;
    assert_eq!((events[999].as_str(), events[1000].as_str()), ("1 put s0999 of 1", "1 s0000 HEALTH_PENDING"));
    assert_eq!((events[1599].as_str(), events[1600].as_str()), ("1 s0599 HEALTH_PENDING", "1 synced"));
}

#[tokio::test]
async fn only_what_follows_is_told_without_the_current_state() {
    let fixture = fixture();
    fixture.create("a").await;
    fixture.observe("a", Health::Pending, "");
    let mut from_now = fixture.after(None);
    let mut from_start = fixture.after(Some(0));
    fixture.create("b").await;
    assert_eq!(take(&mut from_now, 1).await, ["2 put b of 2"]);
    assert_eq!(take(&mut from_start, 2).await, ["1 put a of 1", "2 put b of 2"]);
}

#[tokio::test]
async fn transitions_are_told_and_nothing_else_of_health() {
    let fixture = fixture();
    fixture.create("a").await;
    let mut events = fixture.after(None);
    fixture.observe("a", Health::Unhealthy, "refused");
    assert_eq!(take(&mut events, 1).await, ["1 a HEALTH_UNHEALTHY"]);
    fixture.observe("a", Health::Unhealthy, "refused");
    assert!(events.next().now_or_never().is_none());
    fixture.observe("a", Health::Unhealthy, "timed out");
    assert_eq!(take(&mut events, 1).await, ["1 a HEALTH_UNHEALTHY"]);
    fixture.health.send_replace(HealthView::new());
    assert!(events.next().now_or_never().is_none());
    fixture.observe("a", Health::Healthy, "");
    assert_eq!(take(&mut events, 1).await, ["1 a HEALTH_HEALTHY"]);
}

#[tokio::test]
async fn a_service_is_told_before_its_endpoints() {
    let fixture = fixture();
    let mut watcher =
        Watcher::after(fixture.registry.clone(), fixture.health.subscribe(), fixture.stop.clone(), None).unwrap();
    // A change that comes just as the watch turns to health.
    fixture.create("a").await;
    fixture.observe("a", Health::Healthy, "");
    watcher.seen = Some(watcher.health.borrow_and_update().clone());
    assert_eq!(take(&mut shown(watcher), 2).await, ["1 put a of 1", "1 a HEALTH_HEALTHY"]);
}

#[tokio::test]
async fn nothing_is_told_of_the_endpoints_of_a_service_that_is_gone() {
    let fixture = fixture();
    fixture.create("a").await;
    let mut events = fixture.after(None);
    fixture.registry.delete(sample::name("a"), None).await.unwrap();
    // The monitor has not heard of it yet.
    fixture.observe("a", Health::Healthy, "");
    assert_eq!(take(&mut events, 1).await, ["2 delete a"]);
    assert!(events.next().now_or_never().is_none());
    assert_eq!(take(&mut fixture.current(), 1).await, ["2 synced"]);
}

#[tokio::test]
async fn a_watch_ends_cleanly_when_the_control_plane_stops() {
    let fixture = fixture();
    let mut idle = fixture.current();
    assert_eq!(take(&mut idle, 1).await, ["0 synced"]);
    fixture.create("a").await;
    let mut busy = fixture.current();
    let waiting = tokio::spawn(idle.collect::<Vec<_>>());
    fixture.stop.cancel();
    assert_eq!(busy.next().await, None);
    assert!(waiting.await.unwrap().len() <= 1);
}

#[tokio::test]
async fn a_slow_client_is_told_that_it_fell_behind() {
    let fixture = fixture();
    let mut events = fixture.after(Some(0));
    // More than the history keeps.
    for round in 0..4100 {
        let draft = Draft { title: Some(round.to_string()), ..draft("a") };
        fixture.registry.register(draft).await.unwrap();
    }
    assert_eq!(events.next().await.unwrap(), format!("error {}", Reason::Compacted));
    assert_eq!(events.next().await, None);
}

#[test]
fn a_revision_to_come_is_refused() {
    let fixture = fixture();
    let refused = Watcher::after(fixture.registry, fixture.health.subscribe(), fixture.stop, Some(Revision(9)));
    let Err(RegistryError::Invalid(violations)) = refused else { panic!() };
    assert_eq!(violations[0].field, "after_revision");
}
