//! hyper's server, which records what it reads, and every byte that it reads it from.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::harness::{eventually, loopback};

/// A connection that has ended.
#[derive(Debug, Default)]
pub struct Seen {
    /// Every byte that came.
    pub bytes: Vec<u8>,
    /// The requests in them; see [`record`].
    pub records: Vec<Value>,
}

pub struct Recorder {
    pub address: SocketAddr,
    state: Arc<State>,
    acceptor: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Requests whose head is there.
    begun: AtomicUsize,
    /// Whole requests.
    requests: AtomicUsize,
    last: Mutex<Value>,
    /// Connections that have not ended.
    open: AtomicUsize,
    ended: Mutex<Vec<Seen>>,
}

impl Recorder {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((loopback::fresh(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, acceptor }
    }

    /// Requests so far, whole or not.
    pub fn begun(&self) -> usize {
        self.state.begun.load(Relaxed)
    }

    /// Whole requests so far.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Relaxed)
    }

    /// The last request of all.
    pub fn last(&self) -> Value {
        self.state.last.lock().unwrap().clone()
    }

    /// All connections, once nobody holds one any more.
    pub async fn connections(self) -> Vec<Seen> {
        eventually("the end of every connection", async || (self.state.open.load(Relaxed) == 0).then_some(())).await;
        self.acceptor.abort();
        std::mem::take(&mut *self.state.ended.lock().unwrap())
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        state.open.fetch_add(1, Relaxed);
        tokio::spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let service = service_fn(async |request| {
        state.begun.fetch_add(1, Relaxed);
        let record = record(request).await;
        state.requests.fetch_add(usize::from(record["whole"] == true), Relaxed);
        state.last.lock().unwrap().clone_from(&record);
        seen.lock().unwrap().records.push(record);
        Ok::<_, Infallible>(Response::builder().status(202).body(Empty::<Bytes>::new()).unwrap())
    });
    let stream = Tee { stream, seen: Arc::clone(&seen) };
    // An error is a connection that was cut, and that is for the records to tell.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    state.ended.lock().unwrap().push(std::mem::take(&mut seen.lock().unwrap()));
    state.open.fetch_sub(1, Relaxed);
}

/// A request; without content and trailers, and not `whole`, if it breaks off. Texts are Latin-1, and
/// fields in the order of their names.
async fn record(request: Request<Incoming>) -> Value {
    let (head, body) = request.into_parts();
    let collected = body.collect().await.ok();
    let trailers = collected.as_ref().and_then(|body| body.trailers()).map(fields).unwrap_or_default();
    let whole = collected.is_some();
    let content = collected.map(|body| latin1(&body.to_bytes())).unwrap_or_default();
    json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "fields": fields(&head.headers),
        "content": content,
        "trailers": trailers,
        "whole": whole,
    })
}

fn fields(map: &HeaderMap) -> Vec<(String, String)> {
    let mut fields: Vec<_> =
        map.iter().map(|(name, value)| (name.as_str().to_owned(), latin1(value.as_bytes()))).collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// A connection that keeps what is read from it.
struct Tee {
    stream: TcpStream,
    seen: Arc<Mutex<Seen>>,
}

impl AsyncRead for Tee {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.seen.lock().unwrap().bytes.extend_from_slice(&into.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tee {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
