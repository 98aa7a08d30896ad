//! `gatewayctl route get`.

use clap::Args;

use super::read;
use crate::{
    commands::Context,
    exit::Failure,
    output::{route::Route, route_facts, table::pairs},
};

/// Show one route
#[derive(Debug, Args)]
pub struct Get {
    /// Name of the route
    pub name: String,
}

impl Get {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let route = Route::full(&read(&mut context.client, &self.name).await?);
        context.output.print(&route, |width| pairs(width, route_facts::facts(&route)))
    }
}
