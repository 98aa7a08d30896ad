//! Where requests are charged.

use std::{slice, time::Instant};

use gateway_limiting::{Check, Counts, LimitId, Rate, Share, SharedKey, admit_each};
use gateway_routing::route::{Quota, RateLimit, Scope};

use super::{Held, HeldLimit, counted, key};
use crate::{
    limiter::Counters,
    proxy::{exchange::Exchange, parse::ParsedRequest, route::Asked},
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

    /// Looks up those of these limits that count this request.
    pub(super) fn hold(
        &self,
        held: &mut Held<'t>,
        (owner, limits): (Owner<'t>, impl Iterator<Item = &'t RateLimit>),
        request: &ParsedRequest,
        exchange: &Exchange<'t>,
    ) {
        let head = exchange.head();
        let client = exchange.client_address().known();
        let counts = |limit: &&RateLimit| !limit.exempt.holds(client, &Asked::new(request, head));
        held.head = head.len() as u64;
        held.now = self.now;
        let mut bytes = Vec::new();
        held.limits
            .extend(limits.filter(counts).map(|limit| self.look_up(limit, owner, request, exchange, &mut bytes)));
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

    /// Whether the limits from the first one on admit the request, all of which are in force. Where they do not, those
    /// before get back what they were charged.
    pub(super) fn take(&self, held: &mut Held<'t>, first: usize) -> bool {
        held.in_force = held.limits.len();
        let (before, new) = held.limits.split_at_mut(first);
        if self.take_all(new) {
            return true;
        }
        for held in before {
            held.leave();
            held.check.give_back(self.now);
        }
        held.refused_by = new.iter().find(|limit| limit.wait() > 0).map(|limit| &*limit.limit.name);
        self.note(held, false);
        false
    }

    /// Limits in shadow mode are asked one by one, and nothing comes of it.
    pub(super) fn try_shadows(&self, held: &mut Held<'t>) {
        let shadows = &mut held.limits[held.in_force..];
        for shadow in &mut *shadows {
            self.take_all(slice::from_mut(shadow));
        }
        held.shadow_refused_by = shadows.iter().find(|shadow| shadow.wait() > 0).map(|shadow| &*shadow.limit.name);
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
            held.leave();
            if !has_place && let Some(check) = held.rated() {
                check.look_at(cells, self.now);
            }
        }
        false
    }

    /// Counts what became of a request, and writes down that it came.
    pub(super) fn note(&self, held: &Held<'_>, is_admitted: bool) {
        held.limits.iter().for_each(|limit| self.note_one(limit, is_admitted));
    }

    fn note_one(&self, held: &HeldLimit<'_>, is_admitted: bool) {
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
