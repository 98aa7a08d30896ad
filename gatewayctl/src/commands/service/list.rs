//! `gatewayctl service list`.

use std::collections::HashMap;

use clap::Args;
use gateway_proto::{admin::v1::ListEndpointsRequest, registry::v1 as pb};

use crate::{
    client::{Client, admin, registry},
    commands::{
        Context,
        listing::{PAGE, Page, pages},
    },
    exit::Failure,
    output::{
        note,
        observed::health_by_address,
        service::Service,
        table::{grid, short_list},
    },
};

/// Show the services, in the order of their names
#[derive(Debug, Args)]
pub struct List {
    /// Only services with this tag
    #[arg(long, env = "GATEWAY_TAG", default_value = "", hide_default_value = true)]
    pub tag: String,
    /// Only the service that a request with this Host would reach
    #[arg(long, env = "GATEWAY_HOST", default_value = "", hide_default_value = true)]
    pub host: String,
    /// Only services whose name begins so
    #[arg(long, env = "GATEWAY_PREFIX", default_value = "", hide_default_value = true)]
    pub prefix: String,
}

impl List {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { tag, host, prefix } = self;
        let filter = pb::ServiceFilter { name_prefix: prefix, tag, host };
        let filtered = filter != pb::ServiceFilter::default();
        let services = all(&mut context.client, filter).await?;
        if services.is_empty() {
            note(if filtered { "no service meets the filter" } else { "there are no services yet" });
        }
        let services = with_health(&mut context.client, &services).await?;
        context
            .output
            .print(&services, |width| if services.is_empty() { String::new() } else { table(width, &services) })
    }
}

/// Reads every page.
pub(crate) async fn all(client: &mut Client, filter: pb::ServiceFilter) -> Result<Vec<pb::Service>, Failure> {
    pages(async |page_token| {
        let request = pb::ListServicesRequest { filter: Some(filter.clone()), page_size: PAGE, page_token };
        let page = client.call(async |channel| registry(channel).list_services(request.clone()).await).await?;
        let pb::ListServicesResponse { services, next_page_token, revision: _ } = page;
        Ok(Page { items: services, next: next_page_token })
    })
    .await
}

async fn with_health(client: &mut Client, services: &[pb::Service]) -> Result<Vec<Service>, Failure> {
    if services.is_empty() {
        return Ok(Vec::new());
    }
    let request = ListEndpointsRequest::default();
    let mut statuses =
        client.call(async |channel| admin(channel).list_endpoints(request.clone()).await).await?.endpoints;
    statuses.sort_by(|a, b| a.service.cmp(&b.service));
    let groups = statuses.chunk_by(|a, b| a.service == b.service);
    let groups: HashMap<_, _> = groups.map(|group| (&*group[0].service, group)).collect();
    let full = |service: &pb::Service| {
        let health = health_by_address(groups.get(&*service.name).copied().unwrap_or_default());
        Service::full(service, Some(&health))
    };
    Ok(services.iter().map(full).collect())
}

fn table(width: Option<u16>, services: &[Service]) -> String {
    let row = |service: &Service| {
        let healthy = service.endpoints.iter().filter(|endpoint| endpoint.health == Some("healthy")).count();
        [
            service.name.clone(),
            short_list(&service.hosts),
            format!("{healthy}/{}", service.endpoints.len()),
            short_list(service.tags.as_deref().unwrap_or_default()),
            service.revision.unwrap_or_default().to_string(),
        ]
    };
    grid(width, ["NAME", "HOSTS", "HEALTHY", "TAGS", "REVISION"], services.iter().map(row))
}
