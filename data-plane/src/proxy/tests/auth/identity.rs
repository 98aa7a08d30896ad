//! What endpoints are told, and what they are not.

use gateway_routing::route::{Action, CredentialPlace, HeaderRules, Redirect, Route};
use http::StatusCode;

use super::{
    super::{
        Upstream,
        cache::Client,
        site::{below, mirrored, route, rules as edits, split, to},
    },
    *,
};
use crate::{proxy::explain::explain, worker::limits::tests::limits};

const FORGED: [&str; 7] = [
    "X-Consumer: root",
    "x-CONSUMER: root",
    "X_Consumer: root",
    "X-Consumer_Groups: root",
    "x_consumer_groups: root",
    "X-Consumer-Groups: root",
    "Connection: X-Consumer, X-Consumer-Groups",
];

#[tokio::test]
async fn nobody_says_himself_who_he_is() {
    let gateway = Gateway::start(Auth { anonymous: true, ..auth([api_key()]) }).await;
    let known: Vec<_> = FORGED.into_iter().chain([ANNA]).collect();
    for (fields, consumer, groups) in [(known, vec!["anna"], vec!["ops,staff"]), (FORGED.to_vec(), vec![], vec![])] {
        assert_eq!(gateway.status("/", &fields).await, 200);
        let asked = gateway.origin.last();
        assert_eq!((values(&asked, "X-Consumer"), values(&asked, "X-Consumer-Groups")), (consumer, groups), "{asked}");
        assert!(!asked.contains("root") && !asked.contains('_'), "{asked}");
    }
}

#[tokio::test]
async fn nor_where_a_route_asks_nobody() {
    let off = Policies { auth: Policy::Off, ..Policies::default() };
    let own = Policies { auth: Policy::On(auth([api_key()]).into()), ..Policies::default() };
    let open = Route { policies: off, ..route("open", below("/open"), Action::Forward(to("a"))) };
    let mut renamed = Route { policies: own, ..route("renamed", below("/renamed"), Action::Forward(to("a"))) };
    if let Policy::On(auth) = &mut renamed.policies.auth {
        auth.identity.consumer_header = Some("x-who".parse().unwrap());
        auth.identity.groups_header = None;
    }
    let gateway = Gateway::start_as(auth([api_key()]), |site| site.route(open).route(renamed)).await;
    assert_eq!(gateway.status("/open", &FORGED).await, 200);
    assert!(!gateway.origin.last().contains("root"), "{}", gateway.origin.last());
    let fields: Vec<_> = FORGED.into_iter().chain([ANNA, "X_Who: root"]).collect();
    assert_eq!(gateway.status("/renamed", &fields).await, 200);
    let asked = gateway.origin.last();
    assert!(!asked.contains("root") && values(&asked, "X-Consumer").is_empty(), "{asked}");
    assert_eq!(values(&asked, "X-Who"), ["anna"], "{asked}");
}

#[tokio::test]
async fn nor_where_only_another_route_to_the_endpoint_asks() {
    let (origin, shadow) = (Origin::start().await, Origin::start().await);
    for server in [&origin, &shadow] {
        server.says("200 OK", &[], "ok");
    }
    let admin = Policies { auth: Policy::On(auth([api_key()]).into()), ..Policies::default() };
    let admin = Route { policies: admin, ..route("admin", below("/admin"), mirrored("a", "shadow")) };
    let straight = route("straight", below("/straight"), Action::Forward(to("shadow")));
    let half = route("half", below("/half"), Action::Forward(split(&[("a", 500), ("shadow", 500)])));
    let other = route("other", below("/other"), Action::Forward(to("b")));
    let site = Site::of(&[origin.address]).service("shadow", &[shadow.address]).service("b", &[origin.address]);
    let open = site.route(straight).route(half).route(other);
    let proxy = open.start().await;
    let send = async |path: &str| Client(proxy.connect().await).send("GET", path, &FORGED[..6]).await.status();
    assert_eq!(send("/").await, 200);
    assert!(origin.last().contains("root"), "nobody tells anybody anything");

    proxy.swap(open.route(admin).table()).await;
    for path in ["/", "/straight", "/half"] {
        assert_eq!(send(path).await, 200);
        let asked: Vec<_> = [&origin, &shadow].iter().filter_map(|server| server.asked().pop()).collect();
        let asked = asked.iter().find(|head| head.starts_with(&format!("GET {path} "))).unwrap();
        assert!(!asked.contains("root"), "{path}: {asked}");
    }
    assert_eq!(send("/other").await, 200);
    assert!(origin.last().contains("root"), "no policy leads to that service");
    let mut client = proxy.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    client.send(format!("{head}0\r\nX_Consumer: root\r\n\r\n")).await;
    assert!(client.rest().await.starts_with("HTTP/1.1 200 "));
    assert!(!origin.last().contains("root"));
}

