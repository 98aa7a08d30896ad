//! The limits that are in force, and how they do.

use std::{fmt, sync::Arc};

use gateway_proto::discovery::v1::{self as pb, limit_in_force::Owner as WireOwner};
use gateway_routing::route::{Policies, Policy, RateLimit, wire};

use crate::table::RoutingTable;

/// Limits of which is told at the most.
const MOST: usize = 1000;
/// Keys of a limit of which is told at the most.
const MOST_KEYS: usize = 10;

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitOwner<'t> {
    /// The service of this name.
    Service(&'t str),
    /// The route of this name.
    Route(&'t str),
}

/// What is counted of a limit since this data plane started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests that were let through.
    pub admitted: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests that were let through although they would have been refused, in shadow mode.
    pub shadow_refused: u64,
    /// The leased keys, those of which most is asked first.
    pub hottest: Vec<HotKey>,
}

/// A leased key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HotKey {
    /// Its hash, which is the same on all data planes.
    pub hash: u128,
    /// This data plane's share, in parts of 2^32.
    pub share: u64,
    /// What was asked of it in the last period, relative to the whole limit, in parts of 2^32.
    pub asked: u64,
}

/// Where requests are counted, as operators see it.
pub trait LimitCounters: Send + Sync {
    /// What is counted of this limit; nothing, if no request has met it yet.
    fn counted(&self, owner: LimitOwner<'_>, limit: &RateLimit) -> Counted;
    /// Among how many data planes the limits of the cluster are shared; 0 if that was never told.
    fn nodes(&self) -> u32;
}

/// The counters, if there are any.
#[derive(Clone, Default)]
pub(in crate::discovery) struct Counters(pub(in crate::discovery) Option<Arc<dyn LimitCounters>>);

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counters").field(&self.0.is_some()).finish()
    }
}

/// The limits of this name, or all of them, in the order of services and routes.
pub(super) fn report(table: &RoutingTable, counters: &Counters, query: &pb::LimitsQuery) -> pb::LimitsReport {
    let pb::LimitsQuery { name } = query;
    let owned = |(owner, policies): (_, &'_ Policies)| match &policies.rate_limits {
        Policy::On(limits) => limits.iter().map(|limit| (owner, limit.clone())).collect(),
        Policy::Unset | Policy::Off => Vec::new(),
    };
    let services = table.all_services().map(|service| (LimitOwner::Service(&service.name), &service.policies));
    let routes = table.all_routes().map(|route| (LimitOwner::Route(&route.name), &route.policies));
    let mut limits: Vec<_> = services.chain(routes).flat_map(owned).collect();
    limits.retain(|(_, limit)| name.is_empty() || *limit.name == **name);
    limits.sort_by_key(|(owner, _)| *owner);
    let others = limits.len().saturating_sub(MOST);
    limits.truncate(MOST);
    let nodes = counters.0.as_ref().map_or(0, |counters| counters.nodes());
    let limits = limits.into_iter().map(|(owner, limit)| in_force(owner, limit, counters)).collect();
    pb::LimitsReport { limits, others: u32::try_from(others).unwrap_or(u32::MAX), nodes }
}

fn in_force(owner: LimitOwner<'_>, limit: RateLimit, counters: &Counters) -> pb::LimitInForce {
    let counted = counters.0.as_ref().map(|counters| counters.counted(owner, &limit)).unwrap_or_default();
    let Counted { admitted, refused, shadow_refused, hottest } = counted;
    let policies = Policies { rate_limits: Policy::On(Box::new([limit])), ..Policies::default() };
    let wire = wire::policies(&policies).and_then(|policies| policies.rate_limits);
    pb::LimitInForce {
        owner: Some(match owner {
            LimitOwner::Service(name) => WireOwner::Service(name.to_owned()),
            LimitOwner::Route(name) => WireOwner::Route(name.to_owned()),
        }),
        limit: wire.and_then(|limits| limits.limits.into_iter().next()),
        admitted,
        refused,
        shadow_refused,
        keys: hottest.iter().take(MOST_KEYS).map(hot_key).collect(),
    }
}

fn hot_key(key: &HotKey) -> pb::HotKey {
    let HotKey { hash, share, asked } = *key;
    // The upper bits alone: so few tell keys apart, and are no way back to what a key says.
    pb::HotKey { hash: (hash >> 96) as u32, share: u32::try_from(share).unwrap_or(u32::MAX), asked }
}
