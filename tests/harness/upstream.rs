//! A scripted upstream: what it answers, and whether it is healthy, can be changed at any time.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

use super::{
    body::{Checksum, Pattern},
    eventually::{eventually, within},
    exchange::{Exchange, Head},
    loopback,
};

/// The path of health probes; everything else is a request.
pub const PROBE_PATH: &str = "/healthcheck";

/// What is done with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with this text.
    Text(String),
    /// An empty response of this status.
    Status(u16),
    /// These bytes; then the connection goes on.
    Bytes(Vec<u8>),
    /// These bytes; then the connection is closed.
    BytesAndClose(Vec<u8>),
    /// 200 with the [`Checksum`] of the request's body.
    Checksum,
    /// 200 with a [`Pattern`] of this many bytes.
    Pattern(usize),
    /// The same in chunks.
    PatternInChunks(usize),
    /// Nothing, with the connection held open.
    Hang,
    /// The connection is reset.
    Reset,
    /// The exchange is handed to the test: see [`Upstream::exchange`].
    ByHand,
}

/// An upstream that listens on an address of its own until it is killed or dropped.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    exchanges: mpsc::UnboundedReceiver<Exchange>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    answer: Mutex<Answer>,
    health: Mutex<Answer>,
    connections: AtomicUsize,
    requests: AtomicUsize,
    probes: AtomicUsize,
    heads: Mutex<Vec<Head>>,
    by_hand: mpsc::UnboundedSender<Exchange>,
    draining: watch::Sender<bool>,
}

impl Upstream {
    /// Starts a healthy one that answers with this text.
    pub async fn start(text: &str) -> Self {
        Self::answering(Answer::Text(text.into())).await
    }

    /// Starts a healthy one that answers so.
    pub async fn answering(answer: Answer) -> Self {
        Self::on(SocketAddr::new(loopback::fresh(), 0), answer).await
    }

    /// Starts a healthy one on this address.
    pub async fn on(address: SocketAddr, answer: Answer) -> Self {
        let (by_hand, exchanges) = mpsc::unbounded_channel();
        let state = State {
            answer: Mutex::new(answer),
            health: Mutex::new(Answer::Status(200)),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            probes: AtomicUsize::new(0),
            heads: Mutex::new(Vec::new()),
            by_hand,
            draining: watch::Sender::new(false),
        };
        let mut upstream = Self { address, state: Arc::new(state), exchanges, acceptor: None };
        upstream.revive().await;
        upstream
    }

    /// An address on which nothing listens.
    pub async fn dead() -> Self {
        let mut upstream = Self::start("dead").await;
        upstream.kill().await;
        upstream
    }

    /// Stops listening and cuts every connection.
    pub async fn kill(&mut self) {
        let acceptor = self.acceptor.take().expect("the upstream runs");
        acceptor.abort();
        let _ = acceptor.await;
        // A process that another test is about to start holds every socket of this one for a moment.
        let refused = async || TcpStream::connect(self.address).await.err();
        eventually("the killed upstream refuses connections", refused).await;
    }

    /// Stops listening, answers what has come, and closes each connection once nothing is under way
    /// on it, as a server does that is told to end.
    pub async fn drain(&mut self) {
        self.state.draining.send_replace(true);
        let acceptor = self.acceptor.take().expect("the upstream runs");
        within("the upstream is drained", acceptor).await.expect("the acceptor does not panic");
    }

    /// Listens again where it did.
    pub async fn revive(&mut self) {
        assert!(self.acceptor.is_none(), "the upstream still runs");
        let listener = bind(self.address).unwrap_or_else(|err| panic!("cannot listen on {}: {err}", self.address));
        self.address = listener.local_addr().expect("a listener has an address");
        self.acceptor = Some(tokio::spawn(accept(listener, Arc::clone(&self.state))));
    }

    /// What requests get from now on.
    pub fn answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    /// What probes get from now on.
    pub fn health(&self, answer: Answer) {
        *self.state.health.lock().unwrap() = answer;
    }

