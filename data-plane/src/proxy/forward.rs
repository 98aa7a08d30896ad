//! To the endpoint, and back with the head of its answer.

use std::{
    future::poll_fn,
    mem,
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
};

use http::{Method, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    auth, balance,
    destination::Destination,
    exchange::{ClientSide, Exchange, Stage},
    headers,
    mirror::Mirrored,
    parse::ParsedRequest,
    relay::{Encode, Relay, RelayError},
};
use crate::{
    error::ProxyError,
    http1::{
        field::Name,
        framing::{self, ConnectionOptions, Framing},
        head::ResponseHead,
        scan::{HeadLimits, Scan},
    },
    table::Service,
    upstream::{
        connect,
        pool::{Check, Connection},
    },
    worker::{Worker, buffer::Buffer, watchdog::Expired},
};

/// Interim responses before the final one; 100 and a few 103 are what is seen.
const MAX_INTERIM: usize = 16;
/// Endpoints that are tried when they take no connection, or end it without an answer.
const MAX_ENDPOINTS: usize = 3;

/// The head of an answer; its body is still to come.
#[derive(Debug)]
pub(crate) struct Answer {
    pub connection: Connection,
    pub head: ResponseHead,
    /// Where the head ends in the upstream's buffer.
    pub head_len: usize,
    pub framing: Framing,
    /// Whether the endpoint means to keep the connection.
    pub persistent: bool,
    /// The request, where the answer came before all of it was sent.
    pub upload: Option<Relay>,
}

/// Sends the request and waits for the head of the answer. What fails before the request can have
/// been processed costs the client nothing: a dead pooled connection is replaced by a fresh one, an
/// endpoint that takes no connection by another.
pub(crate) async fn send(
    worker: &Rc<Worker>,
    to: &Destination<'_>,
    request: &ParsedRequest,
    exchange: &mut Exchange<'_>,
) -> Result<Answer, ProxyError> {
    let upgrade = request.upgrade.clone().map(|protocol| exchange.head()[protocol].to_vec());
    let mut out = mem::take(&mut exchange.buffers.out);
    let (address, identity) = (exchange.client.address, &exchange.buffers.identity);
    headers::write_request(&mut out, exchange.head(), request, address, &exchange.id, &to.edits, identity);
    exchange.consume_head();
    send_written(worker, to, request, Written { out, upgrade }, exchange).await
}

/// A request's head as the endpoint gets it.
#[derive(Debug)]
pub(crate) struct Written {
    pub out: Vec<u8>,
    /// The protocol that it asks for.
    pub upgrade: Option<Vec<u8>>,
}

/// As [`send`], with a head that is written.
pub(crate) async fn send_written(
    worker: &Rc<Worker>,
    to: &Destination<'_>,
    request: &ParsedRequest,
    Written { out, upgrade }: Written,
    exchange: &mut Exchange<'_>,
) -> Result<Answer, ProxyError> {
    let max_body = to.admit_body(request.framing, worker.limits())?;
    let endpoint = balance::pick(to.service, &[], &mut *worker.rng())?;
    exchange.endpoint = Some(endpoint);
    let mut upload = upload(worker, to, request, out).at_most(max_body);
    let has_body = !matches!(request.framing, Framing::None | Framing::Length(0));
    let repeatable = !has_body && is_idempotent(&exchange.method);
    let mut pooled = worker.pool().take(endpoint, if repeatable { Check::Seen } else { Check::Asked });
    exchange.pooled = pooled.is_some();
    exchange.attempts = u32::from(exchange.pooled);
    let mut failed = Vec::new();
    loop {
        let is_fresh = pooled.is_none();
        let mut connection = match pooled.take() {
            Some(connection) => connection,
            None => open(worker, to, &mut failed, exchange).await?,
        };
        let error = match converse(worker, to, exchange, &mut connection, &mut upload, upgrade.as_deref()).await {
            Ok(heard) => return Ok(heard.answer(connection, upload, exchange)),
            Err(error) => error,
        };
        // RFC 9110 section 9.2.2: again only if nothing can have come of the first time, or twice
        // is as good as once.
        let is_harmless = (upload.written == 0 || repeatable) && !exchange.begun;
        if error != ProxyError::UpstreamReset || !is_harmless {
            return Err(error);
        }
        if is_fresh && !next_endpoint(worker, to.service, &mut failed, exchange) {
            return Err(error);
        }
        upload.rewind();
    }
}

