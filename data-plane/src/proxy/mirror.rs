//! Copies of requests for a shadow service, whose answers nobody sees.
//!
//! A copy is made of the bytes that the endpoint takes, and leaves once the endpoint has taken all of
//! them. From there on it is a task of its own, which shares nothing with the client's: whatever the
//! shadow does, the client waits for none of it. Where copies would become too many or too large, they
//! are given up.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use http::Method;
use tokio::{
    task::spawn_local,
    time::{Instant, timeout},
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{balance, errand, parse::ParsedRequest, respond::MAX_IDLE};
use crate::{
    http1::framing::Framing,
    table::{Service, Timeouts},
    worker::{Worker, buffer::Scratch},
};

/// The copies that a worker has at the most, those that are not whole yet included.
const MAX_COPIES: usize = 64;
/// The longest body that is copied, as it is sent: with its chunks' sizes, where it has chunks.
const MAX_BODY: usize = 64 * 1024;
/// How much of an answer is read, so that the connection can be used again.
const MAX_ANSWER: u64 = 1024 * 1024;
/// How long the last copies have when the last client has gone.
const GRACE: Duration = Duration::from_secs(1);

/// The copies of one worker.
#[derive(Debug, Default)]
pub(crate) struct Mirrors(TaskTracker);

impl Mirrors {
    fn admit(&self) -> Option<TaskTrackerToken> {
        (self.0.len() < MAX_COPIES).then(|| self.0.token())
    }

    /// Waits a moment for the last ones; to be called when there are no clients any more.
    pub(crate) async fn finish(&self) {
        self.0.close();
        // Those that are not over by then are cut, and were nobody's to wait for.
        let _ = timeout(GRACE, self.0.wait()).await;
    }
}

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The shadow has answered it.
    Sent,
    /// The shadow could not be reached, or did not answer in time, or with no HTTP.
    Failed,
    /// It was given up, or not made.
    Dropped,
}

/// The fates in order, as metrics name them.
pub(crate) const FATES: [&str; 3] = ["sent", "failed", "dropped"];

/// A copy of a request, which grows as the endpoint takes the request.
#[derive(Debug)]
pub(crate) struct Mirrored {
    endpoint: SocketAddr,
    timeouts: Timeouts,
    method: Method,
    bytes: Vec<u8>,
    /// How long it may become.
    max: usize,
    tally: Tally,
    place: TaskTrackerToken,
}

/// Counts a copy when it is over.
#[derive(Debug)]
struct Tally {
    worker: Rc<Worker>,
    fate: Fate,
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.worker.stats().mirrored(self.fate);
    }
}

impl Mirrored {
    /// Begins the copy of a request whose head is about to be sent in `head_len` bytes. `None` if there
    /// will be none, which is counted.
    pub(crate) fn begin(
        worker: &Rc<Worker>,
        shadow: &Service,
        request: &ParsedRequest,
        head_len: usize,
    ) -> Option<Box<Self>> {
        let mut tally = Tally { worker: Rc::clone(worker), fate: Fate::Dropped };
        let is_too_long = matches!(request.framing, Framing::Length(length) if length > MAX_BODY as u64);
        if is_too_long || request.upgrade.is_some() {
            return None;
        }
        let place = worker.mirrors().admit()?;
        let Ok(endpoint) = balance::pick(shadow, &[], &mut *worker.rng()) else {
            tally.fate = Fate::Failed;
            return None;
        };
        let (timeouts, method) = (shadow.timeouts, request.head.method.clone());
        let bytes = Vec::with_capacity(head_len);
        Some(Box::new(Self { endpoint, timeouts, method, bytes, max: head_len + MAX_BODY, tally, place }))
    }

    /// Copies what the endpoint has taken; whether there was room for it.
    #[must_use]
    pub(crate) fn add(&mut self, first: &[u8], second: &[u8]) -> bool {
        let has_room = self.bytes.len() + first.len() + second.len() <= self.max;
        if has_room {
            self.bytes.extend_from_slice(first);
            self.bytes.extend_from_slice(second);
        }
        has_room
    }

