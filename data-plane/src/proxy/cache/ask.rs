//! The endpoint is asked: for all who wait, or for one request alone.

use std::{mem, sync::Arc};

use gateway_cache_store::{Leader, Stored};
use gateway_caching::{
    Time, Timing,
    reuse::{self, AfterFailure, Failure},
    status::{Collapsed, Forward},
    validation::{self, Conditions, HeadEffect, Validators},
};
use http::StatusCode;
use tokio::time::Instant;

use super::{
    Visit,
    entry::Entry,
    fill::{self, Incoming},
    intake::{self, Answered, Taken},
    on_disk::OnDisk,
    parts::Rest,
    told::{Outcome, Told},
    wanted,
};
use crate::{
    error::ProxyError,
    http1::framing::Framing,
    proxy::{
        destination::Destination,
        edits::{Asking, Extent, RequestEdits},
        exchange::Exchange,
        forward::{self, Answer, Written},
        headers,
        respond::MAX_IDLE,
    },
};

type Kept = Arc<Stored<Entry>>;

impl Visit<'_, '_> {
    /// Sends the request; with the cache's conditions in place of the client's, if there are any.
    async fn ask(
        &self,
        conditions: Option<&Conditions<'_>>,
        exchange: &mut Exchange<'_>,
    ) -> Result<Answer, ProxyError> {
        let asking = conditions.map(|conditions| Asking { conditions, extent: self.wanted.extent() });
        let to = Destination { edits: RequestEdits { asking, ..self.to.edits }, ..*self.to };
        let request = self.wanted.request;
        let mut out = mem::take(&mut exchange.buffers.out);
        let (address, identity) = (exchange.client.address, &exchange.buffers.identity);
        headers::write_request(&mut out, self.wanted.head, request, address, &exchange.id, &to.edits, identity);
        let written = Written { out, upgrade: None };
        let watch = exchange.watch;
        let sent = watch.run(forward::send_written(self.worker, &to, request, written, exchange)).await;
        let answer = sent.unwrap_or_else(|_| Err(exchange.expired()))?;
        exchange.answered = Some(std::time::Instant::now());
        Ok(answer)
    }

