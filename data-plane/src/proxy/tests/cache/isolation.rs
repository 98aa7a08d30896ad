//! What never shares an entry, and what is one.

use gateway_routing::{
    Methods, Test,
    route::{Action, HeaderRules, Route},
};

use super::{
    super::site::{below, route, rules, to},
    *,
};

const FRESH: [&str; 1] = ["Cache-Control: max-age=60"];

/// Two requests; the second one must be answered by the origin, and not with what the first one has stored.
async fn are_apart(gateway: &Gateway, first: (&str, &[&str]), second: (&str, &[&str])) {
    for (path, fields) in [first, second] {
        let answer = gateway.get_with(path, fields).await;
        assert!(!answer.is_hit(), "{path} {fields:?}: {answer:?}");
    }
}

#[tokio::test]
async fn hosts_ports_paths_and_queries_are_apart() {
    let origin = Origin::start().await;
    let bench = Bench::new();
    let site = Site::default().put(caching("a", &[origin.address], plain()), &["a.test", "b.test", "*.a.test"]);
    let gateway = Gateway { proxy: bench.start(&site).await, bench, origin };
    gateway.origin.says("200 OK", &FRESH, "hi");
    let host = |name: &str| format!("Host: {name}");
    gateway.get("/x").await;
    for name in ["b.test", "x.a.test", "a.test:81", "a.test:8080"] {
        assert!(!gateway.get_with("/x", &[&host(name)]).await.is_hit(), "{name}");
    }
    for name in ["a.test", "A.test", "a.test:80"] {
        assert!(gateway.get_with("/x", &[&host(name)]).await.is_hit(), "{name}");
    }
    // Other spellings reach the origin as they are, and are nobody else's.
    for name in ["a.test.", "a.test:", "a.test:0080"] {
        assert_eq!(gateway.get_with("/x", &[&host(name)]).await.cache(), "fwd=bypass", "{name}");
    }
    for path in ["/X", "/x/", "/x?", "/x?a", "/x;a", "/x/a.css", "//x", "/%78"] {
        assert!(!gateway.get(path).await.is_hit(), "{path}");
    }
    // What is routed by counts, and not Host.
    assert!(gateway.get_with("http://a.test/x", &[&host("b.test")]).await.is_hit());
    are_apart(&gateway, ("http://b.test/y", &[&host("a.test")]), ("/y", &[])).await;
}

#[tokio::test]
async fn a_get_with_content_goes_past() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &FRESH, "hi");
    let mut client = gateway.client().await;
    client.ask("GET", "/x", &["Content-Length: 3"]).await;
    client.0.send("abc").await;
    assert_eq!(client.answer("GET").await.cache(), "fwd=bypass");
    assert!(!gateway.get("/x").await.is_hit());
}

/// What the client sends and the endpoint does not get must not choose a variant.
#[tokio::test]
async fn fields_that_do_not_reach_the_endpoint_choose_nothing() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Vary: X-Lang"], "none");
    let hidden = gateway.get_with("/x", &["Connection: X-Lang", "X-Lang: de"]).await;
    assert_eq!(hidden.body, "none");
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Vary: X-Lang"], "deutsch");
    assert_eq!(gateway.get_with("/x", &["X-Lang: de"]).await.body, "deutsch");
    assert_eq!(gateway.get("/x").await.body, "none");
}

/// The endpoint sees the client's address in a field that the client has not sent.
#[tokio::test]
async fn what_varies_on_the_clients_address_is_for_that_address() {
    let gateway = Gateway::start().await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Vary: X-Forwarded-For"], "local");
    gateway.get("/x").await;
    assert!(gateway.get("/x").await.is_hit());
    let claimed = gateway.get_with("/x", &["X-Forwarded-For: 192.0.2.1"]).await;
    assert!(!claimed.is_hit(), "{claimed:?}");
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Vary: X-Request-Id"], "each");
    gateway.get("/id").await;
    assert!(!gateway.get("/id").await.is_hit());
}

