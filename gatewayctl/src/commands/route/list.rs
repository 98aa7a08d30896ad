//! `gatewayctl route list`.

use clap::Args;
use gateway_proto::registry::v1 as pb;

use crate::{
    client::{Client, registry},
    commands::{
        Context,
        listing::{PAGE, Page, pages},
    },
    exit::Failure,
    output::{
        note,
        route::Route,
        route_facts::{doing, matching},
        table::{grid, short_list},
    },
};

/// Show the routes, in the order of their names
#[derive(Debug, Args)]
pub struct List {
    /// Only routes of this very host, exact or wildcard as it is written
    #[arg(long, env = "GATEWAY_HOST", default_value = "", hide_default_value = true)]
    pub host: String,
    /// Only routes that lead to this service, or mirror to it
    #[arg(long, env = "GATEWAY_SERVICE", value_name = "NAME", default_value = "", hide_default_value = true)]
    pub service: String,
    /// Only routes whose name begins so
    #[arg(long, env = "GATEWAY_PREFIX", default_value = "", hide_default_value = true)]
    pub prefix: String,
}

impl List {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { host, service, prefix } = self;
        let filter = pb::RouteFilter { name_prefix: prefix, host, service };
        let filtered = filter != pb::RouteFilter::default();
        let routes = all(&mut context.client, filter).await?;
        if routes.is_empty() {
            note(if filtered { "no route meets the filter" } else { "there are no routes yet" });
        }
        let routes: Vec<Route> = routes.iter().map(Route::full).collect();
        context.output.print(&routes, |width| if routes.is_empty() { String::new() } else { table(width, &routes) })
    }
}

/// Reads every page.
async fn all(client: &mut Client, filter: pb::RouteFilter) -> Result<Vec<pb::Route>, Failure> {
    pages(async |page_token| {
        let request = pb::ListRoutesRequest { filter: Some(filter.clone()), page_size: PAGE, page_token };
        let page = client.call(async |channel| registry(channel).list_routes(request.clone()).await).await?;
        let pb::ListRoutesResponse { routes, next_page_token, revision: _ } = page;
        Ok(Page { items: routes, next: next_page_token })
    })
    .await
}

fn table(width: Option<u16>, routes: &[Route]) -> String {
    let row = |route: &Route| {
        let revision = route.revision.unwrap_or_default().to_string();
        [route.name.clone(), short_list(&route.hosts), matching(route), doing(route), revision]
    };
    grid(width, ["NAME", "HOSTS", "MATCH", "ACTION", "REVISION"], routes.iter().map(row))
}
