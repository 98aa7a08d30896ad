//! This data plane's shares of the limits that hold for all of them together, on a stream beside the
//! snapshots. Nothing that happens here touches those, and no request waits for it.
//!
//! What counts requests is on the other side of [`DemandSource`] and [`LeaseSink`].

mod shares;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use gateway_proto::{
    access::Channel,
    discovery::v1::{self as pb, discovery_service_client::DiscoveryServiceClient},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status as GrpcStatus, Streaming};
use tracing::{debug, warn};

use super::queries::LimitCounters;
pub use shares::{Demand, Key, Shares, Shift, WHOLE};

/// How often the control plane is told what is asked for.
pub const PERIOD: Duration = Duration::from_millis(500);
/// How long shares hold after the control plane was heard last; then every share is the even one, among
/// as many data planes as there were.
pub const HOLD: Duration = Duration::from_secs(10);
/// How long after the end of a stream the next one is opened on the same connection.
const AGAIN: Duration = Duration::from_secs(5);
/// Among how many data planes limits are shared, at least, where a control plane takes no more.
const MAX_NODES: u32 = 1024;
/// How long a data plane that drains waits for its leave to be taken.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where it is counted what is asked for.
pub trait DemandSource: Send {
    /// What was asked for since the last call, which is so long ago, and what is used: of the keys that are
    /// leased, asked for or not, and of those that were asked for at half their share or more, or of which
    /// half is used. Of more than 1,024 of a limit, or 8,192 in all, those of which most is asked or used are
    /// told.
    fn take(&mut self, elapsed: Duration) -> Vec<Demand>;
}

/// Where shares take effect.
pub trait LeaseSink: Send {
    /// These hold from now on, and these shifts are to be made once. Called when anything has changed.
    fn apply(&mut self, shares: &Shares, shifts: &[Shift]);
}

/// What counts requests, from every side.
pub struct Leasing {
    /// What is asked for.
    pub demand: Box<dyn DemandSource>,
    /// What holds.
    pub sink: Box<dyn LeaseSink>,
    /// What operators see of it.
    pub counters: Arc<dyn LimitCounters>,
}

impl fmt::Debug for Leasing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leasing").finish_non_exhaustive()
    }
}

/// A data plane that shares limits with others.
pub(super) struct Lessee {
    node_id: String,
    leasing: Leasing,
    shares: Shares,
    /// The connection to the control plane that is followed.
    channels: watch::Receiver<Option<Channel>>,
    shutdown: CancellationToken,
    taken: Instant,
    /// When the control plane was heard last, if what it said still holds.
    heard: Option<Instant>,
}

/// Why a stream is not used any more.
enum End {
    /// This data plane drains.
    Drained,
    /// There is another connection, or none.
    Moved,
}

impl Lessee {
    pub(super) fn new(
        node_id: String,
        leasing: Leasing,
        channels: watch::Receiver<Option<Channel>>,
        shutdown: CancellationToken,
    ) -> Self {
        let (shares, taken) = (Shares::default(), Instant::now());
        Self { node_id, leasing, shares, channels, shutdown, taken, heard: None }
    }

    /// Shares limits over whatever connection there is, until the data plane drains.
    pub(super) async fn run(mut self) {
        let shutdown = self.shutdown.clone();
        loop {
            let channel = self.channels.borrow_and_update().clone();
            let mut again = None;
            if let Some(channel) = channel {
                match self.converse(channel).await {
                    Ok(End::Drained) => return,
                    Ok(End::Moved) => continue,
                    Err(status) if status.code() == Code::Unimplemented => {
                        debug!("this control plane shares no limits out");
                    }
                    Err(status) => {
                        warn!(reason = %status, "limits are not shared out; the last shares hold for a while");
                        if status.code() == Code::ResourceExhausted {
                            self.assume_many();
                        }
                        again = Some(Instant::now() + AGAIN);
                    }
                }
            }
            // The next connection is the next chance, and so is this one after a while.
            loop {
                let heard = self.heard;
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    changed = self.channels.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    () = old(heard) => self.forget(),
                    () = at(again) => break,
                }
            }
        }
    }

    /// Tells and listens on one connection.
    async fn converse(&mut self, channel: Channel) -> Result<End, GrpcStatus> {
        let shutdown = self.shutdown.clone();
        let ended = || GrpcStatus::unavailable("it has ended the stream");
        let (demands, outgoing) = mpsc::channel(1);
        let limits = self.take();
        let (node_id, nodes) = (self.node_id.clone(), self.shares.nodes());
        let introduction = pb::LimitDemand { node_id, nodes, limits, leaving: false };
        demands.send(introduction).await.map_err(|_| ended())?;
        let mut client = DiscoveryServiceClient::new(channel);
        let mut leases = client.lease_limits(ReceiverStream::new(outgoing)).await?.into_inner();
        let mut beat = beat();
        loop {
            let heard = self.heard;
            tokio::select! {
                () = shutdown.cancelled() => {
                    leave(demands, leases).await;
                    return Ok(End::Drained);
                }
                _ = self.channels.changed() => return Ok(End::Moved),
                _ = beat.tick() => {
                    // Where the one before has not gone yet, both go as one the next time.
                    if let Ok(permit) = demands.try_reserve() {
                        permit.send(pb::LimitDemand { limits: self.take(), ..Default::default() });
                    }
                }
                lease = leases.message() => self.take_in(lease?.ok_or_else(ended)?)?,
                () = old(heard) => self.forget(),
            }
        }
    }

    fn take(&mut self) -> Vec<pb::DemandOfLimit> {
        let elapsed = std::mem::replace(&mut self.taken, Instant::now()).elapsed();
        self.shares.to_wire(self.leasing.demand.take(elapsed))
    }

    fn take_in(&mut self, lease: pb::LimitLease) -> Result<(), GrpcStatus> {
        let nodes = self.shares.nodes();
        let is_news = lease.complete || !lease.limits.is_empty() || lease.nodes != nodes;
        let shifts = self.shares.take_in(lease).map_err(GrpcStatus::invalid_argument)?;
        self.heard = Some(Instant::now());
        if is_news {
            self.leasing.sink.apply(&self.shares, &shifts);
        }
        Ok(())
    }

    /// There are so many data planes that this one has no part in what they share.
    fn assume_many(&mut self) {
        self.heard = None;
        self.shares.share_evenly(MAX_NODES);
        self.leasing.sink.apply(&self.shares, &[]);
    }

    /// Nothing was heard for too long.
    fn forget(&mut self) {
        self.heard = None;
        debug!(nodes = self.shares.nodes(), "limits are shared evenly, for no control plane shares them out");
        self.shares.forget();
        self.leasing.sink.apply(&self.shares, &[]);
    }
}

fn beat() -> Interval {
    let mut beat = interval_at(Instant::now() + PERIOD, PERIOD);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

/// When what was heard holds no more.
async fn old(heard: Option<Instant>) {
    at(heard.map(|heard| heard + HOLD)).await;
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Takes leave, and waits a little for that to have been heard.
async fn leave(demands: mpsc::Sender<pb::LimitDemand>, mut leases: Streaming<pb::LimitLease>) {
    let _ = timeout(FAREWELL, async {
        let _ = demands.send(pb::LimitDemand { leaving: true, ..Default::default() }).await;
        drop(demands);
        while let Ok(Some(_)) = leases.message().await {}
    })
    .await;
}
