//! `gatewayctl consumer create`.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;

use crate::{
    client::registry,
    commands::{Context, change::print_change, wait::wait_for_change},
    exit::Failure,
    output::{consumer::Consumer, text},
};

/// Create a consumer, whom rules can name, also by his groups
#[derive(Debug, Args)]
pub struct Create {
    /// Name of the consumer: 1 to 63 of a-z, 0-9 and '-'; also the user name that goes with his password
    pub name: String,
    /// Group that he is in, which rules can name instead of him; repeatable
    #[arg(long, env = "GATEWAY_GROUP", value_delimiter = ',')]
    pub group: Vec<String>,
    /// Text for people
    #[arg(long, env = "GATEWAY_TITLE", default_value = "", hide_default_value = true)]
    pub title: String,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

impl Create {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, group, title, wait } = self;
        let consumer = pb::Consumer { name, title, groups: group, ..pb::Consumer::default() };
        let request = pb::CreateConsumerRequest { consumer: Some(consumer) };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).create_consumer(request.clone()).await).await?;
        let consumer = Consumer::full(&answer.consumer.unwrap_or_default());
        let revision = consumer.revision.unwrap_or_default();
        let waited = wait_for_change(client, wait, revision, Vec::new()).await;
        let line = format!("consumer {} created: groups {} (revision {revision})", consumer.name, consumer.groups());
        print_change(&context.output, &consumer, "created", waited, &text::escape(&line))
    }
}
