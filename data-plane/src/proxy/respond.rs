//! What the client gets: the upstream's answer, or one of the gateway's own.

use std::{future::poll_fn, mem, task::Poll, time::Duration};

use http::{Method, StatusCode};
use tokio::{io::AsyncWriteExt, time::Instant};

use super::{
    compress::{Press, Treatment, Wish},
    destination::Destination,
    exchange::{Exchange, Stage},
    forward::{Answer, poll_gone},
    headers::{self, ClientFraming, Onward, Persistence},
    relay::{Encode, Relay, RelayError},
    tunnel,
    variant::Variant,
};
use crate::{
    error::ProxyError,
    http1::{framing::Framing, head::ResponseHead},
    upstream::pool::Connection,
    worker::Worker,
};

/// How long a connection may be kept for another request, whatever the service says: the moment of
/// its end must exist.
pub(super) const MAX_IDLE: Duration = Duration::from_secs(24 * 3600);

/// Passes the answer on, and the rest of the request in the other direction.
pub(crate) async fn relay(
    worker: &Worker,
    to: &Destination<'_>,
    answer: Answer,
    exchange: &mut Exchange<'_>,
) -> Result<(), ProxyError> {
    exchange.answered = Some(std::time::Instant::now());
    if answer.head.status == StatusCode::SWITCHING_PROTOCOLS {
        return tunnel::run(worker, to, answer, exchange).await;
    }
    let Answer { mut connection, head, head_len, framing, persistent, mut upload } = answer;
    exchange.persistent &= upload.is_none();
    let out = mem::take(&mut exchange.buffers.out);
    let bytes = &exchange.buffers.upstream.filled()[..head_len];
    let prepared = Prepared::of(worker, to, &Came { head: &head, bytes, framing }, exchange, out);
    exchange.buffers.upstream.consume(head_len);
    let (out, encode, press) = prepared.begin(to, exchange);

    let mut download = Relay::new(framing, encode, out).pressed(press).edited(to.policies.response_fields);
    let result = pass(exchange, to.timeouts.idle, &mut connection, &mut upload, &mut download).await;
    // What failed before the first byte left can still be told.
    exchange.begun = download.written > 0;
    exchange.buffers.out = download.into_out();
    exchange.unread = upload.is_some();
    result?;
    // Bytes behind the answer's end belong to nothing; who sends them is not trusted again.
    let is_clean = exchange.buffers.upstream.is_empty();
    if persistent && is_clean && upload.is_none() && framing != Framing::UntilClose {
        // One look at the clock serves both.
        let now = Instant::now();
        exchange.ended = Some(now.into_std());
        // The connection is the service's, whatever its routes say.
        worker.pool().put(connection, now + to.service.timeouts.idle.min(MAX_IDLE));
    }
    Ok(())
}

/// A head that came from an endpoint, or is as if it did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came<'b> {
    pub head: &'b ResponseHead,
    pub bytes: &'b [u8],
    pub framing: Framing,
}

/// A head as the client gets it, and how the body goes behind it.
#[derive(Debug)]
pub(super) struct Prepared {
    out: Vec<u8>,
    encode: Encode,
    press: Option<Press>,
    persistent: bool,
    status: StatusCode,
}

impl Prepared {
    /// Writes the head into `out`.
    pub(super) fn of(
        worker: &Worker,
        to: &Destination<'_>,
        came: &Came<'_>,
        exchange: &Exchange<'_>,
        mut out: Vec<u8>,
    ) -> Self {
        let Came { head, bytes, framing } = *came;
        let (treatment, press) = treat(worker, exchange.wish.as_ref(), head, bytes, framing);
        let sent_as = if press.is_some() { Framing::UntilClose } else { framing };
        let (client_framing, encode) = client_framing(sent_as, exchange.is_http10);
        let persistent = exchange.persistent && client_framing != ClientFraming::UntilClose && !worker.is_draining();
        let onward = Onward {
            framing: client_framing,
            persistence: persistence(persistent, exchange.is_http10),
            id: &exchange.id,
            date: &worker.date(),
            fields: to.policies.response_fields,
            variant: Variant { cors: exchange.cors.as_ref(), treatment },
            limits: Some(&exchange.held),
            cache: exchange.cache.map(|told| told.status),
        };
        headers::write_response(&mut out, bytes, head, onward);
        Self { out, encode, press, persistent, status: head.status }
    }

