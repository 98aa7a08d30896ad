//! `gatewayctl explain`.

use clap::Args;
use gateway_proto::{admin::v1 as admin_pb, discovery::v1::ExplainQuery, registry::v1::HeaderField};

use super::Context;
use crate::{client::admin, exit::Failure, output::explained::Explained};

/// Say where a request would go, and why; the request is not made
#[derive(Debug, Args)]
#[command(after_help = "Example:
  gatewayctl explain GET http://shop.example.com/api/users/7 -H 'X-Beta: 1'")]
pub struct Explain {
    /// Method of the request, such as GET
    pub method: String,
    /// Its URL, with the host that routes are chosen by
    pub url: String,
    /// Header field of the request; repeatable
    #[arg(short = 'H', long, env = "GATEWAY_HEADER", value_name = "NAME: VALUE", value_parser = field)]
    pub header: Vec<HeaderField>,
    /// Data plane to ask [default: the first that is connected]
    #[arg(long, env = "GATEWAY_NODE", value_name = "ID", default_value = "", hide_default_value = true)]
    pub node: String,
}

impl Explain {
    /// Asks, and prints the answer; that the request would be refused is one, too.
    ///
    /// # Errors
    /// If there is nobody to ask, or no such request.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { method, url, header, node } = self;
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let query = ExplainQuery { method, url, headers: header };
        let request = admin_pb::ExplainRequest { node_id: node, query: Some(query.clone()) };
        let client = &mut context.client;
        let answer = client.call(async |channel| admin(channel).explain(request.clone()).await).await?;
        let explained = Explained::new(query, answer);
        context.output.print(&explained, |width| explained.screen(width))
    }
}

/// Reads `Name: value`.
fn field(text: &str) -> Result<HeaderField, String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok(HeaderField { name: name.trim().to_owned(), value: value.trim().to_owned() })
        }
        Some(_) | None => Err("write 'Name: value'".into()),
    }
}
