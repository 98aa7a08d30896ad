//! `gatewayctl key revoke`.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;
use serde::Serialize;

use crate::{
    client::registry,
    commands::{Context, change::print_change, wait::wait_for_change},
    exit::Failure,
    output::{consumer::Key, text},
};

/// End a key
#[derive(Debug, Args)]
pub struct Revoke {
    /// Id of the key
    pub id: String,
    /// Return when no connected data plane takes the key any more, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

/// What it was, and since when it is no more.
#[derive(Debug, Serialize)]
struct Revoked {
    #[serde(flatten)]
    key: Key,
    revision: u64,
}

impl Revoke {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { id, wait } = self;
        let request = pb::RevokeKeyRequest { id };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).revoke_key(request.clone()).await).await?;
        let pb::RevokeKeyResponse { key, revision } = answer;
        let key = Key::from(&key.unwrap_or_default());
        let waited = wait_for_change(client, wait, revision, Vec::new()).await;
        let line = format!("key {} of consumer {} revoked (revision {revision})", key.id, key.consumer);
        print_change(&context.output, Revoked { key, revision }, "revoked", waited, &text::escape(&line))
    }
}