#[tokio::test]
async fn trailers_bring_back_neither_identity_nor_credentials() {
    let upstream = Upstream::start().await;
    let site = Site::owned_by(protected(&[upstream.address], auth([api_key()])));
    let proxy = site.consumer(consumer("anna", &[], "key-of-anna")).start().await;
    let mut client = proxy.connect().await;
    let trailers = "x_consumer: root\r\nX-Api-Key: key-of-anna\r\nX-Consumer-Groups: root\r\nX-Kept: 1\r\n";
    let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\n{ANNA}\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("{head}2\r\nhi\r\n0\r\n{trailers}\r\n")).await;
    let mut server = upstream.accept().await;
    assert_eq!(values(&server.head().await, "X-Consumer"), ["anna"]);
    assert_eq!(server.until("\r\n\r\n").await, "2\r\nhi\r\n0\r\nX-Kept: 1\r\n\r\n");
}

#[tokio::test]
async fn a_copy_for_a_shadow_has_no_credentials_either() {
    for keep_credentials in [false, true] {
        let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
        let mut api = route("api", below("/"), mirrored("a", "shadow"));
        let places = [api_key(), AuthMethod::ApiKey(CredentialPlace::Query("key".into()))];
        api.policies.auth = Policy::On(Auth { keep_credentials, ..auth(places) }.into());
        let site = Site::of(&[upstream.address]).service("shadow", &[shadow.address]).route(api);
        let proxy = site.consumer(consumer("anna", &[], "key-of-anna")).start().await;
        for (target, field) in [("/?key=key-of-anna", "A: b"), ("/", ANNA)] {
            let mut client = proxy.connect().await;
            client.send(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n{field}\r\n\r\n")).await;
            for endpoint in [&upstream, &shadow] {
                let mut server = endpoint.accept().await;
                let head = server.head().await;
                assert_eq!(head.contains("key-of-anna"), keep_credentials, "{head}");
                assert_eq!(values(&head, "X-Consumer"), ["anna"], "{head}");
                server.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
            }
            assert!(client.head().await.starts_with("HTTP/1.1 204 "));
        }
    }
}

#[tokio::test]
async fn nobody_forges_what_a_shadow_is_told_where_it_is_asked_itself() {
    let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
    let mut own = auth([api_key()]);
    own.identity.consumer_header = Some("x-who".parse().unwrap());
    let shadowed = Service { name: "shadow".into(), ..protected(&[shadow.address], own) };
    let site =
        Site::of(&[upstream.address]).put(shadowed, &[]).route(route("api", below("/"), mirrored("a", "shadow")));
    let proxy = site.start().await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Who: root\r\nX_who: root\r\n\r\n").await;
    for endpoint in [&upstream, &shadow] {
        let head = endpoint.accept().await.head().await;
        assert!(!head.contains("root"), "{head}");
    }
}

#[tokio::test]
async fn nor_what_it_is_told_by_the_policy_of_the_service_whose_copies_it_gets() {
    let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
    let site = Site::owned_by(protected(&[upstream.address], auth([api_key()]))).service("shadow", &[shadow.address]);
    let site = site.route(route("api", below("/copied"), mirrored("a", "shadow")));
    let site = site.route(route("straight", below("/straight"), Action::Forward(to("shadow"))));
    let proxy = site.consumer(consumer("anna", &[], "key-of-anna")).start().await;
    let mut clients = Vec::new();
    for (path, key, consumer) in [("/copied", ANNA, vec!["anna"]), ("/straight", "A: b", vec![])] {
        let mut client = proxy.connect().await;
        let forged = FORGED.join("\r\n");
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{forged}\r\n{key}\r\n\r\n")).await;
        if path == "/copied" {
            assert_eq!(values(&upstream.accept().await.head().await, "X-Consumer"), ["anna"]);
        }
        let head = shadow.accept().await.head().await;
        assert!(!head.contains("root") && values(&head, "X-Consumer") == consumer, "{head}");
        clients.push(client);
    }
}

#[tokio::test]
async fn what_the_policy_reads_is_there_to_be_read_though_another_one_tells_by_it() {
    let mut other = auth([AuthMethod::Basic]);
    other.identity.consumer_header = Some("x_api-key".parse().unwrap());
    let policies = Policies { auth: Policy::On(other.into()), ..Policies::default() };
    let other = Route { policies, ..route("other", below("/other"), Action::Forward(to("a"))) };
    let keeping = Auth { keep_credentials: true, ..auth([api_key()]) };
    let gateway = Gateway::start_as(keeping, |site| site.route(other)).await;
    assert_eq!(gateway.status("/", &[ANNA, "X_Api-Key: root"]).await, 200);
    let asked = gateway.origin.last();
    assert_eq!(values(&asked, "X-Consumer"), ["anna"], "{asked}");
    assert!(!asked.contains("root") && !asked.contains("key-of-anna"), "the endpoint would believe it: {asked}");
}

#[tokio::test]
async fn credentials_go_on_only_where_the_policy_says_so() {
    let places = || [api_key(), AuthMethod::Basic, AuthMethod::ApiKey(CredentialPlace::Cookie("key".into()))];
    let fields = [ANNA, "X_Api_Key: x", "Cookie: key2=1; key=", "X-Other: 1"];
    let gateway = Gateway::start(Auth { shadow: true, ..auth(places()) }).await;
    assert_eq!(gateway.status("/", &fields).await, 200);
    let asked = gateway.origin.last();
    assert!(!asked.to_lowercase().contains("api") && values(&asked, "Cookie") == ["key2=1"], "{asked}");
    assert_eq!(values(&asked, "X-Other"), ["1"], "{asked}");
    let keeping = Gateway::start(Auth { shadow: true, keep_credentials: true, ..auth(places()) }).await;
    assert_eq!(keeping.status("/", &fields).await, 200);
    let asked = keeping.origin.last();
    assert_eq!(values(&asked, "X-Api-Key"), ["key-of-anna"], "{asked}");
    assert_eq!(values(&asked, "Cookie"), ["key2=1; key="], "{asked}");
}

#[tokio::test]
async fn what_the_services_policy_reads_does_not_go_on_where_another_is_in_force() {
    let places = || [api_key(), AuthMethod::ApiKey(CredentialPlace::Query("key".into()))];
    let policies = |auth| Policies { auth, ..Policies::default() };
    let to_a = |name: &str, path: &str, auth| Route {
        policies: policies(auth),
        ..route(name, below(path), Action::Forward(to("a")))
    };
    let cookie = || AuthMethod::ApiKey(CredentialPlace::Cookie("id".into()));
    let other = || Auth { anonymous: true, ..auth([cookie()]) };
    let keeping = Auth { keep_credentials: true, ..other() };
    let redirect = Redirect {
        status: StatusCode::FOUND,
        scheme: None,
        host: Some("elsewhere.test".into()),
        port: None,
        path: None,
        strip_query: false,
    };
    for keep_credentials in [false, true] {
        let owner = Auth { keep_credentials, ..auth(places()) };
        let origin = Origin::start().await;
        origin.says("200 OK", &[], "ok");
        let site = site(&origin, owner).route(to_a("off", "/off", Policy::Off));
        let site = site.route(to_a("other", "/other", Policy::On(other().into())));
        let site = site.route(to_a("keeping", "/keeping", Policy::On(keeping.clone().into())));
        let site = site.route(route("moved", below("/moved"), Action::Redirect(redirect.clone())));
        let bench = Bench::new();
        let gateway = Gateway { proxy: bench.start(&site).await, bench, origin };
        for (path, keeps_cookie) in [("/off", true), ("/other", false), ("/keeping", true)] {
            let fields = [ANNA, "Cookie: id=key-of-bert"];
            assert_eq!(gateway.status(&format!("{path}?key=key-of-anna"), &fields).await, 200, "{path}");
            let asked = gateway.origin.last();
            assert_eq!(asked.contains("key-of-anna"), keep_credentials, "{asked}");
            assert_eq!(asked.contains("key-of-bert"), keeps_cookie, "{asked}");
        }
        let moved = gateway.get("/moved?key=key-of-anna&a", &[]).await.field("Location").unwrap();
        assert_eq!(moved.contains("key-of-anna"), keep_credentials, "{moved}");
        let explained = |target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n");
            format!("{:?}", explain(&site.table(), &limits(&[]), head.as_bytes()).unwrap().end)
        };
        for target in ["/off?key=key-of-anna", "/moved?key=key-of-anna"] {
            assert_eq!(explained(target), explained(target.split('?').next().unwrap()), "{target}");
        }
    }
}

#[tokio::test]
async fn an_operators_own_rules_go_before_what_is_told() {
    let origin = Origin::start().await;
    origin.says("200 OK", &[], "ok");
    let mut owner = protected(&[origin.address], auth([api_key()]));
    let rules: Option<HeaderRules> = edits(&["X-Consumer-Groups"], &[("X-Consumer", "hidden")], &[]);
    owner.policies.request_headers = rules;
    let bench = Bench::new();
    let site = Site::owned_by(owner).consumer(consumer("anna", &["staff"], "key-of-anna"));
    let gateway = Gateway { proxy: bench.start(&site).await, bench, origin };
    assert_eq!(gateway.status("/", &[ANNA]).await, 200);
    let asked = gateway.origin.last();
    assert_eq!(
        (values(&asked, "X-Consumer"), values(&asked, "X-Consumer-Groups")),
        (vec!["hidden"], vec![]),
        "{asked}"
    );
}
