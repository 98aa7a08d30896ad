//! Tests of the declarative file.

mod auth;
mod cache;
mod consumers;
mod mistakes;
mod rate_limit;
mod round_trip;
mod routes;
mod schema;

use gateway_proto::registry::v1::{
    self as pb, auth_method::Method, cache_key_query::Rule, credential_place::Place, health_check::Probe,
    jwt_auth::Keys, rate_limit_key_part::Part,
};

use super::{Declaration, Source, parse};

/// The file that the documentation shows.
const SAMPLE: &str = r#"services:
  - name: mail
    title: Mail service
    tags: [mail-service]
    hosts: [mail.example.com, "*.mail.example.com"]
    endpoints:
      - {address: "127.0.0.1:3001"}
      - {address: "mail-2.internal:3001", weight: 2}
    load_balancing: random
    health_check: {http: {path: /healthcheck}, interval: 5s, timeout: 2s, rise: 1, fall: 2}
    timeouts: {connect: 2s, response: 30s, idle: 60s, total: 5m}
    limits: {request_body: 10MiB}
    compression: {min_size: 4KiB, content_types: ["text/*"]}
    ambiguous_paths: refuse
    cache: {default_ttl: 10s, max_object_size: 1MiB, key: {query: {drop: [utm_source]}}, bypass: {cookies: [session]}}
    rate_limits: [{name: per-client, requests: 100, per: 1s, burst: 200, key: client_address, scope: cluster}]
    auth:
      methods: [{api_key: {header: X-Key}}, {jwt: {issuer: "https://issuer.test", audience: [api], jwks_file: keys.json}}, {basic: {}}]
      allow: [{group: staff}]
      deny: [{consumer: mallory}]
  - name: mail-v2
    endpoints: [{address: "127.0.0.1:3003"}]
  - name: mail-shadow
    endpoints: [{address: "127.0.0.1:3004"}]
routes:
  - name: mail-canary
    title: Some of the API to the new version
    hosts: [mail.example.com]
    match:
      path: {prefix: /api}
      methods: [GET, POST]
      headers: [{name: x-beta, exact: "1"}]
      query: [{name: debug, present: true}]
    priority: 10
    forward:
      services: [{name: mail, weight: 900}, {name: mail-v2, weight: 100}]
      sticky: {cookie: session}
      mirror: {service: mail-shadow, per_mille: 50}
      rewrite: {prefix: /v2, host: internal.example.com}
    timeouts: {response: 5s}
    limits: {request_body: 1MiB}
    cors: {allow_origins: ["https://app.example.com"], allow_credentials: true, max_age: 10m}
    compression: {enabled: false}
    request_headers: {set: [{name: x-a, value: "1"}], remove: [x-b]}
    response_headers: {add: [{name: x-c, value: "2"}]}
    ambiguous_paths: allow
    cache: {enabled: false}
    rate_limits: []
    auth: {enabled: false}
  - name: moved
    hosts: [mail.example.com]
    match: {path: {template: "/old/{id}"}}
    redirect: {status: 301, scheme: https, port: 8443, path: "/new/{id}", strip_query: true}
  - name: down
    hosts: ["*.mail.example.com"]
    respond: {status: 503, body: back at noon, content_type: text/plain}
consumers:
  - name: anna
    title: Anna of the shop
    groups: [staff]
    rate_limits: [{name: all, requests: 1000, per: 1m, scope: cluster}]
"#;

fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), text: text.to_owned() }
}

fn declaration(text: &str) -> Declaration {
    let sources = [source("f.yaml", text)];
    let (declaration, mistakes) = parse(&sources);
    assert!(mistakes.is_empty(), "{:#?}", mistakes.lines(&sources));
    declaration
}

fn services(text: &str) -> Vec<pb::Service> {
    declaration(text).services.into_iter().map(|declared| declared.wire).collect()
}

fn routes(text: &str) -> Vec<pb::Route> {
    declaration(text).routes.into_iter().map(|declared| declared.wire).collect()
}

fn consumers(text: &str) -> Vec<pb::Consumer> {
    declaration(text).consumers.into_iter().map(|declared| declared.wire).collect()
}

