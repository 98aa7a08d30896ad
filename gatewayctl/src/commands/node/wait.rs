//! `gatewayctl node wait`.

use clap::Args;

use crate::{
    commands::{Context, wait::wait},
    exit::Failure,
};

/// Wait, at the most --timeout, until every connected data plane serves a revision
#[derive(Debug, Args)]
pub struct Wait {
    /// The revision to wait for [default: the current one]
    #[arg(long, env = "GATEWAY_REVISION", value_name = "REVISION")]
    pub revision: Option<u64>,
}

impl Wait {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let served = wait(&mut context.client, self.revision.unwrap_or_default(), Vec::new()).await?;
        context.output.print(&served, |_| served.line())?;
        // The revision may be one that is still to come, so nothing is said of a change.
        served
            .verdict()
            .map_err(|failure| failure.hint("`--timeout` waits longer, `gatewayctl node get ID` shows a data plane"))
    }
}