    /// Requests so far, without probes.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Relaxed)
    }

    /// Probes so far.
    pub fn probes(&self) -> usize {
        self.state.probes.load(Relaxed)
    }

    /// Connections so far, with those of probes.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Relaxed)
    }

    /// The heads of the requests so far, without probes.
    pub fn heads(&self) -> Vec<Head> {
        self.state.heads.lock().unwrap().clone()
    }

    /// The head of the last request.
    pub fn last_head(&self) -> Head {
        self.heads().pop().expect("a request came in")
    }

    /// The next request that is to be answered by hand.
    pub async fn exchange(&mut self) -> Exchange {
        within("a request at the upstream", self.exchanges.recv()).await.expect("the upstream holds the sender")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(acceptor) = &self.acceptor {
            acceptor.abort();
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    let mut draining = state.draining.subscribe();
    loop {
        tokio::select! {
            // What waits to be accepted comes first.
            biased;
            Ok((stream, _)) = listener.accept() => {
                state.connections.fetch_add(1, Relaxed);
                connections.spawn(serve(stream, Arc::clone(&state)));
                while connections.try_join_next().is_some() {}
            }
            _ = draining.wait_for(|draining| *draining) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    // Errors are the other side's doing, and what it then does is what a test looks at.
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let mut draining = state.draining.subscribe();
    loop {
        tokio::select! {
            biased;
            _ = stream.fill_buf() => {}
            _ = draining.wait_for(|draining| *draining) => return,
        }
        let Ok(Some(exchange)) = Exchange::read(stream).await else { return };
        let answer = if exchange.head.target() == PROBE_PATH {
            state.probes.fetch_add(1, Relaxed);
            state.health.lock().unwrap().clone()
        } else {
            state.requests.fetch_add(1, Relaxed);
            state.heads.lock().unwrap().push(exchange.head.clone());
            state.answer.lock().unwrap().clone()
        };
        match reply(exchange, answer, &state).await {
            Ok(Some(kept)) => stream = kept,
            Ok(None) | Err(_) => return,
        }
    }
}

/// Answers, and returns the connection if it goes on.
async fn reply(mut exchange: Exchange, answer: Answer, state: &State) -> io::Result<Option<BufReader<TcpStream>>> {
    match answer {
        Answer::ByHand => {
            let _ = state.by_hand.send(exchange);
            return Ok(None);
        }
        Answer::Reset => {
            exchange.reset();
            return Ok(None);
        }
        Answer::Hang => {
            exchange.closed().await;
            return Ok(None);
        }
        Answer::BytesAndClose(bytes) => {
            exchange.body().await?;
            exchange.write(bytes).await?;
            return Ok(None);
        }
        Answer::Checksum => {
            let mut checksum = Checksum::default();
            while let Some(piece) = exchange.piece().await? {
                checksum.add(&piece);
            }
            exchange.write(ok(checksum.to_string().as_bytes())).await?;
        }
        Answer::Text(text) => {
            exchange.body().await?;
            exchange.write(ok(text.as_bytes())).await?;
        }
        Answer::Status(status) => {
            exchange.body().await?;
            exchange.write(format!("HTTP/1.1 {status} Scripted\r\nContent-Length: 0\r\n\r\n")).await?;
        }
        Answer::Bytes(bytes) => {
            exchange.body().await?;
            exchange.write(bytes).await?;
        }
        Answer::Pattern(length) => {
            exchange.body().await?;
            exchange.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await?;
            for piece in Pattern::new(length) {
                exchange.write(piece).await?;
            }
        }
        Answer::PatternInChunks(length) => {
            exchange.body().await?;
            exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            for piece in Pattern::new(length) {
                exchange.write_chunk(&piece).await?;
            }
            exchange.write("0\r\n\r\n").await?;
        }
    }
    Ok(Some(exchange.done()))
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
