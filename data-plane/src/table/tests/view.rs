//! What `/config` says.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gateway_caching::{
    key::{Query, Rules},
    policy::Assumed,
};
use gateway_proto::host::HostPattern;
use gateway_routing::{
    Match, Methods, PathMatcher, Pattern, Test,
    route::{
        Action, AllowOrigin, Allowed, AmbiguousPaths, Auth, AuthClaim, AuthMethod, AuthRule, Cache, CacheBypass,
        ClaimHeader, Compression, CompressionAlgorithm, Cors, CredentialPlace, Exemption, Forward, ForwardAuth,
        HeaderField, HeaderRules, Identity, IdentityClaims, Introspection, Jwks, Jwt, JwtAlgorithm, KeyPart,
        MediaRange, Mirror, PathRewrite, Piece, Policies, Policy, Quota, RateLimit, Redirect, Respond, Route, Scheme,
        Scope, Sticky, TimeoutOverrides, WeightedService,
    },
};
use http::{HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION};
use serde_json::{Value, json};

use super::{changes, entry, routes::route, service, stamp};
use crate::table::{Changes, Endpoint, Entry, Limits, RoutingTable, Service, WeightedEndpoint};

fn shown(table: &RoutingTable) -> Value {
    serde_json::to_value(table.view()).unwrap()
}

#[test]
fn services_are_shown_with_everything_that_is_held() {
    let address: SocketAddr = "127.0.0.1:3001".parse().unwrap();
    let other: SocketAddr = "[::1]:3002".parse().unwrap();
    let healthy = Box::new([WeightedEndpoint { address, cumulative_weight: 2 }]);
    let mut held = Service { healthy, limits: Limits { request_body: Some(10 << 20) }, ..service("mail") };
    held.timeouts.total = Some(Duration::from_secs(300));
    let mail = Entry {
        service: Arc::new(held),
        hosts: ["mail.test", "*.mail.test"].map(|host| HostPattern::parse(host).unwrap()).into(),
        endpoints: Box::new([
            Endpoint { address, weight: 2, healthy: true },
            Endpoint { address: other, weight: 1, healthy: false },
        ]),
    };
    let both = changes([("mail", Some(Arc::new(mail))), ("plain", entry("plain", &[]))]);
    let table = RoutingTable::default().amend(stamp(5), &both).unwrap();
    assert_eq!(
        shown(&table),
        json!({
            "cluster_id": "c1",
            "version": "0000000000000abc-5",
            "revision": 7,
            "services": [{
                "name": "mail",
                "hosts": ["mail.test", "*.mail.test"],
                "endpoints": [
                    {"address": "127.0.0.1:3001", "weight": 2, "health": "healthy"},
                    {"address": "[::1]:3002", "weight": 1, "health": "unhealthy"},
                ],
                "timeouts": {"connect": "250ms", "response": "30s", "idle": "1m 30s", "total": "5m"},
                "limits": {"request_body": "10MiB"},
            }, {
                "name": "plain",
                "hosts": [],
                "endpoints": [],
                "timeouts": {"connect": "250ms", "response": "30s", "idle": "1m 30s"},
                "limits": {},
            }],
            "routes": [],
            "consumers": 0,
        })
    );
    assert_eq!(
        shown(&RoutingTable::default()),
        json!({"cluster_id": null, "version": null, "revision": null, "services": [], "routes": [], "consumers": 0})
    );
}

fn rules() -> HeaderRules {
    let field = |name| HeaderField { name: HeaderName::from_static(name), value: HeaderValue::from_static("SECRET") };
    HeaderRules {
        remove: [HeaderName::from_static("x-old")].into(),
        set: [field("authorization")].into(),
        add: [field("x-a"), field("x-b")].into(),
    }
}

fn cache() -> Cache {
    let secret = Match::default().header("x-key", Test::Exact("SECRET".into())).unwrap();
    Cache {
        rules: gateway_caching::Policy {
            assumed: Assumed::Tenth { at_most: Duration::from_secs(60) },
            max_ttl: Duration::from_secs(3600),
            ..gateway_caching::Policy::default()
        },
        key: Rules::new(Query::Without(vec!["utm".into()]), vec!["x-a".into()], vec![]),
        answers_head: false,
        bypass: CacheBypass {
            headers: secret.header_conditions().into(),
            query: Box::default(),
            cookies: ["session".into()].into(),
        },
        max_object_size: 8 << 20,
    }
}

