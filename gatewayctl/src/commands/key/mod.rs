//! `gatewayctl key`.

mod create;
mod list;
mod revoke;

use clap::Subcommand;

use super::Context;
use crate::exit::Failure;

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key of a consumer, and print it this once
    ///
    /// `(umask 077; gatewayctl key create NAME > FILE)` keeps it from other users. To replace a key, make another one,
    /// give it to whoever has the old one, and revoke that: until then both are valid.
    Create(create::Create),
    /// Show the keys, but never what they are
    List(list::List),
    /// End a key
    Revoke(revoke::Revoke),
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
            Self::Revoke(verb) => verb.run(context).await,
        }
    }
}
