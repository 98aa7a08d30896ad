//! `gatewayctl node`.

mod get;
mod list;
mod wait;

use clap::Subcommand;
use gateway_proto::admin::v1::ListNodesRequest;

use super::Context;
use crate::{
    client::{Client, admin},
    exit::Failure,
    output::observed::Node,
};

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the data planes: those connected, and those that left less than ten minutes ago
    List,
    /// Show one data plane
    Get(get::Get),
    /// Wait until every connected data plane serves a revision
    Wait(wait::Wait),
}

impl Command {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it did not do its work.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::List => list::run(context).await,
            Self::Get(verb) => verb.run(context).await,
            Self::Wait(verb) => verb.run(context).await,
        }
    }
}

/// Reads the data planes.
///
/// # Errors
/// If there is nobody to ask.
pub(super) async fn nodes(client: &mut Client) -> Result<Vec<Node>, Failure> {
    let answer = client.call(async |channel| admin(channel).list_nodes(ListNodesRequest {}).await).await?;
    Ok(answer.nodes.into_iter().map(Node::from).collect())
}
