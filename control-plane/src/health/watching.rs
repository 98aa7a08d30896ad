//! What the monitor holds. Nothing here waits: it starts and ends tasks, and keeps the view.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    mem,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use imbl::ordmap::DiffItem;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::{
    EndpointHealth, EndpointKey, Health, HealthView, LastProbe,
    address::Address,
    monitor::{EndpointId, Report, Settings},
    names::Lookup,
    of_endpoint,
    state::State,
};
use crate::{
    registry::model::{Desired, Endpoint, EndpointAddress, HealthCheck, Service, ServiceName},
    store::HealthRecord,
};

/// Lookups of host names that may run at once: each occupies a thread.
const MAX_LOOKUPS: usize = 64;
/// Over how long the first probes of addresses that were healthy before a restart are spread.
const RESTART_SPREAD: Duration = Duration::from_secs(1);

/// A task that ends when this is dropped.
type Task = AbortOnDropHandle<()>;

/// Every watched endpoint, and the view.
#[derive(Debug)]
pub(super) struct Watching {
    settings: Settings,
    rng: SmallRng,
    probes: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    reports: mpsc::Sender<Report>,
    desired: Desired,
    services: HashMap<ServiceName, Watched>,
    view: HealthView,
    /// Endpoints whose addresses or verdicts have changed since they were recorded.
    unrecorded: BTreeSet<(ServiceName, EndpointAddress)>,
    generation: u64,
}

#[derive(Debug)]
struct Watched {
    check: HealthCheck,
    endpoints: HashMap<EndpointAddress, Slot>,
}

#[derive(Debug)]
struct Slot {
    id: EndpointId,
    weight: u32,
    _lookup: Option<Task>,
    /// Without a task where nothing is probed.
    addresses: HashMap<SocketAddr, Option<Task>>,
}