    /// Begins again, as the request does.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Sends the whole copy on its way.
    pub(crate) fn send(self) {
        let Self { endpoint, timeouts, method, bytes, max: _, mut tally, place } = self;
        spawn_local(async move {
            let worker = Rc::clone(&tally.worker);
            let watch = worker.watchdog().register();
            // In all: answers that take their time are worth no longer wait.
            watch.bound(Some(timeouts.connect.saturating_add(timeouts.response)));
            let mut buffers = worker.borrow_buffers();
            let delivery = deliver(&worker, endpoint, timeouts, bytes, &method, &mut buffers, &mut tally.fate);
            // Time that is up cuts the connection, and changes nothing about an answer that has begun.
            let _ = watch.run(delivery).await;
            worker.return_buffers(buffers);
            drop((tally, place));
        });
    }
}

/// Sends a copy, and reads its answer as far as that is worth it.
async fn deliver(
    worker: &Worker,
    endpoint: SocketAddr,
    timeouts: Timeouts,
    bytes: Vec<u8>,
    method: &Method,
    buffers: &mut Scratch,
    fate: &mut Fate,
) {
    *fate = Fate::Failed;
    let Ok((mut connection, heard)) = errand::ask(worker, endpoint, bytes, method, buffers).await else { return };
    *fate = Fate::Sent;
    buffers.upstream.consume(heard.head_len);
    let is_whole = errand::skip(&mut connection, heard.framing, MAX_ANSWER, buffers).await;
    if is_whole && heard.persistent && heard.uploaded && buffers.upstream.is_empty() {
        worker.pool().put(connection, Instant::now() + timeouts.idle.min(MAX_IDLE));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        rc::Rc,
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    use gateway_cache_store::Store;
    use tokio::{
        io::{AsyncReadExt, duplex, empty},
        net::TcpListener,
        task::LocalSet,
    };

    use super::Mirrored;
    use crate::{
        http1::framing::Framing,
        limiter::Limiter,
        proxy::{
            auth::WorkerPasswords,
            auth::remote::tests::remote,
            parse::ParsedRequest,
            relay::{Encode, Relay, RelayError},
        },
        table::{Service, WeightedEndpoint, tests::service},
        telemetry::Telemetry,
        worker::{
            Worker,
            admission::Admission,
            buffer::Buffer,
            limits::Limits,
            wall::{Source, Wall},
        },
    };

    #[tokio::test]
    async fn a_head_that_was_taken_in_part_and_sent_again_is_copied_once() {
        let shadow = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = WeightedEndpoint { address: shadow.local_addr().unwrap(), cumulative_weight: 1 };
        let service = Service { healthy: [endpoint].into(), ..service("shadow") };
        let limits = Limits::default();
        let admission = Arc::new(Admission::new(&limits, 100));
        let limiter = Arc::new(Limiter::new(limits.limit_memory, 7)).for_worker();
        let worker = Rc::new(Worker::new(
            Telemetry::new(Arc::default(), None),
            limits,
            admission,
            limiter,
            (remote().for_worker(), WorkerPasswords::new(Arc::default(), &[0; 32])),
            (Store::new(0, 1), None),
            Wall::new(Source::default()),
        ));
        let head = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
        let copy = Mirrored::begin(&worker, &service, &ParsedRequest::default(), head.len());
        let mut request = Relay::new(Framing::None, Encode::Plain, head.to_vec()).copied(copy);

        let mut cx = Context::from_waker(Waker::noop());
        let mut buffer = Buffer::default();
        let (mut failing, other_end) = duplex(5);
        assert!(request.poll(&mut cx, &mut buffer, &mut empty(), &mut failing).is_pending());
        drop(other_end);
        let polled = request.poll(&mut cx, &mut buffer, &mut empty(), &mut failing);
        assert!(matches!(polled, Poll::Ready(Err(RelayError::Sink))));
        request.rewind();
        let mut whole = Vec::new();
        let tasks = LocalSet::new();
        let mut got = vec![0; head.len()];
        let read = async {
            assert!(matches!(request.poll(&mut cx, &mut buffer, &mut empty(), &mut whole), Poll::Ready(Ok(()))));
            let (mut stream, _) = shadow.accept().await.unwrap();
            stream.read_exact(&mut got).await.unwrap();
        };
        tasks.run_until(read).await;
        assert_eq!((&*got, &*whole), (&head[..], &head[..]));
    }
}
