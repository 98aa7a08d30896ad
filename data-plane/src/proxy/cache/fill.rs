//! A body on its way from an endpoint into the cache, in a task of its own: no client holds it up, and
//! none that leaves ends it.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use gateway_cache_store::{Fill, Wanted};
use tokio::{io::AsyncWrite, time::Instant};
use tokio_util::task::TaskTracker;

use super::{entry::Entry, on_disk::OnDisk, parts::Rest};
use crate::{
    http1::framing::Framing,
    proxy::{
        relay::{Encode, Relay},
        respond::MAX_IDLE,
    },
    upstream::pool::Connection,
    worker::{Worker, buffer::Scratch},
};

/// Bodies of one worker that come in for the store although nobody reads them any more; of those beyond,
/// each is given up.
const MAX_ALONE: usize = 64;

/// How long a body may take from then on.
const ALONE: Duration = Duration::from_secs(60);

/// The bodies that a worker receives for the store.
#[derive(Debug, Default)]
pub(crate) struct Fills {
    tasks: TaskTracker,
    alone: Rc<()>,
}

impl Fills {
    /// Waits for the last ones, which clients of other workers may read; to be called in a drain, in
    /// which those that nobody reads are given up.
    pub(crate) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// An answer whose head was taken from the buffer, and whose body is still to be read.
pub(super) struct Incoming {
    pub connection: Connection,
    pub framing: Framing,
    /// Whether the endpoint means to keep the connection.
    pub persistent: bool,
    /// How long it may stand still.
    pub idle: Duration,
    /// How long a connection of the service may be idle.
    pub keep: Duration,
    /// What is stored of the same content, and goes in front and behind.
    pub rest: Option<Rest>,
    /// Where else it is stored.
    pub on_disk: Option<OnDisk>,
    /// What of the body has come already, as upstream's.
    pub buffers: Scratch,
}

/// Receives a body; what is there already without a task.
pub(super) fn start(worker: &Rc<Worker>, incoming: Incoming, fill: Fill<Entry>) {
    let mut task = Box::pin(receive(Rc::clone(worker), incoming, fill));
    if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        worker.fills().tasks.spawn_local(task);
    }
}

async fn receive(worker: Rc<Worker>, incoming: Incoming, mut fill: Fill<Entry>) {
    let Incoming { mut connection, framing, persistent, idle, keep, rest, on_disk, mut buffers } = incoming;
    let watch = worker.watchdog().register();
    watch.arm(idle);
    if let Some(Rest { stored, before, .. }) = &rest {
        stored.body().slices(before.clone()).for_each(|bytes| fill.append(bytes));
    }
    let mut body = Relay::new(framing, Encode::Plain, Vec::new());
    let mut alone = None;
    let mut seen = 0;
    let mut reader = connection.stream.split().0;
    let reading = poll_fn(|cx| {
        let polled = body.poll(cx, &mut buffers.upstream, &mut reader, &mut Sink(&mut fill));
        if let Poll::Ready(read) = polled {
            return Poll::Ready(read.is_ok());
        }
        if body.progress() > seen {
            seen = body.progress();
            watch.arm(idle);
        }
        if alone.is_none() && fill.readers() == 0 {
            if worker.is_draining() || Rc::strong_count(&worker.fills().alone) > MAX_ALONE {
                return Poll::Ready(false);
            }
            alone = Some(Rc::clone(&worker.fills().alone));
            watch.bound(Some(ALONE));
        } else if alone.is_some() && fill.readers() > 0 {
            alone = None;
            watch.bound(None);
        }
        buffers.settle();
        Poll::Pending
    });
    let is_whole = matches!(watch.run(reading).await, Ok(true));
    if is_whole {
        if let Some(Rest { stored, behind, .. }) = &rest {
            stored.body().slices(behind.clone()).for_each(|bytes| fill.append(bytes));
        }
        if let (Some(stored), Some(on_disk)) = (fill.finish(), on_disk) {
            on_disk.put(&stored);
        }
    } else {
        drop(fill);
    }
    // Bytes behind the answer's end belong to nothing; who sends them is not trusted again.
    if is_whole && persistent && buffers.upstream.is_empty() && framing != Framing::UntilClose {
        worker.pool().put(connection, Instant::now() + keep.min(MAX_IDLE));
    }
    worker.return_buffers(buffers);
}

/// The store, as something that is written to.
struct Sink<'f>(&'f mut Fill<Entry>);

impl AsyncWrite for Sink<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self(fill) = self.get_mut();
        match ready!(fill.poll_wanted(cx)) {
            Wanted::Yes => {
                fill.append(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            Wanted::No => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