    /// From here on, the answer may be on its way.
    pub(super) fn begin(self, to: &Destination<'_>, exchange: &mut Exchange<'_>) -> (Vec<u8>, Encode, Option<Press>) {
        let Self { out, encode, press, persistent, status } = self;
        exchange.persistent = persistent;
        exchange.status = Some(status);
        exchange.sent_head = out.len() as u64;
        exchange.stage = Stage::Delivery;
        exchange.watch.arm(to.timeouts.idle);
        exchange.begun = true;
        (out, encode, press)
    }
}

/// What compression makes of the answer, and what its body goes through. Where there is no place for
/// that, it passes as it is.
fn treat(
    worker: &Worker,
    wish: Option<&Wish<'_>>,
    head: &ResponseHead,
    bytes: &[u8],
    framing: Framing,
) -> (Treatment, Option<Press>) {
    let treatment = wish.map_or(Treatment::Untouched, |wish| wish.treat(head, bytes));
    let Treatment::Compressed(algorithm) = treatment else { return (treatment, None) };
    let length = match framing {
        // The answer to HEAD says what that to GET would.
        Framing::None => return (treatment, None),
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::UntilClose => None,
    };
    match worker.presses().take(algorithm, length) {
        Some(press) => (treatment, Some(press)),
        None => (Treatment::Varies, None),
    }
}

/// How the client is told where the body ends: HTTP/1.0 knows no chunks.
pub(crate) const fn client_framing(framing: Framing, is_http10: bool) -> (ClientFraming, Encode) {
    match (framing, is_http10) {
        (Framing::Chunked | Framing::UntilClose, false) => (ClientFraming::Chunked, Encode::Chunked),
        (Framing::Chunked | Framing::UntilClose, true) => (ClientFraming::UntilClose, Encode::Plain),
        (Framing::None | Framing::Length(_), _) => (ClientFraming::AsDeclared, Encode::Plain),
    }
}

async fn pass(
    exchange: &mut Exchange<'_>,
    idle: Duration,
    connection: &mut Connection,
    upload: &mut Option<Relay>,
    download: &mut Relay,
) -> Result<(), ProxyError> {
    let (mut reader, mut writer) = connection.stream.split();
    let Exchange { client, buffers, watch, stage, sent, .. } = exchange;
    let (mut uploaded, mut seen) = (0, 0);
    poll_fn(|cx| {
        if let Some(request) = upload {
            let polled = request.poll(cx, &mut buffers.client, &mut client.reader, &mut writer);
            uploaded = request.written;
            match polled {
                Poll::Ready(Ok(())) => *upload = None,
                // The endpoint has answered; what it does not want to hear is not its loss.
                Poll::Ready(Err(RelayError::Sink | RelayError::Encoder)) | Poll::Pending => {}
                // The client takes its own request back, and cannot have the answer.
                Poll::Ready(Err(RelayError::SourceEnded)) => return Poll::Ready(Err(ProxyError::ClientGone)),
                Poll::Ready(Err(RelayError::Malformed(why))) => return Poll::Ready(Err(ProxyError::BadRequest(why))),
                Poll::Ready(Err(RelayError::TooLarge)) => return Poll::Ready(Err(ProxyError::BodyTooLarge)),
            }
        }
        let polled = download.poll(cx, &mut buffers.upstream, &mut reader, &mut client.writer);
        *sent = download.written;
        if let Poll::Ready(result) = polled {
            return Poll::Ready(result.map_err(|err| broken(&err)));
        }
        let waits = if download.wants_input(&buffers.upstream) { Stage::Response } else { Stage::Delivery };
        let moved = download.progress() + uploaded;
        if moved > seen || waits != *stage {
            seen = moved;
            *stage = waits;
            watch.arm(idle);
        }
        if upload.is_none() && poll_gone(cx, client).is_ready() {
            return Poll::Ready(Err(ProxyError::ClientGone));
        }
        buffers.settle();
        Poll::Pending
    })
    .await
}

