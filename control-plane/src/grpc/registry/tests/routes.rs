//! Routes.

use super::*;
use crate::registry::sample;

fn route(name: &str, prefix: &str, service: &str) -> pb::Route {
    (&sample::route(name, &["x.test"], prefix, service)).into()
}

async fn create_route(rpc: &RegistryRpc, wire: pb::Route) -> Result<pb::Route, Status> {
    let request = Request::new(pb::CreateRouteRequest { route: Some(wire) });
    rpc.create_route(request).await.map(|response| response.into_inner().route.unwrap())
}

async fn apply(
    rpc: &RegistryRpc,
    services: Vec<pb::Service>,
    routes: Vec<pb::Route>,
) -> Result<pb::ApplyResponse, Status> {
    let request = Request::new(pb::ApplyRequest { services, dry_run: false, routes, ..pb::ApplyRequest::default() });
    rpc.apply(request).await.map(Response::into_inner)
}

async fn with_service() -> RegistryRpc {
    let rpc = rpc();
    create(&rpc, service("shop", "shop.test")).await.unwrap();
    rpc
}

/// What is wrong, by field.
fn fields(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let wrong = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    wrong.into_iter().map(|violation| (violation.field, violation.description)).collect()
}

#[tokio::test]
async fn a_route_is_created_read_changed_listed_and_deleted() {
    let rpc = with_service().await;
    let created = create_route(&rpc, route("canary", "/a", "shop")).await.unwrap();
    assert!(created.revision == 2 && created.created_at.is_some() && created.action.is_some());
    let request = pb::GetRouteRequest { name: "canary".into() };
    let read = rpc.get_route(Request::new(request.clone())).await.unwrap().into_inner().route;
    assert_eq!(read, Some(created));

    let titled = pb::Route { title: "Canary".into(), ..route("canary", "/b", "shop") };
    for (expected, change) in [(Some(2), pb::ChangeKind::Updated), (None, pb::ChangeKind::Unchanged)] {
        let request = pb::UpdateRouteRequest { route: Some(titled.clone()), expected_revision: expected };
        let updated = rpc.update_route(Request::new(request)).await.unwrap().into_inner();
        let route = updated.route.as_ref().unwrap();
        assert_eq!((updated.change(), route.revision, route.title.as_str()), (change, 3, "Canary"));
    }
    create_route(&rpc, route("other", "/c", "shop")).await.unwrap();
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListRoutesRequest { filter: None, page_size: 1, page_token };
        let page = rpc.list_routes(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(page.revision, 4);
        names.extend(page.routes.into_iter().map(|route| route.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["canary", "other"]);
    let filter = pb::RouteFilter { name_prefix: "c".into(), host: "X.test".into(), service: "shop".into() };
    let list = pb::ListRoutesRequest { filter: Some(filter), ..pb::ListRoutesRequest::default() };
    assert_eq!(rpc.list_routes(Request::new(list)).await.unwrap().into_inner().routes[0].title, "Canary");

    let delete = pb::DeleteRouteRequest { name: "canary".into(), expected_revision: Some(3) };
    assert_eq!(rpc.delete_route(Request::new(delete)).await.unwrap().into_inner().revision, 5);
    let missing = rpc.get_route(Request::new(request)).await.unwrap_err();
    assert_eq!(reason(&missing), (Code::NotFound, Reason::RouteNotFound.to_string()));
    assert_eq!(missing.get_error_details().error_info().unwrap().metadata["route"], "canary");
}

#[tokio::test]
async fn refusals_of_routes_have_their_codes_and_details() {
    let rpc = with_service().await;
    create_route(&rpc, route("canary", "/a", "shop")).await.unwrap();
    let exists = create_route(&rpc, route("canary", "/b", "shop")).await.unwrap_err();
    assert_eq!(reason(&exists), (Code::AlreadyExists, Reason::RouteExists.to_string()));

    let conflict = create_route(&rpc, route("rival", "/a", "shop")).await.unwrap_err();
    assert_eq!(reason(&conflict), (Code::AlreadyExists, Reason::RouteConflict.to_string()));
    let sentence = "route \"rival\" matches the same requests of host \"x.test\" as route \"canary\"";
    assert_eq!(conflict.message(), format!("{sentence}; change what one of them matches, or its priority"));
    assert_eq!(fields(&conflict), [("route.hosts[0]".to_owned(), sentence.to_owned())]);
    let details = conflict.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    let named = ["route", "other", "host", "violations"].map(|key| metadata[key].as_str());
    assert_eq!(named, ["rival", "canary", "x.test", "1"]);

    let lost = create_route(&rpc, route("lost", "/b", "nowhere")).await.unwrap_err();
    assert_eq!(reason(&lost), (Code::FailedPrecondition, Reason::ServiceMissing.to_string()));
    let sentence = "route \"lost\" leads to service \"nowhere\", which there is not";
    assert_eq!(fields(&lost), [("route.forward.services[0].name".to_owned(), sentence.to_owned())]);
    assert_eq!(lost.get_error_details().error_info().unwrap().metadata["service"], "nowhere");

    let delete = pb::DeleteServiceRequest { name: "shop".into(), expected_revision: None };
    let used = rpc.delete_service(Request::new(delete)).await.unwrap_err();
    assert_eq!(reason(&used), (Code::FailedPrecondition, Reason::ServiceInUse.to_string()));
    assert!(used.message().contains("these routes lead to it: canary; delete or change them first"), "{used}");
    assert_eq!(used.get_error_details().error_info().unwrap().metadata["routes"], "canary");

    let request = pb::UpdateRouteRequest { route: Some(route("canary", "/b", "shop")), expected_revision: Some(9) };
    let stale = rpc.update_route(Request::new(request)).await.unwrap_err();
    assert_eq!(reason(&stale), (Code::Aborted, Reason::StaleRevision.to_string()));
    assert!(stale.message().starts_with("route \"canary\" is at revision 2 and not at 9"), "{stale}");
    assert_eq!(stale.get_error_details().error_info().unwrap().metadata["route"], "canary");

    let invalid = create_route(&rpc, pb::Route { hosts: vec!["a b".into()], ..route("C", "/", "shop") }).await;
    let invalid = invalid.unwrap_err();
    assert_eq!(reason(&invalid), (Code::InvalidArgument, Reason::Invalid.to_string()));
    let wrong: Vec<String> = fields(&invalid).into_iter().map(|(field, _)| field).collect();
    assert_eq!(wrong, ["route.name", "route.hosts[0]"]);
}

#[tokio::test]
async fn services_and_routes_are_applied_as_one_change() {
    let rpc = with_service().await;
    let services = vec![service("new", "new.test")];
    let routes = vec![route("canary", "/a", "shop"), route("fresh", "/b", "new")];
    let request = pb::ApplyRequest {
        services: services.clone(),
        dry_run: true,
        routes: routes.clone(),
        ..pb::ApplyRequest::default()
    };
    let preview = rpc.apply(Request::new(request)).await.unwrap().into_inner();
    let applied = apply(&rpc, services.clone(), routes.clone()).await.unwrap();
    for (response, revision) in [(preview, 1), (applied, 2)] {
        assert_eq!((response.changes[0].name.as_str(), response.revision), ("new", revision));
        let changes: Vec<_> = response.route_changes.iter().map(|change| (&*change.name, change.change())).collect();
        assert_eq!(changes, [("canary", pb::ChangeKind::Created), ("fresh", pb::ChangeKind::Created)]);
    }
    let again = apply(&rpc, vec![], routes.clone()).await.unwrap();
    assert_eq!((again.route_changes[0].change(), again.revision), (pb::ChangeKind::Unchanged, 2));

    // All of it or nothing, and each refusal says where.
    let more = vec![service("more", "more.test")];
    let refused = apply(&rpc, more.clone(), vec![routes[0].clone(), route("lost", "/c", "nowhere")]).await.unwrap_err();
    assert_eq!(fields(&refused)[0].0, "routes[1].forward.services[0].name");
    let refused = apply(&rpc, more, vec![route("one", "/c", "more"), route("two", "/c", "shop")]).await.unwrap_err();
    assert_eq!(fields(&refused)[0].0, "routes[1].hosts[0]");
    assert!(refused.message().contains("\"one\"") && refused.message().contains("\"two\""), "{refused}");
    let desired = rpc.registry.desired().borrow().clone();
    assert_eq!((desired.services.len(), desired.routes.len(), desired.revision.0), (2, 2, 2));
}

#[tokio::test]
async fn a_service_is_sent_with_its_policies_and_registering_replaces_them_where_given() {
    let rpc = rpc();
    let wire = pb::Service { policies: Some(sample::wire_policies()), ..service("shop", "shop.test") };
    let created = create(&rpc, wire).await.unwrap().policies.unwrap();
    assert_eq!(created.ambiguous_paths(), pb::AmbiguousPaths::Refuse);
    let allowed = pb::Policies { ambiguous_paths: pb::AmbiguousPaths::Allow.into(), ..pb::Policies::default() };
    for (given, expected) in [(None, &created), (Some(allowed.clone()), &allowed)] {
        let service = pb::Service { policies: given, ..service("shop", "shop.test") };
        let request = pb::RegisterServiceRequest { service: Some(service) };
        let registered = rpc.register_service(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(registered.service.unwrap().policies.as_ref(), Some(expected));
    }
}
