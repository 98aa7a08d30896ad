//! The stream on which a data plane gets its shares of limits: a thin shell around `leases`.

mod wire;

use std::sync::Arc;

use gateway_proto::{code::Reason, discovery::v1 as pb};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{discovery::Claims, refuse};
use crate::leases::{
    GAP, HOLD, Refused,
    office::{Desk, Office},
};

type Sender = mpsc::Sender<Result<pb::LimitLease, Status>>;

/// One data plane's stream.
pub(super) struct Stream {
    pub(super) office: Arc<Office>,
    pub(super) claims: Claims,
    pub(super) demands: Streaming<pb::LimitDemand>,
    pub(super) stop: CancellationToken,
}

impl Stream {
    /// Tells shares until the data plane closes the stream, or says why it cannot go on.
    pub(super) async fn serve(mut self, sender: &Sender) -> Result<(), Status> {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => Err(refuse(Reason::ShuttingDown, "the control plane is stopping")),
            () = sender.closed() => Ok(()),
            outcome = self.converse(sender) => outcome,
        }
    }

    async fn converse(&mut self, sender: &Sender) -> Result<(), Status> {
        let Some(first) = self.next(Instant::now()).await? else { return Ok(()) };
        let wire::Introduction { id, nodes: known } = wire::introduction(&first)?;
        self.claims.check(&id)?;
        let full = |Refused::Full| {
            Status::resource_exhausted("too many data planes share limits; those beyond share them evenly, unasked")
        };
        let desk = self.office.join(&id, known).map_err(full)?;
        let mut changes = desk.changes();
        desk.report(&wire::demands(first)?);
        // When it is to be told anew, and what is to be sent still.
        let answered = answer(&desk)?;
        let mut nodes = answered.nodes;
        let (mut due, mut waiting) = (None, Some(answered));
        let (mut heard, mut told) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                demand = self.next(heard) => match demand? {
                    None => return Ok(()),
                    Some(pb::LimitDemand { leaving: true, .. }) => {
                        desk.leave();
                        return Ok(());
                    }
                    Some(demand) => {
                        desk.report(&wire::demands(demand)?);
                        heard = Instant::now();
                        due = Some(Due { at: heard, is_awaited: true });
                    }
                },
                changed = changes.changed(), if due.is_none() => {
                    // The desk keeps it open.
                    let _ = changed;
                    due = Some(Due { at: told + GAP, is_awaited: false });
                }
                is_awaited = arrival(due), if due.is_some() && waiting.is_none() => {
                    (due, told) = (None, Instant::now());
                    let news = answer(&desk)?;
                    let is_news = news.complete || !news.limits.is_empty() || news.nodes != nodes;
                    nodes = news.nodes;
                    waiting = Some(news).filter(|_| is_awaited || is_news);
                }
                permit = sender.reserve(), if waiting.is_some() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    if let Some(lease) = waiting.take() {
                        permit.send(Ok(lease));
                    }
                }
            }
        }
    }

    /// What the data plane says next, if it does so in time after it was `heard` last.
    async fn next(&mut self, heard: Instant) -> Result<Option<pb::LimitDemand>, Status> {
        let silent = |_| Status::deadline_exceeded("the stream has not said in time what is asked for");
        timeout_at(heard + HOLD, self.demands.message()).await.map_err(silent)?
    }
}

fn answer(desk: &Desk) -> Result<pb::LimitLease, Status> {
    let replaced = || Status::aborted("another stream shares limits under the id of this data plane");
    Ok(wire::lease(desk.answer().ok_or_else(replaced)?))
}

/// When a data plane is told anew, and whether it has said something and waits.
#[derive(Debug, Clone, Copy)]
struct Due {
    at: Instant,
    is_awaited: bool,
}

async fn arrival(due: Option<Due>) -> bool {
    let Some(Due { at, is_awaited }) = due else { return std::future::pending().await };
    sleep_until(at).await;
    is_awaited
}
