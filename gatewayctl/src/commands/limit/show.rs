//! `gatewayctl limit show`.

use clap::Args;
use gateway_proto::admin::v1 as pb;

use crate::{
    client::admin,
    commands::Context,
    exit::{Exit, Failure},
    output::{limits::Limits, note},
};

/// Show which rate limits are in force where, and how they do on every data plane
///
/// Counts are of each data plane since it started. Of the limits of the cluster, the keys of which most is
/// asked are shown with the share that each data plane has. A key is shown as what it counts by and 8
/// digits of its hash, never as what it says: that may be a client's address, or a credential.
#[derive(Debug, Args)]
pub struct Show {
    /// Only limits of this name
    #[arg(default_value = "", hide_default_value = true)]
    pub name: String,
}

impl Show {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name } = self;
        let request = pb::ShowLimitsRequest { name: name.clone() };
        let client = &mut context.client;
        let answer = client.call(async |channel| admin(channel).show_limits(request.clone()).await).await?;
        let shown = Limits::from(answer);
        if shown.limits.is_empty() && shown.silent.is_empty() {
            if !name.is_empty() {
                return Err(Failure::new(Exit::NotFound, format!("no data plane has a rate limit {name:?}")));
            }
            note("there are no rate limits; `rate_limits` of a service or route in a declarative file makes some");
        }
        context.output.print(&shown.limits, |width| shown.screen(width))?;
        if shown.silent.is_empty() {
            return Ok(());
        }
        Err(Failure::new(Exit::Behind, "not every data plane has told all of its limits").details(shown.silent))
    }
}
