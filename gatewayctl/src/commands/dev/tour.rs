//! What is registered for the tour: a service, and a route to it.

use gateway_proto::registry::v1::{self as pb, path_match, rewrite, route::Action};

use crate::{
    client::{Client, registry},
    commands::wait::{Served, wait},
    exit::Failure,
};

/// The sample service and the host it answers for, which `curl` and browsers take for this machine.
pub(super) const SERVICE: &str = "hello";
pub(super) const HOST: &str = "hello.localhost";
/// What the sample route matches, and takes away.
pub(super) const PATH: &str = "/v1";
const ROUTE: &str = "hello-v1";

/// Registers both, and returns who serves them.
///
/// # Errors
/// Why it was refused, or that there is nobody to ask.
pub(super) async fn register(client: &mut Client, samples: &[String]) -> Result<Served, Failure> {
    let request = pb::RegisterServiceRequest { service: Some(service(samples)) };
    client.call(async |channel| registry(channel).register_service(request.clone()).await).await?;
    let request = pb::CreateRouteRequest { route: Some(route()) };
    let answer = client.call(async |channel| registry(channel).create_route(request.clone()).await).await?;
    wait(client, answer.route.unwrap_or_default().revision, vec![SERVICE.to_owned()]).await
}

fn service(samples: &[String]) -> pb::Service {
    let endpoint = |address: &String| pb::Endpoint { address: address.clone(), weight: 0 };
    pb::Service {
        name: SERVICE.to_owned(),
        title: "Sample service".to_owned(),
        hosts: vec![HOST.to_owned()],
        endpoints: samples.iter().map(endpoint).collect(),
        ..pb::Service::default()
    }
}

fn route() -> pb::Route {
    let path = path_match::Kind::Prefix(PATH.to_owned());
    let rewrite = rewrite::PathRewrite::Prefix("/".to_owned());
    pb::Route {
        name: ROUTE.to_owned(),
        title: "Sample route".to_owned(),
        hosts: vec![HOST.to_owned()],
        r#match: Some(pb::RouteMatch { path: Some(pb::PathMatch { kind: Some(path) }), ..pb::RouteMatch::default() }),
        action: Some(Action::Forward(pb::Forward {
            services: vec![pb::WeightedService { name: SERVICE.to_owned(), weight: None }],
            rewrite: Some(pb::Rewrite { path_rewrite: Some(rewrite), ..pb::Rewrite::default() }),
            ..pb::Forward::default()
        })),
        ..pb::Route::default()
    }
}
