//! `gatewayctl token create`.

use clap::{Args, ValueEnum};
use gateway_proto::auth::v1 as pb;
use serde::Serialize;

use super::Token;
use crate::{cli::lifetime, client::auth, commands::Context, exit::Failure, output::note};

/// Make a token, and print it this once; nothing can show it again
#[derive(Debug, Args)]
pub struct Create {
    /// What its holder may do
    #[arg(long, env = "GATEWAY_ROLE", value_enum)]
    pub role: Role,
    /// How long it is valid, such as 30d, 1m to 10y [default: until it is revoked]
    #[arg(long, env = "GATEWAY_EXPIRES", value_name = "DURATION", value_parser = lifetime)]
    pub expires: Option<prost_types::Duration>,
    /// Whose it is, for people: shown in lists and in the audit
    #[arg(long, env = "GATEWAY_NAME", value_name = "TEXT", default_value = "")]
    pub name: String,
}

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Read everything but tokens, keys and passwords.
    Viewer,
    /// What a viewer may, and change services, routes and consumers.
    Operator,
    /// What an operator may, and make and revoke tokens.
    Admin,
    /// Be a data plane, and nothing else.
    DataPlane,
}

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
            Role::Admin => Self::Admin,
            Role::DataPlane => Self::DataPlane,
        }
    }
}

/// What was made, as it is printed. It has no `Debug`.
#[derive(Serialize)]
struct Created {
    id: String,
    name: String,
    role: &'static str,
    /// All of it.
    token: String,
    expires: Option<String>,
}

impl Create {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { role, expires, name } = self;
        let request = pb::CreateTokenRequest { role: pb::Role::from(role).into(), name, lifetime: expires };
        let answer = context.client.call(async |channel| auth(channel).create_token(request.clone()).await).await?;
        let pb::CreateTokenResponse { token, secret } = answer;
        let Token { id, name, role, created: _, expires, last_used: _ } = token.unwrap_or_default().into();
        let created = Created { id, name, role, token: secret, expires };
        // In every form: whatever becomes of standard output, with its id it can be revoked.
        let until = created.expires.as_deref().unwrap_or("it is revoked");
        note(&format!("token {} of the role {role}, valid until {until}; it is not shown again", created.id));
        context.output.print(&created, |_| created.token.clone())
    }
}
