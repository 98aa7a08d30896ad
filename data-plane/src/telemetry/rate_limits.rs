//! What is counted by rate limit. The registry bounds the label values, whatever clients send.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, TryLockError},
};

use gateway_limiting::LimitId;
use gateway_routing::route::{Policies, Policy};

use super::counter::Counter;
use crate::table::RoutingTable;

/// On what limits stand.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner<'t> {
    Service(&'t str),
    Route(&'t str),
    /// Consumers are counted together: there may be very many of them.
    Consumer(&'t str),
    /// A request that has come to neither is counted by no limit.
    Nobody,
}

/// What a limit has done about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Admitted,
    Refused,
    /// It is in shadow mode.
    ShadowRefused,
}

/// How they are called, in the order of [`LimitStats`].
pub(crate) const RESULTS: [&str; 3] = ["admitted", "refused", "shadow_refused"];

/// Requests by what a limit has done about them, in the order of [`RESULTS`]; one worker writes them.
pub(crate) type LimitStats = [Counter; RESULTS.len()];

/// A limit, and what it stands on: one of the two, or consumers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LimitLabels {
    pub service: Option<Arc<str>>,
    pub route: Option<Arc<str>>,
    pub limit: Arc<str>,
}

impl LimitLabels {
    fn new(owner: Owner<'_>, limit: &Arc<str>) -> Self {
        let (service, route) = match owner {
            Owner::Service(name) => (Some(name.into()), None),
            Owner::Route(name) => (None, Some(name.into())),
            Owner::Consumer(_) | Owner::Nobody => (None, None),
        };
        Self { service, route, limit: Arc::clone(limit) }
    }

    /// Whether requests can still be counted so.
    fn are_in(&self, table: &RoutingTable) -> bool {
        let has = |policies: &Policies| match &policies.rate_limits {
            Policy::On(limits) => limits.iter().any(|limit| limit.name == self.limit),
            Policy::Off | Policy::Unset => false,
        };
        match (&self.service, &self.route) {
            (Some(service), _) => table.service(service).is_some_and(|service| has(&service.policies)),
            (None, Some(route)) => table.route(route).is_some_and(|route| has(&route.policies)),
            (None, None) => table.consumers().have_limit(&self.limit),
        }
    }
}

/// The sum over workers.
pub(crate) type LimitTotals = BTreeMap<LimitLabels, [u64; RESULTS.len()]>;

type Labelled = (LimitId, LimitLabels, Arc<LimitStats>);

/// One worker's counters, where the control thread finds them. Requests lock it only where a limit is new
/// to the worker, and do not wait.
#[derive(Debug, Default)]
pub(crate) struct ListedLimits(Mutex<Vec<Labelled>>);

impl ListedLimits {
    /// Adds these counters to a sum.
    pub(crate) fn add_to(&self, totals: &mut LimitTotals) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (_, labels, stats) in all {
            let sums = totals.entry(labels).or_default();
            sums.iter_mut().zip(&*stats).for_each(|(sum, counter)| *sum += counter.get());
        }
    }

    /// What was counted of one limit.
    pub(crate) fn of(&self, limit: LimitId) -> [u64; RESULTS.len()] {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().find(|(id, _, _)| *id == limit);
        found.map_or([0; RESULTS.len()], |(_, _, stats)| stats.each_ref().map(Counter::get))
    }

    fn try_with(&self, change: impl FnOnce(&mut Vec<Labelled>)) {
        match self.0.try_lock() {
            Ok(mut all) => change(&mut all),
            Err(TryLockError::Poisoned(poisoned)) => change(&mut poisoned.into_inner()),
            // A scrape reads them just now; there is a next time.
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

/// One worker's counters by limit.
#[derive(Debug, Default)]
pub(crate) struct LimitBook {
    index: RefCell<HashMap<LimitId, Arc<LimitStats>, foldhash::fast::RandomState>>,
    /// What is not listed yet.
    unlisted: RefCell<Vec<Labelled>>,
}

impl LimitBook {
    pub(crate) fn count(
        &self,
        listed: &ListedLimits,
        id: LimitId,
        owner: Owner<'_>,
        limit: &Arc<str>,
        counted: Counted,
    ) {
        if let Some(stats) = self.index.borrow().get(&id) {
            return stats[counted as usize].add_one();
        }
        let stats = Arc::<LimitStats>::default();
        stats[counted as usize].add_one();
        self.index.borrow_mut().insert(id, Arc::clone(&stats));
        self.unlisted.borrow_mut().push((id, LimitLabels::new(owner, limit), stats));
        listed.try_with(|all| all.append(&mut self.unlisted.borrow_mut()));
    }

    /// Drops the counters of limits that left the table.
    pub(crate) fn forget_removed(&self, listed: &ListedLimits, table: &RoutingTable) {
        listed.try_with(|all| {
            all.append(&mut self.unlisted.borrow_mut());
            let mut index = self.index.borrow_mut();
            all.retain(|(id, labels, _)| {
                let is_in = labels.are_in(table);
                if !is_in {
                    index.remove(id);
                }
                is_in
            });
        });
    }
}
