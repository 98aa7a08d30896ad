//! `gatewayctl node get`.

use clap::Args;
use gateway_proto::admin::v1 as pb;

use crate::{
    client::admin,
    commands::Context,
    exit::Failure,
    output::{observed::Node, table::pairs},
};

/// Show one data plane
#[derive(Debug, Args)]
pub struct Get {
    /// Id of the data plane
    pub id: String,
}

impl Get {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let request = pb::GetNodeRequest { id: self.id };
        let client = &mut context.client;
        let answer = client.call(async |channel| admin(channel).get_node(request.clone()).await).await?;
        let node = Node::from(answer.node.unwrap_or_default());
        context.output.print(&node, |width| pairs(width, facts(&node)))
    }
}

fn facts(node: &Node) -> Vec<(&'static str, String)> {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let mut facts = vec![
        ("Id", node.id.clone()),
        ("State", node.state().to_owned()),
        ("Revision", node.revision.to_string()),
        ("Version", or_dash(node.version.as_deref().unwrap_or_default())),
        ("Proxy address", or_dash(&node.proxy_address)),
        ("Peer address", or_dash(&node.peer_address)),
        (if node.connected { "Connected" } else { "Left" }, or_dash(node.since.as_deref().unwrap_or_default())),
        ("Build", or_dash(&node.build)),
    ];
    facts.extend(node.violations.iter().map(|why| ("Refuses", why.clone())));
    facts
}
