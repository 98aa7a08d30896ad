//! Keys: where they are, and when they are none any more.

use std::time::Duration;

use gateway_caching::Time;
use gateway_routing::route::{
    Action, AllowOrigin, Allowed, Cors, CredentialPlace, PathRewrite, Policies, Policy, Redirect, Respond, Route,
};
use http::{Method, StatusCode};

use super::{
    super::{
        cache::{Client, T0},
        site::{below, route},
    },
    *,
};

#[tokio::test]
async fn a_key_lets_its_consumer_in_and_nobody_else() {
    let gateway = Gateway::start(auth([api_key()])).await;
    let passed = gateway.get("/", &[ANNA]).await;
    assert_eq!((passed.status(), &*passed.body), (200, "ok"));
    assert_eq!(values(&gateway.origin.last(), "X-Consumer"), ["anna"]);
    assert_eq!(values(&gateway.origin.last(), "X-Consumer-Groups"), ["ops,staff"]);
    assert_eq!(gateway.status("/", &["x-api-key: key-of-bert"]).await, 200);
    assert_eq!(values(&gateway.origin.last(), "X-Consumer"), ["bert"]);
    assert!(values(&gateway.origin.last(), "X-Consumer-Groups").is_empty());

    let asked = gateway.origin.count();
    let long = format!("X-Api-Key: {}", "k".repeat(600));
    for fields in
        [&[][..], &["X-Api-Key: wrong"], &["X-Api-Key:"], &["X-Api-Key: key-of-anna2"], &[&long], &["Cookie: x=1"]]
    {
        let refused = gateway.get("/", fields).await;
        assert_eq!(refused.status(), 401, "{fields:?}");
        assert_eq!(refused.field("WWW-Authenticate").as_deref(), Some("ApiKey realm=\"test\""), "{fields:?}");
        assert!(refused.body.contains("\"code\":\"unauthenticated\""), "{refused:?}");
        assert!(!refused.body.contains("wrong") && !refused.body.contains("key-of"), "{refused:?}");
    }
    assert_eq!(gateway.origin.count(), asked, "nothing of it has reached the endpoint");
    let results = [("api_key", 2), ("unauthenticated", 2), ("invalid", 4)];
    let lines = results.map(|(result, count)| {
        format!("gateway_auth_requests_total{{service=\"a\",route=\"-\",result=\"{result}\"}} {count}")
    });
    gateway.proxy.until_told(&lines.each_ref().map(|line| &**line)).await;
}

#[tokio::test]
async fn a_key_may_be_in_other_places_and_does_not_go_on_from_there() {
    let places = [
        ("/x?a=1&key=key-of-anna&b", "", CredentialPlace::Query("key".into())),
        ("/x?a=1&b", "Cookie: sid=1; key=key-of-anna; z=2", CredentialPlace::Cookie("key".into())),
        ("/x?a=1&b", "Authorization: key-of-anna", header("authorization")),
        ("/x?a=1&b", "Authorization: bearer key-of-anna", header("authorization")),
        ("/x?a=1&b", "X-Other: key-of-anna", header("x-other")),
    ];
    for (path, field, place) in places {
        let gateway = Gateway::start(auth([AuthMethod::ApiKey(place)])).await;
        let fields: &[&str] = if field.is_empty() { &[] } else { &[field] };
        assert_eq!(gateway.status(path, fields).await, 200, "{path} {field}");
        let asked = gateway.origin.last();
        assert!(asked.starts_with("GET /x?a=1&b HTTP/1.1\r\n"), "{asked}");
        assert!(!asked.contains("key-of-anna") && !asked.contains("key="), "{asked}");
        assert_eq!(values(&asked, "X-Consumer"), ["anna"], "{asked}");
        if field.starts_with("Cookie") {
            assert_eq!(values(&asked, "Cookie"), ["sid=1; z=2"], "{asked}");
        }
        // Elsewhere, it is no key.
        assert_eq!(gateway.status("/x", &[ANNA]).await, 401, "{field}");
    }
}

#[tokio::test]
async fn what_could_be_meant_in_two_ways_is_refused() {
    let gateway = Gateway::start(auth([api_key(), AuthMethod::ApiKey(CredentialPlace::Query("key".into()))])).await;
    for (path, fields) in [
        ("/", &[ANNA, ANNA][..]),
        ("/", &[ANNA, BERT]),
        ("/?key=key-of-anna", &[ANNA]),
        ("/?key=key-of-anna", &[BERT]),
        ("/?key=key-of-anna&key=key-of-anna", &[]),
        ("/?key=key-of-anna&%6bey=key-of-bert", &[]),
    ] {
        assert_eq!(gateway.status(path, fields).await, 401, "{path} {fields:?}");
    }
    let tokens = Gateway::start(auth([api_key(), AuthMethod::Basic])).await;
    let twice = ["Authorization: Bearer x", "Authorization: Bearer x", ANNA];
    assert_eq!(tokens.status("/", &twice).await, 401);
    assert_eq!(gateway.origin.count() + tokens.origin.count(), 0);
}

