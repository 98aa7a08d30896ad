//! The one writer of a store: a thread that writes what waits as a group, with one flush.

use std::{
    any::Any,
    collections::BTreeMap,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use tokio::sync::{oneshot, watch};

use super::{
    AuditPage, AuditQuery, Batch, Change, Changes, HealthRecord, Loaded, QUEUE, StoreError, TokenNote, WatchError,
    audit::ReadAudit, history::History, image::Image, state::State,
};
use crate::{
    auth::token::{TokenId, Tokens},
    registry::model::{Desired, EndpointAddress, Revision, ServiceName},
};

/// Batches that are written with one flush.
const MAX_GROUP: usize = 256;
/// Records in them after which no more batches are added.
const MAX_GROUP_PUTS: usize = 4096;

/// What a store is kept on.
pub(super) trait Disk {
    /// Makes all of it durable, or fails; after a failure it is not called again.
    fn write(&mut self, image: &Image) -> Result<(), StoreError>;
    /// Reads its audit from elsewhere.
    fn audit(&self) -> Box<dyn ReadAudit>;
    /// Bytes that it takes.
    fn size(&self) -> u64;
    /// The error for a panic of the storage library.
    fn panicked(&self, panic: &(dyn Any + Send)) -> StoreError;
}

type Answer = oneshot::Sender<Result<Revision, StoreError>>;

/// What waits to be written beside commits.
#[derive(Debug, Default)]
struct Pending {
    /// At most one record for each registered endpoint, give or take those being removed.
    records: BTreeMap<(ServiceName, EndpointAddress), HealthRecord>,
    /// At most one note for each token, give or take those being revoked.
    tokens: BTreeMap<TokenId, TokenNote>,
    /// Who waits for it; told by being dropped, whatever becomes of it.
    waiting: Vec<oneshot::Sender<()>>,
}

enum Job {
    Commit(Box<Batch>, Answer),
    /// There is something beside.
    Beside,
}

impl Job {
    fn puts(&self) -> usize {
        match self {
            Self::Commit(batch, _) => batch.puts.len(),
            Self::Beside => 0,
        }
    }
}

/// What the writer shares with those who ask it and with readers: durable state alone.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    desired: watch::Sender<Desired>,
    tokens: watch::Sender<Tokens>,
    history: Arc<History>,
    beside: Mutex<Pending>,
    size: AtomicU64,
    /// Why nothing can be written any more.
    failure: watch::Sender<Option<StoreError>>,
}

/// A writer's thread and the ways to it. Dropped, it writes what waits and ends.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// `None` once it ends.
    audit: Option<Box<dyn ReadAudit>>,
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread, which opens the disk itself, and returns when that is done.
    pub(super) fn start<D: Disk>(
        open: impl FnOnce() -> Result<(D, Loaded), StoreError> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let (opened, is_open) = mpsc::sync_channel(1);
        let run = move || {
            let (disk, loaded) = match open() {
                Ok(open) => open,
                Err(err) => return drop(opened.send(Err(err))),
            };
            let shared = Shared::new(loaded, disk.size());
            if opened.send(Ok((Arc::clone(&shared), disk.audit()))).is_ok() {
                Loop { disk, shared }.run(&queue);
            }
        };
        let thread = thread::Builder::new().name("store".into()).spawn(run).map_err(|_| StoreError::Busy)?;
        let (shared, audit) = is_open.recv().unwrap_or(Err(StoreError::Closed))?;
        Ok(Self { shared, audit: Some(audit), jobs: Some(jobs), thread: Some(thread) })
    }

    pub(super) fn load(&self) -> Loaded {
        // Copied first: the writer must not wait for the collecting of a long list.
        let state = lock(&self.shared.state).clone();
        state.loaded()
    }

    pub(super) fn commit(&self, batch: Batch) -> oneshot::Receiver<Result<Revision, StoreError>> {
        let (answer, answered) = oneshot::channel();
        if let Err(err) = self.send(Job::Commit(Box::new(batch), answer)) {
            let (job, reason) = match err {
                mpsc::TrySendError::Full(job) => (job, StoreError::Busy),
                mpsc::TrySendError::Disconnected(job) => {
                    self.shared.fail(&StoreError::Closed);
                    (job, StoreError::Closed)
                }
            };
            if let Job::Commit(_, answer) = job {
                // Nobody may be waiting for it.
                let _ = answer.send(Err(reason));
            }
        }
        answered
    }

    pub(super) fn record_health(&self, records: Vec<HealthRecord>) -> oneshot::Receiver<()> {
        self.write_beside(|pending| {
            let records = records.into_iter().map(|record| ((record.service.clone(), record.endpoint.clone()), record));
            pending.records.extend(records);
        })
    }

    pub(super) fn note_tokens(&self, notes: Vec<TokenNote>) -> oneshot::Receiver<()> {
        self.write_beside(|pending| {
            for note in notes {
                match &note {
                    TokenNote::First(kept) => drop(pending.tokens.insert(kept.id.clone(), note)),
                    // What is new of a token counts for more than that it was used.
                    TokenNote::Used(id, _) => drop(pending.tokens.entry(id.clone()).or_insert(note)),
                }
            }
        })
    }

    fn write_beside(&self, add: impl FnOnce(&mut Pending)) -> oneshot::Receiver<()> {
        let (written, is_written) = oneshot::channel();
        let is_told = {
            let mut pending = lock(&self.shared.beside);
            let is_told = !pending.waiting.is_empty();
            add(&mut pending);
            pending.waiting.push(written);
            is_told
        };
        if !is_told {
            // A full queue is as good: it goes along with the next group.
            let _ = self.send(Job::Beside);
        }
        is_written
    }

    pub(super) fn tokens(&self) -> watch::Receiver<Tokens> {
        self.shared.tokens.subscribe()
    }

    pub(super) fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.audit.as_ref().map_or(Err(StoreError::Closed), |audit| audit.page(query))
    }

    pub(super) fn desired(&self) -> watch::Receiver<Desired> {
        self.shared.desired.subscribe()
    }

    pub(super) fn watch(&self, after: Revision) -> Result<Changes, WatchError> {
        self.shared.history.watch(after)
    }

    pub(super) fn size(&self) -> u64 {
        self.shared.size.load(Ordering::Relaxed)
    }

    pub(super) fn failure(&self) -> watch::Receiver<Option<StoreError>> {
        self.shared.failure.subscribe()
    }

    fn send(&self, job: Job) -> Result<(), mpsc::TrySendError<Job>> {
        match &self.jobs {
            Some(jobs) => jobs.try_send(job),
            None => Err(mpsc::TrySendError::Disconnected(job)),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        // The disk is closed by the thread, as the last one who holds it.
        self.audit = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was told when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn new(loaded: Loaded, size: u64) -> Arc<Self> {
        let state = State::new(loaded);
        Arc::new(Self {
            desired: watch::Sender::new(state.desired().clone()),
            tokens: watch::Sender::new(state.tokens().clone()),
            history: History::new(state.desired().revision),
            state: Mutex::new(state),
            beside: Mutex::default(),
            size: AtomicU64::new(size),
            failure: watch::Sender::new(None),
        })
    }

    /// Tells the first failure.
    fn fail(&self, err: &StoreError) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert_with(|| err.clone());
            first
        });
    }

    /// Shows a durable state to readers, in the order: tokens, changes, state.
    fn publish(&self, state: State, changes: Vec<Change>) {
        let (desired, tokens) = (state.desired().clone(), state.tokens().clone());
        self.tokens.send_if_modified(|current| {
            let differ = !current.ptr_eq(&tokens);
            *current = tokens;
            differ
        });
        *lock(&self.state) = state;
        let committed = !changes.is_empty();
        for change in changes {
            self.history.push(Arc::new(change));
        }
        if committed {
            self.desired.send_replace(desired);
        }
    }
}

