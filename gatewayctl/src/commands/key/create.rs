//! `gatewayctl key create`.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;
use serde::Serialize;

use crate::{
    cli::lifetime,
    client::registry,
    commands::{Context, wait::wait_for_change},
    exit::Failure,
    output::{consumer::Key, note, text},
};

/// Make a key of a consumer, and print it this once; nothing can show it again
#[derive(Debug, Args)]
pub struct Create {
    /// Name of the consumer; he may have 16 keys
    pub consumer: String,
    /// How long it is valid, such as 30d, 1m to 10y [default: until it is revoked]
    #[arg(long, env = "GATEWAY_EXPIRES", value_name = "DURATION", value_parser = lifetime)]
    pub expires: Option<prost_types::Duration>,
    /// Return when every connected data plane knows the key, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

/// What was made, as it is printed. It has no `Debug`.
#[derive(Serialize)]
struct Created {
    id: String,
    consumer: String,
    /// All of it.
    key: String,
    expires: Option<String>,
}

impl Create {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { consumer, expires, wait } = self;
        let request = pb::CreateKeyRequest { consumer, lifetime: expires };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).create_key(request.clone()).await).await?;
        let pb::CreateKeyResponse { key, secret, revision } = answer;
        let Key { id, consumer, created: _, expires } = Key::from(&key.unwrap_or_default());
        let created = Created { id, consumer, key: secret, expires };
        // In every form: whatever becomes of standard output, with its id it can be revoked.
        let until = created.expires.as_deref().unwrap_or("it is revoked");
        let of = text::escape(&created.consumer);
        note(&format!("key {} of consumer {of}, valid until {until}; it is not shown again", created.id));
        // At once: whatever becomes of the wait, this is the only place where it is shown.
        context.output.print(&created, |_| created.key.clone())?;
        let Some(served) = wait_for_change(client, wait, revision, Vec::new()).await? else { return Ok(()) };
        note(&served.line());
        served.verdict()
    }
}