#[tokio::test]
async fn a_key_that_ends_or_is_revoked_is_none_from_then_on() {
    let ends = Time::from_millis((T0 + 60) * 1000);
    let gateway =
        Gateway::start_as(auth([api_key()]), |site| site.consumer(ending("carl", &[], "key-of-carl", ends))).await;
    let carl = "X-Api-Key: key-of-carl";
    let mut client = Client(gateway.proxy.connect().await);
    assert_eq!(client.send("GET", "/", &[carl]).await.status(), 200);
    gateway.bench.pass(Duration::from_millis(59_999));
    assert_eq!(client.send("GET", "/", &[carl]).await.status(), 200);
    gateway.bench.pass(Duration::from_millis(1));
    assert_eq!(client.send("GET", "/", &[carl]).await.status(), 401, "on the same connection");
    assert_eq!(client.send("GET", "/", &[ANNA]).await.status(), 200);
    // What data planes get without it is in force with the next request.
    let revoked = site(&gateway.origin, auth([api_key()])).consumer(consumer("anna", &[], "another-key"));
    gateway.proxy.swap(revoked.table()).await;
    assert_eq!(client.send("GET", "/", &[ANNA]).await.status(), 401);
    assert_eq!(client.send("GET", "/", &["X-Api-Key: another-key"]).await.status(), 200);
}

#[tokio::test]
async fn guessing_leads_nowhere() {
    let gateway = Gateway::start(auth([api_key()])).await;
    let mut client = Client(gateway.proxy.connect().await);
    for guess in 0..500 {
        let guessed = format!("X-Api-Key: key-of-ann{}", char::from(b'b' + guess as u8 % 25));
        assert_eq!(client.send("GET", "/", &[&guessed]).await.status(), 401);
    }
    assert_eq!(client.send("GET", "/", &[ANNA]).await.status(), 200);
    assert_eq!(gateway.origin.count(), 1);
}

#[tokio::test]
async fn the_first_method_that_accepts_decides() {
    let in_cookie = AuthMethod::ApiKey(CredentialPlace::Cookie("key".into()));
    let gateway =
        Gateway::start_as(auth([AuthMethod::Basic, api_key()]), |site| site.consumer(with_password("dora", "secret")))
            .await;
    let dora = "Authorization: Basic ZG9yYTpzZWNyZXQ=";
    for (fields, consumer) in
        [(&[dora][..], "dora"), (&[dora, ANNA], "dora"), (&["Authorization: Basic eDp5", ANNA], "anna")]
    {
        assert_eq!(gateway.status("/", fields).await, 200, "{fields:?}");
        assert_eq!(values(&gateway.origin.last(), "X-Consumer"), [consumer], "{fields:?}");
        assert!(
            values(&gateway.origin.last(), "Authorization").is_empty()
                && values(&gateway.origin.last(), "X-Api-Key").is_empty()
        );
    }
    let refused = gateway.get("/", &[]).await;
    let challenges: Vec<_> = values(&refused.head, "WWW-Authenticate");
    assert_eq!(challenges, ["Basic realm=\"test\", charset=\"UTF-8\"", "ApiKey realm=\"test\""]);
    // An Authorization of another scheme is none of the gateway's business where none of its methods reads it.
    let only_keys = Gateway::start(auth([api_key(), in_cookie])).await;
    assert_eq!(only_keys.status("/", &[ANNA, "Authorization: Bearer app"]).await, 200);
    assert_eq!(values(&only_keys.origin.last(), "Authorization"), ["Bearer app"]);
    assert_eq!(gateway.status("/", &["Authorization: Digest x"]).await, 401);
}

#[tokio::test]
async fn who_need_not_show_anything_must_not_show_what_is_wrong() {
    let gateway = Gateway::start(Auth { anonymous: true, ..auth([api_key(), AuthMethod::Basic]) }).await;
    assert_eq!(gateway.status("/", &[]).await, 200);
    assert!(values(&gateway.origin.last(), "X-Consumer").is_empty());
    assert_eq!(gateway.status("/", &[ANNA]).await, 200);
    assert_eq!(values(&gateway.origin.last(), "X-Consumer"), ["anna"]);
    for wrong in ["X-Api-Key: wrong", "Authorization: Basic ???", "Authorization: Digest x", "Authorization: Bearer x"]
    {
        assert_eq!(gateway.status("/", &[wrong]).await, 401, "{wrong}");
    }
    assert_eq!(gateway.origin.count(), 2);
}

