//! Answers from what was stored, and storing what answers (RFC 9111). Pure rules are
//! `gateway_caching`'s, and where responses are is `gateway_cache_store`'s; this is the way of a request
//! through both.
//!
//! 1. `wanted`: past the cache, or a look into it. The key is the URL, the service and the route; what
//!    chooses among the responses of a key is in each of them (`entry`).
//! 2. A hit: `shown` writes the head as an endpoint would have sent it, `deliver` sends it with the body
//!    as it lies in memory (`outflow`).
//! 3. A miss: `ask` sends the request, and judges the answer. What is stored comes in by a task of its own
//!    (`fill`), and its client reads along as everyone else does; what is not goes on as any answer.
//! 4. `on_disk`: where there is a disk, a miss looks there first, and what is stored is kept there, too, as
//!    `persist` writes it.
//! 5. `refresh`: what is served stale is validated by nobody's request.
//! 6. `invalidate`: what changes something makes what is stored of it invalid.

mod ask;
mod deliver;
mod entry;
mod fields;
mod fill;
mod intake;
mod invalidate;
mod on_disk;
mod outflow;
mod parts;
mod persist;
mod refresh;
mod shown;
mod told;
mod wanted;

use std::{future::poll_fn, rc::Rc, sync::Arc, time::Instant};

use gateway_cache_store::{Follower, Lookup, Restored, Store, Stored, Turn, Verdict};
use gateway_caching::{
    control::RequestControl,
    key::Key,
    reuse::Decision,
    status::{Collapsed, Forward},
};
use gateway_routing::route::Cache;

use self::{
    deliver::Heading,
    on_disk::OnDisk,
    outflow::Content,
    wanted::{Origins, Wanted, Who},
};
pub(crate) use self::{
    entry::Entry,
    fill::Fills,
    invalidate::Change,
    refresh::Refreshes,
    told::{OUTCOMES, Outcome, Told},
};
use super::{
    destination::Destination,
    exchange::{Exchange, Stage},
    forward::{self, poll_gone},
    parse::ParsedRequest,
    respond,
};
use crate::{error::ProxyError, table::RoutingTable, worker::Worker};

/// How often a request looks again when what it waited for was not for it.
const MAX_ROUNDS: usize = 4;

/// A request on its way through the cache.
struct Visit<'r, 't> {
    worker: &'r Rc<Worker>,
    to: &'r Destination<'t>,
    wanted: Wanted<'r>,
    key: &'r Key,
}

/// Answers a request of a service that caches.
pub(super) async fn serve<'t>(
    worker: &Rc<Worker>,
    policy: &'t Cache,
    to: &Destination<'t>,
    request: &ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Result<(), ProxyError> {
    let wishes = match wanted::wishes(policy, request, exchange.head()) {
        Ok(wishes) => wishes,
        Err(why) => {
            exchange.cache = Some(Told::passed(Outcome::Bypass, why, Collapsed::No, None));
            let answer = forward::send(worker, to, request, exchange).await?;
            return respond::relay(worker, to, answer, exchange).await;
        }
    };
    let route = exchange.route.map_or("", |route| &route.name);
    let key = wanted::key(policy, to, route, request, exchange.head());
    let now = worker.now();
    let (address, id) = (exchange.client.address, exchange.id);
    let who = Who::of(exchange);
    let from = Origins { edits: to.edits.fields, address: address.plain(), id: &id, who: &who };
    let arrived = (wishes, now);
    let (found, met) = {
        let wanted = Wanted::of(policy, request, exchange.head(), from, arrived);
        let visit = Visit { worker, to, wanted, key: &key };
        match visit.look() {
            Lookup::Hit(stored) => {
                let heading = Heading::of(&visit.wanted, stored.meta(), Some(stored.body().len()), now);
                exchange.cache = Some(Told::hit(&wanted::freshness(&stored, now), now));
                return deliver::send(worker, to, heading, Content::Stored(stored), exchange).await;
            }
            found @ (Lookup::Lead(_) | Lookup::Follow(_) | Lookup::Pass(_)) => (found, visit.wanted.met()),
        }
    };
    let head: Box<[u8]> = exchange.head().into();
    exchange.consume_head();
    let wanted = Wanted::of(policy, request, &head, from, arrived).having_met(met);
    let visit = Visit { worker, to, wanted, key: &key };
    // In a box, so that hits are small.
    Box::pin(visit.seek(found, exchange)).await
}

/// Sends on a request that may change something, and forgets what it has changed before its client hears
/// of it.
pub(super) async fn write_through(
    worker: &Rc<Worker>,
    table: &RoutingTable,
    change: &Change,
    to: &Destination<'_>,
    request: &ParsedRequest,
    exchange: &mut Exchange<'_>,
) -> Result<(), ProxyError> {
    if to.policies.cache.is_some() {
        exchange.cache = Some(Told::passed(Outcome::Bypass, Forward::Method, Collapsed::No, None));
    }
    let answer = forward::send(worker, to, request, exchange).await?;
    change.invalidate(worker, table, &answer, exchange);
    respond::relay(worker, to, answer, exchange).await
}

impl Visit<'_, '_> {
    fn store(&self) -> &Store<Entry> {
        self.worker.cache()
    }

