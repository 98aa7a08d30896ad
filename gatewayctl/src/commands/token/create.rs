//! `gatewayctl token create`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use gateway_proto::auth::v1 as pb;
use serde::Serialize;

use super::Token;
use crate::{
    cli::lifetime,
    client::auth,
    commands::Context,
    exit::{Exit, Failure},
    output::{Format, note},
};

/// Make a token, and print it this once; nothing can show it again
#[derive(Debug, Args)]
pub struct Create {
    /// What its holder may do
    #[arg(long, env = "GATEWAY_ROLE", value_enum)]
    pub role: Role,
    /// How long it is valid, such as 30d, 1m to 10y [default: until it is revoked]
    #[arg(long, env = "GATEWAY_EXPIRES", value_name = "DURATION", value_parser = lifetime)]
    pub expires: Option<Duration>,
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

/// What was made, as it is printed.
#[derive(Debug, Serialize)]
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
        let lifetime = expires.map(prost_types::Duration::try_from).transpose();
        let lifetime = lifetime.map_err(|_| Failure::new(Exit::Usage, "--expires is too long; write at most 10y"))?;
        let request = pb::CreateTokenRequest { role: pb::Role::from(role).into(), name, lifetime };
        let answer = context.client.call(async |channel| auth(channel).create_token(request.clone()).await).await?;
        let pb::CreateTokenResponse { token, secret } = answer;
        let Token { id, name, role, created: _, expires, last_used: _ } = token.unwrap_or_default().into();
        let created = Created { id, name, role, token: secret, expires };
        if context.output.format == Format::Table {
            let until = created.expires.as_deref().map_or_else(|| "it is revoked".to_owned(), str::to_owned);
            note(&format!("token {} of the role {role}, valid until {until}; it is not shown again", created.id));
        }
        context.output.print(&created, |_| created.token.clone())
    }
}
