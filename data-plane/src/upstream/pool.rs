//! Idle connections of one worker, the last used first: it is the least likely to have been closed,
//! and the others may age out.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use foldhash::fast::RandomState;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use crate::proxy::body::RequestBody;

/// Connections kept idle for one endpoint at the most, per worker.
const MAX_IDLE_PER_ENDPOINT: usize = 512;

/// A connection to an endpoint that no request is using.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Sends one request at a time.
    pub sender: SendRequest<RequestBody>,
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
    /// The connection to `endpoint` that was used last and is not known to be closed.
    pub(crate) fn take(&self, endpoint: SocketAddr) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let stack = idle.get_mut(&endpoint)?;
        while let Some(entry) = stack.pop() {
            if !entry.connection.sender.is_closed() {
                return Some(entry.connection);
            }
        }
        None
    }

    fn put(&self, endpoint: SocketAddr, connection: Connection, idle_limit: Duration) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let stack = idle.entry(endpoint).or_default();
        if stack.len() < MAX_IDLE_PER_ENDPOINT {
            stack.push(Idle { connection, expires: Instant::now() + idle_limit });
        }
    }

    /// Closes what was idle for too long, and forgets endpoints that have nothing left.
    pub(crate) fn close_idle(&self, now: Instant) {
        self.idle.borrow_mut().retain(|_, stack| {
            stack.retain(|entry| now < entry.expires && !entry.connection.sender.is_closed());
            !stack.is_empty()
        });
    }
}

/// A connection in use. Given back, it can be used again; dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Rc<Pool>,
    endpoint: SocketAddr,
    connection: Connection,
    request_sent: Rc<Cell<bool>>,
    idle_limit: Duration,
}

impl Lease {
    pub(crate) fn new(
        pool: &Rc<Pool>,
        endpoint: SocketAddr,
        connection: Connection,
        request_sent: Rc<Cell<bool>>,
        idle_limit: Duration,
    ) -> Self {
        Self { pool: Rc::clone(pool), endpoint, connection, request_sent, idle_limit }
    }

    /// To be called at the end of the response. An answer that came before the request was sent in
    /// full leaves a connection on which nothing can follow.
    pub(crate) fn give_back(self) {
        if self.request_sent.get() {
            self.pool.put(self.endpoint, self.connection, self.idle_limit);
        }
    }
}
