//! One worker's end of the access log: which requests are logged, and the lines on their way.

use std::{
    cell::{Cell, RefCell},
    mem,
    num::NonZeroU32,
    sync::{Arc, mpsc::SyncSender},
    time::{Duration, Instant, SystemTime},
};

use super::{Form, line::Line, stamp::Stamp, writer::Batch};
use crate::{
    proxy::{auth::Outcome, exchange::Exchange},
    telemetry::counter::Counter,
};

/// How large a batch gets before it is handed over; a smaller one is at the next tick.
const BATCH: usize = 32 * 1024;

/// Never waits for the writer.
#[derive(Debug)]
pub(crate) struct WorkerLog {
    form: Form,
    sample: NonZeroU32,
    /// Requests to pass over until one is logged.
    skip: Cell<u32>,
    node: Arc<str>,
    stamp: RefCell<Stamp>,
    batch: RefCell<Batch>,
    queue: SyncSender<Batch>,
}

impl WorkerLog {
    pub(super) fn new(form: Form, sample: NonZeroU32, node: Arc<str>, queue: SyncSender<Batch>) -> Self {
        let stamp = RefCell::new(Stamp::new(form));
        Self { form, sample, skip: Cell::new(0), node, stamp, batch: RefCell::default(), queue }
    }

    /// Whether the request that begins now is one that is logged.
    pub(crate) fn is_due(&self) -> bool {
        let skip = self.skip.get();
        self.skip.set(if skip == 0 { self.sample.get() - 1 } else { skip - 1 });
        skip == 0
    }

    /// Adds the line of a request that is over.
    pub(crate) fn add(&self, exchange: &Exchange<'_>, ended: Instant, dropped: &Counter) {
        let duration = ended.saturating_duration_since(exchange.started);
        let began = SystemTime::now().checked_sub(duration).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut batch = self.batch.borrow_mut();
        let mut stamp = self.stamp.borrow_mut();
        let line = line(exchange, stamp.at(began), &self.node, duration);
        match self.form {
            Form::Off => return,
            Form::Json => line.write_json(&mut batch.bytes),
            Form::Common => line.write_common(&mut batch.bytes),
        }
        batch.lines += 1;
        if batch.bytes.len() >= BATCH {
            self.hand_over(&mut batch, dropped);
        }
    }

    /// Hands over what there is; to be called often.
    pub(crate) fn flush(&self, dropped: &Counter) {
        let mut batch = self.batch.borrow_mut();
        if batch.lines > 0 {
            self.hand_over(&mut batch, dropped);
        }
    }

    fn hand_over(&self, batch: &mut Batch, dropped: &Counter) {
        let lines = batch.lines;
        if self.queue.try_send(mem::take(batch)).is_err() {
            dropped.add(lines);
        }
    }
}

fn line<'a>(exchange: &'a Exchange<'_>, time: &'a str, node: &'a str, duration: Duration) -> Line<'a> {
    let head = &exchange.buffers.logged;
    let is_read = !head.path.is_empty();
    let answered = exchange.answered.map(|answered| answered.saturating_duration_since(exchange.started));
    Line {
        time,
        node,
        request_id: exchange.id.as_str(),
        client: exchange.client_address().as_str(),
        method: is_read.then(|| exchange.method.as_str()),
        host: &head.host,
        path: &head.path,
        protocol: is_read.then_some(if exchange.is_http10 { "HTTP/1.0" } else { "HTTP/1.1" }),
        status: exchange.status.map(|status| status.as_u16()),
        bytes_in: exchange.received(),
        bytes_out: exchange.sent,
        body_out: exchange.sent.saturating_sub(exchange.sent_head),
        duration_ms: milliseconds(duration),
        upstream_ms: answered.map(milliseconds),
        service: exchange.service.map(|service| &*service.name),
        route: exchange.route.map(|route| &*route.name),
        endpoint: exchange.endpoint,
        attempts: exchange.attempts,
        pooled: exchange.pooled,
        consumer: exchange.caller.name(),
        auth: exchange.auth.map(Outcome::name),
        cache: exchange.cache.map(|told| told.outcome.name()),
        error: exchange.error.map(|error| error.code()),
        limited_by: exchange.held.refused_by,
        shadow_limited_by: exchange.held.shadow_refused_by,
        user_agent: &head.user_agent,
        referer: &head.referer,
    }
}

/// To the microsecond.
#[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}
