//! What is explained is what happens.

use std::net::SocketAddr;

use gateway_routing::{
    Match, Methods, PathMatcher, Test,
    route::{
        Action, AllowOrigin, Allowed, AmbiguousPaths, Cache, CacheBypass, Cors, Forward, Limits, Mirror, PathRewrite,
        Policies, Policy, Redirect, Respond, Route, Sticky, TimeoutOverrides,
    },
};
use http::{Method, StatusCode};

use super::{
    PATIENCE, Proxy, Upstream,
    site::{Site, below, named, route, rules, split, to},
};
use crate::{
    error::ProxyError,
    proxy::explain::{End, Explanation, OwnAnswer, explain},
    table::{RoutingTable, Service},
    worker::limits::tests::limits,
};

/// An endpoint whose answers say its name, and what it was asked for.
async fn echo(name: &'static str) -> (&'static str, SocketAddr) {
    let upstream = Upstream::start().await;
    let address = upstream.address;
    tokio::spawn(async move {
        loop {
            let mut peer = upstream.accept_forever().await;
            tokio::spawn(async move {
                loop {
                    let head = peer.head().await;
                    let target = head.split(' ').nth(1).unwrap_or_default();
                    let body = format!("{name} {target}");
                    peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
                }
            });
        }
    });
    (name, address)
}

fn cors(methods: Allowed<Method>) -> Policy<Cors> {
    Policy::On(Cors {
        allow_origins: [AllowOrigin::Exact("https://app.test".into())].into(),
        allow_methods: methods,
        allow_headers: Allowed::Only([].into()),
        expose_headers: Allowed::Only([].into()),
        allow_credentials: false,
        max_age: None,
    })
}

fn forward(forward: Forward) -> Action {
    Action::Forward(forward)
}

/// One of everything that can become of a request.
fn routes() -> Vec<Route> {
    let refuse = Policies { ambiguous_paths: Some(AmbiguousPaths::Refuse), ..Policies::default() };
    let keyed = Policies { request_headers: rules(&[], &[("X-Key", "secret")], &[]), ..Policies::default() };
    let rewrite = Forward { path: Some(PathRewrite::Prefix("/v2".into())), ..to("a") };
    let beta = Match::new(PathMatcher::prefix("/api").unwrap()).header("x-beta", Test::Present).unwrap();
    let orders = Match::new(PathMatcher::template("/orders/{id}").unwrap());
    let redirect = Redirect {
        status: StatusCode::FOUND,
        scheme: None,
        host: Some("b.test".into()),
        port: None,
        path: Some(PathRewrite::Prefix("/new".into())),
        strip_query: true,
    };
    let respond = Respond { status: StatusCode::IM_A_TEAPOT, body: "tea".into(), content_type: "text/plain".into() };
    let shared = Policies { cors: cors(Allowed::Only([Method::PUT].into())), ..Policies::default() };
    let put = below("/shared").methods(Methods::parse(["PUT"]).unwrap());
    vec![
        route("api", below("/api"), forward(rewrite)),
        route("beta", beta, forward(to("b"))),
        Route { policies: refuse, ..route("orders", orders, forward(to("a"))) },
        route("moved", below("/old"), Action::Redirect(redirect)),
        route("teapot", below("/tea"), Action::Respond(respond)),
        route("nobody", below("/nobody"), forward(to("dead"))),
        route("half", below("/half"), forward(split(&[("dead", 999), ("b", 1)]))),
        Route {
            limits: Limits { request_body: Some(3) },
            ..route("small", below("/small"), forward(split(&[("a", 500), ("b", 500)])))
        },
        Route { policies: keyed, ..route("keyed", below("/keyed"), forward(to("a"))) },
        Route { policies: shared, ..route("shared", put, forward(to("b"))) },
    ]
}

fn site(endpoints: &[(&'static str, SocketAddr)]) -> Site {
    let at = |name| endpoints.iter().filter(|(of, _)| *of == name).map(|(_, at)| *at).collect::<Vec<_>>();
    let services = [("a", &["a.test"][..]), ("b", &[]), ("dead", &[])];
    let site = services.into_iter().fold(Site::default(), |site, (name, hosts)| {
        let policies = Policies { cors: cors(Allowed::Any), ..Policies::default() };
        site.put(Service { policies, ..named(name, &at(name)) }, hosts)
    });
    routes().into_iter().fold(site, Site::route)
}

fn explained<'t>(table: &'t RoutingTable, head: &str) -> Explanation<'t> {
    explain(table, &limits(&[]), head.as_bytes()).unwrap()
}

/// What the client of a real proxy sees of it.
async fn happened(proxy: &Proxy, head: &str) -> (u16, String) {
    let got = proxy.ask(head).await;
    let status = got.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, got)
}

