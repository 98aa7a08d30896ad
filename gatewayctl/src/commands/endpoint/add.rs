//! `gatewayctl endpoint add`.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;

use super::endpoint;
use crate::{
    client::registry,
    commands::{
        Context,
        change::{change_name, print_change},
        wait::wait_for_change,
    },
    exit::Failure,
    output::{service::Service, text},
};

/// Add endpoints to a service, or change the weight of those that it has
#[derive(Debug, Args)]
pub struct Add {
    /// Name of the service
    pub name: String,
    /// Upstream server; its weight, 1 to 1000, is its share relative to the others
    #[arg(required = true, value_name = "HOST:PORT[,weight=N]", value_parser = endpoint)]
    pub endpoints: Vec<pb::Endpoint>,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

impl Add {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, endpoints, wait } = self;
        let given = endpoints.len();
        let request = pb::AddEndpointsRequest { name, endpoints };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).add_endpoints(request.clone()).await).await?;
        let change = answer.change();
        let service = answer.service.unwrap_or_default();
        let waited = wait_for_change(client, wait, service.revision, vec![service.name.clone()]).await;
        let line = match change {
            pb::ChangeKind::Created | pb::ChangeKind::Updated => format!(
                "service {}: {} given, {} in all (revision {})",
                service.name,
                text::count(given, "endpoint"),
                service.endpoints.len(),
                service.revision
            ),
            pb::ChangeKind::Unspecified | pb::ChangeKind::Unchanged => {
                format!("service {} unchanged (revision {})", service.name, service.revision)
            }
        };
        print_change(&context.output, Service::full(&service, None), change_name(change), waited, &line)
    }
}
