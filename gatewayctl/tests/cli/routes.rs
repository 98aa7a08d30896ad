//! `route`.

use std::collections::HashMap;

use gateway_proto::{
    admin::v1::{WaitForRevisionRequest, WaitForRevisionResponse},
    code::{DOMAIN, Reason},
    registry::v1::{self as pb, condition::Test, path_match::Kind, redirect, rewrite, route::Action, sticky::Key},
};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    program::{command, run},
    server::{Server, route},
};

fn refusal(reason: Reason, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, HashMap::<String, String>::new());
    Status::with_error_details(reason.grpc(), message, details)
}

/// The route that the program asks for with these arguments behind name and host.
fn asked(args: &[&str]) -> pb::Route {
    let server = Server::start();
    server.answer("create_route", pb::CreateRouteResponse { route: Some(route("canary")) });
    let all = [&["route", "create", "canary", "--host", "shop.test"], args].concat();
    run(&server.url, &all).quiet();
    server.asked::<pb::CreateRouteRequest>("create_route").remove(0).route.unwrap()
}

#[test]
fn create_sends_what_was_given_and_nothing_else() {
    let server = Server::start();
    server.answer("create_route", pb::CreateRouteResponse { route: Some(route("canary")) });
    let args = ["route", "create", "canary", "--host", "shop.test", "--service", "shop"];
    let out = run(&server.url, &args).quiet();
    let expected =
        "route canary created: GET, POST prefix /api; header x-beta is \"1\" -> shop 90%, shop-v2 10% (revision 7)\n";
    assert_eq!(out, expected);
    let services = vec![pb::WeightedService { name: "shop".into(), weight: None }];
    let expected = pb::Route {
        name: "canary".into(),
        hosts: vec!["shop.test".into()],
        action: Some(Action::Forward(pb::Forward { services, ..pb::Forward::default() })),
        ..pb::Route::default()
    };
    assert_eq!(server.asked::<pb::CreateRouteRequest>("create_route")[0].route, Some(expected));
}

#[test]
fn create_knows_every_part_of_a_forwarding_route() {
    let args = [
        "--host",
        "*.shop.test",
        "--title",
        "A canary",
        "--path-prefix",
        "/api",
        "--method",
        "GET",
        "--method",
        "POST",
        "--header",
        "X-Beta: 1",
        "--header",
        "X-Any",
        "--query",
        "a=b=c",
        "--query",
        "debug",
        "--priority",
        "-5",
        "--service",
        "shop=900",
        "--service",
        "shop-v2=10%",
        "--sticky",
        "cookie:session",
        "--mirror",
        "shadow=5%",
        "--rewrite-prefix",
        "/v2",
        "--rewrite-host",
        "internal.test",
        "--response-timeout",
        "5s",
        "--total-timeout",
        "1m",
    ];
    let condition = |name: &str, test| pb::Condition { name: name.into(), test: Some(test) };
    let service = |name: &str, weight| pb::WeightedService { name: name.into(), weight: Some(weight) };
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let expected = pb::Route {
        name: "canary".into(),
        title: "A canary".into(),
        hosts: vec!["shop.test".into(), "*.shop.test".into()],
        r#match: Some(pb::RouteMatch {
            path: Some(pb::PathMatch { kind: Some(Kind::Prefix("/api".into())) }),
            methods: vec!["GET".into(), "POST".into()],
            headers: vec![condition("X-Beta", Test::Exact("1".into())), condition("X-Any", Test::Present(true))],
            query: vec![condition("a", Test::Exact("b=c".into())), condition("debug", Test::Present(true))],
        }),
        priority: -5,
        action: Some(Action::Forward(pb::Forward {
            services: vec![service("shop", 900), service("shop-v2", 100)],
            sticky: Some(pb::Sticky { key: Some(Key::Cookie("session".into())) }),
            mirror: Some(pb::Mirror { service: "shadow".into(), per_mille: Some(50) }),
            rewrite: Some(pb::Rewrite {
                path_rewrite: Some(rewrite::PathRewrite::Prefix("/v2".into())),
                host: "internal.test".into(),
            }),
        })),
        timeouts: Some(pb::Timeouts { response: seconds(5), total: seconds(60), ..pb::Timeouts::default() }),
        ..pb::Route::default()
    };
    assert_eq!(asked(&args), expected);
}

