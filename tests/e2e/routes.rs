//! Which route a request takes: every kind of match, the order among them, one way for every spelling
//! of a path, and nobody's requests twice.

use crate::harness::{Answer, Gateway, Upstream, client};

/// Routes of shop.test that each answer with their name.
const MATCHES: &str = r#"
routes:
  - {name: exact, hosts: [shop.test], match: {path: {exact: /api/status}}, respond: {status: 200, body: exact}}
  - {name: prefix, hosts: [shop.test], match: {path: {prefix: /api}}, respond: {status: 200, body: prefix}}
  - {name: deeper, hosts: [shop.test], match: {path: {prefix: /api/v2}}, respond: {status: 200, body: deeper}}
  - {name: template, hosts: [shop.test], match: {path: {template: "/users/{id}/orders"}}, respond: {status: 200, body: template}}
  - {name: literal, hosts: [shop.test], match: {path: {exact: /users/me/orders}}, respond: {status: 200, body: literal}}
  - {name: regex, hosts: [shop.test], match: {path: {regex: "^/v[0-9]+/"}}, respond: {status: 200, body: regex}}
  - {name: method, hosts: [shop.test], match: {path: {prefix: /api}, methods: [DELETE, PUT]}, respond: {status: 200, body: method}}
  - name: header
    hosts: [shop.test]
    match: {path: {prefix: /api}, headers: [{name: X-Beta, exact: "1"}]}
    respond: {status: 200, body: header}
  - name: headers
    hosts: [shop.test]
    match: {headers: [{name: x-there, present: true}, {name: x-begins, prefix: "ab"}, {name: x-like, regex: "^[0-9]+$"}]}
    respond: {status: 200, body: headers}
  - name: query
    hosts: [shop.test]
    match: {path: {exact: /search}, query: [{name: q, prefix: "b c"}]}
    respond: {status: 200, body: query}
  - {name: first, hosts: [shop.test], match: {path: {prefix: /api/v2/first}}, priority: 1, respond: {status: 200, body: first}}
  - {name: exact-behind, hosts: [shop.test], match: {path: {exact: /api/v2/first}}, respond: {status: 200, body: exact-behind}}
  - {name: last, hosts: [shop.test], priority: -1, match: {path: {exact: /api/last}}, respond: {status: 200, body: last}}
  - {name: below, hosts: ["*.shop.test"], respond: {status: 200, body: below}}
"#;

#[tokio::test]
async fn each_kind_of_match_takes_its_requests_and_the_most_specific_wins() {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&shop]).await;
    gateway.apply(MATCHES).await.ok();
    let proxy = gateway.data_planes[0].proxy;
    let with = ["x-there: ", "x-begins: abc", "x-like: 42"];
    let cases: [(&str, &str, &[&str], &str); 24] = [
        ("GET shop.test", "/api/status", &[], "exact"),
        ("GET shop.test", "/api/status/", &[], "prefix"),
        ("GET shop.test", "/api", &[], "prefix"),
        ("GET shop.test", "/apis", &[], "shop"),
        ("GET shop.test", "/api/v2/x", &[], "deeper"),
        ("GET shop.test", "/api/v2/first", &[], "first"),
        ("GET shop.test", "/api/last", &[], "prefix"),
        ("GET shop.test", "/users/7/orders", &[], "template"),
        ("GET shop.test", "/users/me/orders", &[], "literal"),
        ("GET shop.test", "/users//orders", &[], "shop"),
        ("GET shop.test", "/v12/x", &[], "regex"),
        ("GET shop.test", "/vx/v1/", &[], "shop"),
        ("DELETE shop.test", "/api/x", &[], "method"),
        ("DELETE shop.test", "/api/status", &[], "exact"),
        ("POST shop.test", "/api/x", &[], "prefix"),
        ("GET shop.test", "/api/x", &["x-beta: 1"], "header"),
        ("GET shop.test", "/api/x", &["x-beta: 0", "X-BETA: 1"], "header"),
        ("GET shop.test", "/api/x", &["x-beta: 11"], "prefix"),
        ("GET shop.test", "/", &with, "headers"),
        ("GET shop.test", "/", &["x-there: 1", "x-begins: bab", "x-like: 42"], "shop"),
        ("GET shop.test", "/search?a=1&q=b+c%21", &[], "query"),
        ("GET shop.test", "/search?q=c", &[], "shop"),
        ("GET eu.shop.test", "/api/status", &[], "below"),
        ("GET SHOP.test:80", "/api/status?x", &[], "exact"),
    ];
    for (method_and_host, target, fields, route) in cases {
        let (method, host) = method_and_host.split_once(' ').unwrap();
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        head.extend(fields.iter().map(|field| format!("{field}\r\n")));
        let answer = client::raw(proxy, head + "\r\n").await;
        assert_eq!(answer.text(), route, "{method_and_host}{target} {fields:?}");
    }
    gateway.get("other.test", "/").await.is_error(404, "no_route");
}

