//! Answers what operators ask this data plane, on a stream beside the snapshots. Nothing that happens
//! here touches those.

mod answer;
mod limits;
mod question;
#[cfg(test)]
mod tests;

use gateway_proto::{
    access::Channel,
    discovery::v1::{self as pb, discovery_service_client::DiscoveryServiceClient, query::Query, query_reply::Reply},
};
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status as GrpcStatus};
use tracing::debug;

pub(super) use self::limits::Counters;
pub use self::limits::{Counted, HotKey, LimitCounters, LimitOwner};
use super::{Status, responses::Responses};
use crate::{proxy::explain::explain, table::RoutingTable, worker::limits::Limits};

/// The largest question in bytes; what a control plane takes from operators is smaller. Larger ones
/// would end the stream.
const LARGEST_QUERY: usize = 8 * 1024 * 1024;
/// The largest explanation in bytes; control planes take no larger message.
const LARGEST_EXPLANATION: usize = 3 * 1024 * 1024;

/// Who answers.
#[derive(Debug, Clone)]
pub(super) struct Respondent {
    /// The data plane's id.
    pub(super) node_id: String,
    /// The limits of its clients.
    pub(super) limits: Limits,
    /// Where it counts requests against rate limits.
    pub(super) counters: Counters,
    /// Where the table is that it serves.
    pub(super) status: watch::Receiver<Status>,
    /// What it has stored; none where it never stores anything.
    pub(super) responses: Option<Responses>,
}

impl Respondent {
    /// Answers one question after the other, as long as the control plane asks. It is not asked to ask
    /// again: the next connection is the next chance.
    pub(super) async fn serve(self, channel: Channel) {
        match self.answer_all(channel).await {
            Ok(()) => debug!("the control plane asks no more"),
            Err(status) if status.code() == Code::Unimplemented => debug!("this control plane never asks"),
            Err(status) => debug!(reason = %status, "the control plane asks no more"),
        }
    }

    async fn answer_all(&self, channel: Channel) -> Result<(), GrpcStatus> {
        let ended = |_| GrpcStatus::unavailable("it has ended the stream");
        // One question is answered at a time, so one answer is under way.
        let (replies, outgoing) = mpsc::channel(1);
        let introduction = pb::QueryReply { node_id: self.node_id.clone(), id: 0, reply: None };
        replies.send(introduction).await.map_err(ended)?;
        let mut client = DiscoveryServiceClient::new(channel).max_decoding_message_size(LARGEST_QUERY);
        let mut queries = client.answer_queries(ReceiverStream::new(outgoing)).await?.into_inner();
        while let Some(query) = queries.message().await? {
            replies.send(self.answer(&query)).await.map_err(ended)?;
        }
        Ok(())
    }

    fn answer(&self, query: &pb::Query) -> pb::QueryReply {
        let pb::Query { id, query } = query;
        let table = self.status.borrow().table.clone();
        let answer = match query {
            Some(Query::Explain(query)) => explanation(&table, &self.limits, query).map(Reply::Explanation),
            Some(Query::CacheStats(pb::CacheStatsQuery {})) => {
                // Without a cache, all is 0, and so is what it may hold.
                Ok(Reply::CacheStats(self.responses.as_ref().map(Responses::stats).unwrap_or_default()))
            }
            Some(Query::Limits(query)) => Ok(Reply::Limits(limits::report(&table, &self.counters, query))),
            None => Err("it does not know this kind of question; update the data plane".to_owned()),
        };
        pb::QueryReply { node_id: String::new(), id: *id, reply: Some(answer.unwrap_or_else(Reply::Refusal)) }
    }
}

/// Where a request would go.
fn explanation(table: &RoutingTable, limits: &Limits, query: &pb::ExplainQuery) -> Result<pb::Explanation, String> {
    let head = question::head(query)?;
    let explained = explain(table, limits, &head);
    let explanation = explained.map_err(|error| format!("there can be no such request: {error}"))?;
    let explanation = answer::explanation(table.stamp(), &explanation);
    if explanation.encoded_len() > LARGEST_EXPLANATION {
        return Err("its route, services and policies are too large to be explained in one message".to_owned());
    }
    Ok(explanation)
}
