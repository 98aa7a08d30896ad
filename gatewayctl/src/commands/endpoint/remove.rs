//! `gatewayctl endpoint remove`.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;

use crate::{
    client::registry,
    commands::{Context, change::print_change, wait::wait_for_change},
    exit::Failure,
    output::{service::Service, text},
};

/// Take endpoints from a service; none is taken if one of them is not there
#[derive(Debug, Args)]
pub struct Remove {
    /// Name of the service
    pub name: String,
    /// Address of an endpoint, as it was registered
    #[arg(required = true, value_name = "HOST:PORT")]
    pub addresses: Vec<String>,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

impl Remove {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, addresses, wait } = self;
        let given = addresses.len();
        let request = pb::RemoveEndpointsRequest { name, addresses };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).remove_endpoints(request.clone()).await).await?;
        let service = answer.service.unwrap_or_default();
        // The verdicts on the endpoints that stay are no part of this change.
        let waited = wait_for_change(client, wait, service.revision, Vec::new()).await;
        let line = format!(
            "service {}: {} removed, {} left (revision {})",
            service.name,
            text::count(given, "endpoint"),
            service.endpoints.len(),
            service.revision
        );
        print_change(&context.output, Service::full(&service, None), "updated", waited, &line)
    }
}
