//! The registry: commands are validated whole, planned purely against the newest state, committed,
//! and only then answered. Readers see durable state alone.

pub mod apply;
mod desired;
pub mod draft;
pub mod list;
pub mod model;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
pub mod validate;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use self::{
    apply::{Outcome, Plan},
    draft::{Draft, DraftEndpoint},
    list::{Page, Query},
    model::{Desired, EndpointAddress, Revision, Service, ServiceName},
};
use crate::{
    error::RegistryError,
    store::{Batch, Changes, QUEUE, Store, StoreError},
};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Commands under way at once; more wait. Fewer than the store's queue holds, so that it is never
/// full.
const MAX_COMMANDS: usize = QUEUE / 2;
/// How often a command is planned anew when the state that it was planned on came to nothing.
const MAX_TRIES: usize = 16;

/// The registry; a copy is the same one.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Clock,
    cluster_id: String,
    /// What is durable.
    desired: watch::Receiver<Desired>,
    /// What is durable and what is queued: commands are planned on it, so that they need not wait
    /// for each other's flush.
    head: Mutex<Head>,
    settled: watch::Sender<Settled>,
    commands: Semaphore,
}

#[derive(Debug)]
struct Head {
    desired: Desired,
    /// Grows when a commit failed, and with it whatever was planned on it.
    epoch: u64,
}

/// What has become of queued commits.
#[derive(Debug, Clone, Copy)]
struct Settled {
    durable: Revision,
    epoch: u64,
}

/// What an attempt at a command comes to.
enum Attempt {
    Done(Result<Plan, RegistryError>),
    /// What it was planned on came to nothing.
    Again(StoreError),
}

/// What an apply comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What becomes of each service, in the order given.
    pub outcomes: Vec<Outcome>,
    /// The revision of the change, or the current one if there is none.
    pub revision: Revision,
}

impl Registry {
    /// Takes over what a store holds.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Arc<dyn Store>, clock: Clock) -> Result<Self, StoreError> {
        let cluster_id = store.load()?.cluster_id;
        let desired = store.desired();
        let head = Head { desired: desired.borrow().clone(), epoch: 0 };
        let settled = Settled { durable: head.desired.revision, epoch: 0 };
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            cluster_id,
            desired,
            head: Mutex::new(head),
            settled: watch::Sender::new(settled),
            commands: Semaphore::new(MAX_COMMANDS),
        })))
    }

    /// The identity that the store was born with.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.0.cluster_id
    }

    /// The latest durable state. It changes in the order of revisions, and before whoever asked
    /// for a change is answered; it may skip revisions.
    #[must_use]
    pub fn desired(&self) -> watch::Receiver<Desired> {
        self.0.desired.clone()
    }

    /// The durable changes after a revision, one by one.
    ///
    /// # Errors
    /// The history that is kept begins later, or the revision is still to come.
    pub fn watch(&self, after: Revision) -> Result<Changes, RegistryError> {
        Ok(self.0.store.watch(after)?)
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Reads a service.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn get(&self, name: &ServiceName) -> Result<Arc<Service>, RegistryError> {
        let found = self.0.desired.borrow().services.get(name).cloned();
        found.ok_or_else(|| RegistryError::NotFound { service: name.clone() })
    }

    /// Reads a page of services.
    #[must_use]
    pub fn list(&self, query: &Query) -> Page {
        // Copied first: a publisher must not wait for a long search.
        let desired = self.0.desired.borrow().clone();
        list::page(&desired, query)
    }

    /// Adds a service.
    ///
    /// # Errors
    /// Its name or one of its hosts is taken, or the store cannot write.
    pub async fn create(&self, draft: Draft) -> Result<Outcome, RegistryError> {
        only(self.run(move |now, at| apply::create(now, draft.clone(), at)).await?)
    }

    /// Replaces a service.
    ///
    /// # Errors
    /// There is none, it is at another revision, a host is taken, or the store cannot write.
    pub async fn update(&self, draft: Draft, expected: Option<Revision>) -> Result<Outcome, RegistryError> {
        only(self.run(move |now, at| apply::update(now, draft.clone(), expected, at)).await?)
    }

    /// Adds a service, or adds to the one of its name.
    ///
    /// # Errors
    /// A host is taken, it would grow too large, or the store cannot write.
    pub async fn register(&self, draft: Draft) -> Result<Outcome, RegistryError> {
        only(self.run(move |now, at| apply::register(now, draft.clone(), at)).await?)
    }

    /// Adds endpoints to a service.
    ///
    /// # Errors
    /// There is none, it would grow too large, or the store cannot write.
    pub async fn add_endpoints(&self, name: ServiceName, more: Vec<DraftEndpoint>) -> Result<Outcome, RegistryError> {
        only(self.run(move |now, at| apply::add_endpoints(now, &name, more.clone(), at)).await?)
    }

    /// Takes endpoints from a service.
    ///
    /// # Errors
    /// There is none, it lacks one of them, or the store cannot write.
    pub async fn remove_endpoints(
        &self,
        name: ServiceName,
        gone: Vec<EndpointAddress>,
    ) -> Result<Outcome, RegistryError> {
        only(self.run(move |now, at| apply::remove_endpoints(now, &name, &gone, at)).await?)
    }

    /// Removes a service; the revision of its removal is returned.
    ///
    /// # Errors
    /// There is none, it is at another revision, or the store cannot write.
    pub async fn delete(&self, name: ServiceName, expected: Option<Revision>) -> Result<Revision, RegistryError> {
        let plan = self.run(move |now, at| apply::delete(now, &name, expected, at)).await?;
        Ok(plan.next.revision)
    }

    /// Creates and replaces services as one change.
    ///
    /// # Errors
    /// A host is taken, or the store cannot write.
    pub async fn apply(&self, drafts: Vec<Draft>) -> Result<Applied, RegistryError> {
        let plan = self.run(move |now, at| apply::apply(now, drafts.clone(), at)).await?;
        Ok(Applied { outcomes: plan.outcomes, revision: plan.next.revision })
    }

    /// What [`Self::apply`] would come to, without doing it.
    ///
    /// # Errors
    /// A host is taken.
    pub fn preview(&self, drafts: Vec<Draft>) -> Result<Applied, RegistryError> {
        let desired = self.0.desired.borrow().clone();
        let plan = apply::apply(&desired, drafts, self.now())?;
        Ok(Applied { outcomes: plan.outcomes, revision: desired.revision })
    }

    /// Carries out a command. A client that goes away does not stop it half-way.
    async fn run<P>(&self, plan: P) -> Result<Plan, RegistryError>
    where
        P: Fn(&Desired, Timestamp) -> Result<Plan, RegistryError> + Send + Sync + 'static,
    {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move { inner.run(&plan).await }).await.unwrap_or(Err(RegistryError::ShuttingDown))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("cluster_id", &self.0.cluster_id).finish_non_exhaustive()
    }
}

