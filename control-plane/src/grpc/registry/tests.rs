mod consumers;
mod routes;

use std::sync::Arc;

use gateway_proto::{code::Reason, registry::v1::registry_service_client::RegistryServiceClient};
use jiff::Timestamp;
use prost::Message;
use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::{health::HealthView, store::memory::MemoryStore};

fn rpc() -> RegistryRpc {
    let store = Arc::new(MemoryStore::new("cluster").unwrap());
    let registry = Registry::open(store, Arc::new(|| Timestamp::UNIX_EPOCH)).unwrap();
    let (_, health) = watch::channel(HealthView::new());
    RegistryRpc { registry, health, stop: CancellationToken::new() }
}

fn service(name: &str, host: &str) -> pb::Service {
    let endpoints = vec![pb::Endpoint { address: "127.0.0.1:3001".into(), weight: 0 }];
    pb::Service { name: name.into(), hosts: vec![host.into()], endpoints, ..pb::Service::default() }
}

#[tokio::test]
async fn large_requests_are_taken_for_a_change_of_many_and_for_nothing_else() {
    let mut client = RegistryServiceClient::new(RegistryServer::new(rpc()));
    let respond = pb::Respond { status: 200, body: "x".repeat(64 * 1024), content_type: String::new() };
    let route = |at| pb::Route {
        name: format!("r{at}"),
        hosts: vec![format!("h{at}.test")],
        action: Some(pb::route::Action::Respond(respond.clone())),
        ..pb::Route::default()
    };
    let request = pb::ApplyRequest { routes: (0..300).map(route).collect(), ..pb::ApplyRequest::default() };
    assert!(request.encoded_len() > 18 * 1024 * 1024);
    let applied = client.apply(request).await.unwrap().into_inner();
    assert_eq!((applied.route_changes.len(), applied.revision), (300, 1));
    let request = pb::GetServiceRequest { name: "x".repeat(17 * 1024 * 1024) };
    let refused = client.get_service(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
}

async fn create(rpc: &RegistryRpc, wire: pb::Service) -> Result<pb::Service, Status> {
    let request = Request::new(pb::CreateServiceRequest { service: Some(wire) });
    rpc.create_service(request).await.map(|response| response.into_inner().service.unwrap())
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_error_details().error_info().unwrap().reason.clone())
}