impl Watching {
    pub(super) fn new(settings: Settings, reports: mpsc::Sender<Report>) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(settings.seed),
            probes: Arc::new(Semaphore::new(settings.max_probes)),
            lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
            settings,
            reports,
            desired: Desired::default(),
            services: HashMap::new(),
            view: HealthView::new(),
            unrecorded: BTreeSet::new(),
            generation: 0,
        }
    }

    pub(super) fn view(&self) -> &HealthView {
        &self.view
    }

    /// Puts the verdicts of an earlier run into the view, as far as their endpoints are desired.
    pub(super) fn restore(&mut self, records: Vec<HealthRecord>, desired: &Desired) {
        for HealthRecord { service, endpoint, addresses } in records {
            let Some(wanted) = desired.services.get(&service) else { continue };
            let Some(Endpoint { weight, .. }) = wanted.endpoints.iter().find(|e| e.address == endpoint) else {
                continue;
            };
            for (address, healthy) in addresses {
                let key = EndpointKey { service: service.clone(), endpoint: endpoint.clone(), address: Some(address) };
                if healthy {
                    self.set(key, *weight, Health::Healthy, "");
                } else {
                    self.set(key, *weight, Health::Unhealthy, "unhealthy before the control plane was restarted");
                }
            }
        }
        // What was just read need not be written.
        self.unrecorded.clear();
    }

    /// Starts and ends tasks as the desired state now says.
    pub(super) fn follow(&mut self, desired: &Desired) {
        let before = mem::replace(&mut self.desired, desired.clone());
        for change in before.services.diff(&desired.services) {
            match change {
                DiffItem::Add(_, service) | DiffItem::Update { new: (_, service), .. } => self.watch(service),
                DiffItem::Remove(name, _) => {
                    let Some(watched) = self.services.remove(name) else { continue };
                    watched.endpoints.into_keys().for_each(|endpoint| self.forget(name, &endpoint));
                }
            }
        }
    }

    fn watch(&mut self, service: &Service) {
        let Service { name, endpoints, health_check, .. } = service;
        let mut watched = self
            .services
            .remove(name)
            .unwrap_or_else(|| Watched { check: health_check.clone(), endpoints: HashMap::new() });
        let wanted: HashSet<_> = endpoints.iter().map(|endpoint| &endpoint.address).collect();
        watched.endpoints.retain(|endpoint, _| {
            let kept = wanted.contains(endpoint);
            if !kept {
                self.forget(name, endpoint);
            }
            kept
        });
        let same_check = watched.check == *health_check;
        watched.check.clone_from(health_check);
        for endpoint in endpoints {
            match watched.endpoints.get_mut(&endpoint.address) {
                Some(slot) if same_check => {
                    slot.weight = endpoint.weight;
                    self.reweigh(name, endpoint);
                }
                // The tasks of a slot end as it is replaced; their verdicts stay in the view.
                Some(_) | None => {
                    let slot = self.start(name, endpoint, &watched.check);
                    watched.endpoints.insert(endpoint.address.clone(), slot);
                }
            }
        }
        self.services.insert(name.clone(), watched);
    }

    /// Starts an endpoint's tasks, which go on from what the view holds of its addresses.
    fn start(&mut self, service: &ServiceName, endpoint: &Endpoint, check: &HealthCheck) -> Slot {
        let Endpoint { address: endpoint, weight } = endpoint;
        self.generation += 1;
        let id = EndpointId { service: service.clone(), endpoint: endpoint.clone(), generation: self.generation };
        let known: Vec<_> = of_endpoint(&self.view, service, endpoint).filter_map(|(key, _)| key.address).collect();
        let (addresses, lookup) = match endpoint {
            EndpointAddress::Socket(address) => (vec![*address], None),
            EndpointAddress::Name { host, port } => {
                if known.is_empty() {
                    self.set(id.key(None), *weight, Health::Pending, "its name is being resolved");
                }
                let lookup = self.lookup(id.clone(), Arc::clone(host), *port);
                let rng = self.rng.fork();
                (known.clone(), Some(AbortOnDropHandle::new(tokio::spawn(lookup.repeat(known, rng)))))
            }
        };
        let mut slot = Slot { id, weight: *weight, _lookup: lookup, addresses: HashMap::new() };
        for address in addresses {
            self.add(&mut slot, address, check);
        }
        slot
    }

    fn lookup(&self, id: EndpointId, host: Arc<str>, port: u16) -> Lookup {
        Lookup {
            id,
            host,
            port,
            every: self.settings.resolve_every,
            resolver: Arc::clone(&self.settings.resolver),
            permits: Arc::clone(&self.lookups),
            reports: self.reports.clone(),
        }
    }

    /// Adds an address with the verdict that the view holds of it, and starts to probe it where
    /// the check says so.
    fn add(&mut self, slot: &mut Slot, address: SocketAddr, check: &HealthCheck) {
        let key = slot.id.key(Some(address));
        let HealthCheck::Enabled(policy) = check else {
            self.set(key, slot.weight, Health::Healthy, "");
            slot.addresses.insert(address, None);
            return;
        };
        let known = self.view.get(&key).cloned();
        let (state, first) = match known.as_deref() {
            None | Some(EndpointHealth { health: Health::Pending, .. }) => {
                self.set(key.clone(), slot.weight, Health::Pending, "not probed yet");
                (State::Pending, Duration::ZERO)
            }
            Some(EndpointHealth { health: Health::Unhealthy, .. }) => (State::restored(false), Duration::ZERO),
            Some(EndpointHealth { health: Health::Healthy, last_probe, .. }) => {
                // After a restart all of them are due; they serve already, so there is no hurry.
                let spread =
                    if last_probe.get().is_none() { policy.interval.min(RESTART_SPREAD) } else { Duration::ZERO };
                (State::restored(true), spread.mul_f64(self.rng.random_range(0.0..1.0)))
            }
        };
        let task = Address {
            id: slot.id.clone(),
            address,
            policy: Arc::new(policy.clone()),
            last_probe: self.view.get(&key).map_or_else(Arc::default, |health| Arc::clone(&health.last_probe)),
            permits: Arc::clone(&self.probes),
            counts: Arc::clone(&self.settings.counts),
            reports: self.reports.clone(),
            now: self.settings.now,
        };
        let rng = self.rng.fork();
        let task = AbortOnDropHandle::new(tokio::spawn(task.repeat(state, first, rng)));
        slot.addresses.insert(address, Some(task));
    }

    /// Takes in what a task has found out, unless its endpoint is gone or was started anew.
    pub(super) fn take_in(&mut self, report: Report) {
        let (Report::Verdict { id, .. } | Report::Resolved { id, .. } | Report::Unresolved { id, .. }) = &report;
        let Some(mut watched) = self.services.remove(&id.service) else { return };
        let service = id.service.clone();
        if let Some(slot) = watched.endpoints.get_mut(&id.endpoint)
            && slot.id.generation == id.generation
        {
            self.take_in_current(report, slot, &watched.check);
        }
        self.services.insert(service, watched);
    }

    fn take_in_current(&mut self, report: Report, slot: &mut Slot, check: &HealthCheck) {
        match report {
            Report::Verdict { id, address, healthy, reason } => {
                if slot.addresses.contains_key(&address) {
                    let health = if healthy { Health::Healthy } else { Health::Unhealthy };
                    self.set(id.key(Some(address)), slot.weight, health, &reason);
                }
            }
            Report::Resolved { id, addresses } => {
                self.view.remove(&id.key(None));
                slot.addresses.retain(|address, _| {
                    let kept = addresses.contains(address);
                    if !kept {
                        self.view.remove(&id.key(Some(*address)));
                    }
                    kept
                });
                for address in addresses {
                    if !slot.addresses.contains_key(&address) {
                        self.add(slot, address, check);
                    }
                }
                self.unrecorded.insert((id.service, id.endpoint));
            }
            Report::Unresolved { id, reason } => {
                if slot.addresses.is_empty() {
                    self.set(id.key(None), slot.weight, Health::Unhealthy, &reason);
                }
            }
        }
    }

    fn forget(&mut self, service: &ServiceName, endpoint: &EndpointAddress) {
        let keys: Vec<_> = of_endpoint(&self.view, service, endpoint).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.view.remove(&key);
        }
        self.unrecorded.insert((service.clone(), endpoint.clone()));
    }

    fn reweigh(&mut self, service: &ServiceName, endpoint: &Endpoint) {
        let Endpoint { address, weight } = endpoint;
        let known: Vec<_> =
            of_endpoint(&self.view, service, address).map(|(key, health)| (key.clone(), Arc::clone(health))).collect();
        for (key, health) in known {
            self.set(key, *weight, health.health, &health.reason);
        }
    }

    /// Puts an entry into the view, if it says something new.
    fn set(&mut self, key: EndpointKey, weight: u32, health: Health, reason: &str) {
        let before = self.view.get(&key);
        if before.is_some_and(|b| b.weight == weight && b.health == health && b.reason == reason) {
            return;
        }
        let same_verdict = before.filter(|before| before.health == health);
        let since = same_verdict.map_or_else(self.settings.now, |before| before.since);
        if same_verdict.is_none() {
            // What becomes known is no transition; after a restart that is every address.
            if before.is_some() {
                tracing::info!(service = %key.service, endpoint = %key.endpoint, address = ?key.address, %health, %reason, "health");
            }
            if key.address.is_some() && health != Health::Pending {
                self.unrecorded.insert((key.service.clone(), key.endpoint.clone()));
            }
        }
        let last_probe: Arc<LastProbe> = before.map_or_else(Arc::default, |before| Arc::clone(&before.last_probe));
        let entry = EndpointHealth { weight, health, reason: reason.to_owned(), since, last_probe };
        self.view.insert(key, Arc::new(entry));
    }

    /// Hands over what has changed since the last time; the answer comes once it is durable.
    pub(super) fn record(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.unrecorded.is_empty() {
            return None;
        }
        let changed = mem::take(&mut self.unrecorded);
        let records = changed.into_iter().map(|(service, endpoint)| {
            let addresses = of_endpoint(&self.view, &service, &endpoint)
                .filter(|(_, health)| health.health != Health::Pending)
                .filter_map(|(key, health)| Some((key.address?, health.health == Health::Healthy)))
                .collect();
            HealthRecord { service, endpoint, addresses }
        });
        Some((self.settings.record)(records.collect()))
    }
}

impl EndpointId {
    fn key(&self, address: Option<SocketAddr>) -> EndpointKey {
        EndpointKey { service: self.service.clone(), endpoint: self.endpoint.clone(), address }
    }
}