/// The request on its way: its head, rewritten, and the body that still comes.
fn upload(worker: &Rc<Worker>, to: &Destination<'_>, request: &ParsedRequest, out: Vec<u8>) -> Relay {
    let copy = to.shadow.and_then(|shadow| Mirrored::begin(worker, shadow, request, out.len()));
    let encode = if request.framing == Framing::Chunked { Encode::Chunked } else { Encode::Plain };
    let relay = Relay::new(request.framing, encode, out).copied(copy).edited(to.edits.fields);
    // Nothing else has trailers.
    if request.framing == Framing::Chunked { relay.without(auth::names(&to.policies)) } else { relay }
}

/// A new connection, to another endpoint if this one takes none in time.
async fn open(
    worker: &Worker,
    to: &Destination<'_>,
    failed: &mut Vec<SocketAddr>,
    exchange: &mut Exchange<'_>,
) -> Result<Connection, ProxyError> {
    exchange.stage = Stage::Connect;
    exchange.pooled = false;
    while let Some(endpoint) = exchange.endpoint {
        exchange.attempts += 1;
        exchange.watch.arm(to.timeouts.connect);
        let error = match exchange.watch.run(connect(worker, endpoint, exchange)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(Expired) => ProxyError::UpstreamConnectTimeout,
        };
        let is_its_fault = matches!(error, ProxyError::UpstreamConnect | ProxyError::UpstreamConnectTimeout);
        if !is_its_fault || exchange.watch.is_over() || !next_endpoint(worker, to.service, failed, exchange) {
            return Err(error);
        }
    }
    Err(ProxyError::NoHealthyEndpoint)
}

/// Connects while the client is there.
async fn connect(worker: &Worker, endpoint: SocketAddr, exchange: &Exchange<'_>) -> Result<Connection, ProxyError> {
    let mut connecting = pin!(connect::open(worker, endpoint));
    poll_fn(|cx| match connecting.as_mut().poll(cx) {
        Poll::Pending => poll_gone(cx, &exchange.client).map(|()| Err(ProxyError::ClientGone)),
        ready => ready,
    })
    .await
}

/// Goes on to an endpoint that has not failed this request, if it may and there is one.
fn next_endpoint(
    worker: &Worker,
    service: &Service,
    failed: &mut Vec<SocketAddr>,
    exchange: &mut Exchange<'_>,
) -> bool {
    failed.extend(exchange.endpoint);
    if failed.len() >= MAX_ENDPOINTS.min(service.healthy.len()) {
        return false;
    }
    exchange.endpoint = balance::pick(service, failed, &mut *worker.rng()).ok();
    exchange.endpoint.is_some()
}

/// The head of an answer that was read into the upstream's buffer.
pub(crate) struct Heard {
    pub head: ResponseHead,
    pub head_len: usize,
    pub framing: Framing,
    /// Whether the endpoint means to keep the connection.
    pub persistent: bool,
    /// Whether all of the request was sent.
    pub uploaded: bool,
}

impl Heard {
    fn answer(self, connection: Connection, upload: Relay, exchange: &mut Exchange<'_>) -> Answer {
        let Self { head, head_len, framing, persistent, uploaded } = self;
        let upload = if uploaded {
            exchange.buffers.out = upload.into_out();
            None
        } else {
            Some(upload)
        };
        Answer { connection, head, head_len, framing, persistent, upload }
    }
}

