//! What pages of other origins may read.

use gateway_routing::{
    Methods, Test,
    route::{Action, AllowOrigin, Allowed, AmbiguousPaths, Cors, Policies, Policy, Redirect, Respond, Route},
};
use http::{Method, StatusCode};

use super::{
    Proxy, Upstream,
    site::{Site, below, named, route, rules, split, to},
};
use crate::table::Service;

/// As an endpoint says it that knows of no gateway.
const OPEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\n\
    access-control-expose-headers: *\r\nACCESS-CONTROL-MAX-AGE: 1\r\nX-Own: 1\r\n\r\nok";
const ALLOWED: &str = "Access-Control-Allow-Origin: https://app.test\r\n";

/// What `https://app.test` may do.
pub(super) fn app() -> Cors {
    Cors {
        allow_origins: [AllowOrigin::Exact("https://app.test".into())].into(),
        allow_methods: Allowed::Only([Method::GET, Method::PUT].into()),
        allow_headers: Allowed::Only(["x-one".parse().unwrap()].into()),
        expose_headers: Allowed::Only([].into()),
        allow_credentials: false,
        max_age: None,
    }
}

fn policies(cors: Cors) -> Policies {
    Policies { cors: Policy::On(cors), ..Policies::default() }
}

/// A service with this policy, whose endpoint says `answer`.
async fn proxy(cors: Cors, answer: &'static str) -> Proxy {
    let upstream = Upstream::start().await.forever(answer);
    Site::owned_by(Service { policies: policies(cors), ..named("a", &[upstream]) }).start().await
}

