//! `gatewayctl token revoke`.

use clap::Args;
use gateway_proto::auth::v1 as pb;

use super::Token;
use crate::{client::auth, commands::Context, exit::Failure};

/// End a token, and whatever is connected with it
#[derive(Debug, Args)]
pub struct Revoke {
    /// Id of the token
    pub id: String,
}

impl Revoke {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let request = pb::RevokeTokenRequest { id: self.id };
        let answer = context.client.call(async |channel| auth(channel).revoke_token(request.clone()).await).await?;
        let token = Token::from(answer.token.unwrap_or_default());
        context.output.print(&token, |_| format!("token {} revoked", token.id))
    }
}
