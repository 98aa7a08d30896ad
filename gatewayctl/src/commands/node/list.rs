//! `gatewayctl node list`.

use super::nodes;
use crate::{
    commands::Context,
    exit::Failure,
    output::{note, observed::node_table},
};

pub(super) async fn run(mut context: Context) -> Result<(), Failure> {
    let nodes = nodes(&mut context.client).await?;
    if nodes.is_empty() {
        note("no data plane has been connected; start one with `data-plane`");
    }
    context.output.print(&nodes, |width| if nodes.is_empty() { String::new() } else { node_table(width, &nodes) })
}
