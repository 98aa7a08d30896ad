//! How connections come in.

use std::{io, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, watch},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

/// How long to wait after a connection could not be accepted, most likely for want of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a client may be silent at first.
const SILENCE: Duration = Duration::from_secs(10);
/// Clients that may be silent at once; more wait to be accepted.
const MAX_SILENT: usize = 1024;

/// The connections of a listener, for as long as it is polled.
pub(crate) fn accept(listener: TcpListener) -> impl Stream<Item = TcpStream> {
    stream::unfold(listener, |listener| async { Some((accept_one(&listener).await, listener)) })
}

/// The connections of a listener on which something has been said, until `stop`. A connection
/// that is handed over silent is one that the HTTP/2 server neither drains nor times out.
pub(crate) fn accept_speaking(
    listener: TcpListener,
    stop: CancellationToken,
) -> impl Stream<Item = io::Result<TcpStream>> {
    accept_agreed(listener, stop, |stream| std::future::ready(Ok(stream)))
}

/// The same behind TLS.
pub(crate) fn accept_encrypted(
    listener: TcpListener,
    tls: watch::Receiver<Arc<ServerConfig>>,
    stop: CancellationToken,
) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
    accept_agreed(listener, stop, move |stream| TlsAcceptor::from(Arc::clone(&tls.borrow())).accept(stream))
}

fn accept_agreed<IO, A, F>(
    listener: TcpListener,
    stop: CancellationToken,
    agree: A,
) -> impl Stream<Item = io::Result<IO>>
where
    IO: Send + 'static,
    A: Fn(TcpStream) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>> + Send,
{
    let (speaking, connections) = mpsc::channel(1);
    tokio::spawn(async move {
        let silent = Arc::new(Semaphore::new(MAX_SILENT));
        loop {
            let accepted = async {
                let permit = Arc::clone(&silent).acquire_owned().await.ok()?;
                Some((accept_one(&listener).await, permit))
            };
            let Some(Some((stream, permit))) = stop.run_until_cancelled(accepted).await else { return };
            let (speaking, stop, agree) = (speaking.clone(), stop.clone(), agree.clone());
            tokio::spawn(async move {
                let agreed = timeout(SILENCE, async {
                    // A look at the first byte, which stays for the server.
                    let spoken = stream.peek(&mut [0]).await? == 1;
                    if spoken { agree(stream).await.map(Some) } else { Ok(None) }
                });
                match stop.run_until_cancelled(agreed).await {
                    Some(Ok(Ok(Some(stream)))) => {
                        drop(permit);
                        // Nobody takes it any more once the server has stopped.
                        let _ = speaking.send(Ok(stream)).await;
                    }
                    // The client learns of it by itself, and may be anybody.
                    Some(Ok(Err(error))) => tracing::debug!(%error, "a connection came to nothing"),
                    Some(Ok(Ok(None)) | Err(_)) | None => {}
                }
            });
        }
    });
    ReceiverStream::new(connections)
}

async fn accept_one(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small messages must not wait for the acknowledgement of earlier ones.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
