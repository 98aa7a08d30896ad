//! What takes the place of paths, and where clients are sent.

use gateway_proto::host::Authority;
use proptest::prelude::*;

use super::Asked;
use crate::{
    PathMatcher, normalize,
    route::{PathRewrite, Piece, Redirect, Scheme},
};

fn rewritten(rewrite: &PathRewrite, matched: &PathMatcher, path: &str) -> String {
    let mut out = b"GET ".to_vec();
    rewrite.write(matched, path.as_bytes(), &mut out);
    String::from_utf8(out.split_off(4)).unwrap()
}

fn whole(pieces: &[&str]) -> PathRewrite {
    let piece = |text: &&str| match text.strip_prefix(':') {
        Some(name) => Piece::Parameter(name.into()),
        None => Piece::Literal((*text).into()),
    };
    PathRewrite::Whole(pieces.iter().map(piece).collect())
}

#[test]
fn a_prefix_takes_the_place_of_the_one_that_was_matched() {
    for (matched, prefix, path, expected) in [
        ("/api", "/v2", "/api", "/v2"),
        ("/api", "/v2", "/api/", "/v2/"),
        ("/api", "/v2", "/api/a/b", "/v2/a/b"),
        ("/api", "", "/api", "/"),
        ("/api", "", "/api/", "/"),
        ("/api", "", "/api/a", "/a"),
        ("/api", "", "/api//a", "/a"),
        ("/api", "", "/api///", "/"),
        ("/api", "", "/api//evil.test/..x//y", "/evil.test/..x//y"),
        ("/api", "/v2", "/api//a", "/v2//a"),
        ("/", "", "//a", "/a"),
        ("/", "/v2", "/", "/v2/"),
        ("/", "/v2", "/a", "/v2/a"),
        ("/", "", "/a", "/a"),
        // As it was matched, not as it was sent.
        ("/api", "/v2", "/%61pi/x/../%7Ey%2f", "/v2/~y%2F"),
        ("/api", "/v2", "/x/../api/%2e%2e/api/./z", "/v2/z"),
    ] {
        let matched = PathMatcher::prefix(matched).unwrap();
        assert_eq!(rewritten(&PathRewrite::Prefix(prefix.into()), &matched, path), expected, "{path}");
    }
    let exact = PathMatcher::exact("/api").unwrap();
    assert_eq!(rewritten(&PathRewrite::Prefix("/v2".into()), &exact, "/api"), "/v2");
    assert_eq!(rewritten(&PathRewrite::Prefix("".into()), &exact, "/%61pi"), "/");
}

#[test]
fn a_template_takes_the_place_of_the_whole_path() {
    let matched = PathMatcher::template("/users/{id}/orders/{order}").unwrap();
    let path = "/users/%6De%2fx/orders/7";
    assert_eq!(rewritten(&whole(&["/o/", ":order", "/of/", ":id"]), &matched, path), "/o/7/of/me%2Fx");
    assert_eq!(rewritten(&whole(&["/u-", ":id", ".json"]), &matched, path), "/u-me%2Fx.json");
    assert_eq!(rewritten(&whole(&["/fixed"]), &PathMatcher::default(), path), "/fixed");
}

fn location(redirect: &Redirect, matched: &PathMatcher, authority: &str, target: &str) -> String {
    location_by(Scheme::Http, redirect, matched, authority, target)
}

fn location_by(scheme: Scheme, redirect: &Redirect, matched: &PathMatcher, authority: &str, target: &str) -> String {
    let mut out = Vec::new();
    redirect.write_location(matched, scheme, &Authority::parse(authority).unwrap(), &Asked::get(target), &mut out);
    String::from_utf8(out).unwrap()
}

const UNCHANGED: Redirect = Redirect {
    status: http::StatusCode::PERMANENT_REDIRECT,
    scheme: None,
    host: None,
    port: None,
    path: None,
    strip_query: false,
};

#[test]
fn what_a_redirect_does_not_say_stays_as_it_was_sent() {
    let https = || Redirect { scheme: Some(Scheme::Https), ..UNCHANGED };
    let host = || Redirect { host: Some("b.test".into()), ..UNCHANGED };
    for (redirect, authority, target, expected) in [
        (UNCHANGED, "A.test:8080", "/%61/../b?x=%2F&y", "http://a.test:8080/%61/../b?x=%2F&y"),
        (UNCHANGED, "a.test.:80", "/", "http://a.test/"),
        (UNCHANGED, "[2001:DB8::0:1]:81", "/", "http://[2001:db8::1]:81/"),
        (https(), "a.test:8080", "/x?y", "https://a.test/x?y"),
        (host(), "a.test:8080", "/x?y", "http://b.test/x?y"),
        (Redirect { port: Some(8443), ..https() }, "a.test:80", "/", "https://a.test:8443/"),
        (Redirect { port: Some(443), ..https() }, "a.test", "/", "https://a.test/"),
        (Redirect { port: Some(443), ..host() }, "a.test", "/", "http://b.test:443/"),
        (Redirect { port: Some(81), ..UNCHANGED }, "a.test:80", "/", "http://a.test:81/"),
        (Redirect { strip_query: true, ..UNCHANGED }, "a.test", "/x?y", "http://a.test/x"),
        // Nobody is sent where the path says.
        (UNCHANGED, "a.test", "//evil.test/x", "http://a.test//evil.test/x"),
        (UNCHANGED, "a.test", "*", "http://a.test"),
    ] {
        assert_eq!(location(&redirect, &PathMatcher::default(), authority, target), expected);
    }
}

