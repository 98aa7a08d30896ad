//! `gatewayctl cache`.

mod purge;
mod stats;

use clap::Subcommand;

use super::Context;
use crate::exit::Failure;

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take responses out of the cache of every data plane
    Purge(purge::Purge),
    /// Show what the cache of each data plane holds and has done
    Stats,
}

impl Command {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it did not do its work.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Purge(verb) => verb.run(context).await,
            Self::Stats => stats::run(context).await,
        }
    }
}