/// The head of the answer to a request with these fields.
async fn head(proxy: &Proxy, line: &str, fields: &str) -> String {
    let mut client = proxy.connect().await;
    client.send(format!("{line} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await;
    client.head().await
}

/// The lines that CORS consists of.
fn of_cors(head: &str) -> Vec<&str> {
    let is_of_cors = |line: &&str| {
        let line = line.to_lowercase();
        line.starts_with("access-control-") || line.starts_with("vary:")
    };
    head.lines().filter(is_of_cors).collect()
}

fn preflight_of(method: &str) -> String {
    format!("Origin: https://app.test\r\nAccess-Control-Request-Method: {method}\r\n")
}

#[tokio::test]
async fn the_endpoints_word_on_other_origins_is_replaced() {
    let proxy = proxy(app(), OPEN).await;
    let got = head(&proxy, "GET /", "Origin: https://app.test\r\n").await;
    assert_eq!(of_cors(&got), ["Access-Control-Allow-Origin: https://app.test", "Vary: Origin"]);
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n") && got.contains("X-Own: 1\r\n"), "{got}");
    for fields in [
        "",
        "Origin: https://evil.test\r\n",
        "Origin: null\r\n",
        "Origin: https://app.test\r\nOrigin: https://app.test\r\n",
        "Origin: https://app.test.\r\n",
        "Origin: HTTPS://APP.TEST\r\n",
        "Origin:\r\n",
    ] {
        let got = head(&proxy, "GET /", fields).await;
        assert!(got.starts_with("HTTP/1.1 200 "), "it is for the browser to refuse: {got}");
        assert_eq!(of_cors(&got), ["Vary: Origin"], "{fields}");
    }
}

#[tokio::test]
async fn what_the_endpoint_varies_by_stays() {
    for (said, expected) in [
        ("Vary: Accept\r\n", "Vary: Accept, Origin"),
        ("vary: accept,cookie\r\nVary:\r\nVary: x-a\r\n", "Vary: accept,cookie, x-a, Origin"),
        ("Vary: accept, ORIGIN\r\n", "Vary: accept, ORIGIN"),
        ("Vary: *\r\n", "Vary: *"),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{said}\r\nok").leak();
        let proxy = proxy(app(), answer).await;
        assert_eq!(of_cors(&head(&proxy, "GET /", "").await), [expected], "{said}");
    }
}

#[tokio::test]
async fn what_is_for_everyone_is_the_same_for_everyone() {
    let everyone = Cors { allow_origins: [AllowOrigin::Any].into(), ..app() };
    let proxy = proxy(everyone, OPEN).await;
    for fields in ["", "Origin: https://evil.test\r\n", "Origin: null\r\n"] {
        assert_eq!(of_cors(&head(&proxy, "GET /", fields).await), ["Access-Control-Allow-Origin: *"], "{fields}");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_without_an_endpoint() {
    let cors = Cors { max_age: Some(std::time::Duration::from_secs(600)), allow_credentials: true, ..app() };
    let proxy = Site::owned_by(Service { policies: policies(cors), ..named("a", &[]) }).start().await;
    let mut client = proxy.connect().await;
    let vary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    let asked = format!("OPTIONS /x HTTP/1.1\r\nHost: a.test\r\n{}", preflight_of("PUT"));
    client.send(format!("{asked}Access-Control-Request-Headers: X-One\r\n\r\n")).await;
    let got = client.head().await;
    assert!(got.starts_with("HTTP/1.1 204 No Content\r\n") && !got.contains("Content-Length"), "{got}");
    let expected = [
        "Access-Control-Allow-Origin: https://app.test",
        "Access-Control-Allow-Credentials: true",
        "Access-Control-Allow-Methods: GET, PUT",
        "Access-Control-Allow-Headers: x-one",
        "Access-Control-Max-Age: 600",
        vary,
    ];
    assert_eq!(of_cors(&got), expected);
    // What is not allowed gets no word of it, on the same connection.
    client.send(format!("{asked}Access-Control-Request-Headers: x-two\r\n\r\n")).await;
    let got = client.head().await;
    assert!(got.starts_with("HTTP/1.1 204 "), "{got}");
    assert_eq!(of_cors(&got), [vary]);
    client.send(format!("OPTIONS /x HTTP/1.1\r\nHost: a.test\r\n{}\r\n", preflight_of("DELETE"))).await;
    assert_eq!(of_cors(&client.head().await), [vary]);
}

#[tokio::test]
async fn a_preflight_takes_the_route_of_the_request_that_it_asks_for() {
    let upstream = Upstream::start().await.forever(OPEN);
    let methods = |name: &str, method, policies| {
        let rule = below("/x").methods(Methods::parse([method]).unwrap());
        Route { policies, ..route(name, rule, Action::Forward(to("a"))) }
    };
    let elsewhere = Cors { allow_origins: [AllowOrigin::Exact("https://other.test".into())].into(), ..app() };
    let off = Policies { cors: Policy::Off, ..Policies::default() };
    let site = Site::owned_by(Service { policies: policies(elsewhere), ..named("a", &[upstream]) })
        .route(methods("puts", "PUT", policies(app())))
        .route(methods("deletes", "DELETE", off))
        .route(methods("options", "OPTIONS", Policies::default()));
    let proxy = site.start().await;
    let got = head(&proxy, "OPTIONS /x", &preflight_of("PUT")).await;
    assert!(got.starts_with("HTTP/1.1 204 ") && got.contains(ALLOWED), "its own policy: {got}");
    let got = head(&proxy, "OPTIONS /x", &preflight_of("GET")).await;
    assert!(got.starts_with("HTTP/1.1 204 ") && !got.contains("Access-Control-Allow"), "its service's: {got}");
    let got = head(&proxy, "OPTIONS /x", &preflight_of("DELETE")).await;
    assert!(got.starts_with("HTTP/1.1 200 "), "none, and so it is for the endpoint: {got}");
    let got = head(&proxy, "OPTIONS /x", "Origin: https://app.test\r\n").await;
    assert!(got.starts_with("HTTP/1.1 200 "), "no preflight, and so it is for the endpoint: {got}");
}

#[tokio::test]
async fn a_preflight_has_the_fields_that_it_asks_about_and_no_values() {
    let upstream = Upstream::start().await.forever(OPEN);
    let with = |name: &str, test| {
        let rule = below("/x").header(name, test).unwrap();
        Route { policies: policies(app()), ..route(name, rule, Action::Forward(to("a"))) }
    };
    let site = Site::owned_by(named("a", &[upstream]))
        .route(with("x-one", Test::Present))
        .route(with("x-two", Test::Exact("".into())));
    let proxy = site.start().await;
    let asks = |name: &str| format!("{}Access-Control-Request-Headers: {name}\r\n", preflight_of("PUT"));
    let got = head(&proxy, "OPTIONS /x", &asks("x-one")).await;
    assert!(got.starts_with("HTTP/1.1 204 ") && got.contains(ALLOWED), "{got}");
    for fields in [asks("x-two"), asks("x-three"), preflight_of("PUT")] {
        let got = head(&proxy, "OPTIONS /x", &fields).await;
        assert!(got.starts_with("HTTP/1.1 200 "), "no route, no policy, and so it is for the endpoint: {got}");
    }
}

#[tokio::test]
async fn of_several_services_the_largest_speaks_for_all() {
    let site = Site::default()
        .put(Service { policies: policies(app()), ..named("large", &[]) }, &[])
        .service("small", &[])
        .route(route("r", below("/"), Action::Forward(split(&[("small", 400), ("large", 600)]))));
    let proxy = site.start().await;
    for _ in 0..10 {
        assert!(head(&proxy, "OPTIONS /", &preflight_of("PUT")).await.contains(ALLOWED));
    }
}

#[tokio::test]
async fn without_a_policy_nothing_is_touched() {
    let upstream = Upstream::start().await;
    let off = Policies { cors: Policy::Off, ..Policies::default() };
    let site = Site::owned_by(Service { policies: policies(app()), ..named("a", &[upstream.address]) })
        .route(Route { policies: off, ..route("plain", below("/plain"), Action::Forward(to("a"))) });
    let proxy = site.start().await;
    let mut client = proxy.connect().await;
    client.send(format!("OPTIONS /plain HTTP/1.1\r\nHost: a.test\r\n{}\r\n", preflight_of("PUT"))).await;
    let mut server = upstream.accept().await;
    let asked = server.head().await;
    assert!(
        asked.starts_with("OPTIONS /plain ") && asked.contains("Access-Control-Request-Method: PUT\r\n"),
        "{asked}"
    );
    server.send(OPEN).await;
    let got = client.head().await;
    let expected = ["Access-Control-Allow-Origin: *", "access-control-expose-headers: *", "ACCESS-CONTROL-MAX-AGE: 1"];
    assert_eq!(of_cors(&got), expected);
}

#[tokio::test]
async fn pages_may_read_what_the_gateway_says_itself() {
    let elsewhere =
        Redirect { status: StatusCode::FOUND, scheme: None, host: None, port: None, path: None, strip_query: true };
    let hello = Respond { status: StatusCode::OK, body: "hello".into(), content_type: "text/plain".into() };
    let refused = Policies { ambiguous_paths: Some(AmbiguousPaths::Refuse), ..policies(app()) };
    let with = |policies, route: Route| Route { policies, ..route };
    let site = Site::owned_by(Service { policies: policies(app()), ..named("a", &[]) })
        .route(with(policies(app()), route("moved", below("/moved"), Action::Redirect(elsewhere))))
        .route(with(policies(app()), route("hello", below("/hello"), Action::Respond(hello))))
        .route(with(refused, route("strict", below("/strict"), Action::Forward(to("a")))));
    let proxy = site.start().await;
    for (path, status) in [("/", 503), ("/moved", 302), ("/hello", 200), ("/strict//x", 400)] {
        let got = head(&proxy, &format!("GET {path}"), "Origin: https://app.test\r\n").await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
        assert_eq!(of_cors(&got), [ALLOWED.trim_end(), "Vary: Origin"], "{path}");
        let got = head(&proxy, &format!("GET {path}"), "").await;
        assert_eq!(of_cors(&got), ["Vary: Origin"], "{path}");
    }
}

#[tokio::test]
async fn an_operators_rules_do_not_undo_it() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVary: Accept\r\n\r\nok";
    let upstream = Upstream::start().await.forever(answer);
    let policies = Policies { response_headers: rules(&["Vary"], &[], &[]), ..policies(app()) };
    let proxy = Site::owned_by(Service { policies, ..named("a", &[upstream]) }).start().await;
    assert_eq!(of_cors(&head(&proxy, "GET /", "").await), ["Vary: Origin"]);
}

#[tokio::test]
async fn an_operators_rules_say_nothing_of_it_beside_a_policy() {
    let upstream = Upstream::start().await.forever(OPEN);
    let says = rules(&[], &[("Access-Control-Allow-Origin", "*"), ("X-Set", "1")], &[("access-control-max-age", "1")]);
    let both = Policies { response_headers: says.clone(), ..policies(app()) };
    let alone = Policies { response_headers: says, ..Policies::default() };
    let hello = Respond { status: StatusCode::OK, body: "hello".into(), content_type: "text/plain".into() };
    let elsewhere =
        Redirect { status: StatusCode::FOUND, scheme: None, host: None, port: Some(81), path: None, strip_query: true };
    let with = |policies: &Policies, route: Route| Route { policies: policies.clone(), ..route };
    let site = Site::owned_by(Service { policies: both.clone(), ..named("a", &[upstream]) })
        .route(with(&both, route("hello", below("/hello"), Action::Respond(hello))))
        .route(with(&both, route("moved", below("/moved"), Action::Redirect(elsewhere))))
        .route(with(&Policies { cors: Policy::Off, ..alone }, route("open", below("/open"), Action::Forward(to("a")))));
    let proxy = site.start().await;
    for path in ["/", "/hello", "/moved"] {
        let got = head(&proxy, &format!("GET {path}"), "Origin: https://app.test\r\n").await;
        assert_eq!(of_cors(&got), [ALLOWED.trim_end(), "Vary: Origin"], "{path}");
        assert!(got.contains("\r\nx-set: 1\r\n"), "{got}");
        let got = head(&proxy, &format!("GET {path}"), "Origin: https://evil.test\r\n").await;
        assert_eq!(of_cors(&got), ["Vary: Origin"], "{path}");
    }
    let got = head(&proxy, "GET /open", "").await;
    assert!(got.contains("\r\naccess-control-allow-origin: *\r\n"), "without a policy, rules may: {got}");
}