#[test]
fn a_client_that_uses_https_is_sent_there() {
    let to = |redirect: &Redirect, authority: &str| {
        location_by(Scheme::Https, redirect, &PathMatcher::default(), authority, "/x")
    };
    let host = Redirect { host: Some("b.test".into()), ..UNCHANGED };
    let http = Redirect { scheme: Some(Scheme::Http), ..UNCHANGED };
    assert_eq!(to(&host, "a.test:8443"), "https://b.test/x");
    assert_eq!(to(&UNCHANGED, "a.test:443"), "https://a.test/x");
    assert_eq!(to(&UNCHANGED, "a.test:8443"), "https://a.test:8443/x");
    assert_eq!(to(&http, "a.test:8443"), "http://a.test/x");
}

#[test]
fn a_redirect_rewrites_as_forwarding_does() {
    let matched = PathMatcher::prefix("/old").unwrap();
    let redirect = Redirect { path: Some(PathRewrite::Prefix("/new".into())), ..UNCHANGED };
    assert_eq!(location(&redirect, &matched, "a.test", "/x/../old/a%7e?q=1"), "http://a.test/new/a~?q=1");
    let redirect = Redirect { path: Some(PathRewrite::Prefix("".into())), ..UNCHANGED };
    assert_eq!(location(&redirect, &matched, "a.test", "/old//evil.test"), "http://a.test/evil.test");
    let redirect = Redirect { path: Some(whole(&["/"])), ..UNCHANGED };
    assert_eq!(location(&redirect, &matched, "a.test", "/old/x?y"), "http://a.test/?y");
}

/// A path that means trouble now and then.
fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof!["[a-c]{1,2}", Just("..".into()), Just(".".into()), Just("%2e%2E".into()), "%2[fF]", ""];
    prop::collection::vec(segment, 0..6).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn prefix() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-c]{1,2}", 0..3).prop_map(|segments| format!("/{}", segments.join("/")))
}

proptest! {
    #[test]
    fn nothing_climbs_out_of_a_prefix(
        old in prefix(),
        new in prefix(),
        below in path(),
    ) {
        let matched = PathMatcher::prefix(&old).unwrap();
        let old = old.strip_suffix('/').unwrap_or(&old);
        let new = new.strip_suffix('/').unwrap_or(&new);
        let sent = format!("{old}{below}");
        prop_assume!(matched.matches(&normalize(sent.as_bytes())));
        let rewritten = rewritten(&PathRewrite::Prefix(new.into()), &matched, &sent);
        prop_assert_eq!(normalize(rewritten.as_bytes()), rewritten.as_bytes(), "it is in normal form");
        prop_assert!(PathMatcher::prefix(&format!("{new}/")).unwrap().matches(rewritten.as_bytes()), "{}", rewritten);
        prop_assert!(!rewritten.starts_with("//"), "{}", rewritten);
        // Back again, it is what was matched, without the slashes that would have been the first.
        let back = rewritten.strip_prefix(new).unwrap();
        let normal = String::from_utf8(normalize(sent.as_bytes()).into_owned()).unwrap();
        let normal = match normal.strip_prefix(old) {
            Some(rest) if new.is_empty() => format!("{old}/{}", rest.trim_start_matches('/')),
            _ => normal,
        };
        let back = format!("{old}{back}");
        prop_assert_eq!(back.trim_end_matches('/'), normal.trim_end_matches('/'));
    }

    #[test]
    fn a_template_in_place_of_itself_changes_nothing_but_the_spelling(id in "[a-z0-9._~%-]{1,8}") {
        let matched = PathMatcher::template("/users/{id}/x").unwrap();
        let sent = format!("/users/{id}/x");
        let normal = normalize(sent.as_bytes());
        prop_assume!(matched.matches(&normal));
        let rewritten = rewritten(&whole(&["/users/", ":id", "/x"]), &matched, &sent);
        prop_assert_eq!(rewritten.as_bytes(), &*normal);
    }
}
