//! What was served stale is validated in the background (RFC 5861 section 3), with the request that it was
//! served to, but for no client.

use std::{net::SocketAddr, rc::Rc};

use gateway_cache_store::{Leader, Store};
use gateway_caching::{Time, Timing, control::RequestControl, key::Key};
use gateway_routing::route::{Cache, HeaderRules};
use http::Method;
use tokio::{task::spawn_local, time::Instant};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{
    Visit, ask,
    entry::Entry,
    fill::{self, Incoming},
    intake::{self, Answered, Taken},
    on_disk::OnDisk,
    wanted::{Origins, Wanted, Who},
};
use crate::{
    error::ProxyError,
    http1::head::MAX_FIELDS,
    proxy::{
        balance,
        edits::{Asking, FieldEdits, RequestEdits},
        errand,
        exchange::Exchange,
        headers,
        identity::{ClientAddress, RequestId},
        parse::ParsedRequest,
        respond::MAX_IDLE,
    },
    table::Timeouts,
    worker::{Worker, buffer::Scratch},
};

/// The validations that a worker has under way at the most; what is beyond stays stale a little longer.
const MAX_AT_ONCE: usize = 64;
/// How much of an answer that is not stored is read, so that the connection can be used again.
const MAX_SKIPPED: u64 = 64 * 1024;

/// The validations of one worker.
#[derive(Debug, Default)]
pub(crate) struct Refreshes(TaskTracker);

impl Refreshes {
    fn admit(&self) -> Option<TaskTrackerToken> {
        (self.0.len() < MAX_AT_ONCE).then(|| self.0.token())
    }
}

/// A validation on its way.
struct Refresh {
    worker: Rc<Worker>,
    store: Store<Entry>,
    key: Key,
    policy: Cache,
    /// The request's head, as it is without credentials.
    head: Box<[u8]>,
    who: Who,
    wishes: RequestControl,
    asked_at: Time,
    endpoint: SocketAddr,
    timeouts: Timeouts,
    /// How long a connection of the service may be idle.
    keep: std::time::Duration,
    edits: Option<HeaderRules>,
    address: Box<[u8]>,
    id: RequestId,
    _place: TaskTrackerToken,
}

/// Begins the validation that `leader` leads. Where there is no place for it, or no endpoint, what is
/// stored stays stale until the next request.
pub(super) fn start(visit: &Visit<'_, '_>, leader: Leader<Entry>, on_disk: Option<OnDisk>, exchange: &Exchange<'_>) {
    let Visit { worker, to, wanted, key } = visit;
    let Some(place) = worker.refreshes().admit() else { return };
    let Ok(endpoint) = balance::pick(to.service, &[], &mut *worker.rng()) else { return };
    let stale = leader.stale().cloned();
    let conditions = ask::conditions(stale.as_ref());
    let asking = Asking { conditions: &conditions, extent: wanted.extent() };
    let edits = RequestEdits { asking: Some(asking), ..to.edits };
    let mut bytes = Vec::new();
    let address: &ClientAddress = exchange.client.address;
    let identity = &exchange.buffers.identity;
    headers::write_request(&mut bytes, wanted.head, wanted.request, address, &exchange.id, &edits, identity);
    let refresh = Refresh {
        worker: Rc::clone(worker),
        store: worker.cache().clone(),
        key: (*key).clone(),
        policy: wanted.policy.clone(),
        head: wanted.request.write(wanted.head).into(),
        who: wanted.who.clone(),
        wishes: wanted.wishes,
        asked_at: worker.now(),
        endpoint,
        timeouts: to.timeouts,
        keep: to.service.timeouts.idle.min(MAX_IDLE),
        edits: to.edits.fields.0.cloned(),
        address: address.plain().into(),
        id: exchange.id,
        _place: place,
    };
    spawn_local(refresh.run(bytes, (leader, on_disk)));
}

impl Refresh {
    async fn run(self, bytes: Vec<u8>, leading: (Leader<Entry>, Option<OnDisk>)) {
        let mut buffers = self.worker.borrow_buffers();
        // An endpoint that cannot be asked is asked by the next request.
        let _ = self.converse(bytes, leading, &mut buffers).await;
        self.worker.return_buffers(buffers);
    }

    async fn converse(
        &self,
        bytes: Vec<u8>,
        (leader, on_disk): (Leader<Entry>, Option<OnDisk>),
        buffers: &mut Scratch,
    ) -> Result<(), ProxyError> {
        let Timeouts { connect, response, .. } = self.timeouts;
        let watch = self.worker.watchdog().register();
        watch.bound(Some(connect.saturating_add(response)));
        let asked = watch.run(errand::ask(&self.worker, self.endpoint, bytes, &Method::GET, buffers)).await;
        let (mut connection, heard) = asked.unwrap_or(Err(ProxyError::UpstreamTimeout))?;
        if heard.head.status.is_server_error() && leader.stale().is_some() {
            // What is stored is better than that.
            return Ok(());
        }
        let taken = {
            let mut request = ParsedRequest::default();
            request.parse(&self.head, MAX_FIELDS)?;
            let edits = FieldEdits(self.edits.as_ref());
            let from = Origins { edits, address: &self.address, id: &self.id, who: &self.who };
            let wanted = Wanted::of(&self.policy, &request, &self.head, from, (self.wishes, self.asked_at));
            let timing = Timing { requested_at: self.asked_at, received_at: self.worker.now() };
            let bytes = &buffers.upstream.filled()[..heard.head_len];
            let answered = Answered { head: &heard.head, bytes, framing: heard.framing, timing };
            let key = self.store.key(self.key.bytes(), self.key.url(), self.key.host());
            intake::take((&self.store, &key, on_disk.as_ref()), &wanted, leader, &answered)
        };
        buffers.upstream.consume(heard.head_len);
        let persistent = heard.persistent && heard.uploaded;
        match taken {
            Taken::Begun(fill, parts) => {
                let mut rest = self.worker.borrow_buffers();
                std::mem::swap(&mut rest.upstream, &mut buffers.upstream);
                let (framing, idle, keep) = (heard.framing, self.timeouts.idle, self.keep);
                let buffers = rest;
                let incoming = Incoming { connection, framing, persistent, idle, keep, rest: parts, on_disk, buffers };
                fill::start(&self.worker, incoming, fill);
            }
            Taken::Valid(_) | Taken::ValidOnce(..) | Taken::Unrelated(_) | Taken::Refused(_) => {
                watch.bound(Some(self.timeouts.idle));
                let is_whole = watch
                    .run(errand::skip(&mut connection, heard.framing, MAX_SKIPPED, buffers))
                    .await
                    .unwrap_or(false);
                if is_whole && persistent && buffers.upstream.is_empty() {
                    self.worker.pool().put(connection, Instant::now() + self.keep);
                }
            }
        }
        Ok(())
    }
}
