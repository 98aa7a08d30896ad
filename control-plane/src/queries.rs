//! Questions to data planes, of whatever kind: each goes to one of them, and ends with its answer, or
//! with it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};
use tokio_util::sync::CancellationToken;

/// Questions that may wait for one data plane; each takes it a moment.
const MAX_WAITING: usize = 32;
/// Data planes that may be asked; as many as may be connected.
const MAX_NODES: usize = 10_000;

/// The data planes that can be asked, by their id.
///
/// As with snapshots, an id belongs to the newest stream that names it.
pub struct Queries<Q, A> {
    roster: Mutex<Roster<Q, A>>,
    changed: watch::Sender<()>,
}

struct Roster<Q, A> {
    nodes: BTreeMap<String, Node<Q, A>>,
    streams: u64,
}

/// A data plane, and what it has not answered yet.
struct Node<Q, A> {
    stream: u64,
    questions: mpsc::Sender<(u64, Q)>,
    waiting: HashMap<u64, oneshot::Sender<A>>,
    /// Questions so far.
    asked: u64,
    replaced: CancellationToken,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// Too many questions wait for the data plane already.
    Busy,
    /// It is not there, or left before it had answered.
    Gone,
}

/// Too many data planes answer.
#[derive(Debug)]
pub struct TooManyNodes;

impl<Q, A> Default for Queries<Q, A> {
    fn default() -> Self {
        let roster = Roster { nodes: BTreeMap::new(), streams: 0 };
        Self { roster: Mutex::new(roster), changed: watch::Sender::new(()) }
    }
}

impl<Q, A> fmt::Debug for Queries<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queries").finish_non_exhaustive()
    }
}

impl<Q, A> Queries<Q, A> {
    /// Enters a data plane, which can be asked until the returned value is dropped.
    ///
    /// # Errors
    /// There are too many.
    pub fn enter(self: &Arc<Self>, id: String) -> Result<Respondent<Q, A>, TooManyNodes> {
        let (questions, asked) = mpsc::channel(MAX_WAITING);
        let replaced = CancellationToken::new();
        let mut roster = self.roster();
        if roster.nodes.len() >= MAX_NODES && !roster.nodes.contains_key(&id) {
            return Err(TooManyNodes);
        }
        roster.streams += 1;
        let stream = roster.streams;
        let node = Node { stream, questions, waiting: HashMap::new(), asked: 0, replaced: replaced.clone() };
        if let Some(old) = roster.nodes.insert(id.clone(), node) {
            old.replaced.cancel();
        }
        drop(roster);
        self.changed.send_replace(());
        Ok(Respondent { queries: Arc::clone(self), id, stream, asked, replaced })
    }

    /// The data plane of this id, or the first of all where it is empty, if it can be asked.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<String> {
        let roster = self.roster();
        let found = if id.is_empty() { roster.nodes.first_key_value() } else { roster.nodes.get_key_value(id) };
        found.map(|(id, _)| id.clone())
    }

    /// Tells when a data plane can be asked, or no more.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Asks a data plane, and waits for its answer as long as the caller does.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn ask(&self, id: &str, question: Q) -> Result<A, Unanswered> {
        let (_asked, answer) = self.put(id, question)?;
        answer.await.map_err(|_| Unanswered::Gone)
    }

    /// Hands a question over.
    fn put<'q>(&'q self, id: &'q str, question: Q) -> Result<(Asked<'q, Q, A>, oneshot::Receiver<A>), Unanswered> {
        let mut roster = self.roster();
        let node = roster.nodes.get_mut(id).ok_or(Unanswered::Gone)?;
        if node.waiting.len() >= MAX_WAITING {
            return Err(Unanswered::Busy);
        }
        node.asked += 1;
        let number = node.asked;
        // Questions that nobody waits for any more have a place until they are sent.
        node.questions.try_send((number, question)).map_err(|err| match err {
            TrySendError::Full(_) => Unanswered::Busy,
            TrySendError::Closed(_) => Unanswered::Gone,
        })?;
        let (sender, answer) = oneshot::channel();
        node.waiting.insert(number, sender);
        Ok((Asked { queries: self, id, stream: node.stream, number }, answer))
    }

    fn roster(&self) -> MutexGuard<'_, Roster<Q, A>> {
        // Nothing panics while it holds the lock, and each change is whole.
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes who waits for the answer to a question of a stream.
    fn take(&self, id: &str, stream: u64, number: u64) -> Option<oneshot::Sender<A>> {
        let mut roster = self.roster();
        let node = roster.nodes.get_mut(id).filter(|node| node.stream == stream)?;
        node.waiting.remove(&number)
    }
}

/// A question that somebody waits for; forgotten when nobody does any more.
struct Asked<'q, Q, A> {
    queries: &'q Queries<Q, A>,
    id: &'q str,
    stream: u64,
    number: u64,
}

impl<Q, A> Drop for Asked<'_, Q, A> {
    fn drop(&mut self) {
        self.queries.take(self.id, self.stream, self.number);
    }
}

/// A data plane that can be asked.
#[derive(Debug)]
pub struct Respondent<Q, A> {
    queries: Arc<Queries<Q, A>>,
    id: String,
    stream: u64,
    asked: mpsc::Receiver<(u64, Q)>,
    replaced: CancellationToken,
}

impl<Q, A> Respondent<Q, A> {
    /// The next question for it, with a number that names it in its answer. Nothing is lost if the
    /// caller stops to wait.
    pub async fn next(&mut self) -> (u64, Q) {
        match self.asked.recv().await {
            Some(question) => question,
            // Another stream has the id, which is told by `replaced`.
            None => std::future::pending().await,
        }
    }

    /// Passes an answer on, if somebody waits for it still.
    pub fn answer(&self, number: u64, answer: A) {
        if let Some(waiting) = self.queries.take(&self.id, self.stream, number) {
            // Who does not wait any more needs none.
            let _ = waiting.send(answer);
        }
    }

    /// Cancelled when another stream has taken the id over.
    #[must_use]
    pub fn replaced(&self) -> CancellationToken {
        self.replaced.clone()
    }
}

impl<Q, A> Drop for Respondent<Q, A> {
    fn drop(&mut self) {
        {
            let mut roster = self.queries.roster();
            if roster.nodes.get(&self.id).is_none_or(|node| node.stream != self.stream) {
                return;
            }
            // Who waits for it learns it by this.
            roster.nodes.remove(&self.id);
        }
        self.queries.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests;
