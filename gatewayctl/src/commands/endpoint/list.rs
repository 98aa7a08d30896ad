//! `gatewayctl endpoint list`.

use clap::{Args, builder::NonEmptyStringValueParser};

use super::statuses;
use crate::{
    commands::Context,
    exit::Failure,
    output::{
        note,
        observed::{Endpoint, endpoint_table},
    },
};

/// Show the endpoints of a service, every address with its health
#[derive(Debug, Args)]
pub struct List {
    /// Name of the service
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub name: String,
}

impl List {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let statuses = statuses(&mut context.client, &self.name).await?;
        let endpoints: Vec<Endpoint> = statuses.iter().map(Endpoint::from).collect();
        if endpoints.is_empty() {
            note("the service has no endpoints; `gatewayctl endpoint add` adds one");
        }
        context.output.print(&endpoints, |width| match &*endpoints {
            [] => String::new(),
            some => endpoint_table(width, some),
        })
    }
}