    /// What there is for the request. Who will store nothing holds up nobody.
    fn look(&self) -> Lookup<Entry> {
        let now = self.worker.now();
        let key = self.store().key(self.key.bytes(), self.key.url(), self.key.host());
        let judge = |entry: &Entry| self.wanted.judge(entry, now);
        let RequestControl { no_store, only_if_cached, .. } = self.wanted.wishes;
        if !no_store && !only_if_cached && !self.wanted.is_head() {
            return self.store().lookup(&key, Instant::now(), judge);
        }
        match self.store().get(&key, judge) {
            Some((stored, Verdict::Fresh)) => Lookup::Hit(stored),
            Some((stored, Verdict::Stale | Verdict::Other)) => Lookup::Pass(Some(stored)),
            None => Lookup::Pass(None),
        }
    }

    /// Has the request answered where no hit does.
    async fn seek(&self, mut found: Lookup<Entry>, exchange: &mut Exchange<'_>) -> Result<(), ProxyError> {
        let mut collapsed = Collapsed::No;
        for _ in 0..MAX_ROUNDS {
            match found {
                Lookup::Hit(stored) => return self.send_stored(&stored, exchange).await,
                Lookup::Lead(leader) => {
                    let on_disk = OnDisk::of(self.worker, self.key);
                    let leader = match self.restore(leader, on_disk.as_ref(), exchange).await? {
                        Restored::Hit(stored) => return self.send_stored(&stored, exchange).await,
                        Restored::Lead(leader) => leader,
                    };
                    if let Some(stored) = leader.stale().cloned()
                        && self.may_be_stale(&stored)
                    {
                        refresh::start(self, leader, on_disk, exchange);
                        return self.send_stored(&stored, exchange).await;
                    }
                    return self.lead((leader, on_disk), collapsed, exchange).await;
                }
                Lookup::Pass(stale) => return self.alone(stale, collapsed, exchange).await,
                Lookup::Follow(mut follower) => {
                    if let Some(stored) = follower.stale().cloned()
                        && self.may_be_stale(&stored)
                    {
                        drop(follower);
                        return self.send_stored(&stored, exchange).await;
                    }
                    collapsed = Collapsed::InVain;
                    let why = self.wanted.why(follower.stale().map(|stored| &**stored), self.worker.now());
                    found = match self.wait(&mut follower, exchange).await? {
                        Turn::Stream(reader) => {
                            let now = self.worker.now();
                            exchange.cache = Some(Told::stored(why, Collapsed::Served, reader.meta(), now));
                            return self.send_coming(reader, b"", exchange).await;
                        }
                        Turn::Hit(stored) => {
                            let now = self.worker.now();
                            exchange.cache = Some(Told::stored(why, Collapsed::Served, stored.meta(), now));
                            return self.send_body(&stored, exchange).await;
                        }
                        Turn::Lead(leader) => Lookup::Lead(leader),
                        Turn::Pass(stale) => Lookup::Pass(stale),
                        Turn::Again => self.look(),
                    };
                }
            }
        }
        self.alone(None, collapsed, exchange).await
    }

    fn may_be_stale(&self, stored: &Stored<Entry>) -> bool {
        self.wanted.decide_stored(stored, self.worker.now()) == Decision::ServeAndRevalidate
    }

    /// Waits for what comes of another request, while the client does.
    async fn wait(
        &self,
        follower: &mut Follower<Entry>,
        exchange: &mut Exchange<'_>,
    ) -> Result<Turn<Entry>, ProxyError> {
        let timeouts = self.to.timeouts;
        exchange.buffers.settle();
        exchange.stage = Stage::Response;
        // As long as the other one may take for its first attempt.
        exchange.watch.arm(timeouts.connect.saturating_add(timeouts.response));
        poll_fn(|cx| {
            let turn = follower.poll_turn(cx, |entry| self.wanted.judge_turn(entry, self.worker.now()));
            if turn.is_pending() && poll_gone(cx, &exchange.client).is_ready() {
                return std::task::Poll::Ready(Err(ProxyError::ClientGone));
            }
            turn.map(Ok)
        })
        .await
    }

    /// Sends what is stored, without a word to the endpoint.
    async fn send_stored(&self, stored: &Arc<Stored<Entry>>, exchange: &mut Exchange<'_>) -> Result<(), ProxyError> {
        let now = self.worker.now();
        exchange.cache = Some(Told::hit(&wanted::freshness(stored, now), now));
        self.send_body(stored, exchange).await
    }

    async fn send_body(&self, stored: &Arc<Stored<Entry>>, exchange: &mut Exchange<'_>) -> Result<(), ProxyError> {
        self.send_as(stored.meta(), stored, exchange).await
    }

    /// Sends what is stored under another head.
    async fn send_as(
        &self,
        entry: &Entry,
        stored: &Arc<Stored<Entry>>,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), ProxyError> {
        let heading = Heading::of(&self.wanted, entry, Some(stored.body().len()), self.worker.now());
        deliver::send(self.worker, self.to, heading, Content::Stored(Arc::clone(stored)), exchange).await
    }

    /// Sends what is being received, and lines of the head that are for this client alone.
    async fn send_coming(
        &self,
        reader: gateway_cache_store::Reader<Entry>,
        own: &[u8],
        exchange: &mut Exchange<'_>,
    ) -> Result<(), ProxyError> {
        let heading = Heading::of(&self.wanted, reader.meta(), reader.meta().length(), self.worker.now()).with(own);
        deliver::send(self.worker, self.to, heading, Content::Coming(reader), exchange).await
    }

    /// Sends an answer of the endpoint's that is not stored.
    async fn relay(
        &self,
        answer: forward::Answer,
        (why, collapsed, reason): (Forward, Collapsed, Option<&'static str>),
        exchange: &mut Exchange<'_>,
    ) -> Result<(), ProxyError> {
        exchange.cache = Some(Told::passed(Outcome::Miss, why, collapsed, reason));
        respond::relay(self.worker, self.to, answer, exchange).await
    }
}