#[test]
fn create_knows_every_kind_of_path_and_key() {
    let path =
        |flag: &str, text: &str| asked(&["--service", "s", flag, text]).r#match.unwrap().path.unwrap().kind.unwrap();
    assert_eq!(path("--path", "/a"), Kind::Exact("/a".into()));
    assert_eq!(path("--path-template", "/u/{id}"), Kind::Template("/u/{id}".into()));
    assert_eq!(path("--path-regex", "^/v[0-9],"), Kind::Regex("^/v[0-9],".into()));
    let forward = |args: &[&str]| match asked(&[&["--service", "s"], args].concat()).action {
        Some(Action::Forward(forward)) => forward,
        other => panic!("{other:?}"),
    };
    let key = |by: &str| forward(&["--sticky", by]).sticky.unwrap().key.unwrap();
    assert_eq!(key("header:X-User"), Key::Header("X-User".into()));
    assert_eq!(key("client-address"), Key::ClientAddress(true));
    let rewrite = forward(&["--rewrite-path", "/x/{id}"]).rewrite.unwrap();
    assert_eq!(rewrite.path_rewrite, Some(rewrite::PathRewrite::Path("/x/{id}".into())));
    assert_eq!(forward(&["--mirror", "shadow"]).mirror.unwrap().per_mille, None);
}

#[test]
fn create_redirects_and_answers() {
    let redirect = |args: &[&str]| match asked(args).action {
        Some(Action::Redirect(redirect)) => redirect,
        other => panic!("{other:?}"),
    };
    let args = ["--redirect", "https://new.test:8443", "--redirect-prefix", "/new", "--redirect-status", "301"];
    let expected = pb::Redirect {
        status: 301,
        scheme: "https".into(),
        host: "new.test".into(),
        port: 8443,
        path_rewrite: Some(redirect::PathRewrite::Prefix("/new".into())),
        strip_query: true,
    };
    assert_eq!(redirect(&[&args[..], &["--strip-query"]].concat()), expected);
    let only_path =
        pb::Redirect { path_rewrite: Some(redirect::PathRewrite::Path("/b".into())), ..pb::Redirect::default() };
    assert_eq!(redirect(&["--redirect", "/b"]), only_path);
    let respond = asked(&["--respond", "503", "--body", "back at noon", "--content-type", "text/html"]).action;
    let expected = pb::Respond { status: 503, body: "back at noon".into(), content_type: "text/html".into() };
    assert_eq!(respond, Some(Action::Respond(expected)));
}

#[test]
fn a_route_without_or_with_two_actions_is_told_what_is_missing() {
    let err = |args: &[&str]| {
        let ran = run("http://127.0.0.1:1", &[&["route", "create", "r", "--host", "a.test"], args].concat());
        assert_eq!(ran.code, 2, "{ran:#?}");
        ran.err
    };
    assert_eq!(err(&[]), "error: a route needs something to do: --service, --redirect or --respond\n");
    assert_eq!(err(&["--sticky", "client-address"]), "error: --sticky needs --service, where requests go\n");
    let both = err(&["--service", "s", "--respond", "200"]);
    assert_eq!(both, "error: the argument '--service' cannot be used with '--respond'\n");
    assert!(err(&["--service", "s=91.25%"]).contains("write 0 to 1000, in per mille"));
}

#[test]
fn create_and_wait_says_who_serves_it() {
    let server = Server::start();
    server.answer("create_route", pb::CreateRouteResponse { route: Some(route("canary")) });
    let done =
        WaitForRevisionResponse { done: true, revision: 7, nodes_in_sync: vec!["dp-1".into()], ..Default::default() };
    server.answer("wait_for_revision", done);
    let args = ["route", "create", "canary", "--host", "shop.test", "--service", "shop", "--wait"];
    let out = run(&server.url, &args).quiet();
    assert!(out.ends_with("(revision 7)\nrevision 7: served by 1 data plane: dp-1\n"), "{out}");
    let asked: Vec<WaitForRevisionRequest> = server.asked("wait_for_revision");
    assert_eq!((asked[0].revision, &asked[0].services[..]), (7, &[][..]));
    let json = run(&server.url, &[&args[..], &["-o", "json"]].concat()).json();
    assert_eq!(
        (&json["name"], &json["change"], &json["served_by"][0]),
        (&"canary".into(), &"created".into(), &"dp-1".into())
    );
}

