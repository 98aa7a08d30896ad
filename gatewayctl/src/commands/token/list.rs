//! `gatewayctl token list`.

use gateway_proto::auth::v1::ListTokensRequest;

use super::Token;
use crate::{
    client::auth,
    commands::Context,
    exit::Failure,
    output::{observed::seconds, table::grid, text},
};

pub(super) async fn run(mut context: Context) -> Result<(), Failure> {
    let answer = context.client.call(async |channel| auth(channel).list_tokens(ListTokensRequest {}).await).await?;
    let tokens: Vec<Token> = answer.tokens.into_iter().map(Token::from).collect();
    context.output.print(&tokens, |width| {
        grid(width, ["ID", "ROLE", "NAME", "CREATED", "EXPIRES", "LAST USED"], tokens.iter().map(row))
    })
}

fn row(token: &Token) -> [String; 6] {
    let Token { id, name, role, created, expires, last_used } = token;
    let name = if name.is_empty() { "-".to_owned() } else { text::escape(name) };
    let [created, expires, last_used] = [created, expires, last_used].map(|time| seconds(time.as_deref()));
    [id.clone(), (*role).to_owned(), name, created, expires, last_used]
}
