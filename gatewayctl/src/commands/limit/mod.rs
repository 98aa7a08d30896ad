//! `gatewayctl limit`.

mod show;

use clap::Subcommand;

use super::Context;
use crate::exit::Failure;

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show which rate limits are in force where, and how they do on every data plane
    Show(show::Show),
}

impl Command {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it did not do its work.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Show(verb) => verb.run(context).await,
        }
    }
}
