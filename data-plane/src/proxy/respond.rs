//! What the client gets: the upstream's answer, or one of the gateway's own.

use std::{future::poll_fn, mem, task::Poll, time::Duration};

use http::{Method, StatusCode};
use tokio::{io::AsyncWriteExt, time::Instant};

use super::{
    exchange::{Exchange, Stage},
    forward::{Answer, poll_gone},
    headers::{self, ClientFraming, Persistence},
    relay::{Encode, Relay, RelayError},
    tunnel,
};
use crate::{error::ProxyError, http1::framing::Framing, table::Service, upstream::pool::Connection, worker::Worker};

/// How long a connection may be kept for another request, whatever the service says: the moment of
/// its end must exist.
const MAX_IDLE: Duration = Duration::from_secs(24 * 3600);

/// Passes the answer on, and the rest of the request in the other direction.
pub(crate) async fn relay(
    worker: &Worker,
    service: &Service,
    answer: Answer,
    exchange: &mut Exchange<'_>,
) -> Result<(), ProxyError> {
    if answer.head.status == StatusCode::SWITCHING_PROTOCOLS {
        return tunnel::run(answer, exchange).await;
    }
    let Answer { mut connection, head, head_len, framing, persistent, mut upload } = answer;
    let (client_framing, encode) = client_framing(framing, exchange.is_http10);
    exchange.persistent &= client_framing != ClientFraming::UntilClose && upload.is_none() && !worker.is_draining();
    exchange.status = Some(head.status);
    let mut out = take_out(exchange, upload.is_some());
    let bytes = &exchange.buffers.upstream.filled()[..head_len];
    let persistence = persistence(exchange);
    headers::write_response(&mut out, bytes, &head, client_framing, persistence, &exchange.id, &worker.date());
    exchange.buffers.upstream.consume(head_len);

    let mut download = Relay::new(framing, encode, out);
    exchange.stage = Stage::Body;
    exchange.watch.arm(service.timeouts.idle);
    exchange.begun = true;
    let result = pass(exchange, service, &mut connection, &mut upload, &mut download).await;
    // What failed before the first byte left can still be told.
    exchange.begun = download.written > 0;
    exchange.buffers.out = download.into_out();
    exchange.unread = upload.is_some();
    result?;
    // Bytes behind the answer's end belong to nothing; who sends them is not trusted again.
    let is_clean = exchange.buffers.upstream.is_empty();
    if persistent && is_clean && upload.is_none() && framing != Framing::UntilClose {
        worker.pool().put(connection, Instant::now() + service.timeouts.idle.min(MAX_IDLE));
    }
    Ok(())
}

/// How the client is told where the body ends: HTTP/1.0 knows no chunks.
pub(crate) const fn client_framing(framing: Framing, is_http10: bool) -> (ClientFraming, Encode) {
    match (framing, is_http10) {
        (Framing::Chunked | Framing::UntilClose, false) => (ClientFraming::Chunked, Encode::Chunked),
        (Framing::Chunked | Framing::UntilClose, true) => (ClientFraming::UntilClose, Encode::Plain),
        (Framing::None | Framing::Length(_), _) => (ClientFraming::AsDeclared, Encode::Plain),
    }
}

/// The buffer that the request's head was written into, unless that is still on its way.
fn take_out(exchange: &mut Exchange<'_>, in_use: bool) -> Vec<u8> {
    if in_use { Vec::new() } else { mem::take(&mut exchange.buffers.out) }
}

async fn pass(
    exchange: &mut Exchange<'_>,
    service: &Service,
    connection: &mut Connection,
    upload: &mut Option<Relay>,
    download: &mut Relay,
) -> Result<(), ProxyError> {
    let (mut reader, mut writer) = connection.stream.split();
    let Exchange { client, buffers, watch, .. } = exchange;
    let (mut sent, mut seen) = (0, 0);
    poll_fn(|cx| {
        if let Some(request) = upload {
            let polled = request.poll(cx, &mut buffers.client, &mut client.reader, &mut writer);
            sent = request.written;
            match polled {
                Poll::Ready(Ok(())) => *upload = None,
                // The endpoint has answered; what it does not want to hear is not its loss.
                Poll::Ready(Err(RelayError::Sink)) | Poll::Pending => {}
                // The client takes its own request back, and cannot have the answer.
                Poll::Ready(Err(RelayError::SourceEnded)) => return Poll::Ready(Err(ProxyError::ClientGone)),
                Poll::Ready(Err(RelayError::Malformed(why))) => return Poll::Ready(Err(ProxyError::BadRequest(why))),
            }
        }
        if let Poll::Ready(result) = download.poll(cx, &mut buffers.upstream, &mut reader, &mut client.writer) {
            return Poll::Ready(result.map_err(|err| match err {
                RelayError::SourceEnded => ProxyError::UpstreamReset,
                RelayError::Malformed(_) => ProxyError::UpstreamProtocol,
                RelayError::Sink => ProxyError::ClientGone,
            }));
        }
        if download.written + sent > seen {
            seen = download.written + sent;
            watch.arm(service.timeouts.idle);
        }
        if upload.is_none() && poll_gone(cx, client, &buffers.client).is_ready() {
            return Poll::Ready(Err(ProxyError::ClientGone));
        }
        Poll::Pending
    })
    .await
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
    exchange.persistent &= !exchange.unread && !worker.is_draining();
    exchange.status = Some(error.status());
    let id = exchange.id.as_str();
    let body = serde_json::json!({"error": {"code": error.code(), "message": error.to_string(), "request_id": id}});
    let mut body = body.to_string();
    body.push('\n');
    let status = error.status();
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    headers::write_field(&mut out, "Content-Type", b"application/json");
    headers::write_field(&mut out, "Content-Length", body.len().to_string().as_bytes());
    headers::write_field(&mut out, "Date", worker.date().as_bytes());
    headers::write_field(&mut out, "X-Request-Id", exchange.id.as_bytes());
    if status == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110 section 15.5.6 wants it; what the endpoint allows, the gateway does not know.
        headers::write_field(&mut out, "Allow", b"GET, HEAD");
    }
    headers::write_persistence(&mut out, persistence(exchange));
    out.extend_from_slice(b"\r\n");
    if exchange.method != Method::HEAD {
        out.extend_from_slice(body.as_bytes());
    }
    if exchange.client.writer.write_all(&out).await.is_err() {
        exchange.persistent = false;
    }
}

fn persistence(exchange: &Exchange<'_>) -> Persistence {
    match (exchange.persistent, exchange.is_http10) {
        (false, _) => Persistence::Closes,
        (true, true) => Persistence::StaysSaid,
        (true, false) => Persistence::Stays,
    }
}
