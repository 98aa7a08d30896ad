//! A new connection to an endpoint.

use std::{net::SocketAddr, time::Duration};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tracing::debug;

use super::pool::Connection;
use crate::{error::ProxyError, worker::Worker};

/// Connects and starts the task that drives the connection until either side closes it.
pub(crate) async fn open(worker: &Worker, endpoint: SocketAddr, limit: Duration) -> Result<Connection, ProxyError> {
    let stream = match timeout(limit, TcpStream::connect(endpoint)).await {
        Err(_) => return Err(ProxyError::UpstreamConnectTimeout),
        Ok(Err(err)) => {
            debug!(%endpoint, error = %err, "cannot connect");
            return Err(ProxyError::UpstreamConnect);
        }
        Ok(Ok(stream)) => stream,
    };
    // Small writes must not wait for acknowledgements; a socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| ProxyError::UpstreamConnect)?;
    let stats = worker.stats_handle();
    stats.upstream_opened();
    tokio::task::spawn_local(async move {
        if let Err(err) = driver.await {
            debug!(%endpoint, error = %err, "upstream connection failed");
        }
        stats.upstream_closed();
    });
    Ok(Connection { sender })
}
