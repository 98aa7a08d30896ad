//! `gatewayctl service`.

mod delete;
mod get;
mod list;
mod register;

use clap::Subcommand;
use gateway_proto::registry::v1 as pb;

pub(crate) use self::list::all;
use super::Context;
use crate::{
    client::{Client, registry},
    exit::Failure,
};

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a service, or add hosts and endpoints to the one of that name
    Register(Box<register::Register>),
    /// Show the services
    List(list::List),
    /// Show one service and the health of its endpoints
    Get(get::Get),
    /// Delete a service
    Delete(delete::Delete),
}

impl Command {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it did not do its work.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Register(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Get(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}

/// Reads one service.
///
/// # Errors
/// If there is none of that name, or nobody to ask.
pub(super) async fn read(client: &mut Client, name: &str) -> Result<pb::Service, Failure> {
    let request = pb::GetServiceRequest { name: name.to_owned() };
    let answer = client.call(async |channel| registry(channel).get_service(request.clone()).await).await?;
    Ok(answer.service.unwrap_or_default())
}
