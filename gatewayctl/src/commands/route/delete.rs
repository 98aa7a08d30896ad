//! `gatewayctl route delete`.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;

use crate::{
    client::registry,
    commands::{
        Context,
        change::{Deleted, print_change},
        wait::wait_for_change,
    },
    exit::Failure,
    output::text,
};

/// Delete a route; its requests go to the next route that matches, or to the service that owns the host
#[derive(Debug, Args)]
pub struct Delete {
    /// Name of the route
    pub name: String,
    /// Only if the route is still at this revision
    #[arg(long, env = "GATEWAY_REVISION", value_name = "REVISION")]
    pub revision: Option<u64>,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

impl Delete {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, revision: expected_revision, wait } = self;
        let request = pb::DeleteRouteRequest { name: name.clone(), expected_revision };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).delete_route(request.clone()).await).await?;
        let revision = answer.revision;
        let waited = wait_for_change(client, wait, revision, Vec::new()).await;
        let line = format!("route {} deleted (revision {revision})", text::escape(&name));
        print_change(&context.output, Deleted { name, revision }, "deleted", waited, &line)
    }
}
