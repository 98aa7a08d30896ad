//! `gatewayctl consumer get`.

use clap::Args;
use gateway_proto::registry::v1 as pb;

use crate::{
    client::registry,
    commands::Context,
    exit::Failure,
    output::{consumer::Consumer, table::pairs},
};

/// Show one consumer and his keys, but never what they are
#[derive(Debug, Args)]
pub struct Get {
    /// Name of the consumer
    pub name: String,
}

impl Get {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let request = pb::GetConsumerRequest { name: self.name };
        let answer = context.client.call(async |channel| registry(channel).get_consumer(request.clone()).await).await?;
        let consumer = Consumer::full(&answer.consumer.unwrap_or_default());
        context.output.print(&consumer, |width| pairs(width, consumer.facts()))
    }
}
