//! How this data plane learns what to serve: a stream from a control plane, and a cache on disk.
//!
//! A good table is never given up: whatever a control plane sends, or if none is there.

use std::{path::PathBuf, sync::Arc};

use gateway_proto::{access::Access, discovery::v1 as pb, process::Failure};
use http::Uri;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::worker::{fleet::Fleet, limits::Limits};

pub(crate) mod apply;
mod cache;
mod client;
pub(crate) mod compile;
mod follower;
mod itinerary;
pub mod leases;
mod purges;
mod queries;
mod responses;
mod status;
#[cfg(test)]
mod tests;

use client::Patience;
use leases::{Leasing, Lessee};
use purges::Purger;
pub use queries::{Counted, HotKey, LimitCounters, LimitOwner};
use queries::{Counters, Respondent};
pub use responses::{Responses, Served};
pub use status::{Source, Status};

/// Whom to follow, and as whom.
#[derive(Debug)]
pub struct Options {
    /// The control planes, tried in turn.
    pub control_planes: Vec<Uri>,
    /// How to show them who asks.
    pub access: Access,
    /// How this data plane introduces itself.
    pub node: pb::Node,
    /// The limits of its clients, for what operators ask it.
    pub limits: Limits,
    /// The directory where the last good snapshot is kept.
    pub cache_dir: Option<PathBuf>,
    /// What this data plane has stored; none where it never stores anything.
    pub responses: Option<Responses>,
    /// What counts requests against limits; none where nothing is counted.
    pub leasing: Option<Leasing>,
}

/// Follows the control planes and hands every good table to the fleet, until `shutdown`; before it
/// returns, the last good snapshot is in the cache, and what `leasing` held of limits is given back.
///
/// Begins with the snapshot in the cache, which is served until a control plane says otherwise.
///
/// # Errors
/// A failure that names `--cache-dir` at once, if that directory cannot be used.
pub async fn run(
    options: Options,
    fleet: Fleet,
    status: watch::Sender<Status>,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    run_with(Patience::default(), options, fleet, status, shutdown).await
}

async fn run_with(
    patience: Patience,
    options: Options,
    fleet: Fleet,
    status: watch::Sender<Status>,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let Options { control_planes, access, node, limits, cache_dir, responses, leasing } = options;
    let cache = cache_dir.as_deref().map(cache::Cache::open).transpose()?;
    let states = watch::Sender::new(apply::State::default());
    let keeper = cache.clone().map(|cache| tokio::spawn(cache::keep(cache, states.subscribe())));
    let counters = Counters(leasing.as_ref().map(|leasing| Arc::clone(&leasing.counters)));
    let respondent = Respondent {
        node_id: node.id.clone(),
        limits,
        counters,
        status: status.subscribe(),
        responses: responses.clone(),
    };
    let (channels, connected) = watch::channel(None);
    let lessee = leasing.map(|leasing| Lessee::new(node.id.clone(), leasing, connected, shutdown.clone()));
    let lessee = lessee.map(|lessee| tokio::spawn(lessee.run()));
    let mut follower = follower::Follower::new(fleet, Purger::new(responses), status, states);
    let follow = async {
        if let Some(cache) = cache {
            follower.boot(cache).await;
        }
        let way = client::Way { control_planes: &control_planes, access: &access, patience };
        let company = client::Company { respondent: &respondent, channels: &channels };
        client::follow(way, &node, &mut follower, company).await;
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        () = follow => {}
    }
    if let Some(lessee) = lessee
        && let Err(err) = lessee.await
    {
        warn!(error = %err, "sharing limits has failed");
    }
    // The keeper ends once nobody can tell it of a new state.
    drop(follower);
    if let Some(keeper) = keeper
        && let Err(err) = keeper.await
    {
        warn!(error = %err, "the last snapshot may not be in the cache");
    }
    Ok(())
}