#[tokio::test]
async fn the_explanation_is_what_the_proxy_does() {
    let site = site(&[echo("a").await, echo("b").await]);
    let (table, proxy) = (site.table(), site.start().await);
    let preflight = "Origin: https://app.test\r\nAccess-Control-Request-Method: ";
    let mut ends = 0;
    for (line, fields, expected) in [
        ("GET /x/../y?z", "", "route -: forwarded to a /x/../y?z"),
        ("GET /", "", "route -: forwarded to a /"),
        ("GET /%61pi/u?q", "", "route api: forwarded to a /v2/u?q"),
        ("GET /api/u", "x-beta:\r\n", "route beta: forwarded to b /api/u"),
        ("GET /orders/7", "", "route orders: forwarded to a /orders/7"),
        ("GET /orders/7%2f8", "", "route orders: refused bad_request"),
        ("GET /old/%61?b", "", "route moved: redirected http://b.test/new/a"),
        ("GET /tea/x", "", "route teapot: answered"),
        ("GET /nobody", "", "route nobody: refused no_healthy_endpoint"),
        ("GET /half", "", "route half: forwarded to dead, b /half"),
        ("POST /small", "Content-Length: 4\r\n", "route small: refused body_too_large"),
        ("POST /small", "Content-Length: 0\r\n", "route small: forwarded to a, b /small"),
        ("TRACE /keyed", "", "route keyed: refused not_forwarded"),
        ("TRACE /api", "Max-Forwards: 0\r\n", "route api: refused not_forwarded"),
        ("OPTIONS /api", "Max-Forwards: 0\r\n", "route api: answered for LastHop"),
        // Routed by the method that they ask for.
        ("OPTIONS /shared", &format!("{preflight}PUT\r\n"), "route shared: answered for PreflightGranted"),
        ("OPTIONS /shared", &format!("{preflight}GET\r\n"), "route -: answered for PreflightGranted"),
        (
            "OPTIONS /api",
            "Origin: https://b.test\r\nAccess-Control-Request-Method: GET\r\n",
            "route api: answered for PreflightDenied",
        ),
        ("OPTIONS /api", "Origin: https://app.test\r\n", "route api: forwarded to a /v2"),
        ("PUT /shared", "Origin: https://app.test\r\n", "route shared: forwarded to b /shared"),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{fields}\r\n");
        let explained = explained(&table, &head);
        assert_eq!(told(&explained), expected, "{line} {fields}");
        let (status, got) = happened(&proxy, &head).await;
        let names = || explained.targets.iter().map(|target| &*target.service.name);
        let is_so = match &explained.end {
            End::Forwarded(target) => {
                let target = String::from_utf8_lossy(target);
                status == 200 && names().any(|name| got.ends_with(&format!("\r\n\r\n{name} {target}")))
            }
            End::Redirected(location) => {
                status == 302 && got.contains(&format!("\r\nLocation: {}\r\n", String::from_utf8_lossy(location)))
            }
            End::Answered => status == 418 && got.ends_with("tea"),
            End::AnsweredFor(OwnAnswer::LastHop) => status == 204 && got.contains("\r\nAllow: "),
            End::AnsweredFor(OwnAnswer::PreflightGranted) => {
                status == 204 && got.contains("\r\nAccess-Control-Allow-Origin: https://app.test\r\n")
            }
            End::AnsweredFor(OwnAnswer::PreflightDenied) => status == 204 && !got.contains("Access-Control-Allow"),
            End::Refused(error) => status == error.status().as_u16() && got.contains(error.code()),
        };
        assert!(is_so, "{line} {fields}: {:?}, but {got}", explained.end);
        ends += 1;
    }
    assert_eq!(ends, 20);
}

fn told(explained: &Explanation<'_>) -> String {
    let route = explained.route.map_or("-", |route| &route.name);
    let names: Vec<&str> = explained.targets.iter().map(|target| &*target.service.name).collect();
    let end = match &explained.end {
        End::Forwarded(target) => format!("forwarded to {} {}", names.join(", "), String::from_utf8_lossy(target)),
        End::Redirected(location) => format!("redirected {}", String::from_utf8_lossy(location)),
        End::Answered => "answered".to_owned(),
        End::AnsweredFor(answer) => format!("answered for {answer:?}"),
        End::Refused(error) => format!("refused {}", error.code()),
    };
    format!("route {route}: {end}")
}