/// Sends what there is of the request while listening for the answer, which may come early.
async fn converse(
    worker: &Worker,
    to: &Destination<'_>,
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    upload: &mut Relay,
    upgrade: Option<&[u8]>,
) -> Result<Heard, ProxyError> {
    let (mut reader, mut writer) = connection.stream.split();
    let Exchange { client, buffers, watch, stage, method, is_http10, begun, unread, expects, .. } = exchange;
    buffers.upstream.clear();
    *stage = Stage::Response;
    watch.arm(to.timeouts.idle);
    let mut listener = Listener::new(worker.limits().response_head(), *is_http10);
    // An endpoint that stops listening ends the sending as well, but then the request is not over:
    // what is left of it must never be taken for another one.
    let (mut sending, mut uploaded) = (true, false);
    let mut seen = 0;
    poll_fn(|cx| {
        if sending {
            let polled = upload.poll(cx, &mut buffers.client, &mut client.reader, &mut writer);
            sending = polled.is_pending();
            uploaded = matches!(polled, Poll::Ready(Ok(())));
            *unread &= !uploaded;
            match polled {
                Poll::Ready(Err(RelayError::SourceEnded)) => return Poll::Ready(Err(ProxyError::ClientGone)),
                Poll::Ready(Err(RelayError::Malformed(why))) => return Poll::Ready(Err(ProxyError::BadRequest(why))),
                Poll::Ready(Err(RelayError::TooLarge)) => return Poll::Ready(Err(ProxyError::BodyTooLarge)),
                // The endpoint may have answered before it stopped listening.
                Poll::Ready(Err(RelayError::Sink | RelayError::Encoder) | Ok(())) => {
                    *stage = Stage::Response;
                    watch.arm(to.timeouts.response);
                }
                Poll::Pending => {}
            }
        }
        let polled = listener.poll(cx, &mut buffers.upstream, &mut reader, &mut client.writer, method);
        // Behind the first half of an interim response, only the second makes sense.
        *begun = listener.interim.as_ref().is_some_and(|(_, sent)| *sent > 0);
        if let Poll::Ready(heard) = polled {
            let (head, head_len) = heard?;
            return Poll::Ready(accept(head, head_len, &buffers.upstream, method, uploaded, upgrade));
        }
        if sending {
            // RFC 9110 section 10.1.1: who expects 100 may wait for the endpoint's word.
            let is_held = *expects && listener.count == 0;
            let wants_input = upload.wants_input(&buffers.client) && !is_held;
            let waits = if wants_input { Stage::Request } else { Stage::Response };
            if upload.written > seen || waits != *stage {
                seen = upload.written;
                *stage = waits;
                let pause = worker.limits().request_body_timeout;
                let idle = to.timeouts.idle;
                watch.arm(if waits == Stage::Request { idle.min(pause) } else { idle });
            }
        } else if poll_gone(cx, client).is_ready() {
            return Poll::Ready(Err(ProxyError::ClientGone));
        }
        buffers.settle();
        Poll::Pending
    })
    .await
}

/// Reads heads until one is final; passes interim ones on (RFC 9110 section 15.2).
pub(crate) struct Listener {
    limits: HeadLimits,
    scan: Scan,
    interim: Option<(Vec<u8>, usize)>,
    count: usize,
    is_http10: bool,
}

impl Listener {
    pub(crate) fn new(limits: HeadLimits, is_http10: bool) -> Self {
        Self { limits, scan: Scan::default(), interim: None, count: 0, is_http10 }
    }

