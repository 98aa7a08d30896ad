//! One client connection: the only place that knows how requests follow one another on it.

use std::{future::poll_fn, mem, net::SocketAddr, rc::Rc, task::Poll, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    Worker,
    buffer::Scratch,
    watchdog::{TICK, Watch},
};
use crate::{
    error::ProxyError,
    http1::scan::Scan,
    proxy::{
        self,
        exchange::{ClientSide, Exchange},
        identity::ClientAddress,
        limit,
        parse::{self, ParsedRequest},
        respond,
    },
};

/// How long a connection stays ready for more while nothing comes: the next request, or the rest of
/// one, is often close behind.
const PARK_AFTER: Duration = TICK;
/// How long the gateway goes on reading after an answer that it closes on, so that the answer is
/// not lost to a reset (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);
/// In a drain, how long an idle client may still begin a request: it may be on its way already.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// What follows on a connection.
enum Next {
    /// Nothing comes for now; it may wait without buffers.
    Park,
    /// It ends, and the client has nothing under way.
    Close,
    /// It ends, and what the client still sends has to be taken first.
    Linger,
}

/// A client, from its first request to its last.
pub(crate) struct Session {
    worker: Rc<Worker>,
    watch: Watch,
    client: ClientAddress,
    /// The beginning of a head whose rest is long in coming.
    partial: Vec<u8>,
    /// Requests so far.
    requests: u32,
}

impl Session {
    pub(crate) fn new(worker: &Rc<Worker>, address: SocketAddr) -> Self {
        let (worker, watch) = (Rc::clone(worker), worker.watchdog().register());
        Self { worker, watch, client: ClientAddress::new(address.ip()), partial: Vec::new(), requests: 0 }
    }

    /// Serves the connection until either side ends it.
    pub(crate) async fn serve(&mut self, stream: &mut TcpStream) {
        // Small writes must not wait for acknowledgements; a socket that refuses the option still works.
        let _ = stream.set_nodelay(true);
        loop {
            if !self.park(stream).await {
                if self.partial.is_empty() {
                    return;
                }
                return Box::pin(self.turn_away(stream, ProxyError::RequestTimeout)).await;
            }
            // In a box, so that a parked connection is small.
            match Box::pin(self.busy(stream)).await {
                Next::Park => {}
                Next::Close => return,
                Next::Linger => return Box::pin(self.linger(stream)).await,
            }
        }
    }

    /// Answers with `error` whatever is asked, and ends.
    pub(crate) async fn turn_away(&self, stream: &mut TcpStream, error: ProxyError) {
        self.refuse(stream, &mut Scratch::default(), error).await;
        self.linger(stream).await;
    }

    /// Waits without buffers for bytes of a request; false if none came in time.
    async fn park(&self, stream: &TcpStream) -> bool {
        let Self { worker, watch, partial, .. } = self;
        let mut is_hurried = false;
        let limits = worker.limits();
        watch.arm(if partial.is_empty() { limits.connection_idle_timeout } else { limits.request_head_timeout });
        let readable = poll_fn(|cx| {
            // A request that has begun is as good as in flight.
            if worker.is_draining() && partial.is_empty() && !mem::replace(&mut is_hurried, true) {
                watch.arm(DRAIN_GRACE);
            }
            stream.poll_read_ready(cx)
        });
        watch.set_idle(true);
        let waited = watch.run(readable).await;
        watch.set_idle(false);
        matches!(waited, Ok(Ok(())))
    }

    /// Serves requests while they come one after another.
    async fn busy(&mut self, stream: &mut TcpStream) -> Next {
        let mut buffers = self.worker.borrow_buffers();
        buffers.client.restore(&mem::take(&mut self.partial));
        let next = self.converse(stream, &mut buffers).await;
        self.worker.return_buffers(buffers);
        next
    }

    async fn converse(&mut self, stream: &mut TcpStream, buffers: &mut Scratch) -> Next {
        let mut request = ParsedRequest::default();
        loop {
            let head_len = match self.read_head(stream, buffers).await {
                Head::Whole(length) => length,
                Head::Refused(error) => {
                    self.refuse(stream, buffers, error).await;
                    return Next::Linger;
                }
                Head::Later => {
                    self.partial = buffers.client.filled().into();
                    return Next::Park;
                }
                Head::Gone => return Next::Close,
            };
            self.requests = self.requests.saturating_add(1);
            let Self { worker, watch, .. } = &*self;
            let table = worker.table();
            let mut exchange = self.exchange(stream, buffers, head_len);
            let served = watch.run(proxy::serve(worker, &table, &mut exchange, &mut request)).await;
            if let Err(error) = served.unwrap_or_else(|_| Err(exchange.expired())) {
                self.tell(error, &mut exchange).await;
            }
            watch.bound(None);
            limit::settle(worker, &exchange);
            worker.telemetry().record(&mut exchange);
            if !exchange.persistent {
                return end(&exchange);
            }
        }
    }

