//! `gatewayctl service delete`.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;
use serde::Serialize;

use super::ServedBy;
use crate::{
    client::registry,
    commands::{Context, wait::wait_for_change},
    exit::Failure,
};

/// Delete a service
#[derive(Debug, Args)]
pub struct Delete {
    /// Name of the service
    pub name: String,
    /// Only if the service is still at this revision
    #[arg(long, env = "GATEWAY_REVISION", value_name = "REVISION")]
    pub revision: Option<u64>,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

#[derive(Debug, Serialize)]
struct Deleted {
    name: String,
    change: &'static str,
    revision: u64,
    #[serde(flatten)]
    served: Option<ServedBy>,
}

impl Delete {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, revision: expected_revision, wait } = self;
        let request = pb::DeleteServiceRequest { name: name.clone(), expected_revision };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).delete_service(request.clone()).await).await?;
        let revision = answer.revision;
        let waited = wait_for_change(client, wait, revision, Vec::new()).await;
        let served = waited.as_ref().ok().and_then(Option::as_ref);
        let deleted = Deleted { name, change: "deleted", revision, served: served.map(ServedBy::from) };
        context.output.print(&deleted, |_| {
            let line = format!("service {} deleted (revision {revision})", deleted.name);
            served.map_or_else(|| line.clone(), |served| format!("{line}\n{}", served.line()))
        })?;
        waited?.map_or(Ok(()), |served| served.verdict())
    }
}
