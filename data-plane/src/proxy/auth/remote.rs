//! What workers need beside the table to find out who calls: keys, connections to who knows, and what was
//! found out before.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::IpAddr,
    rc::Rc,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use gateway_caching::Time;
use gateway_routing::route::{ForwardAuth, Introspection, Jwt};
use tokio::{
    sync::Semaphore,
    time::{Duration, Instant},
};

use super::{
    clients::Clients,
    introspect, jwt,
    verdicts::{Introspected, Verified},
};
use crate::{
    jwks::{SourceTotals, Sources},
    outside::{Outside, Trust},
    secrets::Secrets,
};

/// Questions to one server that a worker has under way at one time; others wait for their turn.
const AT_ONCE: usize = 128;
/// The same trouble is not told more often than this.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Remote {
    trust: Trust,
    secrets: Secrets,
    sources: Arc<Sources>,
    verified: Verified,
    introspected: Introspected,
    counts: [AtomicU64; EVENTS.len()],
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The signature of a token was verified, and the token is good.
    JwtGood,
    /// A token was refused.
    JwtRefused,
    /// There was no key set yet to verify one by.
    JwtUnknown,
    IntrospectionActive,
    IntrospectionInactive,
    IntrospectionFailed,
    ForwardPassed,
    ForwardAnswered,
    ForwardFailed,
}

/// How they are called, by method and result, in the order of [`Event`].
pub(crate) const EVENTS: [(&str, &str); 9] = [
    ("jwt", "accepted"),
    ("jwt", "refused"),
    ("jwt", "failed"),
    ("introspection", "accepted"),
    ("introspection", "refused"),
    ("introspection", "failed"),
    ("forward", "accepted"),
    ("forward", "refused"),
    ("forward", "failed"),
];

/// All of it, for a scrape.
#[derive(Debug, Default)]
pub(crate) struct RemoteTotals {
    pub events: [u64; EVENTS.len()],
    pub verdicts: u64,
    pub verdict_bytes: u64,
    pub sources: SourceTotals,
}

impl Remote {
    /// With so many bytes for what was found out.
    pub(crate) fn new(trust: Trust, secrets: Secrets, memory: u64) -> Self {
        let introspected = memory / 4;
        Self {
            trust,
            secrets,
            sources: Arc::default(),
            verified: Verified::new(memory - introspected),
            introspected: Introspected::new(introspected),
            counts: Default::default(),
        }
    }

    /// The key sets, for who keeps them.
    pub(crate) fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// A way outside for another thread than a worker.
    pub(crate) fn outside(&self) -> Outside {
        Outside::new(&self.trust)
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// One worker's part.
    pub(crate) fn for_worker(self: &Arc<Self>) -> WorkerRemote {
        WorkerRemote {
            outside: self.outside(),
            all: Arc::clone(self),
            jwts: RefCell::default(),
            introspections: RefCell::default(),
            forwards: RefCell::default(),
        }
    }

    pub(crate) fn totals(&self, now: Time) -> RemoteTotals {
        let Self { verified, introspected, .. } = self;
        RemoteTotals {
            events: self.counts.each_ref().map(|count| count.load(Relaxed)),
            verdicts: (verified.len() + introspected.0.len()) as u64,
            verdict_bytes: verified.weight() + introspected.0.weight(),
            sources: self.sources.totals(now),
        }
    }
}

/// What one worker has, with connections of its own.
#[derive(Debug)]
pub(crate) struct WorkerRemote {
    all: Arc<Remote>,
    outside: Outside,
    jwts: Prepared<Jwt, jwt::Prepared>,
    introspections: Prepared<Introspection, introspect::Prepared>,
    forwards: Prepared<ForwardAuth, Queue>,
}

/// What was made of policies, by where these are. The place of each is held, so that no other one can be there,
/// but not the policy: other workers hold it as well, and then none would ever be let go of.
type Prepared<P, M> = RefCell<HashMap<*const P, (Weak<P>, Rc<M>), foldhash::fast::RandomState>>;

/// What was made of the policy, or is now.
fn prepared<P, M>(all: &Prepared<P, M>, policy: &Arc<P>, make: impl FnOnce() -> Option<M>) -> Option<Rc<M>> {
    if let Some((_, made)) = all.borrow().get(&Arc::as_ptr(policy)) {
        return Some(Rc::clone(made));
    }
    let made = Rc::new(make()?);
    all.borrow_mut().insert(Arc::as_ptr(policy), (Arc::downgrade(policy), Rc::clone(&made)));
    Some(made)
}

/// Drops what no table has any more.
fn forget_removed<P, M>(all: &Prepared<P, M>) {
    all.borrow_mut().retain(|_, (policy, _)| policy.strong_count() > 0);
}

impl WorkerRemote {
    /// None where nobody keeps its keys yet.
    pub(super) fn jwt(&self, policy: &Arc<Jwt>) -> Option<Rc<jwt::Prepared>> {
        prepared(&self.jwts, policy, || jwt::Prepared::new(policy, &self.all.sources))
    }

    pub(super) fn introspection(&self, policy: &Arc<Introspection>) -> Option<Rc<introspect::Prepared>> {
        prepared(&self.introspections, policy, || Some(introspect::Prepared::new(policy)))
    }

    pub(super) fn forward(&self, policy: &Arc<ForwardAuth>) -> Option<Rc<Queue>> {
        prepared(&self.forwards, policy, || Some(Queue::default()))
    }

    pub(super) fn outside(&self) -> &Outside {
        &self.outside
    }

    pub(super) fn secrets(&self) -> &Secrets {
        &self.all.secrets
    }

    pub(super) fn verified(&self) -> &Verified {
        &self.all.verified
    }

    pub(super) fn introspected(&self) -> &Introspected {
        &self.all.introspected
    }

    /// Not to be called for what a verdict was there for already.
    pub(super) fn count(&self, event: Event) {
        self.all.counts[event as usize].fetch_add(1, Relaxed);
    }

    /// How many policies something was made of.
    #[cfg(test)]
    pub(crate) fn prepared(&self) -> usize {
        self.jwts.borrow().len() + self.introspections.borrow().len() + self.forwards.borrow().len()
    }

    /// What is due once a second.
    pub(crate) fn tidy(&self) {
        forget_removed(&self.jwts);
        forget_removed(&self.introspections);
        forget_removed(&self.forwards);
    }
}

/// Those who ask one server.
#[derive(Debug)]
pub(super) struct Queue {
    places: Semaphore,
    clients: Arc<Clients>,
    warned: Cell<Option<Instant>>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_ONCE), clients: Arc::default(), warned: Cell::new(None) }
    }
}

impl Queue {
    /// What comes of the question, once there is a place for it, and for its client.
    pub(super) async fn ask<T>(&self, client: IpAddr, question: impl Future<Output = T>) -> T {
        let guest = self.clients.enter(client);
        let _of_client = guest.place().await;
        // It is never closed.
        let _place = self.places.acquire().await;
        question.await
    }

    /// Whether trouble is to be told now.
    pub(super) fn may_warn(&self) -> bool {
        let now = Instant::now();
        let may = self.warned.get().is_none_or(|at| now - at >= WARN_EVERY);
        if may {
            self.warned.set(Some(now));
        }
        may
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::Remote;
    use crate::{outside::tests::nobody, secrets::Secrets};

    /// That trusts nobody and knows no secrets.
    pub(crate) fn remote() -> Arc<Remote> {
        Arc::new(Remote::new(nobody(), Secrets::default(), 1 << 20))
    }
}