fn rate_limits() -> [RateLimit; 3] {
    let secret = Match::default().header("x-key", Test::Exact("SECRET".into())).unwrap();
    let per = Duration::from_secs(1);
    let limit = |name: &str, quota| RateLimit {
        name: name.into(),
        quota,
        key: [KeyPart::Service].into(),
        scope: Scope::Node,
        exempt: Exemption::default(),
        shadow: false,
    };
    [
        RateLimit {
            key: [
                KeyPart::ClientAddress { ipv4_prefix: 32, ipv6_prefix: 64 },
                KeyPart::Header("x-tenant".into()),
                KeyPart::Consumer,
            ]
            .into(),
            scope: Scope::Cluster,
            exempt: Exemption {
                client_networks: ["10.0.0.0/8".parse().unwrap()].into(),
                headers: secret.header_conditions().into(),
            },
            shadow: true,
            ..limit("per-client", Quota::Requests { count: 100, per, burst: 200 })
        },
        limit("volume", Quota::Bytes { count: 1 << 20, per, burst: 1 << 21 }),
        limit("at-once", Quota::Concurrent(10)),
    ]
}

fn auth() -> Auth {
    let place = || CredentialPlace::Header(AUTHORIZATION);
    let claims = || IdentityClaims { consumer: "sub".into(), groups: "groups".into() };
    let secret = |name: &str| AuthClaim { name: name.into(), value: Some("SECRET".into()) };
    let jwt = Jwt {
        issuer: "https://issuer.test".into(),
        audience: ["api".into()].into(),
        jwks: Jwks::Url("https://issuer.test/keys?token=SECRET".parse().unwrap()),
        algorithms: [JwtAlgorithm::EdDsa].into(),
        leeway: Duration::from_secs(60),
        required_claims: [secret("tenant")].into(),
        claims: claims(),
        place: place(),
    };
    let introspection = Introspection {
        url: "https://issuer.test/introspect".parse().unwrap(),
        client_id: "gateway".into(),
        client_secret_file: "issuer.secret".into(),
        timeout: Duration::from_secs(5),
        cache_ttl: Duration::from_secs(30),
        required_claims: [].into(),
        claims: claims(),
        place: place(),
    };
    let forward = ForwardAuth {
        url: "http://auth.test/check".parse().unwrap(),
        timeout: Duration::from_secs(5),
        request_headers: [AUTHORIZATION].into(),
        response_headers: [].into(),
        consumer_header: None,
        groups_header: None,
    };
    let rule = AuthRule {
        consumer: None,
        group: Some("staff".into()),
        claim: Some(secret("tenant")),
        methods: Methods::parse(["GET"]).unwrap(),
        path: PathMatcher::prefix("/api").unwrap(),
        client_networks: ["10.0.0.0/8".parse().unwrap()].into(),
    };
    Auth {
        methods: [
            AuthMethod::ApiKey(CredentialPlace::Query("key".into())),
            AuthMethod::Basic,
            AuthMethod::Jwt(Arc::new(jwt)),
            AuthMethod::Introspection(Arc::new(introspection)),
            AuthMethod::Forward(Arc::new(forward)),
        ]
        .into(),
        anonymous: false,
        allow: [rule].into(),
        deny: [].into(),
        keep_credentials: false,
        shadow: true,
        identity: Identity {
            consumer_header: Some(HeaderName::from_static("x-consumer")),
            groups_header: None,
            claims: [ClaimHeader { claim: "sub".into(), header: HeaderName::from_static("x-sub") }].into(),
        },
        realm: "gateway".into(),
    }
}

fn policies() -> Policies {
    let cors = Cors {
        allow_origins: [
            AllowOrigin::Exact("https://app.test".into()),
            AllowOrigin::Below { scheme: "https://".into(), suffix: ".app.test:8443".into() },
        ]
        .into(),
        allow_methods: Allowed::Any,
        allow_headers: Allowed::Only([HeaderName::from_static("x-a")].into()),
        expose_headers: Allowed::Only(Box::default()),
        allow_credentials: false,
        max_age: Some(Duration::from_secs(600)),
    };
    let compression = Compression {
        algorithms: [CompressionAlgorithm::Zstd, CompressionAlgorithm::Brotli, CompressionAlgorithm::Gzip].into(),
        min_size: 1024,
        content_types: [MediaRange { kind: Some("text".into()), subtype: None }].into(),
    };
    Policies {
        cors: Policy::On(cors),
        compression: Policy::On(compression),
        request_headers: Some(rules()),
        response_headers: None,
        ambiguous_paths: Some(AmbiguousPaths::Refuse),
        cache: Policy::On(cache()),
        rate_limits: Policy::On(rate_limits().into()),
        auth: Policy::On(Box::new(auth())),
    }
}

