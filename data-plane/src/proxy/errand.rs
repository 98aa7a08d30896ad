//! A request that no client waits for: a copy for a shadow, or a question about what is stored.

use std::{future::poll_fn, net::SocketAddr, task::Poll};

use http::Method;
use tokio::io;

use super::{
    forward::{self, Heard, Listener},
    relay::{Encode, Relay},
};
use crate::{
    error::ProxyError,
    http1::framing::Framing,
    upstream::{
        connect,
        pool::{Check, Connection},
    },
    worker::{Worker, buffer::Scratch},
};

/// Sends a request whose every byte is there, and waits for the head of its answer. Whoever calls limits
/// the time.
pub(crate) async fn ask(
    worker: &Worker,
    endpoint: SocketAddr,
    bytes: Vec<u8>,
    method: &Method,
    buffers: &mut Scratch,
) -> Result<(Connection, Heard), ProxyError> {
    let mut connection = match worker.pool().take(endpoint, Check::Asked) {
        Some(connection) => connection,
        // Nobody makes room for it.
        None => connect::attempt(worker, endpoint).await.map_err(|_| ProxyError::UpstreamConnect)?,
    };
    let heard = converse(worker, &mut connection, bytes, method, buffers).await?;
    Ok((connection, heard))
}

/// Sends the bytes while listening for the answer, which may come early.
async fn converse(
    worker: &Worker,
    connection: &mut Connection,
    bytes: Vec<u8>,
    method: &Method,
    buffers: &mut Scratch,
) -> Result<Heard, ProxyError> {
    let (mut reader, mut writer) = connection.stream.split();
    let mut upload = Relay::new(Framing::None, Encode::Plain, bytes);
    let mut listener = Listener::new(worker.limits().response_head(), false);
    let (mut sending, mut uploaded) = (true, false);
    poll_fn(|cx| {
        if sending {
            let polled = upload.poll(cx, &mut buffers.client, &mut io::empty(), &mut writer);
            sending = polled.is_pending();
            uploaded = matches!(polled, Poll::Ready(Ok(())));
        }
        let polled = listener.poll(cx, &mut buffers.upstream, &mut reader, &mut io::sink(), method);
        if let Poll::Ready(heard) = polled {
            let (head, head_len) = heard?;
            return Poll::Ready(forward::accept(head, head_len, &buffers.upstream, method, uploaded, None));
        }
        buffers.settle();
        Poll::Pending
    })
    .await
}

/// Reads a body for nobody, if it has no more bytes than `max`; whether it has ended, and not only the
/// connection.
pub(crate) async fn skip(connection: &mut Connection, framing: Framing, max: u64, buffers: &mut Scratch) -> bool {
    let mut reader = connection.stream.split().0;
    let mut body = Relay::new(framing, Encode::Plain, Vec::new());
    poll_fn(|cx| {
        let polled = body.poll(cx, &mut buffers.upstream, &mut reader, &mut io::sink());
        if let Poll::Ready(read) = polled {
            return Poll::Ready(read.is_ok() && framing != Framing::UntilClose);
        }
        if body.written > max {
            return Poll::Ready(false);
        }
        buffers.settle();
        Poll::Pending
    })
    .await
}
