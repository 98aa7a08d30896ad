//! Routes and policies in files.

use gateway_proto::{
    registry::v1::{self as pb, condition::Test, path_match::Kind, redirect, rewrite, route::Action, sticky::Key},
    violation::{Path, Violations},
};

use super::{SAMPLE, mistakes, routes, seconds, services, source};
use crate::{
    file::{Document, parse},
    output,
};

fn text(text: &str) -> String {
    text.to_owned()
}

fn canary() -> pb::Route {
    let condition = |name: &str, test| pb::Condition { name: name.into(), test: Some(test) };
    let service = |name: &str, weight| pb::WeightedService { name: name.into(), weight: Some(weight) };
    let field = |name: &str, value: &str| pb::HeaderField { name: name.into(), value: value.into() };
    pb::Route {
        name: text("mail-canary"),
        title: text("Some of the API to the new version"),
        hosts: vec![text("mail.example.com")],
        r#match: Some(pb::RouteMatch {
            path: Some(pb::PathMatch { kind: Some(Kind::Prefix(text("/api"))) }),
            methods: vec![text("GET"), text("POST")],
            headers: vec![condition("x-beta", Test::Exact(text("1")))],
            query: vec![condition("debug", Test::Present(true))],
        }),
        priority: 10,
        action: Some(Action::Forward(pb::Forward {
            services: vec![service("mail", 900), service("mail-v2", 100)],
            sticky: Some(pb::Sticky { key: Some(Key::Cookie(text("session"))) }),
            mirror: Some(pb::Mirror { service: text("mail-shadow"), per_mille: Some(50) }),
            rewrite: Some(pb::Rewrite {
                path_rewrite: Some(rewrite::PathRewrite::Prefix(text("/v2"))),
                host: text("internal.example.com"),
            }),
        })),
        timeouts: Some(pb::Timeouts { response: seconds(5), ..pb::Timeouts::default() }),
        limits: Some(pb::Limits { request_body: Some(1 << 20) }),
        policies: Some(pb::Policies {
            cors: Some(pb::Cors {
                allow_origins: vec![text("https://app.example.com")],
                allow_credentials: true,
                max_age: seconds(600),
                ..pb::Cors::default()
            }),
            compression: Some(pb::Compression { enabled: Some(false), ..pb::Compression::default() }),
            request_headers: Some(pb::HeaderRules {
                set: vec![field("x-a", "1")],
                remove: vec![text("x-b")],
                ..pb::HeaderRules::default()
            }),
            response_headers: Some(pb::HeaderRules { add: vec![field("x-c", "2")], ..pb::HeaderRules::default() }),
            ambiguous_paths: pb::AmbiguousPaths::Allow.into(),
            cache: Some(pb::Cache { enabled: Some(false), ..pb::Cache::default() }),
            rate_limits: Some(pb::RateLimits::default()),
            auth: Some(pb::Auth { enabled: Some(false), ..pb::Auth::default() }),
        }),
        ..pb::Route::default()
    }
}

#[test]
fn the_documented_routes_are_read() {
    let moved = pb::Route {
        name: text("moved"),
        hosts: vec![text("mail.example.com")],
        r#match: Some(pb::RouteMatch {
            path: Some(pb::PathMatch { kind: Some(Kind::Template(text("/old/{id}"))) }),
            ..pb::RouteMatch::default()
        }),
        action: Some(Action::Redirect(pb::Redirect {
            status: 301,
            scheme: text("https"),
            port: 8443,
            path_rewrite: Some(redirect::PathRewrite::Path(text("/new/{id}"))),
            strip_query: true,
            ..pb::Redirect::default()
        })),
        ..pb::Route::default()
    };
    let down = pb::Route {
        name: text("down"),
        hosts: vec![text("*.mail.example.com")],
        action: Some(Action::Respond(pb::Respond {
            status: 503,
            body: text("back at noon"),
            content_type: text("text/plain"),
        })),
        ..pb::Route::default()
    };
    assert_eq!(routes(SAMPLE), [canary(), moved, down]);
}

#[test]
fn every_kind_of_match_and_key_is_read() {
    let with = |fields: &str| routes(&format!("routes: [{{name: r, hosts: [a.test], {fields}}}]")).remove(0);
    let path = |fields: &str| {
        with(&format!("match: {{path: {fields}}}, respond: {{status: 200}}"))
            .r#match
            .unwrap()
            .path
            .unwrap()
            .kind
            .unwrap()
    };
    assert_eq!(path("{exact: /a}"), Kind::Exact(text("/a")));
    assert_eq!(path("{regex: '^/v[0-9]+/'}"), Kind::Regex(text("^/v[0-9]+/")));
    let test = |fields: &str| {
        let route = with(&format!("match: {{headers: [{{name: a, {fields}}}]}}, respond: {{status: 200}}"));
        route.r#match.unwrap().headers.remove(0).test.unwrap()
    };
    assert_eq!(test("exact: \"\""), Test::Exact(String::new()));
    assert_eq!(test("prefix: b"), Test::Prefix(text("b")));
    assert_eq!(test("regex: \"^1\""), Test::Regex(text("^1")));
    let key = |fields: &str| {
        let route = with(&format!("forward: {{services: [{{name: s}}], sticky: {fields}}}"));
        let Some(Action::Forward(forward)) = route.action else { unreachable!() };
        (forward.sticky.unwrap().key.unwrap(), forward.services[0].weight)
    };
    assert_eq!(key("{header: X-User}"), (Key::Header(text("X-User")), None));
    assert_eq!(key("{client_address: true}"), (Key::ClientAddress(true), None));
    assert_eq!(with("priority: -1000, redirect: {}").action, Some(Action::Redirect(pb::Redirect::default())));
}