#[test]
fn refusals_have_their_exit_status_and_hint() {
    let args = ["route", "create", "canary", "--host", "shop.test", "--service", "shop"];
    for (reason, code, hint) in [
        (Reason::RouteExists, 4, "gatewayctl route get NAME"),
        (Reason::RouteConflict, 4, "gatewayctl route get NAME"),
        (Reason::ServiceMissing, 1, "gatewayctl service list"),
    ] {
        let server = Server::start();
        server.refuse("create_route", refusal(reason, "why"));
        let ran = run(&server.url, &args);
        assert_eq!((ran.code, &*ran.out), (code, ""), "{ran:#?}");
        assert!(ran.err.starts_with("error: why\nhint: ") && ran.err.contains(hint), "{ran:#?}");
    }
    let server = Server::start();
    server.refuse("delete_service", refusal(Reason::ServiceInUse, "canary leads to it"));
    let ran = run(&server.url, &["service", "delete", "shop"]);
    assert!(ran.err.contains("gatewayctl route list --service NAME"), "{ran:#?}");
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("route.forward.services[0].weight", "is too much");
    server.refuse("create_route", Status::with_error_details(Reason::Invalid.grpc(), "1 field is wrong", details));
    let ran = run(&server.url, &args);
    assert!(ran.err.contains("\n  forward.services[0].weight: is too much\n"), "{ran:#?}");
}

#[test]
fn list_follows_pages_and_filters() {
    let server = Server::start();
    let page = |name: &str, token: &str| pb::ListRoutesResponse {
        routes: vec![route(name)],
        next_page_token: token.into(),
        revision: 9,
    };
    server.answer("list_routes", page("canary", "next")).answer("list_routes", page("other", ""));
    let out = run(&server.url, &["route", "list", "--host", "h.test", "--service", "s", "--prefix", "c"]).quiet();
    let expected = "\
NAME    HOSTS      MATCH                                        ACTION                 REVISION
canary  shop.test  GET, POST prefix /api; header x-beta is \"1\"  shop 90%, shop-v2 10%  7
other   shop.test  GET, POST prefix /api; header x-beta is \"1\"  shop 90%, shop-v2 10%  7
";
    assert_eq!(out, expected);
    let asked: Vec<pb::ListRoutesRequest> = server.asked("list_routes");
    let filter = pb::RouteFilter { name_prefix: "c".into(), host: "h.test".into(), service: "s".into() };
    assert!(asked.iter().all(|request| request.filter.as_ref() == Some(&filter)), "{asked:#?}");
    assert_eq!([&*asked[0].page_token, &*asked[1].page_token], ["", "next"]);
    let empty = Server::start();
    empty.answer("list_routes", pb::ListRoutesResponse::default());
    let ran = run(&empty.url, &["route", "list"]);
    assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "", "there are no routes yet\n"));
    assert_eq!(run(&empty.url, &["route", "list", "-o", "json"]).out, "[]\n");
}

#[test]
fn get_shows_every_part() {
    let server = Server::start();
    server.answer("get_route", pb::GetRouteResponse { route: Some(route("canary")) });
    let expected = "\
Name:             canary
Title:            A canary
Hosts:            shop.test
Path:             prefix /api
Methods:          GET, POST
Headers:          x-beta is \"1\"
Priority:         0
Forward:          shop 90%, shop-v2 10%
Sticky:           by cookie session
Mirror:           shadow 5%
Rewrite:          prefix to /v2; Host internal.test
Timeouts:         response 5s
Limits:           request body 1MiB
CORS:             origins https://app.test; remembered 10m
Request headers:  remove x-b; set x-a: 1
Revision:         7
Created:          2023-11-14T22:13:20.000Z
Updated:          2023-11-14T22:14:20.000Z
";
    assert_eq!(run(&server.url, &["route", "get", "canary"]).quiet(), expected);
    let json = serde_json::json!({
        "name": "canary",
        "title": "A canary",
        "hosts": ["shop.test"],
        "match": {
            "path": {"prefix": "/api"},
            "methods": ["GET", "POST"],
            "headers": [{"name": "x-beta", "exact": "1"}],
        },
        "priority": 0,
        "forward": {
            "services": [{"name": "shop", "weight": 900}, {"name": "shop-v2", "weight": 100}],
            "sticky": {"cookie": "session"},
            "mirror": {"service": "shadow", "per_mille": 50},
            "rewrite": {"prefix": "/v2", "host": "internal.test"},
        },
        "timeouts": {"response": "5s"},
        "limits": {"request_body": "1MiB"},
        "cors": {"enabled": true, "allow_origins": ["https://app.test"], "max_age": "10m"},
        "request_headers": {"set": [{"name": "x-a", "value": "1"}], "remove": ["x-b"]},
        "revision": 7,
        "created_at": "2023-11-14T22:13:20.000Z",
        "updated_at": "2023-11-14T22:14:20.000Z",
    });
    assert_eq!(run(&server.url, &["route", "get", "canary", "-o", "json"]).json(), json);
    server.refuse("get_route", refusal(Reason::RouteNotFound, "there is no route \"x\""));
    run(&server.url, &["route", "get", "canary"]).quiet();
    let ran = run(&server.url, &["route", "get", "x"]);
    let expected = "error: there is no route \"x\"\nhint: `gatewayctl route list` shows the routes there are\n";
    assert_eq!((ran.code, &*ran.err), (3, expected));
}

