use std::time::Duration;

use gateway_routing::route::{AllowOrigin, Allowed, Cors};
use http::Method;

use super::{Preflight, Stance};
use crate::proxy::parse::ParsedRequest;

fn policy(origins: &[AllowOrigin]) -> Cors {
    Cors {
        allow_origins: origins.into(),
        allow_methods: Allowed::Only([Method::GET, Method::PUT].into()),
        allow_headers: Allowed::Only(["content-type".parse().unwrap(), "x-one".parse().unwrap()].into()),
        expose_headers: Allowed::Only([].into()),
        allow_credentials: false,
        max_age: None,
    }
}

fn exact(origin: &str) -> AllowOrigin {
    AllowOrigin::Exact(origin.into())
}

fn below(scheme: &str, suffix: &str) -> AllowOrigin {
    AllowOrigin::Below { scheme: scheme.into(), suffix: suffix.into() }
}

fn parsed(fields: &str) -> (ParsedRequest, String) {
    let head = format!("OPTIONS / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
    let mut request = ParsedRequest::default();
    request.parse(head.as_bytes(), 20).unwrap();
    (request, head)
}

/// What a response says to a request with these fields, and whether it varies.
fn said(policy: &Cors, fields: &str) -> (String, bool) {
    let (request, head) = parsed(fields);
    let stance = Stance::of(policy, &request.head.fields, head.as_bytes());
    let mut out = Vec::new();
    stance.write(&mut out);
    (String::from_utf8(out).unwrap(), stance.varies())
}

/// What the answer to a preflight of `https://a.test` says.
fn preflight(policy: &Cors, fields: &str) -> Option<String> {
    let (request, head) = parsed(&format!("Origin: https://a.test\r\n{fields}"));
    let preflight = Preflight::of(&request, head.as_bytes())?;
    let mut out = Vec::new();
    Stance::of(policy, &request.head.fields, head.as_bytes()).write_preflight(&preflight, &mut out);
    let out = String::from_utf8(out).unwrap();
    let vary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n";
    Some(out.strip_suffix(vary).unwrap().to_owned())
}

#[test]
fn origins_are_compared_byte_by_byte() {
    let policy = policy(&[exact("https://a.test"), exact("http://b.test:8080"), below("https://", ".c.test")]);
    for origin in ["https://a.test", "http://b.test:8080", "https://x.c.test", "https://x-1.y_2.c.test"] {
        let expected = format!("Access-Control-Allow-Origin: {origin}\r\n");
        assert_eq!(said(&policy, &format!("ORIGIN: {origin}\r\n")), (expected, true));
    }
    for origin in [
        "",
        "null",
        "*",
        "a.test",
        "http://a.test",
        "https://a.test:443",
        "https://a.test:8443",
        "https://a.test/",
        "https://A.test",
        "HTTPS://a.test",
        "https://a.test.evil.test",
        "https://evil-a.test",
        "https://a.test, https://a.test",
        "https://a.test https://b.test",
        "http://b.test",
        "https://c.test",
        "https://.c.test",
        "https://x..c.test",
        "https://xc.test",
        "http://x.c.test",
        "https://X.c.test",
        "https://x.c.test:444",
        "https://x.c.test.evil.test",
        "https://evil.test/.c.test",
        "https://evil.test?.c.test",
        "https://evil.test#.c.test",
        "https://evil.test:1.c.test",
        "https://evil.test\\.c.test",
        "https://user@.c.test",
        "https://\u{e4}.c.test",
    ] {
        assert_eq!(said(&policy, &format!("Origin: {origin}\r\n")), (String::new(), true), "{origin}");
    }
    let two = "Origin: https://a.test\r\nOrigin: https://a.test\r\n";
    assert_eq!(said(&policy, two), (String::new(), true), "one client has one origin");
    assert_eq!(said(&policy, ""), (String::new(), true), "a cache must not give this to who has an origin");
}

#[test]
fn a_port_of_a_pattern_is_the_port() {
    let policy = policy(&[below("https://", ".c.test:8443")]);
    assert!(said(&policy, "Origin: https://x.c.test:8443\r\n").0.contains("x.c.test:8443"));
    assert_eq!(said(&policy, "Origin: https://x.c.test\r\n").0, "");
}

#[test]
fn everyone_gets_the_same_star() {
    let policy = policy(&[AllowOrigin::Any]);
    for fields in ["", "Origin: https://a.test\r\n", "Origin: null\r\n", "Origin: a\r\nOrigin: b\r\n"] {
        let star = "Access-Control-Allow-Origin: *\r\n".to_owned();
        assert_eq!(said(&policy, fields), (star, false), "{fields}");
    }
}

#[test]
fn credentials_and_exposed_fields_are_told_to_who_may_read() {
    let mut policy = policy(&[exact("https://a.test")]);
    policy.allow_credentials = true;
    policy.expose_headers = Allowed::Only(["x-one".parse().unwrap(), "etag".parse().unwrap()].into());
    let expected = "Access-Control-Allow-Origin: https://a.test\r\nAccess-Control-Allow-Credentials: true\r\n\
        Access-Control-Expose-Headers: x-one, etag\r\n";
    assert_eq!(said(&policy, "Origin: https://a.test\r\n").0, expected);
    assert_eq!(said(&policy, "Origin: https://b.test\r\n").0, "");
    policy.allow_credentials = false;
    policy.expose_headers = Allowed::Any;
    assert!(said(&policy, "Origin: https://a.test\r\n").0.ends_with("Access-Control-Expose-Headers: *\r\n"));
}

#[test]
fn a_preflight_is_answered_with_all_that_is_allowed() {
    let mut policy = policy(&[exact("https://a.test")]);
    policy.max_age = Some(Duration::from_secs(600));
    let expected = "Access-Control-Allow-Origin: https://a.test\r\n\
        Access-Control-Allow-Methods: GET, PUT\r\n\
        Access-Control-Allow-Headers: content-type, x-one\r\n\
        Access-Control-Max-Age: 600\r\n";
    for fields in [
        "Access-Control-Request-Method: PUT\r\n",
        "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers:\r\n",
        "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: X-One,content-type\r\n",
        "access-control-request-method: GET\r\nAccess-Control-Request-Headers: x-one\r\nAccess-Control-Request-Headers: content-type\r\n",
    ] {
        assert_eq!(preflight(&policy, fields).unwrap(), expected, "{fields}");
    }
    policy.allow_credentials = true;
    policy.allow_headers = Allowed::Only([].into());
    policy.max_age = Some(Duration::ZERO);
    let expected = "Access-Control-Allow-Origin: https://a.test\r\nAccess-Control-Allow-Credentials: true\r\n\
        Access-Control-Allow-Methods: GET, PUT\r\nAccess-Control-Max-Age: 0\r\n";
    assert_eq!(preflight(&policy, "Access-Control-Request-Method: PUT\r\n").unwrap(), expected);
}

#[test]
fn a_star_covers_authorization_too() {
    let mut policy = policy(&[AllowOrigin::Any]);
    policy.allow_methods = Allowed::Any;
    policy.allow_headers = Allowed::Any;
    let expected = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: *\r\n\
        Access-Control-Allow-Headers: *, authorization\r\n";
    let fields = "Access-Control-Request-Method: BREW\r\nAccess-Control-Request-Headers: authorization,x-any\r\n";
    assert_eq!(preflight(&policy, fields).unwrap(), expected);
}

#[test]
fn a_preflight_of_what_is_not_allowed_gets_no_word_of_it() {
    let here = policy(&[exact("https://a.test")]);
    for fields in [
        "Access-Control-Request-Method: DELETE\r\n",
        "Access-Control-Request-Method: put\r\n",
        "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-two\r\n",
        "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-one, authorization\r\n",
        "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-one x-one\r\n",
        "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: *\r\n",
    ] {
        assert_eq!(preflight(&here, fields).unwrap(), "", "{fields}");
    }
    let elsewhere = policy(&[exact("https://b.test")]);
    assert_eq!(preflight(&elsewhere, "Access-Control-Request-Method: PUT\r\n").unwrap(), "");
}

#[test]
fn what_no_browser_sends_is_no_preflight() {
    let policy = policy(&[exact("https://a.test")]);
    for fields in [
        "",
        "Access-Control-Request-Headers: x-one\r\n",
        "Access-Control-Request-Method:\r\n",
        "Access-Control-Request-Method: PUT, GET\r\n",
        "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Method: PUT\r\n",
        "Access-Control-Request-Method: PUT\r\nOrigin: https://a.test\r\n",
    ] {
        assert_eq!(preflight(&policy, fields), None, "{fields}");
    }
    for head in [
        "OPTIONS / HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: b\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nOrigin: b\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
    ] {
        let mut request = ParsedRequest::default();
        request.parse(head.as_bytes(), 20).unwrap();
        assert_eq!(Preflight::of(&request, head.as_bytes()), None, "{head}");
    }
}
