//! `gatewayctl route`.

mod action;
mod create;
mod delete;
mod get;
mod list;
mod matching;
mod target;
mod weights;

use clap::Subcommand;
use gateway_proto::registry::v1 as pb;

use super::Context;
use crate::{
    client::{Client, registry},
    exit::Failure,
};

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a route: which requests of a host it is for, and what becomes of them
    ///
    /// The most specific route that matches a request wins; what no route matches goes to the service that owns the
    /// host. What flags do not say, such as CORS, is for files: `gatewayctl apply`.
    Create(Box<create::Create>),
    /// Show the routes
    List(list::List),
    /// Show one route
    Get(get::Get),
    /// Set which share of its requests each service of a route gets; those that are not named get none
    ///
    /// A service that the route does not have yet is added behind the others. With sticky clients, more for the last
    /// service moves clients to it, and none between the others.
    Weights(weights::Weights),
    /// Delete a route
    Delete(delete::Delete),
}

impl Command {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it did not do its work.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Get(verb) => verb.run(context).await,
            Self::Weights(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}

/// Reads one route.
///
/// # Errors
/// If there is none of that name, or nobody to ask.
async fn read(client: &mut Client, name: &str) -> Result<pb::Route, Failure> {
    let request = pb::GetRouteRequest { name: name.to_owned() };
    let answer = client.call(async |channel| registry(channel).get_route(request.clone()).await).await?;
    Ok(answer.route.unwrap_or_default())
}
