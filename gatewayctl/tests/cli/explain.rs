//! `explain`.

use gateway_proto::{
    admin::v1::{ExplainRequest, ExplainResponse},
    discovery::v1::{ExplainedEndpoint, Explanation, PassedOver, Target},
    registry::v1 as pb,
};

use crate::{
    program::run,
    server::{Server, route, service},
};

fn target(name: &str, weight: u32, mirror: bool) -> Target {
    let endpoint = |address: &str, healthy| ExplainedEndpoint { address: address.into(), weight: 1, healthy };
    Target {
        service: name.into(),
        weight,
        is_mirror: mirror,
        endpoints: match name {
            "shop" => vec![endpoint("127.0.0.1:3001", true), endpoint("127.0.0.1:3002", false)],
            "shop-v2" => vec![endpoint("127.0.0.1:3003", true)],
            _ => Vec::new(),
        },
        timeouts: service("shop").timeouts,
        limits: None,
        policies: route("canary").policies,
    }
}

fn forwarded() -> Explanation {
    let passed = |route: &str, why: &str| PassedOver { route: route.into(), why: why.into() };
    Explanation {
        version: "feed000000000001.3".into(),
        revision: 12,
        host: "shop.test".into(),
        host_pattern: "shop.test".into(),
        path: "/api/a".into(),
        route: Some(pb::Route {
            title: String::new(),
            revision: 0,
            created_at: None,
            updated_at: None,
            ..route("canary")
        }),
        host_service: "shop".into(),
        passed_over: vec![
            passed("users", "the path does not match exact /api/users"),
            passed("all", "\"canary\" comes first: its prefix has more segments"),
        ],
        others: 12,
        targets: vec![target("shop", 900, false), target("shop-v2", 100, false), target("shadow", 0, true)],
        location: "/v2/a?x=1".into(),
        ..Explanation::default()
    }
}

fn explain(explanation: Explanation, args: &[&str]) -> String {
    let server = Server::start();
    let answer = ExplainResponse { node_id: "dp-1".into(), explanation: Some(explanation) };
    server.answer("explain", answer);
    run(&server.url, &[&["explain"], args].concat()).quiet()
}

#[test]
fn a_forwarded_request_is_explained_on_a_screen() {
    let expected = "\
GET http://shop.test/api/a?x=1
goes to shop 90%, shop-v2 10%, by route canary

Host:            shop.test
Path:            /api/a
Matched:         GET, POST prefix /api; header x-beta is \"1\"
Host's service:  shop
Sent upstream:   /v2/a?x=1
Host sent:       internal.test
Sticky:          by cookie session
Asked:           dp-1, which serves revision 12 (version feed000000000001.3)

SERVICE  SHARE       ENDPOINT        WEIGHT  HEALTH
shop     90%         127.0.0.1:3001  1       healthy
shop     90%         127.0.0.1:3002  1       unhealthy
shop-v2  10%         127.0.0.1:3003  1       healthy
shadow   copy of 5%  none            -       -

In force for shop, shop-v2
Timeouts:         connect 2s, response 30s, idle 60s
CORS:             origins https://app.test; remembered 10m
Request headers:  remove x-b; set x-a: 1

PASSED OVER  WHY
users        the path does not match exact /api/users
all          \"canary\" comes first: its prefix has more segments
and 12 more routes of this host
";
    assert_eq!(explain(forwarded(), &["GET", "http://shop.test/api/a?x=1", "-H", "X-Beta: 1"]), expected);
}

#[test]
fn what_is_asked_is_what_was_typed() {
    let server = Server::start();
    server.answer("explain", ExplainResponse { node_id: "dp-2".into(), explanation: Some(forwarded()) });
    let args = ["explain", "PUT", "shop.test:8080/a", "-H", "X-A:  b: c ", "--header", "X-E:", "--node", "dp-2"];
    run(&server.url, &args).quiet();
    let asked = server.asked::<ExplainRequest>("explain").remove(0);
    let query = asked.query.unwrap();
    assert_eq!((&*asked.node_id, &*query.method, &*query.url), ("dp-2", "PUT", "http://shop.test:8080/a"));
    let fields: Vec<_> = query.headers.iter().map(|field| (&*field.name, &*field.value)).collect();
    assert_eq!(fields, [("X-A", "b: c"), ("X-E", "")]);
}

