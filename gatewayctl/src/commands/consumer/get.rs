//! `gatewayctl consumer get`.

use clap::Args;

use super::read;
use crate::{
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
        let consumer = Consumer::full(&read(&mut context.client, &self.name).await?);
        context.output.print(&consumer, |width| pairs(width, consumer.facts()))
    }
}
