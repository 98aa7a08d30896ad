//! `gatewayctl token`.

mod create;
mod list;
mod revoke;

use clap::Subcommand;
use gateway_proto::auth::v1 as pb;
use serde::Serialize;

use super::Context;
use crate::{exit::Failure, output::text};

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token, and print it this once
    ///
    /// `(umask 077; gatewayctl token create --role viewer > FILE)` keeps it from other users: --token-file takes no file
    /// that they may read.
    Create(create::Create),
    /// Show the tokens, but never what they are
    List,
    /// End a token, and whatever is connected with it
    Revoke(revoke::Revoke),
}

impl Command {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it did not do its work.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(context).await,
            Self::List => list::run(context).await,
            Self::Revoke(verb) => verb.run(context).await,
        }
    }
}

/// A token, without what is secret of it, as it is printed.
#[derive(Debug, Serialize)]
struct Token {
    id: String,
    name: String,
    role: &'static str,
    created: Option<String>,
    /// Null where it does not end by itself.
    expires: Option<String>,
    /// To within an hour; null where it never was.
    last_used: Option<String>,
}

impl From<pb::Token> for Token {
    fn from(wire: pb::Token) -> Self {
        let role = role_name(wire.role());
        let pb::Token { id, name, role: _, created_at, expires_at, last_used_at } = wire;
        let time = |time: Option<prost_types::Timestamp>| time.as_ref().map(text::timestamp);
        let (created, expires, last_used) = (time(created_at), time(expires_at), time(last_used_at));
        Self { id, name, role, created, expires, last_used }
    }
}

/// The word for a role.
fn role_name(role: pb::Role) -> &'static str {
    match role {
        pb::Role::Unspecified => "unknown",
        pb::Role::Viewer => "viewer",
        pb::Role::Operator => "operator",
        pb::Role::Admin => "admin",
        pb::Role::DataPlane => "data-plane",
    }
}
