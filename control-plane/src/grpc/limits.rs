//! Which limits are in force where, as the data planes say.

use futures_util::{StreamExt, stream};
use gateway_proto::{
    admin::v1::{NodeLimits, ShowLimitsResponse, node_limits::Answer},
    discovery::v1::{LimitsQuery, query::Query, query_reply::Reply},
};

use super::{
    ask::{ask, not_known},
    queries::Queries,
};
use crate::snapshot::nodes::Nodes;

/// Data planes that are asked at the most: their answers are one message.
const MOST: usize = 256;
/// Data planes that are asked at the same time.
const AT_ONCE: usize = 32;

/// What each data plane that is connected says of its limits of this name, or of all, in the order of
/// their ids. Those that do not answer are named, each with the reason.
pub(super) async fn show(nodes: &Nodes, queries: &Queries, name: &str) -> ShowLimitsResponse {
    let connected = nodes.list().into_iter().filter(|node| node.connected);
    let mut ids: Vec<_> = connected.map(|node| node.node.id).collect();
    let others = ids.len().saturating_sub(MOST);
    ids.truncate(MOST);
    let nodes = stream::iter(ids).map(|id| of_node(queries, id, name)).buffered(AT_ONCE).collect().await;
    ShowLimitsResponse { nodes, others: u32::try_from(others).unwrap_or(u32::MAX) }
}

async fn of_node(queries: &Queries, id: String, name: &str) -> NodeLimits {
    let answer = match ask(queries, &id, Query::Limits(LimitsQuery { name: name.to_owned() })).await {
        Ok((_, Reply::Limits(report))) => Answer::Report(report),
        Ok((_, Reply::Refusal(refusal))) => Answer::Problem(refusal),
        Ok((id, Reply::Explanation(_) | Reply::CacheStats(_))) => Answer::Problem(not_known(&id).why),
        Err(silence) => Answer::Problem(silence.why),
    };
    NodeLimits { node_id: id, answer: Some(answer) }
}
