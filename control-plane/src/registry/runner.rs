//! How a command is carried out: planned on what is durable and what is queued, committed, and
//! planned anew where what it was planned on came to nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Semaphore, oneshot, watch};

use super::{
    Clock,
    apply::Plan,
    model::{Desired, Revision},
};
use crate::{
    auth::Actor,
    error::RegistryError,
    store::{QUEUE, Store, StoreError},
};

/// Commands under way at once; more wait. Fewer than the store's queue holds, so that it is never
/// full.
const MAX_COMMANDS: usize = QUEUE / 2;
/// Passwords that are hashed at once, each in 19 MiB; more wait.
const MAX_HASHING: usize = 2;
/// How often a command is planned anew when the state that it was planned on came to nothing.
const MAX_TRIES: usize = 16;

/// What the copies of a registry share.
pub(super) struct Inner {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) cluster_id: String,
    /// What is durable.
    pub(super) desired: watch::Receiver<Desired>,
    /// What is durable and what is queued: commands are planned on it, so that they need not wait
    /// for each other's flush.
    head: Mutex<Head>,
    settled: watch::Sender<Settled>,
    commands: Semaphore,
    /// Passwords that are hashed at once.
    pub(super) hashing: Arc<Semaphore>,
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
    Done(Result<Box<Plan>, RegistryError>),
    /// What it was planned on came to nothing.
    Again(StoreError),
}

impl Inner {
    /// Takes over what a store holds.
    pub(super) fn open(store: Arc<dyn Store>, clock: Clock) -> Result<Self, StoreError> {
        let cluster_id = store.load()?.cluster_id;
        let desired = store.desired();
        let head = Head { desired: desired.borrow().clone(), epoch: 0 };
        let settled = Settled { durable: head.desired.revision, epoch: 0 };
        Ok(Self {
            store,
            clock,
            cluster_id,
            desired,
            head: Mutex::new(head),
            settled: watch::Sender::new(settled),
            commands: Semaphore::new(MAX_COMMANDS),
            hashing: Arc::new(Semaphore::new(MAX_HASHING)),
        })
    }

    /// Carries out a command that somebody asks for.
    pub(super) async fn run<P>(&self, plan: &P, actor: &Actor) -> Result<Plan, RegistryError>
    where
        P: Fn(&Desired, Timestamp) -> Result<Plan, RegistryError>,
    {
        let _permit = self.commands.acquire().await.map_err(|_| RegistryError::ShuttingDown)?;
        let mut failure = StoreError::Busy;
        for _ in 0..MAX_TRIES {
            match self.attempt(plan, actor).await {
                Attempt::Done(result) => return result.map(|plan| *plan),
                Attempt::Again(err) => failure = err,
            }
        }
        Err(RegistryError::StoreUnavailable(failure))
    }

    async fn attempt<P>(&self, plan: &P, actor: &Actor) -> Attempt
    where
        P: Fn(&Desired, Timestamp) -> Result<Plan, RegistryError>,
    {
        let at = (self.clock)();
        let (planned, base, epoch, answer) = {
            let mut head = self.head();
            let base = head.desired.revision;
            let mut planned = plan(&head.desired, at);
            let answer = planned.as_mut().ok().and_then(|plan| self.queue(&mut head, plan, actor));
            (planned, base, head.epoch, answer)
        };
        let Some(answer) = answer else {
            // Refused, or nothing to do: true only if what it was planned on is.
            return if self.is_settled(base, epoch).await {
                Attempt::Done(planned.map(Box::new))
            } else {
                Attempt::Again(StoreError::Busy)
            };
        };
        match answer.await.unwrap_or(Err(StoreError::Closed)) {
            Ok(revision) => {
                self.settled.send_modify(|settled| settled.durable = settled.durable.max(revision));
                Attempt::Done(planned.map(Box::new))
            }
            Err(err) => {
                self.roll_back(epoch);
                after_failure(err)
            }
        }
    }

    /// Queues a plan's batch, if there is one, and builds on it from now on.
    fn queue(&self, head: &mut Head, plan: &mut Plan, actor: &Actor) -> Option<Answer> {
        let mut batch = plan.batch.take()?;
        batch.actor = actor.clone();
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

type Answer = oneshot::Receiver<Result<Revision, StoreError>>;

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
