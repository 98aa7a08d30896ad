//! `gatewayctl consumer`.

mod create;
mod delete;
mod get;
mod list;
mod password;
mod update;

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
    /// Create a consumer, whom rules can name, also by his groups
    ///
    /// `gatewayctl key create` and `gatewayctl consumer password` make what he is known by. How often he may call is
    /// for files: `gatewayctl apply`.
    Create(create::Create),
    /// Show the consumers
    List(list::List),
    /// Show one consumer and his keys, but never what they are
    Get(get::Get),
    /// Change the title or the groups of a consumer
    Update(update::Update),
    /// Give a consumer a password, which is read from a file or standard input, or take it away
    Password(password::Password),
    /// Delete a consumer with his keys and his password
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
            Self::Update(verb) => verb.run(context).await,
            Self::Password(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}

/// Reads one consumer.
///
/// # Errors
/// If there is none of that name, or nobody to ask.
async fn read(client: &mut Client, name: &str) -> Result<pb::Consumer, Failure> {
    let request = pb::GetConsumerRequest { name: name.to_owned() };
    let answer = client.call(async |channel| registry(channel).get_consumer(request.clone()).await).await?;
    Ok(answer.consumer.unwrap_or_default())
}
