//! One client connection: the only place that knows how requests follow one another on it.

use std::{future::poll_fn, mem, net::SocketAddr, rc::Rc, task::Poll, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Worker, buffer::Scratch, watchdog::Watch};
use crate::{
    error::ProxyError,
    http1::scan::Scan,
    proxy::{
        self,
        exchange::{ClientSide, Exchange},
        identity::ClientAddress,
        parse::{self, ParsedRequest},
        respond,
    },
};

/// How long a client may take from the first byte of a head to its last.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be idle before the first request and between two.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an idle connection keeps its buffers: the next request is often close behind.
const PARK_AFTER: Duration = Duration::from_secs(1);
/// How long the gateway goes on reading after an answer that it closes on, so that the answer is
/// not lost to a reset (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);
/// In a drain, how long an idle client may still begin a request: it may be on its way already.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// What follows on a connection.
enum Next {
    /// Nothing is there; it may wait without buffers.
    Park,
    /// It ends, and the client has nothing under way.
    Close,
    /// It ends, and what the client still sends has to be taken first.
    Linger,
}

/// Serves the connection until either side ends it.
pub(crate) async fn serve(worker: Rc<Worker>, mut stream: TcpStream, address: SocketAddr) {
    // Small writes must not wait for acknowledgements; a socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    let client = ClientAddress::new(address.ip());
    let watch = worker.watchdog().register();
    loop {
        if !park(&worker, &watch, &stream).await {
            return;
        }
        // In a box, so that a parked connection is small.
        match Box::pin(busy(&worker, &watch, &mut stream, &client)).await {
            Next::Park => {}
            Next::Close => return,
            Next::Linger => return Box::pin(linger(&watch, &mut stream)).await,
        }
    }
}

/// Waits for the first bytes of a request; false if there will be none.
async fn park(worker: &Worker, watch: &Watch, stream: &TcpStream) -> bool {
    watch.arm(if worker.is_draining() { DRAIN_GRACE } else { IDLE_TIMEOUT });
    let mut drains = worker.is_draining();
    let readable = poll_fn(|cx| {
        if worker.is_draining() && !mem::replace(&mut drains, true) {
            watch.arm(DRAIN_GRACE);
        }
        stream.poll_read_ready(cx)
    });
    matches!(watch.run(readable).await, Ok(Ok(())))
}

/// Serves requests while they come one after another.
async fn busy(worker: &Worker, watch: &Watch, stream: &mut TcpStream, client: &ClientAddress) -> Next {
    let mut buffers = worker.borrow_buffers();
    let next = converse(worker, watch, stream, client, &mut buffers).await;
    worker.return_buffers(buffers);
    next
}

async fn converse(
    worker: &Worker,
    watch: &Watch,
    stream: &mut TcpStream,
    client: &ClientAddress,
    buffers: &mut Scratch,
) -> Next {
    let mut request = ParsedRequest::default();
    loop {
        let head = read_head(worker, watch, stream, buffers).await;
        let (reader, writer) = stream.split();
        let client = ClientSide { reader, writer, address: client };
        let head_len = match &head {
            Head::Whole(length) => *length,
            Head::Refused(_) => 0,
            Head::None => return Next::Park,
            Head::Gone => return Next::Close,
        };
        let table = worker.table();
        let mut exchange = Exchange::new(client, buffers, watch, head_len, &mut *worker.rng());
        exchange.logged = worker.telemetry().is_logged();
        let outcome = match head {
            Head::Refused(error) => Err(error),
            Head::Whole(_) | Head::None | Head::Gone => {
                let served = watch.run(proxy::serve(worker, &table, &mut exchange, &mut request)).await;
                served.unwrap_or_else(|_| Err(exchange.expired()))
            }
        };
        if let Err(error) = outcome {
            watch.arm(LINGER);
            if watch.run(respond::refuse(worker, error, &mut exchange)).await.is_err() {
                // A part of it may have left, and nothing can follow a part.
                exchange.persistent = false;
            }
        }
        worker.telemetry().record(&mut exchange);
        if !exchange.persistent {
            let is_cut = exchange.begun && exchange.error.is_some();
            if is_cut && exchange.is_http10 {
                // An answer may end with its connection in HTTP/1.0: only a reset says that it broke
                // off. A socket that refuses the option is closed as any other.
                let _ = exchange.client.writer.as_ref().set_zero_linger();
            }
            let is_sending = exchange.unread || !exchange.buffers.client.is_empty();
            return if is_sending && !is_cut { Next::Linger } else { Next::Close };
        }
    }
}

enum Head {
    /// It is in the buffer, so many bytes long.
    Whole(usize),
    /// Nothing has come.
    None,
    /// The client has ended, or broken off.
    Gone,
    /// It cannot be served.
    Refused(ProxyError),
}

async fn read_head(worker: &Worker, watch: &Watch, stream: &mut TcpStream, buffers: &mut Scratch) -> Head {
    let (mut reader, _) = stream.split();
    let buffer = &mut buffers.client;
    let mut scan = Scan::default();
    let mut begun = !buffer.is_empty();
    let mut skipped = false;
    watch.arm(if begun { HEAD_TIMEOUT } else { PARK_AFTER });
    let read = poll_fn(|cx| {
        loop {
            match scan.find_end(buffer.filled(), worker.limits()) {
                // RFC 9112 section 2.2: an empty line in front of a request is passed over.
                Ok(Some(2)) if !mem::replace(&mut skipped, true) => {
                    buffer.consume(2);
                    scan = Scan::default();
                    continue;
                }
                Ok(Some(length)) => return Poll::Ready(Head::Whole(length)),
                Err(err) => return Poll::Ready(Head::Refused(parse::refuse_head(err))),
                Ok(None) => {}
            }
            buffer.make_room(worker.limits().head);
            match buffer.poll_read(&mut reader, cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Head::Gone),
                Poll::Ready(Ok(_)) if !mem::replace(&mut begun, true) => watch.arm(HEAD_TIMEOUT),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending if worker.is_draining() && !begun => return Poll::Ready(Head::None),
                Poll::Pending => return Poll::Pending,
            }
        }
    });
    match watch.run(read).await {
        Ok(head) => head,
        Err(_) if buffer.is_empty() => Head::None,
        Err(_) => Head::Refused(ProxyError::RequestTimeout),
    }
}

async fn linger(watch: &Watch, stream: &mut TcpStream) {
    watch.arm(LINGER);
    let drain = async {
        if stream.shutdown().await.is_ok() {
            let mut rest = [0; 1024];
            while matches!(stream.read(&mut rest).await, Ok(1..)) {}
        }
    };
    let _ = watch.run(drain).await;
}