#[tokio::test]
async fn a_client_that_can_be_recognised_has_the_one_service_that_it_gets() {
    let sticky = Some(Sticky::Header("x-user".into()));
    let action = forward(Forward { sticky, ..split(&[("b", 500), ("c", 500)]) });
    let (b, c) = (echo("b").await, echo("c").await);
    let site = Site::of(&[]).service("b", &[b.1]).service("c", &[c.1]).route(route("split", below("/"), action));
    let (table, proxy) = (site.table(), site.start().await);
    let mut counts = [0, 0];
    for number in 0..100 {
        let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nX-User: {number}\r\n\r\n");
        let explained = explained(&table, &head);
        let [target] = &*explained.targets else { panic!("{:?}", explained.targets) };
        assert_eq!(target.weight, Some(500));
        let (_, got) = happened(&proxy, &head).await;
        assert!(got.ends_with(&format!("\r\n\r\n{} /", target.service.name)), "{got}");
        counts[usize::from(&*target.service.name == "c")] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    let unknown = explained(&table, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(unknown.targets.len(), 2, "nobody can say which");
}

#[test]
fn all_that_decides_and_all_that_holds_is_told() {
    let second = std::time::Duration::from_secs(1);
    let mirror = Some(Mirror { service: "shadow".into(), per_mille: 10 });
    let action = forward(Forward { mirror, ..split(&[("b", 1000), ("c", 0)]) });
    let policies = Policies { request_headers: rules(&["x-gone"], &[], &[]), ..Policies::default() };
    let canary = Route {
        timeouts: TimeoutOverrides { response: Some(second), ..TimeoutOverrides::default() },
        policies,
        ..route("canary", below("/api"), action)
    };
    let own = Policies {
        request_headers: rules(&["x-other"], &[], &[]),
        response_headers: rules(&["server"], &[], &[]),
        cache: Policy::On(Cache {
            rules: gateway_caching::Policy::default(),
            key: gateway_caching::key::Rules::default(),
            answers_head: true,
            bypass: CacheBypass::default(),
            max_object_size: 1,
        }),
        ..Policies::default()
    };
    let only_post = below("/api").methods(Methods::parse(["POST"]).unwrap());
    let site = Site::of(&[])
        .put(
            Service { policies: own.clone(), limits: Limits { request_body: Some(9) }, ..named("b", &[]) },
            &["*.b.test"],
        )
        .service("c", &[])
        .service("shadow", &[])
        .route(canary)
        .route(route("post", only_post, forward(to("c"))));
    let table = site.table();
    let head = "GET /x/../api/%2e HTTP/1.1\r\nHost: A.test:80\r\n\r\n";
    let strict = limits(&["--max-request-body=5B", "--request-timeout=3s"]);
    let explained = explain(&table, &strict, head.as_bytes()).unwrap();
    let Explanation { host, host_pattern, path, ambiguity, route, owner, passed_over, others, targets, end: _ } =
        explained;
    assert_eq!((&*host, host_pattern.unwrap().to_string().as_str(), &*path), ("a.test", "a.test", &b"/api/"[..]));
    assert!(ambiguity.is_some());
    assert_eq!((&*route.unwrap().name, &*owner.unwrap().name), ("canary", "a"));
    let passed: Vec<String> = passed_over.iter().map(|passed| format!("{}: {}", passed.name, passed.why)).collect();
    assert_eq!((passed.as_slice(), others), (&["post: the method is none of POST".to_owned()][..], 0));
    let [b, shadow] = &*targets else { panic!("{targets:?}") };
    assert_eq!((&*b.service.name, b.weight, b.max_body), ("b", Some(1000), Some(5)));
    assert_eq!((b.timeouts.response, b.timeouts.connect, b.timeouts.total), (second, PATIENCE, Some(3 * second)));
    let in_force = Policies {
        request_headers: rules(&["x-gone"], &[], &[]),
        response_headers: own.response_headers,
        ambiguous_paths: Some(AmbiguousPaths::Allow),
        cache: own.cache,
        ..Policies::default()
    };
    assert_eq!(b.policies, in_force);
    assert_eq!((&*shadow.service.name, shadow.weight, &shadow.policies), ("shadow", None, &Policies::default()));

    let explained = self::explained(&table, "GET / HTTP/1.1\r\nHost: x.y.b.test\r\n\r\n");
    assert_eq!(explained.host_pattern.unwrap().to_string(), "*.b.test");
    assert_eq!((explained.route, explained.passed_over.len()), (None, 0));
    let explained = self::explained(&table, "GET / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n");
    assert_eq!((explained.host_pattern, explained.end), (None, End::Refused(ProxyError::NoRoute)));
    let nothing = RoutingTable::default();
    assert_eq!(self::explained(&nothing, head).end, End::Refused(ProxyError::NotReady));
}

#[test]
fn near_misses_are_told_up_to_ten() {
    let number = |at| route(&format!("r{at:02}"), below(&format!("/r{at}")), forward(to("a")));
    let table = (0..30).map(number).fold(Site::of(&[]), Site::route).table();
    let explained = explained(&table, "GET /r3 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!((explained.passed_over.len(), explained.others), (10, 19));
}

#[test]
fn what_is_no_request_is_not_explained() {
    let table = Site::of(&[]).table();
    let long = format!("GET /{} HTTP/1.1\r\nHost: a.test\r\n\r\n", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{}\r\n", "a: b\r\n".repeat(129));
    for (head, error) in [
        (&*long, ProxyError::UriTooLong),
        (&many, ProxyError::HeadersTooLarge),
        ("CONNECT / HTTP/1.1\r\nHost: a.test\r\n\r\n", ProxyError::BadRequest("CONNECT is not allowed")),
    ] {
        assert_eq!(explain(&table, &limits(&[]), head.as_bytes()).unwrap_err(), error);
    }
}
