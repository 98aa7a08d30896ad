//! `explain` says what the proxy does: the same code, on the table that a data plane serves.

mod chance;

use std::{collections::HashMap, fs, path::Path};

use gateway_proto::{
    admin::v1::ExplainRequest,
    discovery::v1::{ExplainQuery, Explanation},
    registry::v1::{HeaderField, Route, route::Action},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

use self::chance::{Asked, request, routes};
use crate::harness::{
    Answer, DataPlane, Gateway, Upstream,
    client::{Response, Wire},
    eventually,
};

/// What became of a request, as far as both sides tell it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    route: Option<String>,
    service: Option<String>,
    error: Option<String>,
    /// Where the client is sent, or what the endpoint is asked for.
    location: Option<String>,
}

#[tokio::test]
async fn explanations_agree_with_what_the_proxy_did() {
    const ROUTES: usize = 60;
    const REQUESTS: usize = 400;
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut gateway = Gateway::builder().data_planes(0).start().await;
    let log = gateway.dir().join("access.log");
    let args = ["--access-log", "json", "--access-log-file", log.to_str().unwrap()];
    gateway.data_planes.push(DataPlane::ready("logged", &gateway.control_plane.url(), &args).await);
    let upstream = Upstream::start("ok").await;
    let address = upstream.address;
    let document = format!(
        "services:
- {{name: owner, hosts: [a.test], endpoints: [{{address: \"{address}\"}}], health_check: {{disabled: true}}}}
- {{name: other, endpoints: [{{address: \"{address}\"}}], health_check: {{disabled: true}}, ambiguous_paths: refuse}}
- {{name: empty}}
routes:
{}",
        routes(&mut rng, ROUTES)
    );
    gateway.apply(&document).await.ok();

    let requests: Vec<Asked> = (0..REQUESTS).map(|_| request(&mut rng)).collect();
    let mut wire = Wire::open(gateway.data_planes[0].proxy, "").await;
    let mut done = Vec::new();
    for (number, asked) in requests.iter().enumerate() {
        let before = upstream.requests();
        wire.write(asked.head(number)).await;
        let response = wire.response().await;
        if response.headers.contains_key("connection") {
            // What is refused ends its connection.
            wire = Wire::open(gateway.data_planes[0].proxy, "").await;
        }
        let sent = (upstream.requests() > before).then(|| upstream.last_head().target().to_owned());
        done.push((response, sent));
    }
    let lines = lines(&log, REQUESTS).await;
    let mut admin = gateway.control_plane.admin().await;
    let mut chosen = HashMap::new();
    for (number, (asked, (response, sent))) in requests.into_iter().zip(done).enumerate() {
        let did = did(&lines[&number.to_string()], &response, sent);
        let Asked { method, host, target, headers } = asked;
        let headers = headers.into_iter().map(|(name, value)| HeaderField { name: name.into(), value: value.into() });
        let url = format!("http://{host}{target}");
        let query = ExplainQuery { method: method.into(), url, headers: headers.collect() };
        let request = ExplainRequest { node_id: "logged".into(), query: Some(query.clone()) };
        let answer = admin.explain(request).await.unwrap().into_inner();
        assert_eq!(answer.node_id, "logged");
        let explanation = answer.explanation.unwrap();
        assert_eq!(
            said(&explanation),
            did,
            "{query:?}\nexplained: {explanation:#?}\nanswered: {response:?}\n{document}"
        );
        *chosen.entry(did.route).or_insert(0) += 1;
    }
    // Chance must not have made it easy.
    println!("{} routes were chosen, none {} times", chosen.len() - 1, chosen.get(&None).unwrap_or(&0));
    assert!(chosen.len() > 8, "{chosen:?}");
}

/// Every line of the access log by the id of its request.
async fn lines(path: &Path, count: usize) -> HashMap<String, Value> {
    eventually("the access log is written", async || {
        let text = fs::read_to_string(path).ok()?;
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: HashMap<_, _> =
            lines.map(|line| (line["request_id"].as_str().unwrap_or_default().to_owned(), line)).collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

fn did(line: &Value, response: &Response, sent: Option<String>) -> Told {
    let field = |name: &str| line[name].as_str().map(str::to_owned);
    let location = response.headers.get("location").map(|location| location.to_str().unwrap().to_owned());
    Told { route: field("route"), service: field("service"), error: field("error"), location: location.or(sent) }
}

fn said(explanation: &Explanation) -> Told {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let targets = &explanation.targets;
    Told {
        route: explanation.route.as_ref().map(|route| route.name.clone()),
        service: targets.iter().find(|target| !target.is_mirror).map(|target| target.service.clone()),
        error: some(&explanation.error),
        location: some(&explanation.location),
    }
}

/// The cluster that people's stories are told on.
const SHOP: &str = r#"
routes:
  - name: api
    hosts: [shop.test]
    match: {path: {prefix: /api}}
    forward: {services: [{name: shop, weight: 900}, {name: v2, weight: 100}], rewrite: {prefix: /}}
    cors: {allow_origins: ["*"]}
  - {name: beta, hosts: [shop.test], match: {path: {prefix: /api}, headers: [{name: x-beta, exact: "1"}]}, forward: {services: [{name: v2}]}}
  - {name: put, hosts: [shop.test], match: {path: {exact: /api/x}, methods: [PUT]}, forward: {services: [{name: v2}]}}
  - {name: old, hosts: [shop.test], match: {path: {prefix: /old}}, redirect: {scheme: https, prefix: /new}}
  - {name: down, hosts: ["*.shop.test"], respond: {status: 503}}
"#;

async fn shop() -> (Gateway, [Upstream; 2]) {
    let gateway = Gateway::builder().data_planes(2).start().await;
    let (shop, v2) = (Upstream::start("shop").await, Upstream::start("v2").await);
    gateway.register_probed_often("shop", "shop.test", &[&shop]).await;
    gateway.register_for_routes("v2", &[&v2]).await;
    gateway.apply(SHOP).await.ok();
    (gateway, [shop, v2])
}

async fn explain(gateway: &Gateway, args: &[&str]) -> Value {
    gateway.ctl(&[&["explain", "-o", "json"], args].concat()).await.ok().json()
}

#[tokio::test]
async fn people_see_what_is_chosen_what_came_near_and_why() {
    let (gateway, [shop, v2]) = shop().await;
    let screen = gateway.ctl(&["explain", "GET", "http://shop.test/api/x?y=1"]).await.ok().stdout;
    for part in [
        "GET http://shop.test/api/x?y=1\ngoes to shop 90%, v2 10%, by route api\n",
        "Matched:         prefix /api\n",
        "Sent upstream:   /x?y=1\n",
        "CORS:",
        &format!("{}", shop.address),
        &format!("{}", v2.address),
        "the method is none of PUT",
        "no header field \"x-beta\" is \"1\"",
        "dp-0, which serves revision",
    ] {
        assert!(screen.contains(part), "{part} is missing:\n{screen}");
    }
    let beta = explain(&gateway, &["GET", "shop.test/api/x", "-H", "X-Beta: 1", "--node", "dp-1"]).await;
    assert_eq!((&beta["route"]["name"], &beta["node"]), (&"beta".into(), &"dp-1".into()), "{beta}");
    let behind = beta["passed_over"].as_array().unwrap().iter().find(|passed| passed["route"] == "api").unwrap();
    assert!(behind["why"].as_str().unwrap().contains("\"beta\" comes first"), "{beta}");
    let old = explain(&gateway, &["GET", "shop.test/old/a?b"]).await;
    assert_eq!((&old["outcome"], &old["location"]), (&"redirect".into(), &"https://shop.test/new/a?b".into()));
    let down = explain(&gateway, &["GET", "eu.shop.test/"]).await;
    assert_eq!((&down["outcome"], &down["host_pattern"]), (&"respond".into(), &"*.shop.test".into()));
    let owner = explain(&gateway, &["GET", "shop.test/other"]).await;
    assert_eq!((&owner["route"], &owner["targets"][0]["service"]), (&Value::Null, &"shop".into()));
    // That nothing would take it is an explanation, too.
    let nobody = gateway.ctl(&["explain", "GET", "nobody.test/"]).await.ok().stdout;
    assert!(nobody.contains("is refused with no_route"), "{nobody}");
    assert_eq!([shop.requests(), v2.requests()], [0, 0], "an explanation made a request");
}

#[tokio::test]
async fn health_is_that_of_the_moment() {
    let (gateway, [shop, _v2]) = shop().await;
    let healthy = async || {
        let explained = explain(&gateway, &["GET", "shop.test/"]).await;
        (explained["targets"][0]["endpoints"][0]["healthy"].as_bool().unwrap(), explained["error"].clone())
    };
    assert_eq!(healthy().await, (true, Value::Null));
    shop.health(Answer::Status(500));
    eventually("the explanation knows of the health", async || {
        (healthy().await == (false, "no_healthy_endpoint".into())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_explained_is_said() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let ask = ["explain", "GET", "http://shop.test/"];
    gateway.ctl(&ask).await.exits(3).says(&["data plane"]);
    let (gateway, _upstreams) = shop().await;
    gateway.ctl(&[&ask[..], &["--node", "nobody"]].concat()).await.exits(3).says(&["nobody", "gatewayctl node list"]);
    for (args, word) in [
        (&["explain", "G T", "http://shop.test/"][..], "method"),
        (&["explain", "GET", "ftp://shop.test/"], "http"),
        (&["explain", "GET", "http:///"], "host"),
        (&["explain", "GET", "http://shop.test/", "-H", "a b: c"], "a b"),
    ] {
        gateway.ctl(args).await.exits(1).says(&[word]);
    }
    // Whatever was asked, it goes on.
    assert_eq!(explain(&gateway, &["GET", "shop.test/"]).await["outcome"], "forward");
}

/// A route's action as the wire has it is all there: what a data plane holds is what was registered.
#[tokio::test]
async fn the_route_is_shown_whole() {
    let (gateway, _upstreams) = shop().await;
    let query = ExplainQuery { method: "GET".into(), url: "http://shop.test/api".into(), headers: Vec::new() };
    let request = ExplainRequest { node_id: String::new(), query: Some(query) };
    let answer = gateway.control_plane.admin().await.explain(request).await.unwrap().into_inner();
    let route = answer.explanation.unwrap().route.unwrap();
    let stored = gateway.ctl(&["-o", "json", "route", "get", "api"]).await.ok().json();
    let Route { name, action: Some(Action::Forward(forward)), policies: Some(policies), .. } = route else {
        panic!("{route:?}")
    };
    assert_eq!((&*name, forward.services.len()), ("api", 2));
    assert_eq!(policies.cors.unwrap().allow_origins, ["*"]);
    assert_eq!(stored["forward"]["services"][1]["weight"], forward.services[1].weight.unwrap());
}
