//! A new connection to an endpoint.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tracing::debug;

use super::pool::Connection;
use crate::{error::ProxyError, worker::Worker};

/// Connects; the caller limits the time.
pub(crate) async fn open(worker: &Worker, endpoint: SocketAddr) -> Result<Connection, ProxyError> {
    let stream = TcpStream::connect(endpoint).await.map_err(|err| {
        debug!(%endpoint, error = %err, "cannot connect");
        ProxyError::UpstreamConnect
    })?;
    // Small writes must not wait for acknowledgements; a socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    Ok(Connection::new(stream, endpoint, worker.stats_handle()))
}
