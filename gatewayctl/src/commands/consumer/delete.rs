//! `gatewayctl consumer delete`.

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

/// Delete a consumer with his keys and his password; rules that name him stay as they are
#[derive(Debug, Args)]
pub struct Delete {
    /// Name of the consumer
    pub name: String,
    /// Only if he is still at this revision
    #[arg(long, env = "GATEWAY_REVISION", value_name = "REVISION")]
    pub revision: Option<u64>,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

impl Delete {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, revision, wait } = self;
        let expected_revision = revision.unwrap_or_default();
        let request = pb::DeleteConsumerRequest { name: name.clone(), expected_revision };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).delete_consumer(request.clone()).await).await?;
        let revision = answer.revision;
        let waited = wait_for_change(client, wait, revision, Vec::new()).await;
        let line = format!("consumer {} deleted (revision {revision})", text::escape(&name));
        print_change(&context.output, Deleted { name, revision }, "deleted", waited, &line)
    }
}