    fn exchange<'c>(&'c self, stream: &'c mut TcpStream, buffers: &'c mut Scratch, head_len: usize) -> Exchange<'c> {
        let (reader, writer) = stream.split();
        let client = ClientSide { reader, writer, address: &self.client };
        let max = self.worker.limits().max_requests_per_connection;
        let is_last = max.is_some_and(|max| self.requests >= max.get());
        let mut exchange = Exchange::new(client, buffers, &self.watch, head_len, is_last, &mut *self.worker.rng());
        exchange.logged = self.worker.telemetry().is_logged();
        exchange
    }

    /// Answers what is no request.
    async fn refuse(&self, stream: &mut TcpStream, buffers: &mut Scratch, error: ProxyError) {
        let mut exchange = self.exchange(stream, buffers, 0);
        self.tell(error, &mut exchange).await;
        self.worker.telemetry().record(&mut exchange);
    }

    async fn tell(&self, error: ProxyError, exchange: &mut Exchange<'_>) {
        self.watch.bound(None);
        self.watch.arm(LINGER);
        if self.watch.run(respond::refuse(&self.worker, error, exchange)).await.is_err() {
            // A part of it may have left, and nothing can follow a part.
            exchange.persistent = false;
        }
    }

    /// Reads until a head is whole. The time for it runs from its first byte on, also while the
    /// connection is parked in between.
    async fn read_head(&self, stream: &mut TcpStream, buffers: &mut Scratch) -> Head {
        let Self { worker, watch, .. } = self;
        let limits = worker.limits();
        let head_limits = limits.request_head();
        let (mut reader, _) = stream.split();
        let buffer = &mut buffers.client;
        let mut scan = Scan::default();
        let mut begun = !buffer.is_empty();
        let mut skipped = false;
        watch.arm(PARK_AFTER);
        let read = poll_fn(|cx| {
            loop {
                match scan.find_end(buffer.filled(), &head_limits) {
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
                match buffer.poll_read(&mut reader, cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Head::Gone),
                    Poll::Ready(Ok(_)) => begun = true,
                    // It is not waited for what cannot become a request, such as TLS.
                    Poll::Pending if !parse::may_become_request(buffer.filled()) => {
                        return Poll::Ready(Head::Refused(ProxyError::BadRequest(
                            "this is no HTTP/1.1; TLS is not spoken here",
                        )));
                    }
                    Poll::Pending if begun && !watch.is_bound() => {
                        watch.bound(Some(limits.request_head_timeout));
                        buffer.settle();
                        return Poll::Pending;
                    }
                    Poll::Pending if worker.is_draining() && !begun => return Poll::Ready(Head::Later),
                    Poll::Pending => {
                        buffer.settle();
                        return Poll::Pending;
                    }
                }
            }
        });
        match watch.run(read).await {
            Ok(head) => {
                watch.bound(None);
                head
            }
            Err(_) if !watch.is_over() => Head::Later,
            Err(_) => Head::Refused(ProxyError::RequestTimeout),
        }
    }

    async fn linger(&self, stream: &mut TcpStream) {
        self.watch.arm(LINGER);
        let drain = async {
            if stream.shutdown().await.is_ok() {
                let mut rest = [0; 1024];
                while matches!(stream.read(&mut rest).await, Ok(1..)) {}
            }
        };
        // However it ends, the connection is closed next.
        let _ = self.watch.run(drain).await;
    }
}

/// How a connection ends behind the last exchange on it.
fn end(exchange: &Exchange<'_>) -> Next {
    let is_cut = exchange.begun && exchange.error.is_some();
    if is_cut && exchange.is_http10 {
        // An answer may end with its connection in HTTP/1.0: only a reset says that it broke off. A
        // socket that refuses the option is closed as any other.
        let _ = exchange.client.writer.as_ref().set_zero_linger();
    }
    let is_sending = exchange.unread || !exchange.buffers.client.is_empty();
    if is_sending && !is_cut { Next::Linger } else { Next::Close }
}

/// What came of reading a head.
enum Head {
    /// It is in the buffer, so many bytes long.
    Whole(usize),
    /// The rest of it, or all, has not come yet.
    Later,
    /// The client has ended, or broken off.
    Gone,
    /// It cannot be served.
    Refused(ProxyError),
}
