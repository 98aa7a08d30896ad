//! `gatewayctl key list`.

use clap::Args;
use gateway_proto::registry::v1 as pb;

use crate::{
    client::registry,
    commands::{
        Context,
        listing::{PAGE, Page, pages},
    },
    exit::Failure,
    output::{consumer::Key, note, observed::seconds, table::grid},
};

/// Show the keys, expired ones too, in the order of consumers; never what they are
#[derive(Debug, Args)]
pub struct List {
    /// Name of the consumer [default: everybody's]
    pub consumer: Option<String>,
}

impl List {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let consumer = self.consumer.unwrap_or_default();
        let client = &mut context.client;
        let listing = pages(async |page_token| {
            let request = pb::ListKeysRequest { consumer: consumer.clone(), page_size: PAGE, page_token };
            let page = client.call(async |channel| registry(channel).list_keys(request.clone()).await).await?;
            let pb::ListKeysResponse { keys, next_page_token } = page;
            Ok(Page { items: keys, next: next_page_token })
        });
        let keys: Vec<Key> = listing.await?.iter().map(Key::from).collect();
        if keys.is_empty() {
            note(if consumer.is_empty() { "there are no keys yet" } else { "he has no keys" });
        }
        context.output.print(&keys, |width| if keys.is_empty() { String::new() } else { table(width, &keys) })
    }
}

fn table(width: Option<u16>, keys: &[Key]) -> String {
    let row = |Key { id, consumer, created, expires }: &Key| {
        let [created, expires] = [created, expires].map(|time| seconds(time.as_deref()));
        [id.clone(), consumer.clone(), created, expires]
    };
    grid(width, ["ID", "CONSUMER", "CREATED", "EXPIRES"], keys.iter().map(row))
}
