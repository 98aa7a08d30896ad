//! Routes, policies, and both kinds in one change.

use super::*;
use crate::registry::{
    list::RouteQuery,
    model::Route,
    validate::{MAX_PATTERNS, route, route_name, route_query},
};

fn good_route() -> pb::Route {
    let wire = sample::route("canary", &["x.test"], "/a", "a");
    pb::Route { created_at: None, updated_at: None, ..(&wire).into() }
}

fn routes(wire: Vec<pb::Route>) -> Result<Vec<Route>, RegistryError> {
    change(vec![], wire).map(|wanted| wanted.routes)
}

fn fields(found: &[String]) -> Vec<&str> {
    found.iter().map(|line| line.split_once(": ").unwrap().0).collect()
}

#[test]
fn a_route_is_read_with_its_title_and_without_what_only_the_server_knows() {
    let time = Some(prost_types::Timestamp { seconds: 5, nanos: 0 });
    let wire = pb::Route { title: "Canary".into(), revision: 9, created_at: time, updated_at: time, ..good_route() };
    let expected = Route { title: "Canary".into(), ..sample::route("canary", &["x.test"], "/a", "a") };
    assert_eq!(route(Some(wire)).unwrap(), expected);
    assert_eq!(wrong(route(None)), ["route: is missing; give a route"]);
}

#[test]
fn everything_that_is_wrong_with_a_route_is_told_with_its_field() {
    let forward = pb::Forward {
        services: vec![pb::WeightedService { name: "A".into(), weight: Some(900) }],
        ..pb::Forward::default()
    };
    let wire = pb::Route {
        name: "Canary".into(),
        title: "a\nb".into(),
        hosts: vec!["ok.test".into(), "a b".into()],
        action: Some(pb::route::Action::Forward(forward)),
        priority: 1001,
        ..good_route()
    };
    let found = wrong(route(Some(wire.clone())));
    let expected = ["name", "hosts[1]", "priority", "forward.services[0].name", "forward.services", "title"];
    let at = |root: &str| expected.map(|field| format!("{root}.{field}"));
    assert_eq!(fields(&found), at("route"));
    let found = wrong(change(vec![good()], vec![good_route(), wire]));
    assert_eq!(fields(&found), at("routes[1]"));
}

#[test]
fn what_is_in_vain_is_refused_where_it_is_new() {
    let redirect = pb::Redirect { strip_query: true, ..pb::Redirect::default() };
    let around = pb::Route { action: Some(pb::route::Action::Redirect(redirect)), ..good_route() };
    assert_eq!(fields(&wrong(route(Some(around.clone())))), ["route.redirect.strip_query"]);
    assert_eq!(fields(&wrong(routes(vec![around]))), ["routes[0].redirect.strip_query"]);
    let exact = pb::condition::Test::Exact("1 ".into());
    let headers = vec![pb::Condition { name: "x-a".into(), test: Some(exact) }];
    let bypass = Some(pb::CacheBypass { headers, ..pb::CacheBypass::default() });
    let cache = Some(pb::Cache { bypass, ..pb::Cache::default() });
    let wire = pb::Service { policies: Some(pb::Policies { cache, ..pb::Policies::default() }), ..good() };
    assert_eq!(fields(&wrong(service(Some(wire)))), ["service.policies.cache.bypass.headers[0].exact"]);
}

#[test]
fn policies_of_a_service_are_read_and_told_by_their_fields() {
    let wire = pb::Service { policies: Some(sample::wire_policies()), ..good() };
    let draft = service(Some(wire.clone())).unwrap();
    assert_eq!(draft.policies, Some(sample::policies()));
    assert_eq!(draft.into_service().policies, sample::policies());
    assert_eq!(service(Some(good())).unwrap().policies, None);
    let mut bad = wire;
    bad.policies.as_mut().unwrap().cors.as_mut().unwrap().allow_origins.push("nowhere".into());
    assert_eq!(fields(&wrong(service(Some(bad.clone())))), ["service.policies.cors.allow_origins[1]"]);
    assert_eq!(fields(&wrong(services(vec![bad]))), ["services[0].policies.cors.allow_origins[1]"]);
}

