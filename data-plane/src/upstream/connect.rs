//! A new connection to an endpoint.

use std::{io, net::SocketAddr};

use rustix::io::Errno;
use tokio::net::TcpStream;
use tracing::debug;

use super::pool::Connection;
use crate::{error::ProxyError, worker::Worker};

/// Connects; the caller limits the time.
pub(crate) async fn open(worker: &Worker, endpoint: SocketAddr) -> Result<Connection, ProxyError> {
    let mut connected = attempt(worker, endpoint).await;
    if connected.as_ref().is_err_and(lacks_descriptors) {
        worker.free_descriptors();
        connected = attempt(worker, endpoint).await;
    }
    connected.map_err(|err| {
        debug!(%endpoint, error = %err, "cannot connect");
        if lacks_descriptors(&err) { ProxyError::Overloaded } else { ProxyError::UpstreamConnect }
    })
}

/// The same, at nobody's cost: where there is no descriptor, it fails.
pub(crate) async fn attempt(worker: &Worker, endpoint: SocketAddr) -> io::Result<Connection> {
    let stream = TcpStream::connect(endpoint).await?;
    // Small writes must not wait for acknowledgements; a socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    Ok(Connection::new(stream, endpoint, worker.stats_handle()))
}

/// Whether this process or the system has no room for another socket.
pub(crate) fn lacks_descriptors(err: &io::Error) -> bool {
    let errno = Errno::from_io_error(err);
    errno.is_some_and(|errno| [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].contains(&errno))
}
