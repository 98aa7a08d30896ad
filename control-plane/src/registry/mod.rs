//! The registry: commands are validated whole, planned purely against the newest state, committed,
//! and only then answered. Readers see durable state alone.

pub mod apply;
mod claim;
pub mod consumer;
pub mod consumers;
mod desired;
pub mod draft;
pub mod list;
pub mod model;
mod name;
pub mod password;
pub mod patterns;
pub mod purge;
mod record;
pub mod route;
mod runner;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
pub mod validate;

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use tokio::sync::watch;

use self::{
    apply::{Outcome, Plan},
    draft::{Draft, DraftEndpoint, Wanted},
    list::{Page, RouteQuery, ServiceQuery},
    model::{Consumer, Desired, EndpointAddress, Key, Purge, Revision, Route, RouteName, Service, ServiceName},
    purge::{Mode, Target},
    runner::Inner,
};
use crate::{
    auth::Actor,
    error::RegistryError,
    store::{Changes, Store, StoreError},
};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The registry; a copy is the same one.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
    /// Who asks for changes.
    actor: Actor,
}

/// What an apply comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// What becomes of each service, in the order given.
    pub services: Vec<Outcome<Service>>,
    /// What becomes of each route, in the order given.
    pub routes: Vec<Outcome<Route>>,
    /// What becomes of each consumer, in the order given.
    pub consumers: Vec<Outcome<Consumer>>,
    /// The revision of the change, or the current one if there is none.
    pub revision: Revision,
}

