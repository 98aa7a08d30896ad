//! Waiting until every connected data plane serves a change.

use std::time::Duration;

use gateway_proto::{admin::v1 as pb, registry::v1::Health};
use serde::Serialize;

use crate::{
    client::{Client, admin, refused},
    exit::{Exit, Failure},
    output::{
        note,
        observed::{Endpoint, Node, health_name},
        text,
    },
};

/// How much longer than the wait itself its answer may take.
const GRACE: Duration = Duration::from_secs(2);

/// Who serves a change, and who does not.
#[derive(Debug, Clone, Serialize)]
pub struct Served {
    /// The revision that was waited for.
    pub revision: u64,
    /// Whether everything is served by every connected data plane.
    pub done: bool,
    /// The data planes that serve it.
    pub served_by: Vec<String>,
    /// Those that do not.
    pub behind: Vec<Node>,
    /// Endpoints of the changed services that get no traffic.
    #[serde(skip)]
    pub idle: Vec<Endpoint>,
}

/// Waits, as long as the client's time limit, for a revision (0: the current one) and for the
/// first verdict on the endpoints of these services.
///
/// # Errors
/// A failure if the control plane cannot be asked; that somebody is behind is none yet.
pub async fn wait(client: &mut Client, revision: u64, services: Vec<String>) -> Result<Served, Failure> {
    let limit = client.limit();
    let request = pb::WaitForRevisionRequest { revision, services, timeout: limit.try_into().ok() };
    let answer =
        client.call_within(limit + GRACE, async |channel| admin(channel).wait_for_revision(request.clone()).await);
    let answer = answer.await?.map_err(|status| refused(&status))?;
    let pb::WaitForRevisionResponse { done, revision, nodes_in_sync, nodes_behind, endpoints } = answer;
    let idle = endpoints.iter().filter(|endpoint| endpoint.health() != Health::Healthy).map(Endpoint::from);
    Ok(Served {
        revision,
        done,
        served_by: nodes_in_sync,
        behind: nodes_behind.into_iter().map(Node::from).collect(),
        idle: idle.collect(),
    })
}

/// Waits for a change that has been made, if that was asked for; what keeps the wait from its
/// answer does not hide that the change is stored.
///
/// # Errors
/// As [`wait`].
pub async fn wait_for_change(
    client: &mut Client,
    wanted: bool,
    revision: u64,
    services: Vec<String>,
) -> Result<Option<Served>, Failure> {
    if !wanted {
        return Ok(None);
    }
    match wait(client, revision, services).await {
        Ok(served) => Ok(Some(served)),
        Err(failure) => {
            let summary = format!("the change is stored at revision {revision}, but {}", failure.summary);
            Err(Failure { summary, ..failure })
        }
    }
}

impl Served {
    /// Who serves it, in a line.
    #[must_use]
    pub fn line(&self) -> String {
        match &*self.served_by {
            [] => format!("revision {}: no data plane serves it", self.revision),
            nodes => {
                let names = nodes.iter().map(|name| text::escape(name)).collect::<Vec<_>>().join(", ");
                format!("revision {}: served by {}: {names}", self.revision, text::count(nodes.len(), "data plane"))
            }
        }
    }

    /// Tells about endpoints without traffic, and fails if somebody is behind.
    ///
    /// # Errors
    /// Names the data planes that are behind, and why.
    pub fn verdict(&self) -> Result<(), Failure> {
        for endpoint in &self.idle {
            let Endpoint { service, address, resolved: _, weight: _, health, reason, since: _, last_probe: _ } =
                endpoint;
            let why = if reason.is_empty() { String::new() } else { format!(": {}", text::escape(reason)) };
            note(&format!(
                "warning: endpoint {} of {service} is {health} and gets no traffic{why}",
                text::escape(address)
            ));
        }
        if self.done {
            if self.served_by.is_empty() {
                note("warning: no data plane is connected; start one with `data-plane`");
            }
            return Ok(());
        }
        let mut details = Vec::new();
        for node in &self.behind {
            details.push(format!("{}: serves revision {}", text::escape(&node.id), node.revision));
            details.extend(node.violations.iter().map(|why| format!("  refused: {}", text::escape(why))));
        }
        let pending = self.idle.iter().filter(|endpoint| endpoint.health == health_name(Health::Pending));
        details.extend(pending.map(|endpoint| format!("endpoint {}: no verdict yet", text::escape(&endpoint.address))));
        Err(Failure::new(Exit::Behind, format!("not every data plane serves revision {} in time", self.revision))
            .details(details)
            .hint("the change is stored; `gatewayctl node wait` waits longer, `gatewayctl node get ID` shows a data plane"))
    }
}