impl Inner {
    async fn run<P>(&self, plan: &P) -> Result<Plan, RegistryError>
    where
        P: Fn(&Desired, Timestamp) -> Result<Plan, RegistryError>,
    {
        let _permit = self.commands.acquire().await.map_err(|_| RegistryError::ShuttingDown)?;
        let mut failure = StoreError::Busy;
        for _ in 0..MAX_TRIES {
            match self.attempt(plan).await {
                Attempt::Done(result) => return result,
                Attempt::Again(err) => failure = err,
            }
        }
        Err(RegistryError::StoreUnavailable(failure))
    }

    async fn attempt<P>(&self, plan: &P) -> Attempt
    where
        P: Fn(&Desired, Timestamp) -> Result<Plan, RegistryError>,
    {
        let at = (self.clock)();
        let (planned, base, epoch, answer) = {
            let mut head = self.head();
            let base = head.desired.revision;
            let mut planned = plan(&head.desired, at);
            let answer = planned.as_mut().ok().and_then(|plan| self.queue(&mut head, plan));
            (planned, base, head.epoch, answer)
        };
        let Some(answer) = answer else {
            // Refused, or nothing to do: true only if what it was planned on is.
            return if self.is_settled(base, epoch).await {
                Attempt::Done(planned)
            } else {
                Attempt::Again(StoreError::Busy)
            };
        };
        match answer.await.unwrap_or(Err(StoreError::Closed)) {
            Ok(revision) => {
                self.settled.send_modify(|settled| settled.durable = settled.durable.max(revision));
                Attempt::Done(planned)
            }
            Err(err) => {
                self.roll_back(epoch);
                after_failure(err)
            }
        }
    }

    /// Queues a plan's batch, if there is one, and builds on it from now on.
    fn queue(&self, head: &mut Head, plan: &mut Plan) -> Option<Answer> {
        let batch: Batch = plan.batch.take()?;
        let answer = self.store.commit(batch);
        head.desired = plan.next.clone();
        Some(answer)
    }

    /// Waits until a planned-on revision is durable; false if it came to nothing instead.
    async fn is_settled(&self, revision: Revision, epoch: u64) -> bool {
        let mut settled = self.settled.subscribe();
        let done = settled.wait_for(|settled| settled.epoch != epoch || settled.durable >= revision).await;
        done.is_ok_and(|settled| settled.epoch == epoch)
    }

    /// After a failed commit: begins again with what is durable. Whatever was queued since names
    /// the failed commit's revision as its base, and fails too.
    fn roll_back(&self, epoch: u64) {
        let mut head = self.head();
        if head.epoch == epoch {
            head.epoch += 1;
            head.desired = self.desired.borrow().clone();
            let settled = Settled { durable: head.desired.revision, epoch: head.epoch };
            self.settled.send_replace(settled);
        }
    }

    /// The state to plan on, never behind what is durable.
    fn head(&self) -> MutexGuard<'_, Head> {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let durable = self.desired.borrow();
        if durable.revision > head.desired.revision {
            head.desired = durable.clone();
        }
        head
    }
}

type Answer = tokio::sync::oneshot::Receiver<Result<Revision, StoreError>>;

fn after_failure(err: StoreError) -> Attempt {
    match err {
        StoreError::Moved { .. } | StoreError::Precondition { .. } => Attempt::Again(err),
        StoreError::NotADirectory { .. }
        | StoreError::Permission { .. }
        | StoreError::InUse { .. }
        | StoreError::DiskFull { .. }
        | StoreError::Damaged { .. }
        | StoreError::Lost { .. }
        | StoreError::FutureFormat { .. }
        | StoreError::Failed { .. }
        | StoreError::Busy
        | StoreError::Closed => Attempt::Done(Err(RegistryError::StoreUnavailable(err))),
    }
}

/// The outcome of a command on one service.
fn only(plan: Plan) -> Result<Outcome, RegistryError> {
    plan.outcomes.into_iter().next().ok_or(RegistryError::ShuttingDown)
}
