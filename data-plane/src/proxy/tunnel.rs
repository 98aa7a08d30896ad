//! After an upgrade that both sides agreed on: bytes in both directions, until both have ended, or what the
//! client came with is none any more.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use gateway_caching::Time;
use tokio::{
    io::AsyncWrite,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    auth::Caller,
    destination::Destination,
    exchange::Exchange,
    forward::Answer,
    headers,
    relay::{Encode, Relay, RelayError},
};
use crate::{error::ProxyError, http1::framing::Framing, worker::Worker};

/// How often it is looked whether the client may still be there.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Passes the agreement on, then everything.
pub(crate) async fn run(
    worker: &Worker,
    to: &Destination<'_>,
    answer: Answer,
    exchange: &mut Exchange<'_>,
) -> Result<(), ProxyError> {
    let Answer { mut connection, head, head_len, .. } = answer;
    exchange.persistent = false;
    exchange.status = Some(head.status);
    exchange.begun = true;
    let mut out = mem::take(&mut exchange.buffers.out);
    let bytes = &exchange.buffers.upstream.filled()[..head_len];
    headers::write_switch(&mut out, bytes, &head, &exchange.id, to.policies.response_fields, &exchange.held);
    exchange.sent_head = out.len() as u64;
    exchange.buffers.upstream.consume(head_len);
    let mut down = Relay::new(Framing::UntilClose, Encode::Plain, out);
    let mut up = Relay::new(Framing::UntilClose, Encode::Plain, Vec::new());

    let (mut reader, mut writer) = connection.stream.split();
    let Exchange { client, buffers, watch, sent, caller, good_until, .. } = exchange;
    let mut stay = good_until.map(|until| Stay::new(worker, caller, until));
    // A tunnel lasts as long as it is used: the request's time does not count.
    let idle = worker.limits().tunnel_idle_timeout;
    watch.bound(None);
    watch.arm(idle);
    let (mut up_ended, mut down_ended) = (false, false);
    let mut seen = 0;
    let pass = poll_fn(|cx| {
        if stay.as_mut().is_some_and(|stay| stay.is_over(cx)) {
            return Poll::Ready(());
        }
        if !up_ended {
            match up.poll(cx, &mut buffers.client, &mut client.reader, &mut writer) {
                // The endpoint hears nothing more; what it said before still has to arrive.
                Poll::Ready(Err(RelayError::Sink)) => up_ended = true,
                Poll::Ready(Err(
                    RelayError::SourceEnded | RelayError::Malformed(_) | RelayError::TooLarge | RelayError::Encoder,
                )) => {
                    return Poll::Ready(());
                }
                // The client has said its last; the endpoint may still have something to say.
                Poll::Ready(Ok(())) => up_ended = Pin::new(&mut writer).poll_shutdown(cx).is_ready(),
                Poll::Pending => {}
            }
        }
        if !down_ended {
            let polled = down.poll(cx, &mut buffers.upstream, &mut reader, &mut client.writer);
            *sent = down.written;
            match polled {
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => down_ended = Pin::new(&mut client.writer).poll_shutdown(cx).is_ready(),
                Poll::Pending => {}
            }
        }
        if up_ended && down_ended {
            return Poll::Ready(());
        }
        if up.written + down.written > seen {
            seen = up.written + down.written;
            watch.arm(idle);
        }
        buffers.settle();
        Poll::Pending
    });
    // A tunnel that falls silent has come to its end, and nobody is to blame.
    let _ = watch.run(pass).await;
    Ok(())
}

/// Who has come by credentials stays as long as they are good. Looking costs a timer, which who needed none has not.
struct Stay<'e> {
    worker: &'e Worker,
    caller: &'e Caller<'e>,
    until: Time,
    looks: Interval,
}

impl<'e> Stay<'e> {
    fn new(worker: &'e Worker, caller: &'e Caller<'e>, until: Time) -> Self {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { worker, caller, until, looks }
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        while self.looks.poll_tick(cx).is_ready() {
            if !self.caller.is_welcome(&self.worker.table(), self.until, self.worker.now()) {
                return true;
            }
        }
        false
    }
}
