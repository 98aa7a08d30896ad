//! Puts a question to a data plane on an operator's behalf.

use std::time::Duration;

use gateway_proto::discovery::v1::{query::Query, query_reply::Reply};
use tokio::time::{Instant, timeout_at};

use super::queries::Queries;
use crate::queries::Unanswered;

/// How long a data plane may take: until it takes questions, and until it has answered.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// There is no answer.
pub(super) struct Silence {
    /// Whose; empty where nobody took the question.
    pub(super) id: String,
    /// Why, as a sentence to follow its name.
    pub(super) why: String,
}

/// Asks the data plane of this id, or the first that can be asked where that is empty. Tells which it
/// was.
///
/// # Errors
/// It does not answer.
pub(super) async fn ask(queries: &Queries, id: &str, query: Query) -> Result<(String, Reply), Silence> {
    let silence = |id: &str, why: &str| Silence { id: id.to_owned(), why: why.to_owned() };
    let deadline = Instant::now() + WITHIN;
    let Ok(id) = timeout_at(deadline, reachable(queries, id)).await else {
        return Err(silence(id, "takes no questions; wait until it is there, or update it"));
    };
    match timeout_at(deadline, queries.ask(&id, query)).await {
        Ok(Ok(Some(reply))) => Ok((id, reply)),
        Ok(Ok(None)) => Err(not_known(&id)),
        Ok(Err(Unanswered::Busy)) => Err(silence(&id, "is asked too much already; try again")),
        Ok(Err(Unanswered::Gone)) => Err(silence(&id, "left before it had answered; try again, or ask another one")),
        Err(_) => {
            let within = humantime::format_duration(WITHIN);
            Err(silence(&id, &format!("has not answered within {within}; try again, or ask another one")))
        }
    }
}

/// It has said something that is no answer to the question.
pub(super) fn not_known(id: &str) -> Silence {
    Silence { id: id.to_owned(), why: "answers what is not known here; update this control plane".to_owned() }
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