/// What the thread does.
struct Loop<D> {
    disk: D,
    shared: Arc<Shared>,
}

impl<D: Disk> Loop<D> {
    fn run(&mut self, queue: &mpsc::Receiver<Job>) {
        let mut waiting = Vec::new();
        while let Ok(job) = queue.recv() {
            waiting.push(job);
            let mut puts: usize = waiting.iter().map(Job::puts).sum();
            while waiting.len() < MAX_GROUP && puts < MAX_GROUP_PUTS {
                let Ok(job) = queue.try_recv() else { break };
                puts += job.puts();
                waiting.push(job);
            }
            self.write_group(&mut waiting);
        }
    }

    fn write_group(&mut self, group: &mut Vec<Job>) {
        let mut state = lock(&self.shared.state).clone();
        let mut image = Image::default();
        let mut changes = Vec::new();
        let mut answers = Vec::new();
        for job in group.drain(..) {
            let Job::Commit(batch, answer) = job else { continue };
            let result = state.commit(*batch, &mut image).map(|change| {
                let revision = change.revision;
                changes.push(change);
                revision
            });
            answers.push((answer, result));
        }
        let Pending { records, tokens, waiting } = mem::take(&mut *lock(&self.shared.beside));
        for record in records.into_values() {
            state.record_health(record, &mut image);
        }
        for note in tokens.into_values() {
            state.note_token(note, &mut image);
        }
        match self.write(&image) {
            Ok(()) => self.shared.publish(state, changes),
            // What was refused was refused on grounds that are not durable either.
            Err(err) => answers.iter_mut().for_each(|(_, result)| *result = Err(err.clone())),
        }
        drop(waiting);
        for (answer, result) in answers {
            // Whoever asked may be gone; what is durable stays so.
            let _ = answer.send(result);
        }
    }

    fn write(&mut self, image: &Image) -> Result<(), StoreError> {
        if let Some(err) = self.shared.failure.borrow().as_ref() {
            return Err(err.clone());
        }
        if image.is_empty() {
            return Ok(());
        }
        let written = catch_unwind(AssertUnwindSafe(|| self.disk.write(image)));
        let result = written.unwrap_or_else(|panic| Err(self.disk.panicked(&*panic)));
        match &result {
            Ok(()) => self.shared.size.store(self.disk.size(), Ordering::Relaxed),
            Err(err) => {
                tracing::error!(error = %err, "the store takes no more changes");
                self.shared.fail(err);
            }
        }
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
