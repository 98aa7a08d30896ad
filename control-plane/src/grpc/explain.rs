//! Asks a data plane on an operator's behalf.

use std::time::Duration;

use gateway_proto::{
    code::Reason,
    discovery::v1::{Explanation, query::Query, query_reply::Reply},
};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use super::{queries::Queries, refuse};
use crate::{queries::Unanswered, snapshot::nodes::Nodes};

/// How long a data plane may take: until it takes questions, and until it has answered.
const WITHIN: Duration = Duration::from_secs(5);

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
    let deadline = Instant::now() + WITHIN;
    let Ok(id) = timeout_at(deadline, reachable(queries, id)).await else {
        return Err(unavailable(id, "takes no questions; wait until it is there, or update it"));
    };
    match timeout_at(deadline, queries.ask(&id, query)).await {
        Ok(Ok(Some(Reply::Explanation(explanation)))) => Ok((id, explanation)),
        Ok(Ok(Some(Reply::Refusal(refusal)))) => Err(refuse(Reason::Invalid, refusal)),
        Ok(Ok(None)) => Err(unavailable(&id, "answers what is not known here; update this control plane")),
        Ok(Err(Unanswered::Busy)) => Err(unavailable(&id, "is asked too much already; try again")),
        Ok(Err(Unanswered::Gone)) => {
            Err(unavailable(&id, "left before it had answered; try again, or ask another one"))
        }
        Err(_) => {
            let within = humantime::format_duration(WITHIN);
            Err(unavailable(&id, &format!("has not answered within {within}; try again, or ask another one")))
        }
    }
}

fn unavailable(id: &str, what: &str) -> Status {
    let node = if id.is_empty() { "no data plane".to_owned() } else { format!("data plane {id:?}") };
    refuse(Reason::NodeUnavailable, format!("{node} {what}"))
}

fn unknown(id: &str) -> String {
    match id {
        "" => "no data plane is connected; start one first".to_owned(),
        id => format!("no data plane {id:?} is connected; ask one that is"),
    }
}

/// The data plane to ask, once it can be asked: its snapshots come before its answers.
async fn reachable(queries: &Queries, id: &str) -> String {
    let mut changes = queries.changes();
    loop {
        if let Some(found) = queries.find(id) {
            return found;
        }
        if changes.changed().await.is_err() {
            return std::future::pending().await;
        }
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
