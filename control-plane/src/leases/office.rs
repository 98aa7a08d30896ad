//! The leases as the streams of all data planes share them.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::watch;

use super::{Answer, Demand, Leases, Refused, Ticket};

/// Where data planes say what is asked of them, and are told their shares.
pub struct Office {
    leases: Mutex<Leases>,
    changed: watch::Sender<()>,
    now: fn() -> Instant,
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").finish_non_exhaustive()
    }
}

impl Office {
    /// Opens, without leases but those that data planes bring along.
    #[must_use]
    pub fn open(now: fn() -> Instant) -> Arc<Self> {
        Arc::new(Self { leases: Mutex::new(Leases::new(now())), changed: watch::Sender::new(()), now })
    }

    /// A data plane takes part until the returned value is dropped; it had last heard of `nodes`.
    ///
    /// # Errors
    /// There are too many.
    pub fn join(self: &Arc<Self>, id: &str, nodes: u32) -> Result<Desk, Refused> {
        let ticket = self.leases().join(id, nodes, (self.now)())?;
        self.changed.send_replace(());
        Ok(Desk { office: Arc::clone(self), ticket })
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        // Nothing panics while it holds the lock, and each change is whole.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One data plane's stream.
#[derive(Debug)]
pub struct Desk {
    office: Arc<Office>,
    ticket: Ticket,
}

impl Desk {
    /// Takes in what is asked of it.
    pub fn report(&self, demands: &[Demand]) {
        self.office.leases().report(self.ticket, demands, (self.office.now)());
        self.office.changed.send_replace(());
    }

    /// What there is to tell it; nothing if another stream has its id.
    #[must_use]
    pub fn answer(&self) -> Option<Answer> {
        let answer = self.office.leases().answer(self.ticket, (self.office.now)())?;
        if !answer.leases.is_empty() {
            // What one has given back, others wait for.
            self.office.changed.send_replace(());
        }
        Some(answer)
    }

    /// Tells when there may be something to tell.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.office.changed.subscribe()
    }

    /// Gives its shares back at once.
    pub fn leave(self) {
        self.office.leases().leave(self.ticket, (self.office.now)());
    }
}

impl Drop for Desk {
    /// Keeps its shares for it for a while, unless it has left.
    fn drop(&mut self) {
        self.office.leases().lose(self.ticket, (self.office.now)());
        self.office.changed.send_replace(());
    }
}
