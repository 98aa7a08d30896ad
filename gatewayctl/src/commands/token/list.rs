//! `gatewayctl token list`.

use gateway_proto::auth::v1::ListTokensRequest;

use super::Token;
use crate::{
    client::auth,
    commands::Context,
    exit::Failure,
    output::{table::grid, text},
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
    let or_dash = |text: Option<&String>| text.filter(|text| !text.is_empty()).cloned().unwrap_or_else(|| "-".into());
    let name = or_dash(Some(&text::escape(name)));
    [
        id.clone(),
        (*role).to_owned(),
        name,
        or_dash(created.as_ref()),
        or_dash(expires.as_ref()),
        or_dash(last_used.as_ref()),
    ]
}
