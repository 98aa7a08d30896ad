//! Another server decides: what its endpoint, its client and everybody else get of it.

use std::time::Duration;

use gateway_routing::route::{Action, ForwardAuth, Route};

use super::{
    super::{
        Upstream,
        cache::Client,
        site::{below, route, to},
    },
    *,
};
use crate::outside::tests::{Reply, Server};

fn asking(server: &Server) -> AuthMethod {
    let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    AuthMethod::Forward(Arc::new(ForwardAuth {
        url: server.url("/rule"),
        timeout: Duration::from_secs(10),
        request_headers: names(&["cookie", "x-role"]),
        response_headers: names(&["x-role", "authorization"]),
        consumer_header: Some("x-user".parse().unwrap()),
        groups_header: None,
    }))
}

/// Lets anna in, as an admin, with a token for the endpoint.
fn pass() -> Reply {
    Reply::of("204 No Content", "X-User: anna\r\nX-Role: admin\r\nAuthorization: Bearer inner\r\n", "")
}

const FORGED: [&str; 4] = ["X-Role: root", "x_ROLE: root", "Authorization: Bearer root", "X-Consumer: root"];

#[tokio::test]
async fn endpoints_get_what_the_server_says_in_place_of_what_clients_do() {
    let server = Server::start(pass()).await;
    let gateway = Gateway::start(auth([asking(&server)])).await;
    assert_eq!(gateway.status("/", &FORGED).await, 200);
    assert!(server.asked()[0].contains("x-role: root"), "it is asked with what it wants to see: {:?}", server.asked());
    let asked = gateway.origin.last();
    assert!(!asked.contains("root"), "{asked}");
    assert_eq!((values(&asked, "X-Role"), values(&asked, "X-Consumer")), (vec!["admin"], vec!["anna"]), "{asked}");
    assert_eq!(values(&asked, "Authorization"), ["Bearer inner"], "{asked}");

    // Where it says nothing of a field, the client does not either.
    server.now(Reply::of("200 OK", "", ""));
    assert_eq!(gateway.status("/", &FORGED).await, 200);
    assert!(!gateway.origin.last().contains("root"), "{}", gateway.origin.last());
    // RFC 9110 section 9.3.8: the endpoint would show the client what it was told.
    server.now(pass());
    assert_eq!(gateway.send("TRACE", "/", &[]).await.status(), 405);
}