/// The lines of every mistake in one file.
fn mistakes(text: &str) -> Vec<String> {
    let sources = [source("f.yaml", text)];
    parse(&sources).1.lines(&sources)
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn sample() -> pb::Service {
    pb::Service {
        name: "mail".into(),
        title: "Mail service".into(),
        tags: vec!["mail-service".into()],
        hosts: vec!["mail.example.com".into(), "*.mail.example.com".into()],
        endpoints: vec![
            pb::Endpoint { address: "127.0.0.1:3001".into(), weight: 0 },
            pb::Endpoint { address: "mail-2.internal:3001".into(), weight: 2 },
        ],
        load_balancing: pb::LoadBalancing::Random.into(),
        health_check: Some(pb::HealthCheck {
            probe: Some(Probe::Http(pb::HttpProbe { path: "/healthcheck".into(), ..pb::HttpProbe::default() })),
            interval: seconds(5),
            timeout: seconds(2),
            rise: 1,
            fall: 2,
            jitter_percent: None,
        }),
        timeouts: Some(pb::Timeouts {
            connect: seconds(2),
            response: seconds(30),
            idle: seconds(60),
            total: seconds(300),
        }),
        limits: Some(pb::Limits { request_body: Some(10 << 20) }),
        policies: Some(pb::Policies {
            compression: Some(pb::Compression {
                min_size: Some(4096),
                content_types: vec!["text/*".into()],
                ..pb::Compression::default()
            }),
            ambiguous_paths: pb::AmbiguousPaths::Refuse.into(),
            cache: Some(pb::Cache {
                default_ttl: seconds(10),
                max_object_size: Some(1 << 20),
                key: Some(pb::CacheKey {
                    query: Some(pb::CacheKeyQuery {
                        rule: Some(Rule::Drop(pb::QueryParameters { names: vec!["utm_source".into()] })),
                    }),
                    ..pb::CacheKey::default()
                }),
                bypass: Some(pb::CacheBypass { cookies: vec!["session".into()], ..pb::CacheBypass::default() }),
                ..pb::Cache::default()
            }),
            rate_limits: Some(pb::RateLimits {
                limits: vec![pb::RateLimit {
                    name: "per-client".into(),
                    requests: Some(100),
                    per: seconds(1),
                    burst: Some(200),
                    key: vec![pb::RateLimitKeyPart { part: Some(Part::ClientAddress(true)) }],
                    scope: pb::RateLimitScope::Cluster.into(),
                    ..pb::RateLimit::default()
                }],
            }),
            auth: Some(sample_auth()),
            ..pb::Policies::default()
        }),
        ..pb::Service::default()
    }
}

fn sample_auth() -> pb::Auth {
    let method = |method| pb::AuthMethod { method: Some(method) };
    let place = Some(pb::CredentialPlace { place: Some(Place::Header("X-Key".into())) });
    let jwt = pb::JwtAuth {
        issuer: "https://issuer.test".into(),
        audience: vec!["api".into()],
        keys: Some(Keys::JwksFile("keys.json".into())),
        ..pb::JwtAuth::default()
    };
    pb::Auth {
        methods: vec![
            method(Method::ApiKey(pb::ApiKeyAuth { place })),
            method(Method::Jwt(jwt)),
            method(Method::Basic(pb::BasicAuth {})),
        ],
        allow: vec![pb::AuthRule { group: "staff".into(), ..pb::AuthRule::default() }],
        deny: vec![pb::AuthRule { consumer: "mallory".into(), ..pb::AuthRule::default() }],
        ..pb::Auth::default()
    }
}

#[test]
fn the_documented_file_is_read() {
    let small = |name: &str, address: &str| pb::Service {
        name: name.into(),
        endpoints: vec![pb::Endpoint { address: address.into(), weight: 0 }],
        ..pb::Service::default()
    };
    let expected = [sample(), small("mail-v2", "127.0.0.1:3003"), small("mail-shadow", "127.0.0.1:3004")];
    assert_eq!(services(SAMPLE), expected);
}

#[test]
fn json_is_read_too() {
    let text = r#"{"services": [{"name": "mail", "title": "a\"b\ud83d\ude00\/", "hosts": ["a.test"],
	"endpoints": [{"address": "[::1]:80", "weight": 7}], "health_check": {"tcp": {}, "jitter_percent": 0}}]}"#;
    let expected = pb::Service {
        name: "mail".into(),
        title: "a\"b😀/".into(),
        hosts: vec!["a.test".into()],
        endpoints: vec![pb::Endpoint { address: "[::1]:80".into(), weight: 7 }],
        health_check: Some(pb::HealthCheck {
            probe: Some(Probe::Tcp(pb::TcpProbe {})),
            jitter_percent: Some(0),
            ..pb::HealthCheck::default()
        }),
        ..pb::Service::default()
    };
    assert_eq!(services(text), [expected]);
}

#[test]
fn a_file_may_hold_several_documents_and_aliases() {
    let text = "services: [{name: a, hosts: &hosts [a.test]}]\n---\nservices:\n- {name: b, hosts: *missing}\n";
    assert_eq!(mistakes(text), ["f.yaml:4:20: is no YAML: while parsing node, found unknown anchor"]);
    let text = "services: [{name: a, hosts: &hosts [a.test]}, {name: b, hosts: *hosts}]\n---\nservices: []\n---\nconsumers: []\n";
    let hosts: Vec<_> = services(text).into_iter().map(|service| service.hosts).collect();
    assert_eq!(hosts, [["a.test"], ["a.test"]]);
}

#[test]
fn every_kind_of_health_check_is_read() {
    let check =
        |text: &str| services(&format!("services: [{{name: a, health_check: {text}}}]"))[0].health_check.clone();
    let probe = |text: &str| check(text).unwrap().probe;
    assert_eq!(check("{}"), Some(pb::HealthCheck::default()));
    assert_eq!(probe("{tcp: {}}"), Some(Probe::Tcp(pb::TcpProbe {})));
    assert_eq!(probe("{disabled: true}"), Some(Probe::Disabled(pb::DisabledProbe {})));
    let range = |first, last| pb::StatusRange { first, last };
    let http = pb::HttpProbe {
        path: "/up?full=1".into(),
        expected_statuses: vec![range(200, 299), range(404, 404), range(301, 301)],
        host: "up.test".into(),
    };
    let text =
        "{http: {path: /up?full=1, expected_statuses: [200-299, 404, \"301\"], host: up.test}, interval: 1m 30s}";
    assert_eq!(probe(text), Some(Probe::Http(http)));
    assert_eq!(check(text).unwrap().interval, seconds(90));
}