#[test]
fn an_empty_block_of_policies_is_one() {
    let policies = |fields: &str| services(&format!("services: [{{name: s, {fields}}}]")).remove(0).policies;
    assert_eq!(policies("tags: []"), None);
    let empty = Some(pb::HeaderRules::default());
    assert_eq!(policies("request_headers: {}").unwrap().request_headers, empty);
    let compression = policies("compression: {algorithms: [gzip, br, zstd], min_size: 0B}").unwrap().compression;
    let compression = compression.unwrap();
    assert_eq!((&*compression.algorithms, compression.min_size), (&[1, 2, 3][..], Some(0)));
}

#[test]
fn every_mistake_of_a_route_is_told_with_its_place() {
    let text = r#"routes:
  - name: a
    hosts: [a.test]
  - hosts: []
    match: {path: {exact: /a, prefix: /b}, methods: GET, headers: [{exact: "1"}, {name: x, present: false}]}
    priority: 1001
    forward: {services: [{name: s, weight: 1001}, {weight: -1}], sticky: {}, mirror: {per_mille: 0}}
    respond: {body: hello}
  - name: a
    hosts: b.test
    match: {path: {}, query: [{name: q, exact: 5}], host: x}
    redirect: {status: 200, port: 0, prefix: /a, path: /b, strip_query: maybe, scheme: ""}
    cors: {enabled: 1, allow_origins: "*", max_age: 600}
    compression: {algorithms: [brotli], min_size: 1kB}
    request_headers: {set: [{name: x}], remove: x, host: y}
    ambiguous_paths: forbid
  - {name: c, hosts: [c.test], forward: {sticky: {client_address: false}}, caches: {}}
"#;
    let expected = [
        "f.yaml:2:5: routes[0]: has none of forward, redirect and respond; write one",
        "f.yaml:4:5: routes[1]: has no name",
        "f.yaml:4:5: routes[1]: has more than one of forward, redirect and respond; choose one",
        "f.yaml:5:19: routes[1].match.path: has more than one of exact, prefix, template and regex; choose one",
        "f.yaml:5:53: routes[1].match.methods: is a text; write a list",
        "f.yaml:5:68: routes[1].match.headers[0]: has no name",
        "f.yaml:5:101: routes[1].match.headers[1].present: can only be true; leave the condition away if it does not matter",
        "f.yaml:6:15: routes[1].priority: is 1001; write a whole number from -1000 to 1000",
        "f.yaml:7:44: routes[1].forward.services[0].weight: is 1001; write a whole number from 0 to 1000",
        "f.yaml:7:51: routes[1].forward.services[1]: has no name",
        "f.yaml:7:60: routes[1].forward.services[1].weight: is -1; write a whole number from 0 to 1000",
        "f.yaml:7:74: routes[1].forward.sticky: has none of header, cookie and client_address; write one",
        "f.yaml:7:86: routes[1].forward.mirror: has no service",
        "f.yaml:7:98: routes[1].forward.mirror.per_mille: is 0; write a whole number from 1 to 1000",
        "f.yaml:8:14: routes[1].respond: has no status",
        "f.yaml:9:11: routes[2].name: route \"a\" stands already at f.yaml:2:11",
        "f.yaml:10:12: routes[2].hosts: is a text; write a list",
        "f.yaml:11:19: routes[2].match.path: has none of exact, prefix, template and regex; write one",
        "f.yaml:11:48: routes[2].match.query[0].exact: is a number; put it in quotes: \"5\"",
        "f.yaml:11:53: routes[2].match.host: is no field here; there are: path, methods, headers, query",
        "f.yaml:12:15: routes[2].redirect: has more than one of prefix and path; choose one",
        "f.yaml:12:24: routes[2].redirect.status: is 200; write a whole number from 301 to 308",
        "f.yaml:12:35: routes[2].redirect.port: is 0; write a whole number from 1 to 65535",
        "f.yaml:12:73: routes[2].redirect.strip_query: is maybe; write true or false",
        "f.yaml:12:88: routes[2].redirect.scheme: is empty",
        "f.yaml:13:21: routes[2].cors.enabled: is 1; write true or false",
        "f.yaml:13:39: routes[2].cors.allow_origins: is a text; write a list",
        "f.yaml:13:53: routes[2].cors.max_age: \"600\" is no duration; write a number and its unit, such as 250ms, 5s or 10m",
        "f.yaml:14:32: routes[2].compression.algorithms[0]: is no way to compress; there are: zstd, br, gzip",
        "f.yaml:14:51: routes[2].compression.min_size: \"1kB\" is no size; \"kB\" is not a unit; give a whole number and a unit of B, KiB, MiB, GiB or TiB, such as 512B, 64KiB or 10MiB",
        "f.yaml:15:29: routes[2].request_headers.set[0]: has no value",
        "f.yaml:15:49: routes[2].request_headers.remove: is a text; write a list",
        "f.yaml:15:52: routes[2].request_headers.host: is no field here; there are: set, add, remove",
        "f.yaml:16:22: routes[2].ambiguous_paths: is not known; there are: allow, refuse",
        "f.yaml:17:41: routes[3].forward: has no services",
        "f.yaml:17:67: routes[3].forward.sticky.client_address: can only be true; leave sticky away if it is not",
        "f.yaml:17:76: routes[3].caches: is no field here; there are: name, title, hosts, match, priority, forward, redirect, respond, timeouts, limits, cors, compression, request_headers, response_headers, ambiguous_paths, cache, rate_limits, auth",
    ];
    let found = mistakes(text);
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn fields_of_the_request_are_found_as_the_file_names_them() {
    let sources =
        [source("a.yaml", SAMPLE), source("b.yaml", "routes:\n- name: b\n  forward:\n    services:\n    - name: x\n")];
    let (declaration, _) = parse(&sources);
    let found = |field: &str| {
        let (place, field) = declaration.locate(field).unwrap();
        format!("{}: {field}", place.in_sources(&sources))
    };
    let of_policy = found("services[0].policies.compression.content_types[0]");
    assert_eq!(of_policy, "a.yaml:13:51: services[0].compression.content_types[0]");
    assert_eq!(found("routes[0].policies.cors.allow_origins[0]"), "a.yaml:42:28: routes[0].cors.allow_origins[0]");
    assert_eq!(found("services[0].policies.rate_limits.limits[0].per"), "a.yaml:16:58: services[0].rate_limits[0].per");
    assert_eq!(
        found("services[0].policies.auth.methods[0].api_key.place.header"),
        "a.yaml:18:36: services[0].auth.methods[0].api_key.header"
    );
    assert_eq!(found("routes[1].policies"), "a.yaml:50:5: routes[1]");
    assert_eq!(found("routes[3].forward.services[0].name"), "b.yaml:5:13: routes[0].forward.services[0].name");
    assert_eq!(found("routes[3].forward.services[0].weight"), "b.yaml:5:7: routes[0].forward.services[0].weight");
}

/// As the control plane stores it.
fn stored(wire: &pb::Route) -> pb::Route {
    let mut violations = Violations::default();
    let route = gateway_routing::route::route(wire, &Path::Root("route"), &mut violations);
    let route = violations.finish(route).unwrap();
    pb::Route { title: wire.title.clone(), revision: 7, ..gateway_routing::route::wire::route(&route) }
}

#[test]
fn what_the_control_plane_makes_of_routes_reads_back_to_the_same() {
    let plain = "routes:
  - {name: a, hosts: [A.test], forward: {services: [{name: s}], mirror: {service: t}}, cors: {allow_origins: [\"*\"]}, compression: {}, cache: {}, rate_limits: [{name: l, requests: 9, per: 1s, key: client_address}], auth: {methods: [{api_key: {}}, {basic: {}}, {jwt: {issuer: i, jwks_file: k}}, {introspection: {url: \"http://i.test/\", client_id: g, client_secret_file: k}}, {forward: {url: \"http://f.test/\"}}]}}
  - {name: b, hosts: [b.test], redirect: {scheme: https}, cors: {enabled: false}, request_headers: {}}
  - {name: c, hosts: [c.test], match: {headers: [{name: X-A, present: true}]}, respond: {status: 200, body: hello}}
";
    let given: Vec<_> = [routes(SAMPLE), routes(plain)].concat().iter().map(stored).collect();
    let exported = output::yaml(&Document::of(&[], &given, &[])).unwrap();
    let read: Vec<_> = routes(&exported).iter().map(stored).collect();
    assert_eq!(read, given, "{exported}");
    // Defaults are not written.
    for written in [
        "weight: 1000",
        "per_mille: 1000",
        "enabled: true",
        "HEAD",
        "zstd",
        "1KiB",
        "status: 308",
        "charset",
        "8MiB",
        "_ttl",
        "_prefix",
        "scope: node",
        "x-api-key",
        "uthorization",
        "x-consumer",
        "realm",
        "leeway",
        "_claim",
        "timeout: 5s",
        "cache_ttl",
    ] {
        assert!(!exported.contains(written), "{written}: {exported}");
    }
}