#[test]
fn names_are_distinct_within_each_kind() {
    let named = |name: &str| pb::Route { name: name.into(), ..good_route() };
    // A route may be called as a service is.
    let Wanted { services, routes, .. } = change(vec![good()], vec![named("mail"), named("b")]).unwrap();
    assert_eq!((services.len(), routes.len()), (1, 2));
    let found = wrong(change(vec![good()], vec![named("a"), named("b"), named("a")]));
    assert_eq!(found, ["routes[2].name: \"a\" is also routes[0]; give it once"]);
}

#[test]
fn services_and_routes_of_a_change_count_together() {
    let found = wrong(change(vec![pb::Service::default(); 120_000], vec![pb::Route::default(); 80_001]));
    assert!(
        found.len() == 1 && found[0].starts_with("services: are 120000 services, 80001 routes and 0 consumers in "),
        "{found:?}"
    );
    let found = wrong(routes(vec![pb::Route::default(); MAX_RECORDS + 1]));
    assert!(
        found.len() == 1 && found[0].starts_with("routes: are 0 services, 200001 routes and 0 consumers in "),
        "{found:?}"
    );
    let large = "x".repeat(33 * 1024 * 1024);
    let service = pb::Service { title: large.clone(), ..good() };
    let found = wrong(change(vec![service], vec![pb::Route { title: large, ..good_route() }]));
    assert!(found[0].contains("in 64 MiB"), "{found:?}");
}

#[test]
fn regular_expressions_of_a_change_are_counted_before_they_are_read() {
    let regex = || pb::condition::Test::Regex("^a+$".into());
    let condition = |at: usize| pb::Condition { name: format!("x-{at}"), test: Some(regex()) };
    // Some of which are none: nothing of it was looked at.
    let kind = Some(pb::path_match::Kind::Regex("(".into()));
    let rule = pb::RouteMatch {
        path: Some(pb::PathMatch { kind }),
        methods: vec![],
        headers: (0..16).map(condition).collect(),
        query: (0..16).map(condition).collect(),
    };
    let wire = pb::Route { r#match: Some(rule), ..good_route() };
    let found = wrong(routes(vec![wire; 61]));
    assert_eq!(found, ["routes: have 2013 regular expressions; one change may hold 2000, so split it"]);
    assert_eq!(MAX_PATTERNS, 2000);

    let headers = (0..32).map(condition).collect();
    let cache =
        pb::Cache { bypass: Some(pb::CacheBypass { headers, ..pb::CacheBypass::default() }), ..pb::Cache::default() };
    let policies = Some(pb::Policies { cache: Some(cache), ..pb::Policies::default() });
    let service = |at| pb::Service { name: format!("s{at}"), policies: policies.clone(), ..pb::Service::default() };
    let found = wrong(services((0..63).map(service).collect()));
    assert_eq!(found, ["services: have 2016 regular expressions; one change may hold 2000, so split it"]);
}

#[test]
fn names_of_routes() {
    assert_eq!(route_name("a-1").unwrap(), sample::route_name("a-1"));
    assert!(wrong(route_name("A"))[0].starts_with("name: \"A\" is not a name; use 1 to 63"));
    assert!(wrong(route_name(""))[0].starts_with("name: is empty; use 1 to 63"));
}

#[test]
fn queries_for_routes() {
    let filter = pb::RouteFilter { name_prefix: "c".into(), host: "*.X.test.".into(), service: "a".into() };
    let wire = pb::ListRoutesRequest { filter: Some(filter), page_size: 7, page_token: PageToken::write("a") };
    let expected = RouteQuery {
        name_prefix: "c".into(),
        host: Some(gateway_proto::host::HostPattern::parse("*.x.test").unwrap()),
        service: Some(sample::name("a")),
        page_size: 7,
        after: Some(sample::route_name("a")),
    };
    assert_eq!(route_query(wire).unwrap(), expected);
    assert_eq!(route_query(pb::ListRoutesRequest::default()).unwrap(), RouteQuery::default());
    let filter = pb::RouteFilter { name_prefix: String::new(), host: "x.test:80".into(), service: "A".into() };
    let wire = pb::ListRoutesRequest { filter: Some(filter), page_size: 1001, page_token: "1-2d".into() };
    assert_eq!(fields(&wrong(route_query(wire))), ["filter.host", "filter.service", "page_size", "page_token"]);
}
