//! The stream on which a data plane answers operators: a thin shell around `queries`.

use std::{sync::Arc, time::Duration};

use gateway_proto::{code::Reason, discovery::v1 as pb};
use pb::{query::Query, query_reply::Reply};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{discovery::Claims, refuse};
use crate::{queries, snapshot::session::MAX_NODE_TEXT};

/// Questions to data planes, as they are sent.
pub type Queries = queries::Queries<Query, Answer>;

/// What a data plane says to a question; nothing if it is of a kind that is not known here.
pub type Answer = Option<Reply>;

type Respondent = queries::Respondent<Query, Answer>;
type Sender = mpsc::Sender<Result<pb::Query, Status>>;

/// How long a stream may take until it says whose it is.
const INTRODUCED_WITHIN: Duration = Duration::from_secs(10);

/// One data plane's stream.
pub(super) struct Stream {
    pub(super) queries: Arc<Queries>,
    pub(super) claims: Claims,
    pub(super) replies: Streaming<pb::QueryReply>,
    pub(super) stop: CancellationToken,
}

impl Stream {
    /// Asks until the data plane closes the stream, or says why it cannot go on.
    pub(super) async fn serve(mut self, sender: &Sender) -> Result<(), Status> {
        let stop = self.stop.clone();
        let introduced = tokio::select! {
            () = stop.cancelled() => return Err(stopping()),
            introduced = timeout(INTRODUCED_WITHIN, self.introduction()) => introduced,
        };
        let late = |_| Status::deadline_exceeded("the stream has not said in time whose it is");
        let Some(id) = introduced.map_err(late)?? else { return Ok(()) };
        self.claims.check(&id)?;
        let too_many = |_| Status::resource_exhausted("too many data planes are connected to this control plane");
        let mut respondent = self.queries.enter(id).map_err(too_many)?;
        let replaced = respondent.replaced();
        tokio::select! {
            () = stop.cancelled() => Err(stopping()),
            () = replaced.cancelled() => {
                Err(Status::aborted("another stream answers under the id of this data plane"))
            }
            () = sender.closed() => Ok(()),
            outcome = self.converse(&mut respondent, sender) => outcome,
        }
    }

    /// The data plane's id, in a message that answers nothing; nothing if the stream ends before it.
    async fn introduction(&mut self) -> Result<Option<String>, Status> {
        let Some(pb::QueryReply { node_id, id: _, reply: _ }) = self.replies.message().await? else { return Ok(None) };
        if node_id.is_empty() || node_id.len() > MAX_NODE_TEXT {
            let message = format!("the first node_id is the data plane's id, of 1 to {MAX_NODE_TEXT} bytes");
            return Err(refuse(Reason::Invalid, message));
        }
        Ok(Some(node_id))
    }

    /// Passes questions on as they come, and answers in whatever order they do.
    async fn converse(&mut self, respondent: &mut Respondent, sender: &Sender) -> Result<(), Status> {
        let mut waiting = None;
        loop {
            tokio::select! {
                reply = self.replies.message() => {
                    let Some(pb::QueryReply { node_id: _, id, reply }) = reply? else { return Ok(()) };
                    respondent.answer(id, reply);
                }
                (id, query) = respondent.next(), if waiting.is_none() => {
                    waiting = Some(pb::Query { id, query: Some(query) });
                }
                permit = sender.reserve(), if waiting.is_some() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    if let Some(query) = waiting.take() {
                        permit.send(Ok(query));
                    }
                }
            }
        }
    }
}

fn stopping() -> Status {
    refuse(Reason::ShuttingDown, "the control plane is stopping")
}
