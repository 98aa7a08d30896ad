//! `gatewayctl consumer list`.

use clap::Args;
use gateway_proto::registry::v1 as pb;

use crate::{
    client::{Client, registry},
    commands::{
        Context,
        listing::{PAGE, Page, pages},
    },
    exit::Failure,
    output::{consumer::Consumer, note, table::grid},
};

/// Show the consumers, in the order of their names
#[derive(Debug, Args)]
pub struct List {
    /// Only consumers of this group
    #[arg(long, env = "GATEWAY_GROUP", default_value = "", hide_default_value = true)]
    pub group: String,
}

impl List {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { group } = self;
        let consumers = all(&mut context.client, &group).await?;
        if consumers.is_empty() {
            note(if group.is_empty() { "there are no consumers yet" } else { "no consumer is in that group" });
        }
        let consumers: Vec<Consumer> = consumers.iter().map(Consumer::full).collect();
        context
            .output
            .print(&consumers, |width| if consumers.is_empty() { String::new() } else { table(width, &consumers) })
    }
}

/// Reads every page of a group, or of all where none is named.
async fn all(client: &mut Client, group: &str) -> Result<Vec<pb::Consumer>, Failure> {
    pages(async |page_token| {
        let request = pb::ListConsumersRequest { group: group.to_owned(), page_size: PAGE, page_token };
        let page = client.call(async |channel| registry(channel).list_consumers(request.clone()).await).await?;
        let pb::ListConsumersResponse { consumers, next_page_token, revision: _ } = page;
        Ok(Page { items: consumers, next: next_page_token })
    })
    .await
}

fn table(width: Option<u16>, consumers: &[Consumer]) -> String {
    let row = |consumer: &Consumer| {
        let title = consumer.title.clone().filter(|title| !title.is_empty()).unwrap_or_else(|| "-".to_owned());
        let revision = consumer.revision.unwrap_or_default().to_string();
        [consumer.name.clone(), title, consumer.groups(), consumer.known_by(), revision]
    };
    grid(width, ["NAME", "TITLE", "GROUPS", "KNOWN BY", "REVISION"], consumers.iter().map(row))
}