#[tokio::test]
async fn a_service_is_created_read_changed_listed_and_deleted() {
    let rpc = rpc();
    let created = create(&rpc, service("mail", "mail.test")).await.unwrap();
    assert_eq!((created.revision, created.endpoints[0].weight), (1, 1));
    assert!(created.health_check.is_some() && created.timeouts.is_some() && created.created_at.is_some());

    let request = pb::AddEndpointsRequest {
        name: "mail".into(),
        endpoints: vec![pb::Endpoint { address: "[::1]:80".into(), weight: 7 }],
    };
    let added = rpc.add_endpoints(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(added.change(), pb::ChangeKind::Updated);
    let request = pb::RemoveEndpointsRequest { name: "mail".into(), addresses: vec!["127.0.0.1:3001".into()] };
    let removed = rpc.remove_endpoints(Request::new(request)).await.unwrap().into_inner().service.unwrap();
    assert_eq!(removed.endpoints, [pb::Endpoint { address: "[::1]:80".into(), weight: 7 }]);

    let request = pb::UpdateServiceRequest { service: Some(service("mail", "post.test")), expected_revision: Some(3) };
    let updated = rpc.update_service(Request::new(request)).await.unwrap().into_inner();
    assert_eq!((updated.change(), updated.service.unwrap().revision), (pb::ChangeKind::Updated, 4));
    let request = pb::RegisterServiceRequest { service: Some(service("mail", "post.test")) };
    let registered = rpc.register_service(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(registered.change(), pb::ChangeKind::Unchanged);

    let filter = pb::ServiceFilter { host: "post.test".into(), ..pb::ServiceFilter::default() };
    let request = pb::ListServicesRequest { filter: Some(filter), ..pb::ListServicesRequest::default() };
    let listed = rpc.list_services(Request::new(request)).await.unwrap().into_inner();
    let request = pb::GetServiceRequest { name: "mail".into() };
    let read = rpc.get_service(Request::new(request)).await.unwrap().into_inner().service.unwrap();
    assert_eq!((listed.services, listed.revision), (vec![read], 4));

    let request = pb::DeleteServiceRequest { name: "mail".into(), expected_revision: Some(4) };
    assert_eq!(rpc.delete_service(Request::new(request)).await.unwrap().into_inner().revision, 5);
    let request = pb::GetServiceRequest { name: "mail".into() };
    let missing = rpc.get_service(Request::new(request)).await.unwrap_err();
    assert_eq!(reason(&missing), (Code::NotFound, Reason::ServiceNotFound.to_string()));
}

#[tokio::test]
async fn refusals_have_their_codes_and_details() {
    let rpc = rpc();
    create(&rpc, service("mail", "mail.test")).await.unwrap();
    let exists = create(&rpc, service("mail", "other.test")).await.unwrap_err();
    assert_eq!(reason(&exists), (Code::AlreadyExists, Reason::ServiceExists.to_string()));

    let taken = create(&rpc, service("web", "MAIL.test")).await.unwrap_err();
    assert_eq!(reason(&taken), (Code::AlreadyExists, Reason::HostTaken.to_string()));
    let details = taken.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!((metadata["host"].as_str(), metadata["owner"].as_str()), ("mail.test", "mail"));
    assert!(taken.message().contains("\"mail\" has it"), "{}", taken.message());

    let request = pb::UpdateServiceRequest { service: Some(service("mail", "a.test")), expected_revision: Some(9) };
    let stale = rpc.update_service(Request::new(request)).await.unwrap_err();
    assert_eq!(reason(&stale), (Code::Aborted, Reason::StaleRevision.to_string()));

    let request = pb::RemoveEndpointsRequest { name: "mail".into(), addresses: vec!["10.0.0.1:1".into()] };
    let missing = rpc.remove_endpoints(Request::new(request)).await.unwrap_err();
    assert_eq!(reason(&missing), (Code::NotFound, Reason::EndpointNotFound.to_string()));

    let invalid = create(&rpc, service("Mail", "a b")).await.unwrap_err();
    assert_eq!(reason(&invalid), (Code::InvalidArgument, Reason::Invalid.to_string()));
    let details = invalid.get_error_details();
    let fields: Vec<&str> =
        details.bad_request().unwrap().field_violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["service.name", "service.hosts[0]"]);
}

#[tokio::test]
async fn an_apply_is_one_change_and_a_dry_run_none() {
    let rpc = rpc();
    create(&rpc, service("mail", "mail.test")).await.unwrap();
    let services = vec![service("web", "mail.test"), service("mail", "post.test")];
    for (dry_run, revision) in [(true, 1), (false, 2)] {
        let request =
            pb::ApplyRequest { services: services.clone(), dry_run, routes: vec![], ..pb::ApplyRequest::default() };
        let applied = rpc.apply(Request::new(request)).await.unwrap().into_inner();
        let changes: Vec<_> = applied.changes.iter().map(|change| (change.name.as_str(), change.change())).collect();
        assert_eq!(changes, [("web", pb::ChangeKind::Created), ("mail", pb::ChangeKind::Updated)]);
        assert_eq!(applied.revision, revision);
    }
    let refused = vec![service("a", "a.test"), service("b", "mail.test")];
    let request = pb::ApplyRequest { services: refused, dry_run: false, routes: vec![], ..pb::ApplyRequest::default() };
    let taken = rpc.apply(Request::new(request)).await.unwrap_err();
    assert_eq!(reason(&taken), (Code::AlreadyExists, Reason::HostTaken.to_string()));
    assert_eq!(rpc.registry.desired().borrow().services.len(), 2);
}

#[tokio::test]
async fn a_purge_is_answered_as_it_is_stored_and_is_no_service_or_route() {
    use pb::cache_purge::What;
    let rpc = rpc();
    create(&rpc, service("mail", "mail.test")).await.unwrap();
    let purge = async |what| {
        let purge = Some(pb::CachePurge { what, soft: true, ..pb::CachePurge::default() });
        let answer = rpc.purge_cache(Request::new(pb::PurgeCacheRequest { purge })).await;
        answer.map(|answer| answer.into_inner().purge.unwrap())
    };
    let purged = purge(Some(What::Url("HTTP://Mail.test:80".into()))).await.unwrap();
    assert_eq!((purged.revision, purged.soft, purged.created_at.is_some()), (2, true, true));
    assert_eq!(purged.what, Some(What::Url("http://mail.test/".into())));
    assert_eq!(rpc.registry.desired().borrow().revision, Revision(2));
    let listed = rpc.list_services(Request::new(pb::ListServicesRequest::default())).await.unwrap().into_inner();
    assert_eq!((listed.services.len(), listed.revision), (1, 2));
    let refused = purge(Some(What::Host("*.test".into()))).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::InvalidArgument, Reason::Invalid.to_string()));
    assert_eq!(rpc.registry.desired().borrow().revision, Revision(2));
}