    pub(crate) fn poll<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Buffer,
        reader: &mut R,
        client: &mut W,
        method: &Method,
    ) -> Poll<Result<(ResponseHead, usize), ProxyError>> {
        loop {
            if self.interim.is_some() {
                ready!(self.poll_interim(cx, client))?;
            }
            let found = self.scan.find_end(buffer.filled(), &self.limits).map_err(|_| ProxyError::UpstreamProtocol)?;
            let Some(head_len) = found else {
                match ready!(buffer.poll_read(reader, cx)) {
                    // Nothing at all is a connection that died; half a head is a broken answer.
                    Ok(0) | Err(_) if buffer.is_empty() && self.count == 0 => {
                        return Poll::Ready(Err(ProxyError::UpstreamReset));
                    }
                    Ok(0) => return Poll::Ready(Err(ProxyError::UpstreamProtocol)),
                    Err(_) => return Poll::Ready(Err(ProxyError::UpstreamReset)),
                    Ok(_) => continue,
                }
            };
            let bytes = &buffer.filled()[..head_len];
            let mut head = ResponseHead::default();
            head.parse(bytes, self.limits.fields).map_err(|_| ProxyError::UpstreamProtocol)?;
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Poll::Ready(Ok((head, head_len)));
            }
            framing::of_response(&head, method, bytes).map_err(|_| ProxyError::UpstreamProtocol)?;
            self.count += 1;
            if self.count > MAX_INTERIM {
                return Poll::Ready(Err(ProxyError::UpstreamProtocol));
            }
            // RFC 9110 section 15.2: HTTP/1.0 knows no interim responses.
            if !self.is_http10 {
                let mut out = Vec::new();
                headers::write_interim(&mut out, bytes, &head);
                self.interim = Some((out, 0));
            }
            buffer.consume(head_len);
            self.scan = Scan::default();
        }
    }

    fn poll_interim<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<Result<(), ProxyError>> {
        while let Some((out, sent)) = &mut self.interim {
            match ready!(Pin::new(&mut *writer).poll_write(cx, &out[*sent..])) {
                Ok(0) | Err(_) => return Poll::Ready(Err(ProxyError::ClientGone)),
                Ok(count) => *sent += count,
            }
            if *sent == out.len() {
                self.interim = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Whether the answer is one that can be passed on.
pub(crate) fn accept(
    head: ResponseHead,
    head_len: usize,
    buffer: &Buffer,
    method: &Method,
    uploaded: bool,
    upgrade: Option<&[u8]>,
) -> Result<Heard, ProxyError> {
    let bytes = &buffer.filled()[..head_len];
    let options = ConnectionOptions::of(&head.fields, bytes);
    let persistent = options.persists(head.version);
    let framing = framing::of_response(&head, method, bytes).map_err(|_| ProxyError::UpstreamProtocol)?;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        // Only to what was asked for, and only once nothing of the request is left to be sent.
        if !uploaded || !upgrade.is_some_and(|protocol| switches_to(protocol, &head, bytes)) {
            return Err(ProxyError::UpstreamProtocol);
        }
        return Ok(Heard { head, head_len, framing: Framing::UntilClose, persistent: false, uploaded });
    }
    // Whatever stands behind an answer without a body belongs to no answer.
    if framing == Framing::None && buffer.len() > head_len {
        return Err(ProxyError::UpstreamProtocol);
    }
    Ok(Heard { head, head_len, framing, persistent, uploaded })
}

/// Whether the answer agrees to this very protocol (RFC 9110 section 7.8).
fn switches_to(protocol: &[u8], head: &ResponseHead, bytes: &[u8]) -> bool {
    let mut agreed = head.fields.values(bytes, Name::Upgrade);
    let is_asked = agreed.next().is_some_and(|agreed| agreed.eq_ignore_ascii_case(protocol));
    is_asked && agreed.next().is_none()
}

/// Ready once the client has closed its connection. Bytes that it sent ahead, and that nobody has
/// read yet, hide the end behind them.
pub(crate) fn poll_gone(cx: &mut Context<'_>, client: &ClientSide<'_>) -> Poll<()> {
    let mut byte = [0];
    match client.reader.as_ref().poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
        Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
        Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
    }
}

/// Whether doing it twice is as good as once (RFC 9110 section 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE].contains(method)
}
