//! Where requests are charged.

use std::{slice, time::Instant};

use gateway_limiting::{Check, Counts, LimitId, Rate, Share, SharedKey, admit_each};
use gateway_routing::route::{KeyPart, Quota, RateLimit, Scope};

use super::{Held, HeldLimit, counted, key};
use crate::{
    limiter::Counters,
    proxy::{auth::Outcome, exchange::Exchange, parse::ParsedRequest, route::Asked},
    telemetry::rate_limits::Owner,
    worker::Worker,
};

/// How many bytes a request asks for that was refused before anybody knew.
const UNKNOWN_BYTES: u64 = 16 * 1024;

/// The counters of a worker at a moment.
pub(super) struct Desk<'t> {
    worker: &'t Worker,
    counters: &'t Counters,
    now: u64,
}

impl<'t> Desk<'t> {
    pub(super) fn at(worker: &'t Worker, moment: Instant) -> Self {
        let limiter = worker.limiter().all();
        Self { worker, counters: limiter.counters(), now: limiter.nanos(moment) }
    }

    /// Looks up what counts this request.
    pub(super) fn hold(
        &self,
        owned: [(Owner<'t>, &'t [RateLimit]); 2],
        request: &ParsedRequest,
        exchange: &Exchange<'t>,
    ) -> Held<'t> {
        let head = exchange.head();
        let client = exchange.client_address().known();
        // Who was not let in is nobody, and takes nothing from those who are let in as nobody.
        let is_stranger = matches!(exchange.auth, Some(Outcome::Refused(_))) && exchange.caller.name().is_none();
        let goes_by_caller =
            |limit: &RateLimit| limit.key.iter().any(|part| matches!(part, KeyPart::Consumer | KeyPart::Claim(_)));
        let exempt = |limit: &RateLimit| limit.exempt.holds(client, &Asked::new(request, head));
        let counts = |limit: &&RateLimit| !exempt(limit) && (!is_stranger || !goes_by_caller(limit));
        let mut bytes = Vec::with_capacity(128);
        let mut held = Held { head: head.len() as u64, now: self.now, ..Held::default() };
        for is_shadow in [false, true] {
            for (owner, limits) in owned {
                let limits = limits.iter().filter(|limit| limit.shadow == is_shadow).filter(counts);
                held.limits.extend(limits.map(|limit| self.look_up(limit, owner, request, exchange, &mut bytes)));
            }
            if !is_shadow {
                held.in_force = held.limits.len();
            }
        }
        held
    }

    fn look_up(
        &self,
        limit: &'t RateLimit,
        owner: Owner<'t>,
        request: &ParsedRequest,
        exchange: &Exchange<'t>,
        bytes: &mut Vec<u8>,
    ) -> HeldLimit<'t> {
        let id = key::limit_id(owner, limit, bytes);
        key::write(&limit.key, request, exchange, bytes);
        let shared = match limit.scope {
            Scope::Node => None,
            Scope::Cluster => Some(SharedKey::of(bytes)),
        };
        let (share, is_leased) = shared.map_or((Share::WHOLE, false), |shared| self.share(id, shared));
        let (rate, counts) = rate(limit.quota);
        HeldLimit {
            limit,
            owner,
            id,
            shared: shared.map(|shared| (shared, is_leased)),
            check: Check::new(self.counters.cells.key(id, bytes), rate, share, counts),
            permit: None,
            is_full: false,
            free: None,
        }
    }

    fn share(&self, id: LimitId, shared: SharedKey) -> (Share, bool) {
        self.worker.limiter().with_shares(|shares| {
            let lease = shares.lease(id, shared);
            (lease.unwrap_or(shares.fair()), lease.is_some())
        })
    }

    /// Whether the request is admitted. Limits in shadow mode are asked one by one, and nothing comes of it.
    pub(super) fn take(&self, held: &mut Held<'t>) -> bool {
        let (in_force, shadows) = held.limits.split_at_mut(held.in_force);
        let is_admitted = self.take_all(in_force);
        if is_admitted {
            for shadow in shadows.iter_mut() {
                self.take_all(slice::from_mut(shadow));
            }
            held.shadow_refused_by = shadows.iter().find(|shadow| shadow.wait() > 0).map(|shadow| &*shadow.limit.name);
        } else {
            held.refused_by = in_force.iter().find(|limit| limit.wait() > 0).map(|limit| &*limit.limit.name);
        }
        for limit in &held.limits {
            self.note(limit, is_admitted);
        }
        is_admitted
    }

    /// All of them, or none.
    fn take_all(&self, limits: &mut [HeldLimit<'t>]) -> bool {
        // Every one, so that each knows where it stands.
        let full = limits.iter_mut().filter_map(|held| {
            let Quota::Concurrent(most) = held.limit.quota else { return None };
            held.permit = self.counters.in_flight.enter(held.check.key(), most);
            held.is_full = held.permit.is_none();
            held.is_full.then_some(())
        });
        let has_place = full.count() == 0;
        let cells = &self.counters.cells;
        if has_place && admit_each(cells, limits, HeldLimit::rated, self.now) {
            return true;
        }
        for held in limits {
            // What it does not take is there for another.
            held.free = held.permit.take().map(|permit| permit.remaining().saturating_add(1));
            if !has_place && let Some(check) = held.rated() {
                check.look_at(cells, self.now);
            }
        }
        false
    }

    /// Counts what became of a request, and writes down that it came.
    fn note(&self, held: &HeldLimit<'_>, is_admitted: bool) {
        if let Some(counted) = counted(is_admitted, held) {
            // All consumers' of one name are one limit to metrics.
            let id = match held.owner {
                Owner::Consumer(_) => key::limit_id(Owner::Consumer(""), held.limit, &mut Vec::new()),
                Owner::Service(_) | Owner::Route(_) | Owner::Nobody => held.id,
            };
            self.worker.telemetry().limited(id, held.owner, &held.limit.name, counted);
        }
        let passes = held.wait() == 0;
        // What another limit has refused was not asked of this one.
        if !is_admitted && passes {
            return;
        }
        match held.limit.quota {
            Quota::Requests { .. } => self.demand(held, 1, u64::from(passes)),
            // Otherwise it is known when the request is over.
            Quota::Bytes { .. } if !is_admitted => self.demand(held, UNKNOWN_BYTES, 0),
            Quota::Bytes { .. } | Quota::Concurrent(_) => {}
        }
    }

    /// Charges the bytes of a request that is over.
    pub(super) fn owe(&self, held: &Held<'_>, bytes: u64) {
        for held in &held.limits {
            if !matches!(held.limit.quota, Quota::Bytes { .. }) {
                continue;
            }
            // What a limit in shadow mode would have refused would not have been charged.
            if held.wait() == 0 {
                held.check.owe(&self.counters.cells, bytes, self.now);
                self.demand(held, bytes, bytes);
            } else {
                self.demand(held, bytes, 0);
            }
        }
    }

    fn demand(&self, held: &HeldLimit<'_>, asked: u64, admitted: u64) {
        if let Some((shared, is_leased)) = held.shared
            && (is_leased || held.check.is_known())
        {
            self.worker.limiter().demand.record(&held.check, shared, asked, admitted);
        }
    }
}

/// The rate of a quota; of one that has none, one that is never asked.
fn rate(quota: Quota) -> (Rate, Counts) {
    let (rate, counts) = match quota {
        Quota::Requests { count, per, burst } => (Rate::requests(count, per, burst), Counts::Requests),
        Quota::Bytes { count, per, burst } => (Rate::bytes(count, per, burst), Counts::Bytes),
        Quota::Concurrent(_) => (Ok(Rate::SLOWEST), Counts::Requests),
    };
    // What the registry has admitted can be kept; should it not, nothing is admitted that might be too much.
    (rate.unwrap_or(Rate::SLOWEST), counts)
}
