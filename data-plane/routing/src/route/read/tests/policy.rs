use std::time::Duration;

use gateway_proto::registry::v1 as pb;
use http::{HeaderName, Method};

use super::{read_policies, refuses, seconds};
use crate::route::{AllowOrigin, Allowed, AmbiguousPaths, Compression, CompressionAlgorithm, Cors, Policies, Policy};

#[track_caller]
fn refuses_cors(field: &str, words: &str, change: impl FnOnce(&mut pb::Cors)) {
    let mut cors = pb::Cors { allow_origins: vec!["https://a.test".into()], ..pb::Cors::default() };
    change(&mut cors);
    refuses(&format!("policies.cors.{field}"), words, |wire| {
        wire.policies = Some(pb::Policies { cors: Some(cors), ..pb::Policies::default() });
    });
}

#[track_caller]
fn cors(wire: pb::Cors) -> Policy<Cors> {
    read_policies(&pb::Policies { cors: Some(wire), ..pb::Policies::default() }).unwrap().cors
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn origins() {
    refuses_cors("allow_origins", "is empty; give at least one", |cors| cors.allow_origins.clear());
    for (bad, words) in [
        ("a.test", "does not begin with a scheme; write \"https://"),
        ("//a.test", "does not begin with a scheme"),
        ("1a://b", "does not begin with a scheme"),
        ("null", "is what every sandboxed page says"),
        ("https://a.test/", "goes on behind its host and port"),
        ("https://a.test?x", "goes on behind its host and port"),
        ("https://user@a.test", "holds '@'"),
        ("https://a.test:x", "has a port that is not a number"),
        ("https://", "is empty"),
        ("https://*", "'*'"),
        ("https://a.*.test", "'*'"),
        ("https://*a.test", "'*'"),
        ("https://*.*.test", "'*'"),
        ("https://*.[::1]", "'*'"),
    ] {
        refuses_cors("allow_origins[0]", words, |cors| cors.allow_origins = texts(&[bad]));
    }
    refuses_cors("allow_origins[1]", "the same as number 0", |cors| {
        cors.allow_origins.push("HTTPS://A.test:443".into());
    });
    refuses_cors("allow_origins", "holds \"*\", which is all, and more", |cors| cors.allow_origins.push("*".into()));
    refuses_cors("allow_origins", "are 65; give 64", |cors| {
        cors.allow_origins = (0..65).map(|at| format!("https://h{at}.test")).collect();
    });
    let below = |scheme: &str, suffix: &str| AllowOrigin::Below { scheme: scheme.into(), suffix: suffix.into() };
    for (text, origin) in [
        ("*", AllowOrigin::Any),
        ("HTTPS://App.Test:443", AllowOrigin::Exact("https://app.test".into())),
        ("http://app.test:443", AllowOrigin::Exact("http://app.test:443".into())),
        ("http://[::0:1]:80", AllowOrigin::Exact("http://[::1]".into())),
        ("capacitor://localhost", AllowOrigin::Exact("capacitor://localhost".into())),
        ("https://*.App.test:8443", below("https://", ".app.test:8443")),
        ("http://*.test:80", below("http://", ".test")),
    ] {
        let Policy::On(read) = cors(pb::Cors { allow_origins: texts(&[text]), ..pb::Cors::default() }) else {
            panic!("{text}")
        };
        assert_eq!(*read.allow_origins, [origin], "{text}");
    }
}

#[test]
fn what_pages_may_do() {
    refuses_cors("allow_methods[0]", "write \"GET\"", |cors| cors.allow_methods = texts(&["get"]));
    refuses_cors("allow_methods[1]", "the same as number 0", |cors| cors.allow_methods = texts(&["GET", "GET"]));
    refuses_cors("allow_methods", "give \"*\" alone", |cors| cors.allow_methods = texts(&["GET", "*"]));
    refuses_cors("allow_headers[0]", "is no field name", |cors| cors.allow_headers = texts(&["a b"]));
    refuses_cors("expose_headers[1]", "the same as number 0", |cors| cors.expose_headers = texts(&["x-a", "X-A"]));
    refuses_cors("expose_headers", "are 65; give 64", |cors| {
        cors.expose_headers = (0..65).map(|at| format!("x-{at}")).collect();
    });
    refuses_cors("max_age", "is too long; use 0s to 1day", |cors| cors.max_age = seconds(86_401));
    refuses_cors("max_age", "use whole seconds", |cors| {
        cors.max_age = Some(prost_types::Duration { seconds: 1, nanos: 1 });
    });
    let Policy::On(read) = cors(pb::Cors {
        allow_origins: texts(&["*"]),
        allow_headers: texts(&["*"]),
        expose_headers: texts(&["X-A"]),
        max_age: seconds(0),
        ..pb::Cors::default()
    }) else {
        panic!()
    };
    assert_eq!(read.allow_methods, Allowed::Only([Method::GET, Method::HEAD, Method::POST].into()));
    assert_eq!(read.allow_headers, Allowed::Any);
    assert_eq!(read.expose_headers, Allowed::Only([HeaderName::from_static("x-a")].into()));
    assert_eq!((read.allow_credentials, read.max_age), (false, Some(Duration::ZERO)));
}

#[test]
fn credentials_are_for_what_is_listed() {
    for open in ["allow_origins", "allow_methods", "allow_headers", "expose_headers"] {
        refuses_cors("allow_credentials", &format!("is true beside \"*\" in {open}"), |cors| {
            let list = match open {
                "allow_origins" => &mut cors.allow_origins,
                "allow_methods" => &mut cors.allow_methods,
                "allow_headers" => &mut cors.allow_headers,
                _ => &mut cors.expose_headers,
            };
            *list = texts(&["*"]);
            cors.allow_credentials = true;
        });
    }
    let below = texts(&["https://*.a.test"]);
    let wire = pb::Cors { allow_origins: below, allow_credentials: true, ..pb::Cors::default() };
    assert!(matches!(cors(wire), Policy::On(Cors { allow_credentials: true, .. })));
}

#[test]
fn what_is_off_says_no_more() {
    let off = pb::Cors { enabled: Some(false), ..pb::Cors::default() };
    assert_eq!(cors(off.clone()), Policy::Off);
    refuses_cors("enabled", "is false, and so the rest of the block means nothing", |cors| cors.enabled = Some(false));
    refuses("policies.compression.enabled", "leave the rest out", |wire| {
        let compression = pb::Compression { enabled: Some(false), min_size: Some(1), ..pb::Compression::default() };
        wire.policies = Some(pb::Policies { compression: Some(compression), ..pb::Policies::default() });
    });
}

#[track_caller]
fn refuses_compression(field: &str, words: &str, compression: pb::Compression) {
    refuses(&format!("policies.compression.{field}"), words, |wire| {
        wire.policies = Some(pb::Policies { compression: Some(compression), ..pb::Policies::default() });
    });
}

fn compression(wire: pb::Compression) -> Compression {
    let wire = pb::Policies { compression: Some(wire), ..pb::Policies::default() };
    let Policy::On(compression) = read_policies(&wire).unwrap().compression else { panic!() };
    compression
}

#[test]
fn compressions() {
    use CompressionAlgorithm::{Brotli, Gzip, Zstd};
    let default = pb::Compression::default;
    for algorithms in [vec![0], vec![4]] {
        refuses_compression("algorithms[0]", "is no algorithm", pb::Compression { algorithms, ..default() });
    }
    let twice = pb::Compression { algorithms: vec![1, 1], ..default() };
    refuses_compression("algorithms[1]", "the same as number 0", twice);
    let large = pb::Compression { min_size: Some((1 << 20) + 1), ..default() };
    refuses_compression("min_size", "1048577B is too large; use 0B to 1MiB", large);
    for bad in ["text", "*/html", "te*t/*", "text/html; charset=utf-8", "text/", "/", "", "a b/c"] {
        let wire = pb::Compression { content_types: texts(&[bad]), ..default() };
        refuses_compression("content_types[0]", "is no media type", wire);
    }
    let twice = pb::Compression { content_types: texts(&["text/html", "Text/HTML"]), ..default() };
    refuses_compression("content_types[1]", "the same as number 0", twice);

    let read = compression(default());
    assert_eq!((&*read.algorithms, read.min_size), ([Zstd, Brotli, Gzip].as_slice(), 1024));
    assert!(read.content_types.iter().any(|range| range.to_string() == "application/json"));
    assert_eq!(read.content_types.len(), super::super::DEFAULT_CONTENT_TYPES.len(), "each is one");
    let read = compression(pb::Compression {
        algorithms: vec![1, 3],
        min_size: Some(0),
        content_types: texts(&["*/*", "IMAGE/*", "text/event-stream"]),
        ..default()
    });
    assert_eq!((&*read.algorithms, read.min_size), ([Gzip, Zstd].as_slice(), 0));
    let ranges: Vec<String> = read.content_types.iter().map(ToString::to_string).collect();
    assert_eq!(ranges, ["*/*", "image/*", "text/event-stream"]);
}

fn field(name: &str, value: &str) -> pb::HeaderField {
    pb::HeaderField { name: name.into(), value: value.into() }
}

fn both(rules: &pb::HeaderRules) -> pb::Policies {
    pb::Policies {
        request_headers: Some(rules.clone()),
        response_headers: Some(rules.clone()),
        ..pb::Policies::default()
    }
}

#[test]
fn fields_that_framing_routing_and_identity_rest_on_stay_as_they_are() {
    for name in [
        "Host",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "Content-Length",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Upgrade",
        "Via",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Any",
        "X-Request-Id",
        "Expect",
        "Max-Forwards",
        "Gateway-Node",
        "HTTP2-Settings",
        "X_Forwarded_For",
    ] {
        let rules =
            pb::HeaderRules { set: vec![field(name, "1")], add: vec![field(name, "1")], remove: vec![name.into()] };
        let found = read_policies(&both(&rules)).unwrap_err();
        let fields: Vec<&str> = found.iter().map(|line| line.split_once(": ").unwrap().0).collect();
        let expected = ["request_headers", "response_headers"]
            .map(|header| ["remove[0]", "set[0].name", "add[0].name"].map(|at| format!("policies.{header}.{at}")));
        assert_eq!(fields, expected.concat(), "{name}");
        assert!(found[0].contains("is the gateway's own"), "{found:?}");
    }
    let found = read_policies(&both(&pb::HeaderRules { remove: texts(&["Date"]), ..pb::HeaderRules::default() }));
    assert_eq!(found.unwrap_err().len(), 1, "that of a request is the client's");
    for fine in ["Authorization", "Cookie", "Set-Cookie", "Content-Type", "X-Forwarded", "Gateway", "Cache-Control"] {
        let rules = pb::HeaderRules { remove: texts(&[fine]), ..pb::HeaderRules::default() };
        assert!(read_policies(&both(&rules)).is_ok(), "{fine}");
    }
}

#[test]
fn header_rules() {
    #[track_caller]
    fn refused(field: &str, words: &str, request_headers: pb::HeaderRules) {
        refuses(&format!("policies.request_headers.{field}"), words, |wire| {
            let request_headers = Some(request_headers);
            wire.policies = Some(pb::Policies { request_headers, ..pb::Policies::default() });
        });
    }
    let set = |set| pb::HeaderRules { set, ..pb::HeaderRules::default() };
    refused("set[0].name", "\"a b\" is no field name", set(vec![field("a b", "1")]));
    refused("set[1]", "the same as number 0", set(vec![field("x-a", "1"), field("X-A", "2")]));
    for bad in ["a\r\nb", "a\0", "ü", "\u{7f}"] {
        refused("set[0].value", "is not printable ASCII", set(vec![field("x-a", bad)]));
    }
    refused("set[0].value", "is longer than 4096 bytes", set(vec![field("x-a", &"a".repeat(4097))]));
    let fields = |count| (0..count).map(|at| field(&format!("x-{at}"), "1")).collect::<Vec<_>>();
    refused("set", "are 33; give 32", set(fields(33)));
    refused("add", "are 33; give 32", pb::HeaderRules { add: fields(33), ..pb::HeaderRules::default() });
    let remove = (0..33).map(|at| format!("x-{at}")).collect();
    refused("remove", "are 33; give 32", pb::HeaderRules { remove, ..pb::HeaderRules::default() });

    let add = vec![field("X-A", "a\tb c"), field("x-a", &"a".repeat(4096))];
    let rules = pb::HeaderRules { add, set: fields(32), remove: texts(&["x-0"]) };
    let read = read_policies(&both(&rules)).unwrap().response_headers.unwrap();
    assert_eq!((read.add.len(), read.set.len(), read.remove.len()), (2, 32, 1));
}

#[test]
fn nothing_said_is_nothing_done() {
    assert_eq!(read_policies(&pb::Policies::default()).unwrap(), Policies::default());
    let ambiguous = |ambiguous_paths| read_policies(&pb::Policies { ambiguous_paths, ..pb::Policies::default() });
    assert_eq!(ambiguous(1).unwrap().ambiguous_paths, Some(AmbiguousPaths::Allow));
    assert_eq!(ambiguous(2).unwrap().ambiguous_paths, Some(AmbiguousPaths::Refuse));
    assert!(ambiguous(3).unwrap_err()[0].contains("3 is unknown; use AMBIGUOUS_PATHS_ALLOW"));
    // An empty block takes the place of a service's.
    assert!(read_policies(&both(&pb::HeaderRules::default())).unwrap().request_headers.is_some());
}