/// A route with everything that one can have, which leads to "shop".
fn full() -> Route {
    let rule = Match::new(PathMatcher::template("/users/{id}").unwrap())
        .methods(Methods::parse(["PURGE", "GET"]).unwrap())
        .header("X-Key", Test::Exact("SECRET".into()))
        .unwrap()
        .header("Cookie", Test::Regex(Pattern::parse("SECRET").unwrap()))
        .unwrap()
        .query("token", Test::Prefix("SECRET".into()))
        .unwrap()
        .query("debug", Test::Present)
        .unwrap()
        .priority(-5)
        .unwrap();
    let weighted = |name: &str, weight| WeightedService { name: name.into(), weight };
    let forward = Forward {
        services: [weighted("shop", 900), weighted("plain", 100)].into(),
        sticky: Some(Sticky::Cookie("session".into())),
        mirror: Some(Mirror { service: "plain".into(), per_mille: 50 }),
        path: Some(PathRewrite::Whole([Piece::Literal("/u/".into()), Piece::Parameter("id".into())].into())),
        host: Some("internal.test".into()),
    };
    Route {
        rule,
        action: Action::Forward(forward),
        timeouts: TimeoutOverrides { total: Some(Duration::from_secs(90)), ..TimeoutOverrides::default() },
        limits: Limits { request_body: Some(1 << 20) },
        policies: policies(),
        ..route("full", &["shop.test", "*.shop.test"], "/", "shop")
    }
}

