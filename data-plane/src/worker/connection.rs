//! One client connection: the only place that knows which HTTP engine faces the clients.

use std::{convert::Infallible, net::SocketAddr, pin::pin, rc::Rc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Worker;
use crate::proxy;

/// How long a client may take for a request head, and stay idle between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest request head in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The most fields of a request head.
const MAX_FIELDS: usize = 100;

/// Serves the connection until either side closes it. When `drain` is cancelled, the request in
/// flight is the last one.
pub(crate) async fn serve(worker: Rc<Worker>, stream: TcpStream, client: SocketAddr, drain: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let worker = Rc::clone(&worker);
        async move { Ok::<_, Infallible>(proxy::answer(&worker, client, request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(MAX_FIELDS)
            .max_header_size(MAX_HEAD)
            .pipeline_flush(true)
            .serve_connection(TokioIo::new(stream), service)
    );
    let result = tokio::select! {
        result = &mut connection => result,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(err) = result {
        debug!(%client, error = %err, "client connection failed");
    }
}
