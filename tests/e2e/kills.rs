//! An acknowledged write survives SIGKILL.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gateway_proto::access::Channel;
use gateway_proto::registry::v1::{
    ApplyRequest, CreateServiceRequest, DeleteRouteRequest, DeleteServiceRequest, DisabledProbe, Endpoint, Forward,
    HealthCheck, ListRoutesRequest, ListServicesRequest, Route, Service, UpdateServiceRequest, WeightedService,
    health_check::Probe, registry_service_client::RegistryServiceClient, route::Action,
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use tokio::{sync::watch, task::JoinSet};
use tonic::{Code, Status};

use crate::harness::{
    ControlPlane,
    eventually::{a_moment, within},
};

/// Clients that write at the same time.
const WRITERS: u64 = 4;
/// Services that each of them has, and as many routes.
const SERVICES: usize = 8;

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_control_plane_is_killed() {
    kill_under_load(5).await;
}

#[tokio::test]
#[ignore = "a long run; see tests/README.md"]
async fn nothing_acknowledged_is_lost_in_200_kills() {
    kill_under_load(200).await;
}

/// What a writer knows of its services and routes: the title of each, absent if there is none.
type Known = BTreeMap<String, Option<String>>;

/// What a writer knows when the control plane has died.
struct Writer {
    number: u64,
    known: Known,
    /// The write that was not answered: it may have happened or not, but not in part.
    open: Vec<(String, Option<String>)>,
    acknowledged: u64,
    revision: u64,
}

async fn kill_under_load(kills: usize) {
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut control_plane = ControlPlane::start(&dir.path().join("store"), &[]).await;
    let mut writers: Vec<_> = (0..WRITERS).map(Writer::new).collect();
    let mut acknowledged = 0;
    for kill in 0..kills {
        let (acks, mut seen) = watch::channel(0u64);
        let acks = Arc::new(acks);
        let mut running = JoinSet::new();
        for writer in writers.drain(..) {
            let registry = control_plane.registry().await;
            let rng = StdRng::seed_from_u64(rng.random());
            running.spawn(writer.write_until_cut(registry, rng, Arc::clone(&acks)));
        }
        // At a random moment of a random write.
        let goal = rng.random_range(1..60);
        within("the writes", seen.wait_for(|count| *count >= goal)).await.unwrap();
        a_moment(Duration::from_micros(rng.random_range(0..8_000))).await;
        control_plane.kill().await;
        writers = running.join_all().await;
        control_plane.restart().await;

        let (mut held, revision) = list(control_plane.registry().await).await;
        for writer in &mut writers {
            writer.check(&mut held, revision).unwrap_or_else(|err| panic!("kill {kill}, seed {seed}: {err}"));
        }
        assert!(held.is_empty(), "kill {kill}, seed {seed}: nobody wrote {held:?}");
        acknowledged = writers.iter().map(|writer| writer.acknowledged).sum();
    }
    println!("{kills} kills, {acknowledged} acknowledged writes, none lost");
}

impl Writer {
    fn new(number: u64) -> Self {
        Self { number, known: Known::new(), open: Vec::new(), acknowledged: 0, revision: 0 }
    }

    /// Writes, one thing after the other, until the control plane is gone.
    async fn write_until_cut(
        mut self,
        mut registry: Registry,
        mut rng: impl Rng,
        acks: Arc<watch::Sender<u64>>,
    ) -> Self {
        loop {
            let name = format!("w{}-s{}", self.number, rng.random_range(0..SERVICES));
            let route = format!("{name}-route");
            let is_there = |name: &String| self.known.get(name).is_some_and(Option::is_some);
            let (exists, is_routed) = (is_there(&name), is_there(&route));
            let title = format!("{:016x}", rng.random::<u64>());
            let (written, result) = if exists && rng.random_bool(0.3) {
                delete(&mut registry, name, is_routed.then_some(route)).await
            } else if rng.random_bool(0.5) {
                apply(&mut registry, service(&name, &title, &mut rng), route).await
            } else {
                put(&mut registry, service(&name, &title, &mut rng), exists).await
            };
            match result {
                Ok(revision) => {
                    assert!(revision > self.revision, "revision {revision} after {}", self.revision);
                    self.revision = revision;
                    self.known.extend(written);
                    self.acknowledged += 1;
                    acks.send_modify(|count| *count += 1);
                }
                Err(status) => {
                    // Nothing but the death itself may be the reason.
                    assert!(
                        matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal),
                        "{status}"
                    );
                    self.open = written;
                    return self;
                }
            }
        }
    }

    /// Takes its services and routes out of what the control plane holds, and says what is wrong with them.
    fn check(&mut self, held: &mut BTreeMap<String, String>, revision: u64) -> Result<(), String> {
        if revision < self.revision {
            return Err(format!("revision {revision} is held, {} was acknowledged", self.revision));
        }
        let open = std::mem::take(&mut self.open);
        let now: Vec<_> = open.iter().map(|(name, _)| (name.clone(), held.get(name).cloned())).collect();
        let before: Vec<_> =
            open.iter().map(|(name, _)| (name.clone(), self.known.get(name).cloned().flatten())).collect();
        if now != before && now != open {
            return Err(format!("there is {now:?}; it was {before:?}, and {open:?} was under way"));
        }
        self.known.extend(now);
        for (name, title) in &self.known {
            let now = held.remove(name);
            if now != *title {
                return Err(format!("{name} is {now:?}; {title:?} was acknowledged"));
            }
        }
        Ok(())
    }
}

