//! Asks a data plane where a request would go.

use gateway_proto::{
    code::Reason,
    discovery::v1::{Explanation, query::Query, query_reply::Reply},
};
use tonic::Status;

use super::{
    ask::{Silence, ask, not_known},
    queries::Queries,
    refuse,
};
use crate::snapshot::nodes::Nodes;

/// Asks the data plane of this id, or the first that can be asked where that is empty. Tells which it
/// was.
///
/// # Errors
/// There is none, it says what is wrong with the question, or it does not answer.
pub(super) async fn explain(
    nodes: &Nodes,
    queries: &Queries,
    id: &str,
    query: Query,
) -> Result<(String, Explanation), Status> {
    if !is_connected(nodes, id) {
        return Err(refuse(Reason::NodeNotFound, unknown(id)));
    }
    match ask(queries, id, query).await {
        Ok((id, Reply::Explanation(explanation))) => Ok((id, explanation)),
        Ok((_, Reply::Refusal(refusal))) => Err(refuse(Reason::Invalid, refusal)),
        Ok((id, Reply::CacheStats(_) | Reply::Limits(_))) => Err(unavailable(&not_known(&id))),
        Err(silence) => Err(unavailable(&silence)),
    }
}

fn unavailable(Silence { id, why }: &Silence) -> Status {
    let node = if id.is_empty() { "no data plane".to_owned() } else { format!("data plane {id:?}") };
    refuse(Reason::NodeUnavailable, format!("{node} {why}"))
}

fn unknown(id: &str) -> String {
    match id {
        "" => "no data plane is connected; start one first".to_owned(),
        id => format!("no data plane {id:?} is connected; ask one that is"),
    }
}

fn is_connected(nodes: &Nodes, id: &str) -> bool {
    if id.is_empty() {
        return nodes.list().iter().any(|node| node.connected);
    }
    nodes.get(id).is_some_and(|node| node.connected)
}

#[cfg(test)]
mod tests;