#[test]
fn it_is_one_object_for_scripts() {
    let json = explain(forwarded(), &["GET", "http://shop.test/api/a?x=1", "-H", "X-Beta: 1", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["outcome"], "forward");
    assert_eq!(json["error"], serde_json::Value::Null);
    assert_eq!(json["route"]["name"], "canary");
    assert_eq!(json["route"]["forward"]["rewrite"]["prefix"], "/v2");
    assert_eq!(
        json["targets"][0]["endpoints"][1],
        serde_json::json!({"address": "127.0.0.1:3002", "weight": 1, "healthy": false})
    );
    assert_eq!(json["targets"][2]["mirror"], true);
    assert_eq!(json["targets"][0]["cors"]["max_age"], "10m");
    assert_eq!((&json["node"], &json["revision"], &json["others"]), (&"dp-1".into(), &12.into(), &12.into()));
    assert_eq!(json["headers"], serde_json::json!([{"name": "X-Beta", "value": "1"}]));
    let yaml = explain(forwarded(), &["GET", "http://shop.test/api/a", "-o", "yaml"]);
    assert!(yaml.starts_with("method: GET\nurl: "), "{yaml}");
}

#[test]
fn what_the_gateway_answers_whatever_the_route_says_is_told_first() {
    let own_answer = "this is a CORS preflight request; the page may send what it asks for".into();
    let explanation = Explanation { own_answer, ..forwarded() };
    let args = ["OPTIONS", "http://shop.test/api"];
    let out = explain(explanation.clone(), &args);
    assert!(out.contains("\nis answered by the gateway itself: this is a CORS preflight request; "), "{out}");
    let json: serde_json::Value =
        serde_json::from_str(&explain(explanation, &[&args[..], &["-o", "json"]].concat())).unwrap();
    assert_eq!((&json["outcome"], json["own_answer"].is_string()), (&"respond".into(), true));
}

#[test]
fn a_service_that_owns_the_host_gets_what_no_route_matches() {
    let explanation = Explanation {
        route: None,
        targets: vec![target("shop", 1000, false)],
        host: "eu.shop.test".into(),
        host_pattern: "*.shop.test".into(),
        ..forwarded()
    };
    let out = explain(explanation.clone(), &["GET", "http://eu.shop.test/"]);
    assert!(out.contains("\ngoes to shop, which owns the host; no route matches\n"), "{out}");
    assert!(
        out.contains("Host:            eu.shop.test, by *.shop.test\n") || out.contains("eu.shop.test, by *.shop.test"),
        "{out}"
    );
    let alone = Explanation { passed_over: Vec::new(), others: 0, ..explanation };
    let out = explain(alone, &["GET", "http://eu.shop.test/"]);
    assert!(out.contains("\ngoes to shop, which owns the host; there are no routes\n"), "{out}");
}

#[test]
fn redirects_answers_and_refusals_are_told_as_such() {
    let with = |action| {
        let route = pb::Route { action: Some(action), policies: None, ..route("r") };
        Explanation { route: Some(route), targets: Vec::new(), ..forwarded() }
    };
    let told = |explanation| explain(explanation, &["GET", "http://shop.test/"]).lines().nth(1).unwrap().to_owned();
    let redirect = pb::route::Action::Redirect(pb::Redirect { status: 301, ..pb::Redirect::default() });
    let redirected = Explanation { location: "https://new.test/".into(), ..with(redirect) };
    assert_eq!(told(redirected), "is redirected to https://new.test/ with 301, by route r");
    let respond = pb::route::Action::Respond(pb::Respond { status: 503, ..pb::Respond::default() });
    assert_eq!(told(with(respond)), "is answered with 503 by the gateway itself, by route r");
    let none = Explanation { host: "a.test".into(), error: "no_route".into(), ..Explanation::default() };
    assert_eq!(told(none.clone()), "is refused with no_route: no service and no route has this host");
    let nowhere = Explanation { host_pattern: "*.test".into(), others: 3, ..none };
    assert_eq!(
        told(nowhere.clone()),
        "is refused with no_route: no route of *.test matches, and no service owns that host"
    );
    let out = explain(nowhere, &["GET", "http://a.test/"]);
    assert!(out.ends_with("3 more routes of this host came nowhere near\n"), "{out}");
    let sick = Explanation { error: "no_healthy_endpoint".into(), ..forwarded() };
    assert_eq!(told(sick), "is refused with no_healthy_endpoint: nothing healthy is behind shop 90%, shop-v2 10%");
    let twofold =
        Explanation { error: "bad_request".into(), ambiguity: "the path holds an encoded slash".into(), ..forwarded() };
    assert_eq!(told(twofold), "is refused with bad_request: the path holds an encoded slash");
}

#[test]
fn where_the_gateway_answers_what_its_route_says_of_that_is_in_force() {
    let respond = pb::route::Action::Respond(pb::Respond { status: 503, ..pb::Respond::default() });
    let mut route = pb::Route { action: Some(respond), ..route("canary") };
    let policies = route.policies.as_mut().unwrap();
    policies.response_headers = Some(pb::HeaderRules { remove: vec!["server".into()], ..pb::HeaderRules::default() });
    policies.compression = Some(pb::Compression::default());
    policies.ambiguous_paths = pb::AmbiguousPaths::Refuse.into();
    route.timeouts.as_mut().unwrap().total = Some(prost_types::Duration { seconds: 9, nanos: 0 });
    let answered = Explanation { route: Some(route), targets: Vec::new(), ..forwarded() };
    let out = explain(answered, &["GET", "http://shop.test/"]);
    let expected = "

In force by route canary
Timeouts:          total 9s
CORS:              origins https://app.test; remembered 10m
Response headers:  remove server
Ambiguous paths:   refuse

PASSED OVER";
    assert!(out.contains(expected), "{out}");
}