#[tokio::test]
async fn the_policy_can_put_more_into_the_key_and_less() {
    let without = key::Query::Without(vec!["utm".into()]);
    let key = key::Rules::new(without, vec!["X-Tenant".into()], vec!["tier".into()]);
    let gateway = Gateway::start_with(Cache { key, ..plain() }).await;
    gateway.origin.says("200 OK", &FRESH, "hi");
    gateway.get_with("/x?a=1&utm=7", &["X-Tenant: one", "Cookie: tier=1; id=5"]).await;
    assert!(gateway.get_with("/x?utm=8&a=1", &["X-Tenant: one", "Cookie: id=6; tier=1"]).await.is_hit());
    assert!(!gateway.get_with("/x?a=1", &["X-Tenant: two", "Cookie: tier=1"]).await.is_hit());
    assert!(!gateway.get_with("/x?a=1", &["X-Tenant: one", "Cookie: tier=2"]).await.is_hit());
}

fn caching_route(name: &str, mut rule: gateway_routing::Match, service: &str) -> Route {
    rule = rule.priority(1).unwrap();
    let mut made = route(name, rule, Action::Forward(to(service)));
    made.policies.cache = Policy::On(plain());
    made
}

/// A header can choose the route, and is in no key.
#[tokio::test]
async fn routes_and_services_are_apart() {
    let (one, two) = (Origin::start().await, Origin::start().await);
    let bench = Bench::new();
    let beta = below("/").header("X-Beta", Test::Present).unwrap();
    let mut rewritten = caching_route("rewritten", below("/").header("X-Edit", Test::Present).unwrap(), "a");
    rewritten.policies.request_headers = rules(&[], &[("X-Set", "1")], &[]);
    let site = Site::owned_by(caching("a", &[one.address], plain()))
        .service("b", &[two.address])
        .route(caching_route("beta", beta, "b"))
        .route(rewritten);
    let gateway = Gateway { proxy: bench.start(&site).await, bench, origin: one };
    gateway.origin.says("200 OK", &FRESH, "one");
    two.says("200 OK", &FRESH, "two");
    for _ in 0..2 {
        assert_eq!(gateway.get("/x").await.body, "one");
        assert_eq!(gateway.get_with("/x", &["X-Beta: 1"]).await.body, "two");
        gateway.get_with("/x", &["X-Edit: 1"]).await;
    }
    assert_eq!((gateway.origin.count(), two.count()), (2, 1));
    let _: HeaderRules = HeaderRules::default();
}

/// RFC 9111 section 4.4, whichever way the request took.
#[tokio::test]
async fn a_change_takes_out_what_every_route_of_the_host_has_stored() {
    let (reads, writes) = (Origin::start().await, Origin::start().await);
    let bench = Bench::new();
    let posts = below("/").methods(Methods::parse(["POST"]).unwrap());
    let site = Site::of(&[reads.address])
        .service("writes", &[writes.address])
        .route(caching_route("reads", below("/items"), "a"))
        .route(caching_route("other", below("/other"), "a"))
        .route(route("writes", posts.priority(2).unwrap(), Action::Forward(to("writes"))));
    let gateway = Gateway { proxy: bench.start(&site).await, bench, origin: reads };
    gateway.origin.says("200 OK", &FRESH, "hi");
    let stored = ["/items/1", "/items", "/other/2", "/items/9"];
    let fill = async || {
        for path in stored {
            gateway.get(path).await;
            assert!(gateway.get(path).await.is_hit(), "{path}");
        }
    };
    fill().await;
    writes.says("500 Oh", &[], "");
    gateway.send("POST", "/items/1", &["Content-Length: 0"]).await;
    assert!(gateway.get("/items/1").await.is_hit(), "it has failed");
    writes.says("201 Created", &["Location: /items", "Content-Location: http://a.test/other/2"], "");
    let posted = gateway.send("POST", "/items/1", &["Content-Length: 0"]).await;
    assert_eq!((posted.status(), posted.field("Cache-Status")), (201, None), "{posted:?}");
    for path in ["/items/1", "/items", "/other/2"] {
        assert!(!gateway.get(path).await.is_hit(), "{path}");
    }
    assert!(gateway.get("/items/9").await.is_hit());
    fill().await;
    writes.says("200 OK", &["Location: http://b.test/items"], "");
    gateway.send("POST", "/", &["Content-Length: 0"]).await;
    assert!(gateway.get("/items").await.is_hit(), "that is of another origin");
}
