//! Sends a client what the cache has for it.

use std::{future::poll_fn, mem, ops::Range, task::Poll};

use gateway_caching::Time;

use super::{
    entry::Entry,
    outflow::{Content, Outflow},
    shown::{self, Shown},
    wanted::Wanted,
};
use crate::{
    error::ProxyError,
    http1::framing::Framing,
    proxy::{
        destination::Destination,
        exchange::{Exchange, Stage},
        forward::poll_gone,
        respond::{Came, Prepared, broken},
    },
    worker::Worker,
};

/// Room for what a head has beside what is stored.
const ADDED: usize = 128;

/// A head, and what goes behind it.
pub(super) struct Heading {
    bytes: Vec<u8>,
    framing: Framing,
    range: Range<u64>,
}

impl Heading {
    /// For this request, of a response with so many bytes, where that is known.
    pub(super) fn of(wanted: &Wanted<'_>, entry: &Entry, length: Option<u64>, now: Time) -> Self {
        let shown = Shown::of(wanted, entry, length);
        let mut bytes = Vec::with_capacity(entry.head().len() + ADDED);
        shown.write(entry, length, now, &mut bytes);
        let framing = if wanted.is_head() { Framing::None } else { shown.framing(entry, length) };
        let range = if framing == Framing::None { 0..0 } else { shown.bytes(entry) };
        Self { bytes, framing, range }
    }
}

/// Sends the answer, as one that has just come from an endpoint.
pub(super) async fn send(
    worker: &Worker,
    to: &Destination<'_>,
    heading: Heading,
    content: Content,
    exchange: &mut Exchange<'_>,
) -> Result<(), ProxyError> {
    let Heading { bytes, framing, range } = heading;
    exchange.consume_head();
    let head = shown::read(&bytes)?;
    let out = mem::take(&mut exchange.buffers.out);
    let prepared = Prepared::of(worker, to, &Came { head: &head, bytes: &bytes, framing }, exchange, out);
    let (out, encode, press) = prepared.begin(to, exchange);
    let mut outflow = Outflow::new(content, range, encode, out).pressed(press);
    let result = pass(to, &mut outflow, exchange).await;
    exchange.begun = outflow.written > 0;
    exchange.buffers.out = outflow.into_out();
    result
}

async fn pass(to: &Destination<'_>, outflow: &mut Outflow, exchange: &mut Exchange<'_>) -> Result<(), ProxyError> {
    let Exchange { client, buffers, watch, stage, sent, .. } = exchange;
    let idle = to.timeouts.idle;
    let mut seen = 0;
    poll_fn(|cx| {
        let polled = outflow.poll(cx, &mut client.writer);
        *sent = outflow.written;
        if let Poll::Ready(result) = polled {
            return Poll::Ready(result.map_err(|err| broken(&err)));
        }
        let waits = if outflow.wants_input() { Stage::Response } else { Stage::Delivery };
        if outflow.progress() > seen || waits != *stage {
            seen = outflow.progress();
            *stage = waits;
            watch.arm(idle);
        }
        if poll_gone(cx, client).is_ready() {
            return Poll::Ready(Err(ProxyError::ClientGone));
        }
        buffers.settle();
        Poll::Pending
    })
    .await
}
