//! How connections come in.

mod counted;

use std::{io, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use self::counted::Counted;

/// How long to wait after a connection could not be accepted, most likely for want of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a client may be silent at first, and how long it may take to begin.
const SILENCE: Duration = Duration::from_secs(10);
/// Clients that may be silent at once; more wait to be accepted.
const MAX_SILENT: usize = 1024;
/// Connections that whoever is on this machine may have besides: strangers do not keep the operator out.
const OWN: usize = 32;
/// How often it is told that connections are refused.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The connections of a listener, for as long as it is polled.
pub(crate) fn accept(listener: TcpListener) -> impl Stream<Item = TcpStream> {
    stream::unfold(listener, |listener| async { Some((accept_one(&listener).await, listener)) })
}

/// The connections of a listener on which something has been said, until `stop`. A connection
/// that is handed over silent is one that the HTTP/2 server neither drains nor times out.
///
/// No more than `max` are open at once, silent ones too, and a few more from this machine. Those beyond are closed
/// at once, so that their clients look for another control plane, or come again.
pub(crate) fn accept_speaking(
    listener: TcpListener,
    max: usize,
    stop: CancellationToken,
) -> impl Stream<Item = io::Result<Counted<TcpStream>>> {
    accept_agreed(listener, max, stop, |stream| std::future::ready(Ok(stream)))
}

/// The same behind TLS.
pub(crate) fn accept_encrypted(
    listener: TcpListener,
    max: usize,
    tls: watch::Receiver<Arc<ServerConfig>>,
    stop: CancellationToken,
) -> impl Stream<Item = io::Result<Counted<TlsStream<TcpStream>>>> {
    accept_agreed(listener, max, stop, move |stream| TlsAcceptor::from(Arc::clone(&tls.borrow())).accept(stream))
}

fn accept_agreed<IO, A, F>(
    listener: TcpListener,
    max: usize,
    stop: CancellationToken,
    agree: A,
) -> impl Stream<Item = io::Result<Counted<IO>>>
where
    IO: Send + 'static,
    A: Fn(TcpStream) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>> + Send,
{
    let (speaking, connections) = mpsc::channel(1);
    tokio::spawn(async move {
        let silent = Arc::new(Semaphore::new(MAX_SILENT));
        let (places, own) = (Arc::new(Semaphore::new(max)), Arc::new(Semaphore::new(OWN)));
        let mut told: Option<Instant> = None;
        loop {
            let accepted = async {
                let permit = Arc::clone(&silent).acquire_owned().await.ok()?;
                Some((accept_one(&listener).await, permit))
            };
            let Some(Some((stream, permit))) = stop.run_until_cancelled(accepted).await else { return };
            let is_near = stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
            let place = Arc::clone(&places).try_acquire_owned();
            let Ok(place) =
                place.or_else(|full| if is_near { Arc::clone(&own).try_acquire_owned() } else { Err(full) })
            else {
                if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    told = Some(Instant::now());
                    tracing::warn!(max, "connections are refused, for as many are open as may be");
                }
                continue;
            };
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
                        let _ = speaking.send(Ok(Counted::new(stream, place, SILENCE))).await;
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

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use futures_util::StreamExt;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        time::timeout,
    };
    use tokio_util::sync::CancellationToken;

    use super::{OWN, accept_speaking};

    /// For a busy machine.
    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn so_many_connections_are_open_and_those_beyond_are_closed_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepted = pin!(accept_speaking(listener, 2, CancellationToken::new()));
        let connect = async || {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"P").await.unwrap();
            client
        };
        let (mut clients, mut open) = (Vec::new(), Vec::new());
        // From this machine, as all of them are here.
        for _ in 0..2 + OWN {
            clients.push(connect().await);
            open.push(accepted.next().await.unwrap().unwrap());
        }
        // Closed with or without a reset, as what it has said was not read.
        let mut beyond = connect().await;
        let closed = timeout(SOON, beyond.read(&mut [0])).await.expect("it is closed");
        assert!(matches!(closed, Ok(0) | Err(_)));
        open.truncate(1);
        let _client = connect().await;
        assert!(accepted.next().await.unwrap().is_ok());
    }
}