#[tokio::test]
async fn nobody_forges_what_the_server_says_where_it_is_not_asked() {
    let server = Server::start(pass()).await;
    let policies = |auth| Policies { auth, ..Policies::default() };
    let off = Route { policies: policies(Policy::Off), ..route("open", below("/open"), Action::Forward(to("a"))) };
    let keyed = policies(Policy::On(auth([api_key()]).into()));
    let keyed = Route { policies: keyed, ..route("keyed", below("/keyed"), Action::Forward(to("a"))) };
    let gateway = Gateway::start_as(auth([asking(&server)]), |site| site.route(off).route(keyed)).await;
    for (path, fields) in [("/open", vec![]), ("/keyed", vec![ANNA])] {
        let fields: Vec<_> = FORGED.into_iter().chain(fields).collect();
        assert_eq!(gateway.status(path, &fields).await, 200, "{path}");
        assert!(!gateway.origin.last().contains("root"), "{path}: {}", gateway.origin.last());
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn the_server_learns_by_which_scheme_the_client_came() {
    let server = Server::start(pass()).await;
    let origin = Origin::start().await;
    origin.says("200 OK", &[], "ok");
    let proxy = site(&origin, auth([asking(&server)])).start_limited(&["--trusted-proxies=127.0.0.0/8"]).await;
    for (field, scheme) in [("X-Forwarded-Proto: https\r\n", "https"), ("", "http")] {
        proxy.ask(&format!("GET / HTTP/1.1\r\nHost: a.test\r\n{field}Connection: close\r\n\r\n")).await;
        assert_eq!(values(&server.asked().pop().unwrap(), "X-Forwarded-Proto"), [scheme]);
    }
}

#[tokio::test]
async fn who_is_refused_before_the_server_is_asked_is_told_of_a_scheme_all_the_same() {
    let server = Server::start(pass()).await;
    let greedy = match asking(&server) {
        AuthMethod::Forward(policy) => {
            let request_headers = [http::header::AUTHORIZATION].into();
            AuthMethod::Forward(Arc::new(ForwardAuth { request_headers, ..(*policy).clone() }))
        }
        other => other,
    };
    let gateway = Gateway::start(auth([greedy])).await;
    let refused = gateway.get("/", &["Authorization: Bearer a", "Authorization: Bearer b"]).await;
    assert_eq!(refused.status(), 401);
    assert!(refused.field("WWW-Authenticate").is_some_and(|told| told.starts_with("Bearer realm=")), "{refused:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn its_refusal_is_the_clients_and_its_silence_lets_nobody_in() {
    let server = Server::start(Reply::of("302 Found", "Location: https://login.test/\r\nX-Role: no\r\n", "go")).await;
    let gateway = Gateway::start(auth([asking(&server)])).await;
    let answer = gateway.get("/", &[]).await;
    assert_eq!((answer.status(), answer.field("location").as_deref()), (302, Some("https://login.test/")));
    server.now(Reply::Cut);
    assert_eq!(gateway.status("/", &[]).await, 503);
    // A key is as good as its word, wherever it stands.
    let either = Gateway::start(auth([asking(&server), api_key()])).await;
    assert_eq!((either.status("/", &[ANNA]).await, either.status("/", &[]).await), (200, 503));
}

#[tokio::test]
async fn in_shadow_mode_nobody_notices_that_it_does_not_answer() {
    let server = Server::start(Reply::Hang).await;
    let origin = Origin::start().await;
    origin.says("200 OK", &[], "ok");
    let mut owner = protected(&[origin.address], Auth { shadow: true, ..auth([asking(&server), api_key()]) });
    owner.timeouts.total = Some(Duration::from_secs(2));
    let bench = Bench::new();
    let site = Site::owned_by(owner).consumer(consumer("anna", &[], "key-of-anna"));
    let gateway = Gateway { proxy: bench.start(&site).await, bench, origin };
    for (fields, consumer) in [(&[][..], None), (&[ANNA], Some("anna"))] {
        assert_eq!(gateway.status("/", fields).await, 200);
        assert_eq!(values(&gateway.origin.last(), "X-Consumer").pop(), consumer);
    }
    let line = "gateway_auth_requests_total{service=\"a\",route=\"-\",result=\"shadow_unavailable\"} 1";
    gateway.proxy.until_told(&[line]).await;
}

/// Who has waited is judged by what is known of him then.
#[tokio::test]
async fn who_is_another_one_when_the_wait_is_over_is_refused() {
    let server = Upstream::start().await;
    let origin = Origin::start().await;
    origin.says("200 OK", &[], "ok");
    let asked = AuthMethod::Forward(Arc::new(ForwardAuth {
        url: format!("http://{}/", server.address).parse().unwrap(),
        timeout: Duration::from_secs(10),
        request_headers: [].into(),
        response_headers: [].into(),
        consumer_header: Some("x-user".parse().unwrap()),
        groups_header: None,
    }));
    let banned = AuthRule { group: Some("banned".into()), ..rule() };
    let policy = Auth { deny: [banned].into(), ..auth([asked]) };
    let gateway = Gateway { bench: Bench::new(), proxy: site(&origin, policy.clone()).start().await, origin };
    let mut peer = None;
    for (groups, status) in [(&["ops", "staff"][..], "200"), (&["banned"], "401")] {
        let mut client = Client(gateway.proxy.connect().await);
        client.ask("GET", "/", &[]).await;
        let asked = match &mut peer {
            Some(asked) => asked,
            None => peer.insert(server.accept().await),
        };
        asked.head().await;
        let newer = site(&gateway.origin, policy.clone()).consumer(consumer("anna", groups, "key-of-anna"));
        gateway.proxy.swap(newer.table()).await;
        asked.send("HTTP/1.1 200 OK\r\nX-User: anna\r\nContent-Length: 0\r\n\r\n").await;
        let told = client.answer("GET").await;
        assert_eq!(told.status().to_string(), status, "{told:?}");
    }
    assert_eq!(gateway.origin.count(), 1);
}