    fn answered<'b>(&self, answer: &'b Answer, asked_at: Time, exchange: &'b Exchange<'_>) -> Answered<'b> {
        Answered {
            head: &answer.head,
            bytes: &exchange.buffers.upstream.filled()[..answer.head_len],
            framing: answer.framing,
            timing: Timing { requested_at: asked_at, received_at: self.worker.now() },
        }
    }

    /// Asks for all who wait.
    pub(super) async fn lead(
        &self,
        (mut leader, on_disk): (Leader<Entry>, Option<OnDisk>),
        collapsed: Collapsed,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), ProxyError> {
        let stale = leader.stale().cloned();
        let why = self.wanted.why(stale.as_deref(), self.worker.now());
        let mut conditions = conditions(stale.as_ref());
        loop {
            let asked_at = self.worker.now();
            let answer = match self.ask(Some(&conditions), exchange).await {
                Ok(answer) => answer,
                Err(error) => {
                    let stored = self.rescued(stale.as_ref(), error, exchange)?;
                    leader.settle(Arc::clone(stored));
                    return self.send_rescued(stored, (why, None), exchange).await;
                }
            };
            let status = answer.head.status;
            if let Some(stored) = self.is_rescued(stale.as_ref(), status) {
                drop(answer);
                leader.settle(Arc::clone(stored));
                return self.send_rescued(stored, (why, Some(status)), exchange).await;
            }
            let key = self.store().key(self.key.bytes(), self.key.url(), self.key.host());
            let answered = self.answered(&answer, asked_at, exchange);
            match intake::take((self.store(), &key, on_disk.as_ref()), &self.wanted, leader, &answered) {
                Taken::Valid(stored) => {
                    self.give_back(answer, exchange);
                    return self.send_valid(stored.meta(), &stored, (why, Ok(())), exchange).await;
                }
                Taken::ValidOnce(entry, reason) => {
                    self.give_back(answer, exchange);
                    // Only what is stale is found valid.
                    let Some(stored) = &stale else { return Err(ProxyError::UpstreamProtocol) };
                    return self.send_valid(&entry, stored, (why, Err(Some(reason))), exchange).await;
                }
                // It was asked without conditions: asking again says no more.
                Taken::Unrelated(_) if conditions == Conditions::default() => {
                    return self.relay(answer, (why, collapsed, None), exchange).await;
                }
                Taken::Unrelated(back) => {
                    self.give_back(answer, exchange);
                    (leader, conditions) = (back, Conditions::default());
                }
                Taken::Begun(fill, rest) => {
                    let now = self.worker.now();
                    exchange.cache = Some(Told::stored(why, collapsed, fill.meta(), now));
                    // It has only begun, so that there is one.
                    let reader = fill.reader().ok_or(ProxyError::Overloaded)?;
                    let own = fill.meta().left_out(&answer.head, self.answered(&answer, asked_at, exchange).bytes);
                    fill::start(self.worker, self.incoming(answer, (rest, on_disk), exchange), fill);
                    return self.send_coming(reader, &own, exchange).await;
                }
                Taken::Refused(reason) => {
                    let told = (why, collapsed, Some(reason));
                    if self.wanted.has_range() && self.wanted.extent() == Extent::Whole {
                        // The client's own request may be answered with a part.
                        drop(answer);
                        let answer = self.ask(None, exchange).await?;
                        return self.relay(answer, told, exchange).await;
                    }
                    return self.relay(answer, told, exchange).await;
                }
            }
        }
    }

    /// Asks for this request alone, and stores nothing but what is said of what is stored.
    pub(super) async fn alone(
        &self,
        stale: Option<Kept>,
        collapsed: Collapsed,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), ProxyError> {
        let now = self.worker.now();
        if self.wanted.wishes.only_if_cached {
            return match stale.filter(|stored| self.may_be_stale(stored)) {
                Some(stored) => self.send_stored(&stored, exchange).await,
                None => {
                    exchange.cache = Some(Told::passed(Outcome::Miss, Forward::Miss, collapsed, None));
                    Err(ProxyError::NotCached)
                }
            };
        }
        let why = self.wanted.why(stale.as_deref(), now);
        let told = (why, collapsed, None);
        let conditions = conditions(stale.as_ref());
        let is_about_stored = conditions != Conditions::default();
        let on_disk = stale.as_ref().and_then(|_| OnDisk::of(self.worker, self.key));
        let asks = is_about_stored && !self.wanted.wishes.no_store && !self.wanted.is_head();
        let answer = match self.ask(asks.then_some(&conditions), exchange).await {
            Ok(answer) => answer,
            Err(error) => {
                let stored = self.rescued(stale.as_ref(), error, exchange)?;
                return self.send_rescued(stored, (why, None), exchange).await;
            }
        };
        let Some(stale) = &stale else { return self.relay(answer, told, exchange).await };
        let status = answer.head.status;
        if let Some(stored) = self.is_rescued(Some(stale), status) {
            drop(answer);
            return self.send_rescued(stored, (why, Some(status)), exchange).await;
        }
        if self.wanted.is_head() {
            self.freshen((stale, on_disk.as_ref()), &self.answered(&answer, now, exchange));
        } else if asks && status == StatusCode::NOT_MODIFIED {
            let revised = intake::revise(&self.wanted, stale.meta(), &self.answered(&answer, now, exchange));
            self.give_back(answer, exchange);
            let key = self.store().key(self.key.bytes(), self.key.url(), self.key.host());
            return match revised {
                Some(Ok(entry)) => {
                    // What was purged meanwhile is not stored again, and still an answer to this request.
                    let stored = self.store().update(&key, stale, entry);
                    if let (Some(stored), Some(on_disk)) = (&stored, on_disk) {
                        on_disk.put(stored);
                    }
                    let stored = stored.as_ref().unwrap_or(stale);
                    self.send_valid(stored.meta(), stored, (why, Ok(())), exchange).await
                }
                Some(Err((entry, reason))) => {
                    if !intake::is_of_this_request(reason, status) {
                        intake::discard((self.store(), &key, on_disk.as_ref()), stale);
                    }
                    self.send_valid(&entry, stale, (why, Err(Some(reason.name()))), exchange).await
                }
                None => {
                    let answer = self.ask(None, exchange).await?;
                    self.relay(answer, told, exchange).await
                }
            };
        }
        self.relay(answer, told, exchange).await
    }

    /// RFC 9111 section 4.3.5.
    fn freshen(&self, (stored, on_disk): (&Kept, Option<&OnDisk>), answered: &Answered<'_>) {
        let response = answered.fields();
        let received = Validators::of(&response, answered.timing.received_at);
        let (entry, length) = (stored.meta(), Some(stored.body().len()));
        let effect =
            validation::freshen_by_head(answered.head.status, &response, &received, &entry.validators(), length);
        let key = self.store().key(self.key.bytes(), self.key.url(), self.key.host());
        let new = match effect {
            HeadEffect::Nothing => return,
            HeadEffect::Expire => Some(entry.expired(answered.timing.received_at)),
            HeadEffect::Update => match intake::revise(&self.wanted, entry, answered) {
                Some(Err((_, reason))) if intake::is_of_this_request(reason, answered.head.status) => return,
                revised => revised.and_then(Result::ok),
            },
        };
        let Some(new) = new else { return intake::discard((self.store(), &key, on_disk), stored) };
        if let (Some(stored), Some(on_disk)) = (self.store().update(&key, stored, new), on_disk) {
            on_disk.put(&stored);
        }
    }

    /// What is served although the endpoint cannot be asked; otherwise why that is told.
    fn rescued<'s>(
        &self,
        stale: Option<&'s Kept>,
        error: ProxyError,
        exchange: &Exchange<'_>,
    ) -> Result<&'s Kept, ProxyError> {
        let stored = stale.filter(|_| is_unreachable(error) && !exchange.watch.is_over()).ok_or(error)?;
        match self.after(stored, Failure::Unreachable) {
            AfterFailure::ServeStale => Ok(stored),
            AfterFailure::PassOn => Err(error),
            AfterFailure::GatewayTimeout => Err(ProxyError::NotCached),
        }
    }

    /// What is served in place of an answer with this status.
    fn is_rescued<'s>(&self, stale: Option<&'s Kept>, status: StatusCode) -> Option<&'s Kept> {
        stale.filter(|stored| self.after(stored, Failure::Status(status)) == AfterFailure::ServeStale)
    }

    fn after(&self, stored: &Kept, failure: Failure) -> AfterFailure {
        let now = self.worker.now();
        reuse::after_failure(&wanted::freshness(stored, now), &self.wanted.wishes, failure, now)
    }

    async fn send_rescued(
        &self,
        stored: &Kept,
        (why, status): (Forward, Option<StatusCode>),
        exchange: &mut Exchange<'_>,
    ) -> Result<(), ProxyError> {
        let freshness = wanted::freshness(stored, self.worker.now());
        exchange.cache = Some(Told::asked(Outcome::Stale, why, status, Err(None), freshness.ttl(self.worker.now())));
        self.send_body(stored, exchange).await
    }

    /// Sends what the endpoint has found valid.
    async fn send_valid(
        &self,
        entry: &Entry,
        stored: &Kept,
        (why, kept): (Forward, Result<(), Option<&'static str>>),
        exchange: &mut Exchange<'_>,
    ) -> Result<(), ProxyError> {
        let ttl = entry.freshness.ttl(self.worker.now());
        let status = Some(StatusCode::NOT_MODIFIED);
        exchange.cache = Some(Told::asked(Outcome::Revalidated, why, status, kept, ttl));
        self.send_as(entry, stored, exchange).await
    }

    /// The answer's body, as it is still to come.
    fn incoming(
        &self,
        answer: Answer,
        (rest, on_disk): (Option<Rest>, Option<OnDisk>),
        exchange: &mut Exchange<'_>,
    ) -> Incoming {
        let Answer { connection, head: _, head_len, framing, persistent, upload: _ } = answer;
        exchange.buffers.upstream.consume(head_len);
        let mut buffers = self.worker.borrow_buffers();
        mem::swap(&mut buffers.upstream, &mut exchange.buffers.upstream);
        let keep = self.to.service.timeouts.idle;
        Incoming { connection, framing, persistent, idle: self.to.timeouts.idle, keep, rest, on_disk, buffers }
    }

    /// The connection of an answer without a body is free again.
    fn give_back(&self, answer: Answer, exchange: &mut Exchange<'_>) {
        let Answer { connection, head: _, head_len, framing, persistent, upload } = answer;
        exchange.buffers.upstream.consume(head_len);
        let is_clean = upload.is_none() && framing == Framing::None && exchange.buffers.upstream.is_empty();
        if persistent && is_clean {
            let keep = self.to.service.timeouts.idle.min(MAX_IDLE);
            self.worker.pool().put(connection, Instant::now() + keep);
        }
    }
}

/// What the endpoint is asked about what is stored.
pub(super) fn conditions(stale: Option<&Kept>) -> Conditions<'_> {
    stale.map(|stored| validation::conditions(&[stored.meta().validators()])).unwrap_or_default()
}

/// Whether the endpoint could not say what it has.
const fn is_unreachable(error: ProxyError) -> bool {
    match error {
        ProxyError::NoHealthyEndpoint
        | ProxyError::Overloaded
        | ProxyError::UpstreamConnect
        | ProxyError::UpstreamConnectTimeout
        | ProxyError::UpstreamReset
        | ProxyError::UpstreamProtocol
        | ProxyError::UpstreamTimeout => true,
        ProxyError::BadRequest(_)
        | ProxyError::UriTooLong
        | ProxyError::HeadersTooLarge
        | ProxyError::BodyTooLarge
        | ProxyError::RequestTimeout
        | ProxyError::NotForwarded
        | ProxyError::Unauthenticated
        | ProxyError::AuthUnavailable
        | ProxyError::Forbidden
        | ProxyError::NoRoute
        | ProxyError::NotReady
        | ProxyError::RateLimited
        | ProxyError::NotCached
        | ProxyError::ClientGone => false,
    }
}