#[tokio::test]
async fn a_preflight_needs_no_credentials() {
    let origin = Origin::start().await;
    let mut owner = protected(&[origin.address], auth([api_key()]));
    owner.policies.cors = Policy::On(Cors {
        allow_origins: [AllowOrigin::Exact("https://app.test".into())].into(),
        allow_methods: Allowed::Only([Method::PUT].into()),
        allow_headers: Allowed::Only(["x-api-key".parse().unwrap()].into()),
        expose_headers: Allowed::Only([].into()),
        allow_credentials: false,
        max_age: None,
    });
    let bench = Bench::new();
    let gateway = Gateway { proxy: bench.start(&Site::owned_by(owner)).await, bench, origin };
    let from = "Origin: https://app.test";
    let asked = [from, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-api-key"];
    let preflight = gateway.send("OPTIONS", "/", &asked).await;
    assert_eq!((preflight.status(), preflight.field("Access-Control-Allow-Methods").as_deref()), (204, Some("PUT")));
    // The page can read that it was refused.
    let refused = gateway.send("PUT", "/", &[from]).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.field("Access-Control-Allow-Origin").as_deref(), Some("https://app.test"));
    // What is no preflight is a request.
    assert_eq!(gateway.send("OPTIONS", "/", &[from]).await.status(), 401);
    assert_eq!(gateway.origin.count(), 0);
}

#[tokio::test]
async fn routes_that_answer_by_themselves_ask_too_and_show_no_credentials() {
    let policies = Policies {
        auth: Policy::On(auth([AuthMethod::ApiKey(CredentialPlace::Query("key".into()))]).into()),
        ..Policies::default()
    };
    let respond = Respond { status: StatusCode::OK, body: "hi".into(), content_type: "text/plain".into() };
    let redirect = Redirect {
        status: StatusCode::FOUND,
        scheme: None,
        host: Some("elsewhere.test".into()),
        port: None,
        path: Some(PathRewrite::Prefix("/new".into())),
        strip_query: false,
    };
    let own = Route { policies: policies.clone(), ..route("own", below("/own"), Action::Respond(respond)) };
    let moved = Route { policies, ..route("moved", below("/old"), Action::Redirect(redirect)) };
    let gateway = Gateway::start_as(auth([api_key()]), |site| site.route(own).route(moved)).await;
    assert_eq!((gateway.status("/own", &[]).await, gateway.status("/old", &[]).await), (401, 401));
    assert_eq!(gateway.get("/own?key=key-of-anna", &[]).await.body, "hi");
    let sent = gateway.get("/old/x?a=1&key=key-of-anna", &[]).await;
    assert_eq!(sent.field("Location").as_deref(), Some("http://elsewhere.test/new/x?a=1"));
    // It is the route's policy, and not the service's.
    assert_eq!(gateway.status("/own", &[ANNA]).await, 401);
}

#[tokio::test]
async fn a_policy_in_shadow_mode_refuses_nothing_and_counts() {
    let deny = AuthRule { consumer: Some("bert".into()), ..rule() };
    let gateway = Gateway::start(Auth { shadow: true, deny: [deny].into(), ..auth([api_key()]) }).await;
    for (fields, consumer) in
        [(&[][..], None), (&["X-Api-Key: wrong"], None), (&[BERT], Some("bert")), (&[ANNA], Some("anna"))]
    {
        let passed = gateway.get("/", fields).await;
        assert_eq!((passed.status(), passed.field("WWW-Authenticate")), (200, None), "{fields:?}");
        assert_eq!(values(&gateway.origin.last(), "X-Consumer").pop(), consumer, "{fields:?}");
    }
    let results = ["shadow_unauthenticated", "shadow_invalid", "shadow_forbidden", "api_key"];
    let lines =
        results.map(|result| format!("gateway_auth_requests_total{{service=\"a\",route=\"-\",result=\"{result}\"}} 1"));
    gateway.proxy.until_told(&lines.each_ref().map(|line| &**line)).await;
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refusal_and_its_next_request_is_its_own() {
    let open = Route {
        policies: Policies { auth: Policy::Off, ..Policies::default() },
        ..route("open", below("/open"), Action::Forward(super::super::site::to("a")))
    };
    let gateway = Gateway::start_as(auth([api_key()]), |site| site.route(open)).await;
    let mut client = Client(gateway.proxy.connect().await);
    for (path, fields, status, consumer) in [
        ("/", &[ANNA][..], 200, Some("anna")),
        ("/", &[], 401, Some("anna")),
        ("/open", &[], 200, None),
        ("/", &[BERT], 200, Some("bert")),
        ("/open", &[ANNA], 200, None),
    ] {
        assert_eq!(client.send("GET", path, fields).await.status(), status, "{path} {fields:?}");
        assert_eq!(values(&gateway.origin.last(), "X-Consumer").pop(), consumer, "{path} {fields:?}");
    }
}