#[tokio::test]
async fn the_order_of_creation_does_not_matter() {
    let cluster = async |names: &[&str]| {
        let gateway = Gateway::start().await;
        for name in names {
            let path = ["--path-template", "/a/{x}", "--path-template", "/{x}/b", "--path-prefix", "/a"];
            let path = match *name {
                "ax" => &path[0..2],
                "xb" => &path[2..4],
                _ => &path[4..6],
            };
            let create = ["route", "create", name, "--host", "shop.test", "--respond", "200", "--body", name, "--wait"];
            gateway.ctl(&[&create, path].concat()).await.ok();
        }
        gateway.get("shop.test", "/a/b").await.text().to_owned()
    };
    assert_eq!(cluster(&["ax", "xb", "a"]).await, "ax");
    assert_eq!(cluster(&["a", "xb", "ax"]).await, "ax");
}

#[tokio::test]
async fn every_spelling_of_a_path_takes_one_route_and_reaches_the_endpoint_as_it_was_written() {
    let gateway = Gateway::start().await;
    let (shop, admin) = (Upstream::start("shop").await, Upstream::start("admin").await);
    gateway.register_unchecked("shop", "shop.test", &[&shop]).await;
    gateway.register_for_routes("admin", &[&admin]).await;
    let create = ["route", "create", "admin", "--host", "shop.test", "--path-prefix", "/admin", "--service", "admin"];
    gateway.ctl(&[&create[..], &["--wait"]].concat()).await.ok();
    let proxy = gateway.data_planes[0].proxy;
    let send =
        async |target: &str| client::raw(proxy, format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\n\r\n")).await;
    for target in [
        "/admin",
        "/admin/",
        "/%61dmin",
        "/%61%64%6d%69%6E/x",
        "/x/../admin",
        "/./admin",
        "/x/%2e%2e/admin",
        "/x/%2E./admin/y",
        "/../admin",
        "/admin/x/../../admin",
        "/admin?../x",
        "http://shop.test/x/../admin",
    ] {
        assert_eq!(send(target).await.text(), "admin", "{target}");
        let sent = target.strip_prefix("http://shop.test").unwrap_or(target);
        assert_eq!(admin.last_head().target(), sent, "the endpoint got something else than {target}");
    }
    // What is not that path is not taken for it.
    for target in ["/ADMIN", "/admi", "/administrator", "/admin%2Fx", "/x%2F..%2Fadmin", "/admin/../x", "/admin%00"] {
        assert_eq!(send(target).await.text(), "shop", "{target}");
        assert_eq!(shop.last_head().target(), target);
    }
}

#[tokio::test]
async fn two_routes_for_the_same_requests_are_refused_with_both_names() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let create = async |args: &[&str]| {
        let all = [&["route", "create"], args, &["--respond", "200"]].concat();
        gateway.ctl(&all).await
    };
    create(&["mine", "--host", "shop.test", "--host", "b.test", "--path-template", "/u/{id}"]).await.ok();
    let conflict = ["--path-template", "/u/{name}"];
    let refused = create(&[&["thief", "--host", "a.test", "--host", "SHOP.test"], &conflict[..]].concat()).await;
    refused.exits(4).says(&["\"thief\"", "\"mine\"", "shop.test", "gatewayctl route get mine"]);
    create(&[&["first", "--host", "shop.test", "--priority", "1"], &conflict[..]].concat()).await.ok();
    create(&[&["mine", "--host", "c.test"], &conflict[..]].concat()).await.exits(4).says(&["mine"]);

    let file = "routes:
  - {name: one, hosts: [x.test], respond: {status: 200}}
  - {name: two, hosts: [y.test, x.test], respond: {status: 204}}
";
    gateway.apply(file).await.exits(4).says(&["stdin:3:33: routes[1].hosts[1]", "\"one\"", "\"two\"", "x.test"]);
    let names: Vec<_> = list(&gateway).await;
    assert_eq!(names, ["first", "mine"], "something of a refused change is there");
    // A name that changes its mind within one change gives its requests up.
    let swap = "routes:
  - {name: mine, hosts: [c.test], match: {path: {template: \"/u/{id}\"}}, respond: {status: 200}}
  - {name: thief, hosts: [shop.test], match: {path: {template: \"/u/{id}\"}}, respond: {status: 200}}
";
    gateway.apply(swap).await.ok();
}

async fn list(gateway: &Gateway) -> Vec<String> {
    let routes = gateway.ctl(&["-o", "json", "route", "list"]).await.ok().json();
    routes.as_array().unwrap().iter().map(|route| route["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn services_and_routes_hold_together() {
    let gateway = Gateway::start().await;
    let create = ["route", "create", "r", "--host", "shop.test", "--service", "shop=900", "--service", "v2=100"];
    gateway.ctl(&create).await.exits(1).says(&["shop", "v2", "register it first"]);
    let both = "services: [{name: shop}, {name: v2}, {name: shadow}]
routes: [{name: r, hosts: [shop.test], forward: {services: [{name: shop, weight: 900}, {name: v2, weight: 100}], mirror: {service: shadow}}}]
";
    gateway.apply(both).await.ok();
    for service in ["shop", "v2", "shadow"] {
        let refused = gateway.ctl(&["service", "delete", service]).await.exits(1);
        refused.says(&[service, "r", &format!("gatewayctl route list --service {service}")]);
    }
    // There is nothing behind these services, and the gateway says so.
    gateway.get("shop.test", "/").await.is_error(503, "no_healthy_endpoint");
    gateway.ctl(&["route", "delete", "r", "--wait"]).await.ok();
    gateway.get("shop.test", "/").await.is_error(404, "no_route");
    gateway.ctl(&["service", "delete", "shadow"]).await.ok();
}

#[tokio::test]
async fn a_route_may_name_a_host_that_a_service_owns_and_gives_it_back() {
    let (gateway, upstream) = Gateway::with_shop(Answer::Text("shop".into())).await;
    let create = ["route", "create", "all", "--host", "shop.test", "--respond", "410", "--wait"];
    gateway.ctl(&create).await.ok();
    assert_eq!(gateway.get("shop.test", "/").await.status, 410);
    assert_eq!(upstream.requests(), 0);
    gateway.ctl(&["route", "delete", "all", "--wait"]).await.ok();
    assert_eq!(gateway.get("shop.test", "/").await.text(), "shop");
    // An exact host with a route of its own does not fall back to the wildcard's.
    let below = ["route", "create", "below", "--host", "*.test", "--respond", "200", "--wait"];
    gateway.ctl(&below).await.ok();
    let exact = ["route", "create", "exact", "--host", "a.test", "--path", "/x", "--respond", "204", "--wait"];
    gateway.ctl(&exact).await.ok();
    assert_eq!(gateway.get("a.test", "/x").await.status, 204);
    gateway.get("a.test", "/y").await.is_error(404, "no_route");
    assert_eq!(gateway.get("b.test", "/y").await.status, 200);
}