#[test]
fn routes_are_shown_with_everything_but_what_may_be_secret() {
    let redirect = Redirect {
        status: StatusCode::PERMANENT_REDIRECT,
        scheme: Some(Scheme::Https),
        host: None,
        port: Some(8443),
        path: Some(PathRewrite::Prefix("".into())),
        strip_query: true,
    };
    let respond = Respond { status: StatusCode::OK, body: "hello".into(), content_type: "text/plain".into() };
    let off = Policies {
        cors: Policy::Off,
        compression: Policy::Off,
        cache: Policy::Off,
        rate_limits: Policy::Off,
        auth: Policy::Off,
        ..Policies::default()
    };
    let all = [
        full(),
        Route { action: Action::Redirect(redirect), ..route("moved", &["a.test"], "/old", "") },
        Route { action: Action::Respond(respond), policies: off, ..route("hello", &["a.test"], "/hello", "") },
    ];
    let routes = all.map(|route| (Arc::clone(&route.name), Some(Arc::new(route)))).into();
    let shop = Entry {
        service: Arc::new(Service { policies: policies(), ..service("shop") }),
        hosts: Box::default(),
        endpoints: Box::default(),
    };
    let services = changes([("shop", Some(Arc::new(shop))), ("plain", entry("plain", &[]))]);
    let table = RoutingTable::default().amend(stamp(1), &Changes { routes, ..services }).unwrap();
    let shown = shown(&table);

    let policies = json!({
        "cors": {
            "enabled": true,
            "allow_origins": ["https://app.test", "https://*.app.test:8443"],
            "allow_methods": ["*"],
            "allow_headers": ["x-a"],
            "expose_headers": [],
            "allow_credentials": false,
            "max_age": "10m",
        },
        "compression": {
            "enabled": true,
            "algorithms": ["zstd", "br", "gzip"],
            "min_size": "1KiB",
            "content_types": ["text/*"],
        },
        "request_headers": {"remove": ["x-old"], "set": ["authorization"], "add": ["x-a", "x-b"]},
        "ambiguous_paths": "refuse",
        "cache": {
            "enabled": true,
            "default_ttl": "0s",
            "max_ttl": "1h",
            "heuristic_ttl": "1m",
            "methods": ["GET"],
            "max_object_size": "8MiB",
            "client_no_cache": "honour",
            "set_cookie": "refuse",
            "partial": "refuse",
            "key": {"query": {"drop": ["utm"]}, "headers": ["x-a"]},
            "bypass": {"headers": [{"name": "x-key", "test": "exact"}], "cookies": ["session"]},
        },
        "rate_limits": [
            {
                "name": "per-client",
                "requests": 100,
                "per": "1s",
                "burst": 200,
                "key": [
                    {"client_address": {"ipv4_prefix": 32, "ipv6_prefix": 64}},
                    {"header": "x-tenant"},
                    "consumer",
                ],
                "scope": "cluster",
                "exempt": {
                    "client_networks": ["10.0.0.0/8"],
                    "headers": [{"name": "x-key", "test": "exact"}],
                },
                "shadow": true,
            },
            {
                "name": "volume",
                "bytes": "1MiB",
                "per": "1s",
                "burst": "2MiB",
                "key": ["service"],
                "scope": "node",
                "exempt": {},
                "shadow": false,
            },
            {
                "name": "at-once",
                "concurrent": 10,
                "key": ["service"],
                "scope": "node",
                "exempt": {},
                "shadow": false,
            },
        ],
        "auth": {
            "enabled": true,
            "methods": [
                {"api_key": {"query": "key"}},
                {"basic": {}},
                {"jwt": {
                    "issuer": "https://issuer.test",
                    "audience": ["api"],
                    "jwks_url": "https://issuer.test/keys",
                    "algorithms": ["EdDSA"],
                    "leeway": "1m",
                    "required_claims": ["tenant"],
                    "consumer_claim": "sub",
                    "groups_claim": "groups",
                    "header": "authorization",
                }},
                {"introspection": {
                    "url": "https://issuer.test/introspect",
                    "client_id": "gateway",
                    "client_secret_file": "issuer.secret",
                    "timeout": "5s",
                    "cache_ttl": "30s",
                    "required_claims": [],
                    "consumer_claim": "sub",
                    "groups_claim": "groups",
                    "header": "authorization",
                }},
                {"forward": {
                    "url": "http://auth.test/check",
                    "timeout": "5s",
                    "request_headers": ["authorization"],
                    "response_headers": [],
                }},
            ],
            "anonymous": false,
            "allow": [{
                "group": "staff",
                "claim": "tenant",
                "methods": ["GET"],
                "path": {"prefix": "/api"},
                "client_networks": ["10.0.0.0/8"],
            }],
            "deny": [],
            "keep_credentials": false,
            "shadow": true,
            "identity": {
                "consumer_header": "x-consumer",
                "groups_header": null,
                "claims": [{"claim": "sub", "header": "x-sub"}],
            },
            "realm": "gateway",
        },
    });
    let mut expected = json!({
        "name": "full",
        "hosts": ["shop.test", "*.shop.test"],
        "match": {
            "path": {"template": "/users/{id}"},
            "methods": ["GET", "PURGE"],
            "headers": [{"name": "cookie", "test": "regex"}, {"name": "x-key", "test": "exact"}],
            "query": [{"name": "debug", "test": "present"}, {"name": "token", "test": "prefix"}],
        },
        "priority": -5,
        "forward": {
            "services": [{"name": "shop", "weight": 900}, {"name": "plain", "weight": 100}],
            "sticky": {"cookie": "session"},
            "mirror": {"service": "plain", "per_mille": 50},
            "rewrite": {"path": "/u/{id}", "host": "internal.test"},
        },
        "timeouts": {"total": "1m 30s"},
        "limits": {"request_body": "1MiB"},
    });
    expected.as_object_mut().unwrap().extend(policies.as_object().unwrap().clone());
    assert_eq!(shown["routes"][0], expected);
    for (name, value) in policies.as_object().unwrap() {
        assert_eq!(shown["services"][1][name], *value, "of the service: {name}");
    }
    assert_eq!(
        shown["routes"][1],
        json!({
            "name": "hello",
            "hosts": ["a.test"],
            "match": {"path": {"prefix": "/hello"}},
            "priority": 0,
            "respond": {"status": 200, "body_bytes": 5, "content_type": "text/plain"},
            "timeouts": {},
            "limits": {},
            "cors": {"enabled": false},
            "compression": {"enabled": false},
            "cache": {"enabled": false},
            "rate_limits": [],
            "auth": {"enabled": false},
        })
    );
    let redirect = json!({"status": 308, "scheme": "https", "port": 8443, "prefix": "/", "strip_query": true});
    assert_eq!(shown["routes"][2]["redirect"], redirect);
    assert!(!shown.to_string().contains("SECRET"));
}
