//! `gatewayctl consumer update`.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::{code::Reason, registry::v1 as pb};

use super::read;
use crate::{
    client::{Client, reason, refused, registry},
    commands::{Context, change::print_change, wait::wait_for_change},
    exit::{Exit, Failure},
    output::{consumer::Consumer, text},
};

/// How often a consumer whom others change at the same time is read again.
const ATTEMPTS: usize = 5;

/// Change the title or the groups of a consumer; what is not given stays, his keys and his password too
#[derive(Debug, Args)]
pub struct Update {
    /// Name of the consumer
    pub name: String,
    /// Group that he is in from now on, in place of those that he was in; repeatable
    #[arg(long, env = "GATEWAY_GROUP", value_delimiter = ',')]
    pub group: Vec<String>,
    /// He is in no group from now on
    #[arg(long, env = "GATEWAY_NO_GROUPS", value_parser = BoolishValueParser::new())]
    pub no_groups: bool,
    /// Text for people; '' takes it away
    #[arg(long, env = "GATEWAY_TITLE")]
    pub title: Option<String>,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

impl Update {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, group, no_groups, title, wait } = self;
        let groups = match (group.is_empty(), no_groups) {
            (false, true) => return Err(Failure::exclusive("--group", "--no-groups")),
            (true, true) => Some(Vec::new()),
            (false, false) => Some(group),
            (true, false) => None,
        };
        if groups.is_none() && title.is_none() {
            let summary = "nothing is to be changed; give --group, --no-groups or --title";
            return Err(Failure::new(Exit::Usage, summary));
        }
        let client = &mut context.client;
        let (consumer, change) = update(client, &name, groups, title).await?;
        let consumer = Consumer::full(&consumer);
        let revision = consumer.revision.unwrap_or_default();
        let waited = wait_for_change(client, wait, revision, Vec::new()).await;
        let line = format!("consumer {} {change}: groups {} (revision {revision})", consumer.name, consumer.groups());
        print_change(&context.output, &consumer, change, waited, &text::escape(&line))
    }
}

/// Changes what is given and nothing else of the consumer, whoever changes him meanwhile. Returns him as stored, and
/// what the change came to.
async fn update(
    client: &mut Client,
    name: &str,
    groups: Option<Vec<String>>,
    title: Option<String>,
) -> Result<(pb::Consumer, &'static str), Failure> {
    let mut attempts = 1;
    loop {
        let old = read(client, name).await?;
        let expected_revision = old.revision;
        let consumer = pb::Consumer {
            groups: groups.clone().unwrap_or_else(|| old.groups.clone()),
            title: title.clone().unwrap_or_else(|| old.title.clone()),
            ..old
        };
        let request = pb::UpdateConsumerRequest { consumer: Some(consumer), expected_revision };
        let update = client
            .call_within(client.limit(), async |channel| registry(channel).update_consumer(request.clone()).await);
        match update.await? {
            Ok(answer) => {
                let stored = answer.consumer.unwrap_or_default();
                let change = if stored.revision == expected_revision { "unchanged" } else { "updated" };
                return Ok((stored, change));
            }
            Err(status) if attempts < ATTEMPTS && reason(&status) == Some(Reason::StaleRevision) => attempts += 1,
            Err(status) => return Err(refused(&status)),
        }
    }
}