/// What a write makes of services and routes, and the revision with which it was acknowledged.
type Written = (Vec<(String, Option<String>)>, Result<u64, Status>);

type Registry = RegistryServiceClient<Channel>;

/// Creates or updates a service.
async fn put(registry: &mut Registry, service: Service, exists: bool) -> Written {
    let written = vec![(service.name.clone(), Some(service.title.clone()))];
    let service = Some(service);
    let stored = if exists {
        let request = UpdateServiceRequest { service, expected_revision: None };
        registry.update_service(request).await.map(|response| response.into_inner().service)
    } else {
        registry.create_service(CreateServiceRequest { service }).await.map(|response| response.into_inner().service)
    };
    (written, stored.map(|service| service.unwrap().revision))
}

/// Writes a service and a route to it as one change.
async fn apply(registry: &mut Registry, service: Service, route: String) -> Written {
    let written = [&service.name, &route].map(|name| (name.clone(), Some(service.title.clone())));
    let to = WeightedService { name: service.name.clone(), weight: None };
    let route = Route {
        name: route,
        title: service.title.clone(),
        hosts: service.hosts.clone(),
        action: Some(Action::Forward(Forward { services: vec![to], ..Forward::default() })),
        ..Route::default()
    };
    let request = ApplyRequest { services: vec![service], routes: vec![route], ..ApplyRequest::default() };
    (written.into(), registry.apply(request).await.map(|response| response.into_inner().revision))
}

/// Deletes the route to a service, or the service if it has none.
async fn delete(registry: &mut Registry, service: String, route: Option<String>) -> Written {
    let expected_revision = None;
    match route {
        Some(name) => {
            let request = DeleteRouteRequest { name: name.clone(), expected_revision };
            let deleted = registry.delete_route(request).await.map(|response| response.into_inner().revision);
            (vec![(name, None)], deleted)
        }
        None => {
            let request = DeleteServiceRequest { name: service.clone(), expected_revision };
            let deleted = registry.delete_service(request).await.map(|response| response.into_inner().revision);
            (vec![(service, None)], deleted)
        }
    }
}

/// A service whose size varies, so that the store's files do not all break at the same places.
fn service(name: &str, title: &str, rng: &mut impl Rng) -> Service {
    let endpoints =
        (0..rng.random_range(1..20u8)).map(|last| Endpoint { address: format!("192.0.2.{last}:80"), weight: 1 });
    Service {
        name: name.into(),
        title: title.into(),
        hosts: vec![format!("{name}.test")],
        endpoints: endpoints.collect(),
        health_check: Some(HealthCheck { probe: Some(Probe::Disabled(DisabledProbe {})), ..HealthCheck::default() }),
        ..Service::default()
    }
}

async fn list(mut registry: Registry) -> (BTreeMap<String, String>, u64) {
    let request = ListServicesRequest { page_size: 1_000, ..ListServicesRequest::default() };
    let services = registry.list_services(request).await.unwrap().into_inner();
    let request = ListRoutesRequest { page_size: 1_000, ..ListRoutesRequest::default() };
    let routes = registry.list_routes(request).await.unwrap().into_inner();
    assert_eq!((services.next_page_token.as_str(), routes.next_page_token.as_str()), ("", ""));
    let routes = routes.routes.into_iter().map(|route| (route.name, route.title));
    let held = services.services.into_iter().map(|service| (service.name, service.title)).chain(routes);
    (held.collect(), services.revision)
}
