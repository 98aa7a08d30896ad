//! Who may call what.

use super::*;

#[tokio::test]
async fn who_may_not_is_told_no_more_than_that() {
    let denied = AuthRule { consumer: Some("bert".into()), ..rule() };
    let staff = AuthRule { group: Some("staff".into()), ..rule() };
    let by_allow = Gateway::start(Auth { allow: [staff].into(), ..auth([api_key()]) }).await;
    let by_deny = Gateway::start(Auth { deny: [denied].into(), ..auth([api_key()]) }).await;
    let mut told = Vec::new();
    for gateway in [&by_allow, &by_deny] {
        assert_eq!(gateway.status("/", &[ANNA]).await, 200);
        let refused = gateway.get("/", &[BERT, "X-Request-Id: same"]).await;
        assert_eq!((refused.status(), refused.field("WWW-Authenticate")), (403, None));
        told.push(refused.body);
        // Who has not shown who he is is asked to.
        assert_eq!(gateway.status("/", &[]).await, 401);
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].contains("\"code\":\"forbidden\""), "{told:?}");
    by_allow.proxy.until_told(&["gateway_auth_requests_total{service=\"a\",route=\"-\",result=\"forbidden\"} 1"]).await;
}

#[tokio::test]
async fn paths_are_compared_in_their_normal_form() {
    let admin = AuthRule { path: PathMatcher::prefix("/admin").unwrap(), ..rule() };
    let gateway = Gateway::start(Auth { deny: [admin].into(), ..auth([api_key()]) }).await;
    for path in ["/admin", "/%61dmin/x", "/x/../admin", "/./admin?x", "/x/%2e%2e/admin"] {
        assert_eq!(gateway.status(path, &[ANNA]).await, 403, "{path}");
    }
    for path in ["/administrator", "/Admin", "/", "/x/admin"] {
        assert_eq!(gateway.status(path, &[ANNA]).await, 200, "{path}");
    }
}

#[tokio::test]
async fn nobody_may_what_rules_allow_nobody() {
    let read = AuthRule { methods: Methods::parse(["GET"]).unwrap(), ..rule() };
    let staff = AuthRule { group: Some("staff".into()), ..rule() };
    let policy = Auth { anonymous: true, allow: [read.clone(), staff].into(), ..auth([api_key()]) };
    let gateway = Gateway::start(policy).await;
    assert_eq!(gateway.status("/", &[]).await, 200);
    let refused = gateway.send("DELETE", "/", &[]).await;
    assert_eq!(refused.field("WWW-Authenticate").as_deref(), Some("ApiKey realm=\"test\""), "{refused:?}");
    assert_eq!((refused.status(), gateway.send("DELETE", "/", &[BERT]).await.status()), (401, 403));
    assert_eq!(gateway.send("DELETE", "/", &[ANNA]).await.status(), 200);
    // Where there is no way to show it, nobody is asked to.
    let rules_alone = Gateway::start(Auth { anonymous: true, allow: [read].into(), ..auth([]) }).await;
    assert_eq!(rules_alone.status("/", &[]).await, 200);
    assert_eq!(rules_alone.send("DELETE", "/", &[]).await.status(), 403);
}

#[tokio::test]
async fn networks_are_the_clients_as_trusted_proxies_tell() {
    let inner = AuthRule { client_networks: ["10.0.0.0/8".parse().unwrap()].into(), ..rule() };
    let origin = Origin::start().await;
    origin.says("200 OK", &[], "ok");
    let site = site(&origin, Auth { anonymous: true, allow: [inner].into(), ..auth([]) });
    let trusting = site.start_limited(&["--trusted-proxies=127.0.0.0/8"]).await;
    let wary = site.start().await;
    for (proxy, address, status) in [
        (&trusting, "10.1.2.3", "200"),
        (&trusting, "11.1.2.3", "403"),
        (&trusting, "10.1.2.3, 11.1.2.3", "403"),
        (&wary, "10.1.2.3", "403"),
    ] {
        let request =
            format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: {address}\r\nConnection: close\r\n\r\n");
        let got = proxy.ask(&request).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{address}: {got}");
    }
}

#[tokio::test]
async fn methods_that_cannot_be_asked_let_nobody_in() {
    let claims = gateway_routing::route::IdentityClaims { consumer: "sub".into(), groups: "groups".into() };
    let asked = AuthMethod::Introspection(Arc::new(gateway_routing::route::Introspection {
        url: "http://127.0.0.1:1/".parse().unwrap(),
        client_id: "gateway".into(),
        client_secret_file: "none".into(),
        timeout: std::time::Duration::from_millis(10),
        cache_ttl: std::time::Duration::ZERO,
        required_claims: [].into(),
        claims,
        place: header("authorization"),
    }));
    let gateway = Gateway::start(Auth { anonymous: true, ..auth([asked, api_key()]) }).await;
    let unknown = gateway.get("/", &["Authorization: Bearer x"]).await;
    assert_eq!(unknown.status(), 503);
    assert!(unknown.body.contains("\"code\":\"auth_unavailable\""), "{unknown:?}");
    assert_eq!(gateway.status("/", &["Authorization: Bearer x", "X-Api-Key: wrong"]).await, 503);
    // Another method may know, and who shows nothing is nobody.
    assert_eq!(gateway.status("/", &["Authorization: Bearer x", ANNA]).await, 200);
    assert_eq!(gateway.status("/", &[]).await, 200);
    gateway
        .proxy
        .until_told(&["gateway_auth_requests_total{service=\"a\",route=\"-\",result=\"unavailable\"} 2"])
        .await;
}