impl Registry {
    /// Takes over what a store holds.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Arc<dyn Store>, clock: Clock) -> Result<Self, StoreError> {
        Ok(Self { inner: Arc::new(Inner::open(store, clock)?), actor: Actor::default() })
    }

    /// The same registry, whose changes somebody asks for.
    #[must_use]
    pub fn by(&self, actor: Actor) -> Self {
        Self { inner: Arc::clone(&self.inner), actor }
    }

    /// The identity that the store was born with.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.inner.cluster_id
    }

    /// The latest durable state. It changes in the order of revisions, and before whoever asked
    /// for a change is answered; it may skip revisions.
    #[must_use]
    pub fn desired(&self) -> watch::Receiver<Desired> {
        self.inner.desired.clone()
    }

    /// The durable changes after a revision, one by one.
    ///
    /// # Errors
    /// The history that is kept begins later, or the revision is still to come.
    pub fn watch(&self, after: Revision) -> Result<Changes, RegistryError> {
        Ok(self.inner.store.watch(after)?)
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }

    /// Reads a service.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn get(&self, name: &ServiceName) -> Result<Arc<Service>, RegistryError> {
        let found = self.inner.desired.borrow().services.get(name).cloned();
        found.ok_or_else(|| RegistryError::NotFound(Key::Service(name.clone())))
    }

    /// Reads a route.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn get_route(&self, name: &RouteName) -> Result<Arc<Route>, RegistryError> {
        let found = self.inner.desired.borrow().routes.get(name).cloned();
        found.ok_or_else(|| RegistryError::NotFound(Key::Route(name.clone())))
    }

    /// Reads a page of services.
    #[must_use]
    pub fn list(&self, query: &ServiceQuery) -> Page<Service> {
        list::services(&self.durable(), query)
    }

    /// Reads a page of routes.
    #[must_use]
    pub fn list_routes(&self, query: &RouteQuery) -> Page<Route> {
        list::routes(&self.durable(), query)
    }

    /// Adds a service.
    ///
    /// # Errors
    /// Its name or one of its hosts is taken, or the store cannot write.
    pub async fn create(&self, draft: Draft) -> Result<Outcome<Service>, RegistryError> {
        only_service(self.run(move |now, at| apply::create(now, draft.clone(), at)).await?)
    }

    /// Replaces a service.
    ///
    /// # Errors
    /// There is none, it is at another revision, a host is taken, or the store cannot write.
    pub async fn update(&self, draft: Draft, expected: Option<Revision>) -> Result<Outcome<Service>, RegistryError> {
        only_service(self.run(move |now, at| apply::update(now, draft.clone(), expected, at)).await?)
    }

    /// Adds a service, or adds to the one of its name.
    ///
    /// # Errors
    /// A host is taken, it would grow too large, or the store cannot write.
    pub async fn register(&self, draft: Draft) -> Result<Outcome<Service>, RegistryError> {
        only_service(self.run(move |now, at| apply::register(now, draft.clone(), at)).await?)
    }

    /// Adds endpoints to a service.
    ///
    /// # Errors
    /// There is none, it would grow too large, or the store cannot write.
    pub async fn add_endpoints(
        &self,
        name: ServiceName,
        more: Vec<DraftEndpoint>,
    ) -> Result<Outcome<Service>, RegistryError> {
        only_service(self.run(move |now, at| apply::add_endpoints(now, &name, more.clone(), at)).await?)
    }

    /// Takes endpoints from a service.
    ///
    /// # Errors
    /// There is none, it lacks one of them, or the store cannot write.
    pub async fn remove_endpoints(
        &self,
        name: ServiceName,
        gone: Vec<EndpointAddress>,
    ) -> Result<Outcome<Service>, RegistryError> {
        only_service(self.run(move |now, at| apply::remove_endpoints(now, &name, &gone, at)).await?)
    }

    /// Removes a service; the revision of its removal is returned.
    ///
    /// # Errors
    /// There is none, it is at another revision, a route leads to it, or the store cannot write.
    pub async fn delete(&self, name: ServiceName, expected: Option<Revision>) -> Result<Revision, RegistryError> {
        let plan = self.run(move |now, at| apply::delete(now, &name, expected, at)).await?;
        Ok(plan.next.revision)
    }

    /// Adds a route.
    ///
    /// # Errors
    /// Its name is taken, another route has the same requests, it leads to a service that there is
    /// not, or the store cannot write.
    pub async fn create_route(&self, route: Route) -> Result<Outcome<Route>, RegistryError> {
        only_route(self.run(move |now, at| apply::create_route(now, route.clone(), at)).await?)
    }

    /// Replaces a route.
    ///
    /// # Errors
    /// There is none, it is at another revision, or as for [`Self::create_route`].
    pub async fn update_route(
        &self,
        route: Route,
        expected: Option<Revision>,
    ) -> Result<Outcome<Route>, RegistryError> {
        only_route(self.run(move |now, at| apply::update_route(now, route.clone(), expected, at)).await?)
    }

    /// Removes a route; the revision of its removal is returned.
    ///
    /// # Errors
    /// There is none, it is at another revision, or the store cannot write.
    pub async fn delete_route(&self, name: RouteName, expected: Option<Revision>) -> Result<Revision, RegistryError> {
        let plan = self.run(move |now, at| apply::delete_route(now, &name, expected, at)).await?;
        Ok(plan.next.revision)
    }

    /// Purges the caches of the data planes; each of them does so before it serves what follows.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn purge(&self, target: Target, mode: Mode) -> Result<Arc<Purge>, RegistryError> {
        let plan = self.run(move |now, at| Ok(apply::purge(now, target.clone(), mode, at))).await?;
        plan.next.purges.newest().cloned().ok_or(RegistryError::ShuttingDown)
    }

    /// Creates and replaces services, routes and consumers as one change.
    ///
    /// # Errors
    /// A host is taken, two routes have the same requests, one leads to a service that there is not,
    /// or the store cannot write.
    pub async fn apply(&self, wanted: Wanted) -> Result<Applied, RegistryError> {
        let plan = self.run(move |now, at| apply::apply(now, wanted.clone(), at)).await?;
        let Plan { batch: _, services, routes, consumers, next } = plan;
        Ok(Applied { services, routes, consumers, revision: next.revision })
    }

    /// What [`Self::apply`] would come to, without doing it.
    ///
    /// # Errors
    /// As for [`Self::apply`], the store excepted.
    pub fn preview(&self, wanted: Wanted) -> Result<Applied, RegistryError> {
        let desired = self.durable();
        let Plan { batch: _, services, routes, consumers, next: _ } = apply::apply(&desired, wanted, self.now())?;
        Ok(Applied { services, routes, consumers, revision: desired.revision })
    }

    /// A copy of the durable state, so that a publisher need not wait for whoever searches in it.
    fn durable(&self) -> Desired {
        self.inner.desired.borrow().clone()
    }

    /// Carries out a command. A client that goes away does not stop it half-way.
    async fn run<P>(&self, plan: P) -> Result<Plan, RegistryError>
    where
        P: Fn(&Desired, Timestamp) -> Result<Plan, RegistryError> + Send + Sync + 'static,
    {
        let (inner, actor) = (Arc::clone(&self.inner), self.actor.clone());
        tokio::spawn(async move { inner.run(&plan, &actor).await }).await.unwrap_or(Err(RegistryError::ShuttingDown))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("cluster_id", &self.inner.cluster_id).finish_non_exhaustive()
    }
}

/// The outcome of a command on one service.
fn only_service(plan: Plan) -> Result<Outcome<Service>, RegistryError> {
    plan.services.into_iter().next().ok_or(RegistryError::ShuttingDown)
}

/// The outcome of a command on one route.
fn only_route(plan: Plan) -> Result<Outcome<Route>, RegistryError> {
    plan.routes.into_iter().next().ok_or(RegistryError::ShuttingDown)
}
