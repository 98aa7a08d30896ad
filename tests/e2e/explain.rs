//! What `gatewayctl explain` says is what the data plane does.

use serde_json::Value;

use crate::harness::{Gateway, Upstream, client};

const ROUTES: &str = r"
services:
  - name: shop
    hosts: [shop.test, '*.shop.test']
    ambiguous_paths: refuse
    endpoints: [{address: SHOP}]
    health_check: {disabled: true}
  - name: shop-v2
    endpoints: [{address: BETA}]
    health_check: {disabled: true}
routes:
  - name: api
    hosts: [shop.test]
    match: {path: {prefix: /api}}
    forward: {services: [{name: shop}], rewrite: {prefix: /v1}}
  - name: beta
    hosts: [shop.test]
    match: {path: {prefix: /api}, headers: [{name: X-Beta, present: true}]}
    forward: {services: [{name: shop-v2}]}
  - name: split
    hosts: [shop.test]
    match: {path: {template: '/users/{id}'}}
    forward: {services: [{name: shop, weight: 500}, {name: shop-v2, weight: 500}], sticky: {cookie: id}}
  - name: moved
    hosts: [shop.test]
    match: {path: {exact: /old}}
    redirect: {status: 301, scheme: https, path: /new}
  - name: closed
    hosts: [shop.test]
    match: {methods: [DELETE]}
    respond: {status: 403, body: 'no'}
";

struct Cluster {
    gateway: Gateway,
    _upstreams: [Upstream; 2],
}

impl Cluster {
    async fn start() -> Self {
        let gateway = Gateway::start().await;
        let (shop, beta) = (Upstream::start("shop").await, Upstream::start("shop-v2").await);
        let document = ROUTES.replace("SHOP", &shop.address.to_string()).replace("BETA", &beta.address.to_string());
        gateway.apply(&document).await.ok();
        Self { gateway, _upstreams: [shop, beta] }
    }

    async fn explain(&self, method: &str, url: &str, field: Option<&str>) -> Value {
        let mut args = vec!["-o", "json", "explain", method, url];
        args.extend(field.into_iter().flat_map(|field| ["-H", field]));
        self.gateway.ctl(&args).await.ok().json()
    }
}

#[tokio::test]
async fn what_is_explained_is_what_happens() {
    let cluster = Cluster::start().await;
    for (line, field, route, outcome) in [
        ("GET shop.test /", None, None, "forward"),
        ("GET eu.shop.test /api", None, None, "forward"),
        ("GET shop.test /api/a?b", None, Some("api"), "forward"),
        ("GET shop.test /%61pi/a", None, Some("api"), "forward"),
        ("GET shop.test /api/a", Some("x-beta: 1"), Some("beta"), "forward"),
        ("GET shop.test /users/7", Some("cookie: id=anna"), Some("split"), "forward"),
        ("GET shop.test /users/7", Some("cookie: id=ben"), Some("split"), "forward"),
        ("GET shop.test /old?a", None, Some("moved"), "redirect"),
        ("DELETE shop.test /api", None, Some("api"), "forward"),
        ("DELETE shop.test /x", None, Some("closed"), "respond"),
        ("GET shop.test /x//y", None, None, "refuse"),
        ("GET shop.test /api/..%2f", None, Some("api"), "refuse"),
        ("GET other.test /", None, None, "refuse"),
    ] {
        let [method, host, path] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let explained = cluster.explain(method, &format!("http://{host}{path}"), field).await;
        assert_eq!(
            (&explained["route"]["name"], &explained["outcome"]),
            (&route.into(), &outcome.into()),
            "{explained}"
        );
        assert_eq!(explained["node"], "dp-0", "{explained}");
        let request = client::request(method, host, path);
        let request = field
            .and_then(|field| field.split_once(": "))
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value));
        let answer = client::send(cluster.gateway.data_planes[0].proxy, request, "").await;
        match outcome {
            "forward" => {
                let targets = explained["targets"].as_array().unwrap();
                assert_eq!((targets.len(), answer.status), (1, 200), "{explained}");
                assert_eq!(targets[0]["service"], answer.text(), "{explained}");
            }
            "redirect" => assert_eq!((answer.status, &explained["location"]), (301, &answer.field("location").into())),
            "respond" => assert_eq!((answer.status, answer.text()), (403, "no")),
            _ => answer.is_error(answer.status, explained["error"].as_str().unwrap()),
        }
    }
}

#[tokio::test]
async fn who_cannot_be_asked_is_told_as_that() {
    let cluster = Cluster::start().await;
    let gateway = &cluster.gateway;
    let unknown = gateway.ctl(&["explain", "GET", "http://shop.test/", "--node", "dp-9"]).await;
    assert!(unknown.stderr.contains("no data plane \"dp-9\" is connected"), "{unknown:?}");
    let wrong = gateway.ctl(&["explain", "get", "https://shop.test/"]).await;
    assert!(wrong.stderr.contains("is no method") && wrong.stderr.contains("is no http URL"), "{wrong:?}");
}