/// What it means for the client that its answer broke off.
pub(super) const fn broken(error: &RelayError) -> ProxyError {
    match error {
        RelayError::SourceEnded => ProxyError::UpstreamReset,
        RelayError::Malformed(_) | RelayError::TooLarge => ProxyError::UpstreamProtocol,
        RelayError::Sink => ProxyError::ClientGone,
        // It fails for want of memory alone.
        RelayError::Encoder => ProxyError::Overloaded,
    }
}

/// The one exit of every failure.
pub(crate) async fn refuse(worker: &Worker, error: ProxyError, exchange: &mut Exchange<'_>) {
    exchange.error = Some(error);
    exchange.consume_head();
    if exchange.begun || error == ProxyError::ClientGone {
        // A part of another answer is on its way, or nobody listens: cutting it says so.
        exchange.persistent = false;
        return;
    }
    let id = exchange.id.as_str();
    let body = serde_json::json!({"error": {"code": error.code(), "message": error.to_string(), "request_id": id}});
    let mut body = body.to_string();
    body.push('\n');
    let mut out = own_head(worker, exchange, error.status());
    headers::write_field(&mut out, "Content-Type", b"application/json");
    headers::write_field(&mut out, "Content-Length", body.len().to_string().as_bytes());
    if error.status() == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110 section 15.5.6 wants it; what the endpoint allows, the gateway does not know.
        headers::write_field(&mut out, "Allow", b"GET, HEAD");
    }
    if let Some(challenge) = exchange.challenge.filter(|_| error.status() == StatusCode::UNAUTHORIZED) {
        challenge.write(&mut out);
    }
    out.extend_from_slice(b"\r\n");
    exchange.sent_head = out.len() as u64;
    if exchange.method != Method::HEAD {
        out.extend_from_slice(body.as_bytes());
    }
    match exchange.client.writer.write_all(&out).await {
        Ok(()) => exchange.sent = out.len() as u64,
        Err(_) => exchange.persistent = false,
    }
}

/// Answers a request that may be forwarded no further (RFC 9110 section 7.6.2). A TRACE would show
/// what proxies in front have added, credentials too, so it is refused.
pub(crate) async fn finally(worker: &Worker, exchange: &mut Exchange<'_>) -> Result<(), ProxyError> {
    if exchange.method != Method::OPTIONS {
        return Err(ProxyError::NotForwarded);
    }
    exchange.consume_head();
    let mut out = own_head(worker, exchange, StatusCode::NO_CONTENT);
    headers::write_field(&mut out, "Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    out.extend_from_slice(b"\r\n");
    exchange.begun = true;
    exchange.sent_head = out.len() as u64;
    exchange.client.writer.write_all(&out).await.map_err(|_| ProxyError::ClientGone)?;
    exchange.sent = exchange.sent_head;
    Ok(())
}

/// The beginning of an answer of the gateway's own.
pub(super) fn own_head(worker: &Worker, exchange: &mut Exchange<'_>, status: StatusCode) -> Vec<u8> {
    exchange.persistent &= !exchange.unread && !worker.is_draining();
    exchange.status = Some(status);
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    headers::write_field(&mut out, "Date", worker.date().as_bytes());
    headers::write_field(&mut out, "X-Request-Id", exchange.id.as_bytes());
    headers::write_persistence(&mut out, persistence(exchange.persistent, exchange.is_http10));
    // A page that may read answers may read the gateway's own, errors too.
    Variant { cors: exchange.cors.as_ref(), ..Variant::default() }.write_own(&mut out);
    exchange.held.write(&mut out);
    out
}

const fn persistence(persistent: bool, is_http10: bool) -> Persistence {
    match (persistent, is_http10) {
        (false, _) => Persistence::Closes,
        (true, true) => Persistence::StaysSaid,
        (true, false) => Persistence::Stays,
    }
}
