//! How often anyone may call: all limits in force admit a request, or it is refused and none is charged.
//!
//! Limits that do not go by who calls are asked before anybody finds that out, the others afterwards.

mod desk;
mod key;
mod told;

use std::{mem, time::Instant};

use gateway_limiting::{Check, LimitId, Permit, SharedKey};
use gateway_routing::route::{KeyPart, Policy, Quota, RateLimit};

use self::desk::Desk;
pub(crate) use self::key::limit_id;
use super::{
    auth::Outcome,
    exchange::{Exchange, Stage},
    parse::ParsedRequest,
};
use crate::{
    error::ProxyError,
    telemetry::rate_limits::{Counted, Owner},
    worker::Worker,
};

/// What a request holds of its limits until it is over; nothing where there are none.
#[derive(Debug, Default)]
pub(crate) struct Held<'t> {
    /// Those that count it: those in force first, then those in shadow mode.
    limits: Vec<HeldLimit<'t>>,
    /// How many of them are in force.
    in_force: usize,
    /// Bytes of the request's head, which are not content.
    head: u64,
    /// What it was charged at, in nanoseconds of the counters.
    now: u64,
    /// The first limit that refused it.
    pub refused_by: Option<&'t str>,
    /// The first limit that would have, were it not in shadow mode.
    pub shadow_refused_by: Option<&'t str>,
}

/// A limit that counts a request.
#[derive(Debug)]
struct HeldLimit<'t> {
    limit: &'t RateLimit,
    /// On whom it stands.
    owner: Owner<'t>,
    id: LimitId,
    /// By what it counts it in the cluster, and whether that is leased.
    shared: Option<(SharedKey, bool)>,
    check: Check<'t>,
    /// Of a limit on requests at once: its place among them, or that there was none.
    permit: Option<Permit<'t>>,
    is_full: bool,
    /// How many more there might have been, where another limit has refused it.
    free: Option<u32>,
}

impl<'t> HeldLimit<'t> {
    /// What it is charged at, if it is so much in a period.
    const fn rated(&mut self) -> Option<&mut Check<'t>> {
        match self.limit.quota {
            Quota::Requests { .. } | Quota::Bytes { .. } => Some(&mut self.check),
            Quota::Concurrent(_) => None,
        }
    }

    /// Gives its place among those under way to another one.
    fn leave(&mut self) {
        self.free = self.permit.take().map(|permit| permit.remaining().saturating_add(1));
    }

    /// How long the request would have to wait for this one, in nanoseconds; 0 where it does not.
    fn wait(&self) -> u64 {
        match self.limit.quota {
            Quota::Requests { .. } | Quota::Bytes { .. } => self.check.wait(),
            // Nobody knows when another one ends.
            Quota::Concurrent(_) => u64::from(self.is_full),
        }
    }
}

/// Admits a request, whose route and service are known, or refuses it, as far as that does not depend on who
/// makes it.
pub(crate) fn admit<'t>(
    worker: &'t Worker,
    limits: &'t [RateLimit],
    request: &ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Result<(), ProxyError> {
    if limits.is_empty() {
        return Ok(());
    }
    let desk = Desk::at(worker, exchange.started);
    let mut held = Held::default();
    let asked = limits.iter().filter(|limit| !limit.shadow && !goes_by_caller(limit));
    desk.hold(&mut held, (owner(exchange), asked), request, exchange);
    let is_admitted = desk.take(&mut held, 0);
    exchange.held = held;
    if is_admitted { Ok(()) } else { Err(ProxyError::RateLimited) }
}

/// The rest, when it is known who makes it: by the limits that go by that, and by his own. Limits in shadow mode
/// come last, as they only count what passes.
pub(crate) fn admit_caller<'t>(
    worker: &'t Worker,
    limits: &'t [RateLimit],
    request: &ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Result<(), ProxyError> {
    let of_caller = exchange.caller.rate_limits();
    if limits.is_empty() && of_caller.is_empty() {
        return Ok(());
    }
    // Finding out may have taken its time.
    let has_waited = exchange.stage == Stage::Authentication;
    let desk = Desk::at(worker, if has_waited { Instant::now() } else { exchange.started });
    let mut held = mem::take(&mut exchange.held);
    let first = held.limits.len();
    let caller = exchange.caller.registered().map_or(Owner::Nobody, |consumer| Owner::Consumer(&consumer.name));
    // Who was not let in is nobody, and takes nothing from those who are let in as nobody.
    let is_stranger = matches!(exchange.auth, Some(Outcome::Refused(_))) && exchange.caller.name().is_none();
    let may_count = |limit: &&RateLimit| !is_stranger || !goes_by_caller(limit);
    let going_by_caller = limits.iter().filter(|limit| !limit.shadow && goes_by_caller(limit)).filter(may_count);
    desk.hold(&mut held, (owner(exchange), going_by_caller), request, exchange);
    desk.hold(&mut held, (caller, of_caller.iter().filter(|limit| !limit.shadow)), request, exchange);
    let is_admitted = desk.take(&mut held, first);
    if is_admitted {
        let shadows = limits.iter().filter(|limit| limit.shadow).filter(may_count);
        desk.hold(&mut held, (owner(exchange), shadows), request, exchange);
        desk.hold(&mut held, (caller, of_caller.iter().filter(|limit| limit.shadow)), request, exchange);
        desk.try_shadows(&mut held);
        desk.note(&held, true);
    }
    exchange.held = held;
    if is_admitted { Ok(()) } else { Err(ProxyError::RateLimited) }
}

/// Whether it counts by who makes a request.
fn goes_by_caller(limit: &RateLimit) -> bool {
    limit.key.iter().any(|part| matches!(part, KeyPart::Consumer | KeyPart::Claim(_)))
}

/// Charges what is known only when a request is over.
pub(crate) fn settle(worker: &Worker, exchange: &Exchange<'_>) {
    let held = &exchange.held;
    if held.limits.is_empty() || held.refused_by.is_some() {
        return;
    }
    // As they come, with the lines and trailers of chunks.
    let received = exchange.received().saturating_sub(held.head);
    let sent = exchange.sent.saturating_sub(exchange.sent_head);
    Desk::at(worker, exchange.ended.unwrap_or_else(Instant::now)).owe(held, received.saturating_add(sent));
}

/// Whose limits are in force: the route's where it has its own.
fn owner<'t>(exchange: &Exchange<'t>) -> Owner<'t> {
    let of_route = exchange.route.filter(|route| matches!(route.policies.rate_limits, Policy::On(_)));
    match (of_route, exchange.service, exchange.route) {
        (Some(route), _, _) | (None, None, Some(route)) => Owner::Route(&route.name),
        (None, Some(service), _) => Owner::Service(&service.name),
        // Limits stand on the one or the other.
        (None, None, None) => Owner::Nobody,
    }
}

/// What a limit does about a request, for its counters.
fn counted(is_admitted: bool, held: &HeldLimit<'_>) -> Option<Counted> {
    match (is_admitted, held.wait() > 0, held.limit.shadow) {
        (true, false, _) => Some(Counted::Admitted),
        (true, true, true) => Some(Counted::ShadowRefused),
        (false, true, false) => Some(Counted::Refused),
        // Another limit has refused it.
        (false, false, false) | (false, _, true) | (true, true, false) => None,
    }
}
