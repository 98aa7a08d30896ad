//! Idle connections of one worker, the last used first: it is the least likely to have been closed,
//! and the others may age out.

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Waker},
};

use foldhash::fast::RandomState;
use socket2::SockRef;
use tokio::{io::ReadBuf, net::TcpStream, time::Instant};

use crate::worker::stats::WorkerStats;

/// Connections kept idle for one endpoint at the most, per worker.
const MAX_IDLE_PER_ENDPOINT: usize = 512;

/// A connection to an endpoint. Dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Connection {
    pub stream: TcpStream,
    endpoint: SocketAddr,
    stats: Arc<WorkerStats>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, endpoint: SocketAddr, stats: Arc<WorkerStats>) -> Self {
        stats.upstream_opened();
        Self { stream, endpoint, stats }
    }

    /// Whether nothing has come since the last answer: an end, an error and bytes that nobody asked
    /// for all make it useless. Costs no system call while the poller has seen nothing.
    fn is_quiet(&self) -> bool {
        let mut byte = [0];
        self.stream.poll_peek(&mut Context::from_waker(Waker::noop()), &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// The same, by asking the kernel: it knows of an end that the poller has not seen yet.
    pub(crate) fn is_surely_quiet(&self) -> bool {
        let peeked = SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|err| err.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stats.upstream_closed();
    }
}

/// How a pooled connection is looked at before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// What the poller has seen so far.
    Seen,
    /// What the kernel knows now.
    Asked,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    expires: Instant,
}

/// The idle connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<SocketAddr, Vec<Idle>, RandomState>>,
}

impl Pool {
    /// The connection to `endpoint` that was used last and is still quiet.
    ///
    /// A request that cannot be sent twice is worth a system call: [`Check::Asked`].
    pub(crate) fn take(&self, endpoint: SocketAddr, check: Check) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let stack = idle.get_mut(&endpoint)?;
        while let Some(entry) = stack.pop() {
            let is_quiet = match check {
                Check::Seen => entry.connection.is_quiet(),
                Check::Asked => entry.connection.is_surely_quiet(),
            };
            if is_quiet {
                return Some(entry.connection);
            }
        }
        None
    }

    /// Keeps a connection whose last answer has ended.
    pub(crate) fn put(&self, connection: Connection, expires: Instant) {
        let mut idle = self.idle.borrow_mut();
        let stack = idle.entry(connection.endpoint).or_default();
        if stack.len() < MAX_IDLE_PER_ENDPOINT {
            stack.push(Idle { connection, expires });
        }
    }

    /// Closes everything.
    pub(crate) fn clear(&self) {
        self.idle.borrow_mut().clear();
    }

    /// Closes what was idle for too long or is of no use, and forgets endpoints that have nothing
    /// left.
    pub(crate) fn close_idle(&self, now: Instant) {
        self.idle.borrow_mut().retain(|_, stack| {
            stack.retain(|entry| now < entry.expires && entry.connection.is_quiet());
            !stack.is_empty()
        });
    }
}