#[test]
fn delete_takes_a_revision_and_waits() {
    let server = Server::start();
    server.refuse("delete_route", refusal(Reason::StaleRevision, "canary is at revision 7, not 6"));
    server.answer("delete_route", pb::DeleteRouteResponse { revision: 8 });
    let done =
        WaitForRevisionResponse { done: true, revision: 8, nodes_in_sync: vec!["dp-1".into()], ..Default::default() };
    server.answer("wait_for_revision", done);
    let ran = run(&server.url, &["route", "delete", "canary", "--revision", "6"]);
    assert_eq!(ran.code, 4, "{ran:#?}");
    let out = run(&server.url, &["route", "delete", "canary", "--wait"]).quiet();
    assert_eq!(out, "route canary deleted (revision 8)\nrevision 8: served by 1 data plane: dp-1\n");
    let revisions = server.asked::<pb::DeleteRouteRequest>("delete_route").into_iter();
    assert_eq!(revisions.map(|request| request.expected_revision).collect::<Vec<_>>(), [Some(6), None]);
}

#[test]
fn weights_shift_a_canary_and_nothing_else() {
    let server = Server::start();
    server.answer("get_route", pb::GetRouteResponse { route: Some(route("canary")) });
    let newer = pb::Route { revision: 8, ..route("canary") };
    server.answer("get_route", pb::GetRouteResponse { route: Some(newer) });
    let mut shifted = pb::Route { revision: 9, ..route("canary") };
    let Some(Action::Forward(forward)) = &mut shifted.action else { unreachable!() };
    forward.services[0].weight = Some(500);
    forward.services[1].weight = Some(500);
    server.refuse("update_route", refusal(Reason::StaleRevision, "canary is at revision 8, not 7"));
    let updated = pb::UpdateRouteResponse { route: Some(shifted.clone()), change: pb::ChangeKind::Updated.into() };
    server.answer("update_route", updated);
    let out = run(&server.url, &["route", "weights", "canary", "shop=50%", "shop-v2=500"]).quiet();
    assert_eq!(out, "route canary updated: shop 50%, shop-v2 50% (revision 9)\n");
    let asked: Vec<pb::UpdateRouteRequest> = server.asked("update_route");
    assert_eq!([asked[0].expected_revision, asked[1].expected_revision], [Some(7), Some(8)]);
    assert_eq!(asked[1].route, Some(pb::Route { revision: 8, ..shifted }));
}

#[test]
fn weights_give_up_where_others_always_come_first() {
    let server = Server::start();
    server.answer("get_route", pb::GetRouteResponse { route: Some(route("canary")) });
    server.refuse("update_route", refusal(Reason::StaleRevision, "canary is at another revision"));
    let ran = run(&server.url, &["route", "weights", "canary", "shop=0", "shop-v2=1000"]);
    assert_eq!(ran.code, 4, "{ran:#?}");
    assert_eq!(server.asked::<pb::UpdateRouteRequest>("update_route").len(), 5);
    let ran = run(&server.url, &["route", "weights", "canary", "shop=900"]);
    assert_eq!((ran.code, &*ran.err), (2, "error: the shares are 900 (90%) in all; they must be 1000 (100%)\n"));
}

#[test]
fn flags_can_come_from_the_environment() {
    let server = Server::start();
    server.answer("create_route", pb::CreateRouteResponse { route: Some(route("canary")) });
    let mut command = command(&server.url, &["route", "create", "canary"]);
    let environment = [
        ("GATEWAY_HOST", "a.test,b.test"),
        ("GATEWAY_SERVICE", "shop=900,shop-v2=100"),
        ("GATEWAY_METHOD", "GET,PUT"),
        ("GATEWAY_HEADER", "Accept: text/html, text/plain"),
        ("GATEWAY_STRIP_QUERY", "false"),
    ];
    assert!(command.envs(environment).output().unwrap().status.success());
    let asked = server.asked::<pb::CreateRouteRequest>("create_route").remove(0).route.unwrap();
    let matched = asked.r#match.unwrap();
    assert_eq!((asked.hosts.len(), matched.methods.len(), matched.headers.len()), (2, 2, 1));
    assert_eq!(matched.headers[0].test, Some(Test::Exact("text/html, text/plain".into())));
}
