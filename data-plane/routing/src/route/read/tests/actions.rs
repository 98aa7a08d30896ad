use gateway_proto::registry::v1::{
    self as pb, path_match::Kind, redirect::PathRewrite as Redirected, rewrite::PathRewrite as Rewritten,
    route::Action as Wire, sticky::Key,
};
use http::StatusCode;

use super::{accepts, path, refuses, service};
use crate::route::{Action, Forward, PathRewrite, Piece, Redirect, Respond, Sticky};

fn two() -> pb::Forward {
    pb::Forward { services: vec![service("a", Some(900)), service("b", Some(100))], ..pb::Forward::default() }
}

#[track_caller]
fn refuses_forward(field: &str, words: &str, forward: pb::Forward) {
    refuses(&format!("forward.{field}"), words, |wire| wire.action = Some(Wire::Forward(forward)));
}

#[track_caller]
fn forwards(forward: pb::Forward) -> Forward {
    let Action::Forward(forward) = accepts(|wire| wire.action = Some(Wire::Forward(forward))).action else { panic!() };
    forward
}

#[test]
fn weights() {
    let of = |services| pb::Forward { services, ..pb::Forward::default() };
    refuses_forward("services", "is empty; give 1 to 16 services", of(vec![]));
    refuses_forward("services[0].name", "\"A\" is not a name", of(vec![service("A", None)]));
    let twice = vec![service("a", Some(500)), service("a", Some(500))];
    refuses_forward("services[1]", "the same as number 0", of(twice));
    let missing = vec![service("a", Some(1000)), service("b", None)];
    refuses_forward("services[1].weight", "is missing; of several services, each has one", of(missing));
    refuses_forward("services[0].weight", "1001 is too large; use 0 to 1000", of(vec![service("a", Some(1001))]));
    for sum in [0, 999] {
        let words = format!("have weights of {sum} per mille in all; make them 1000");
        refuses_forward("services", &words, of(vec![service("a", Some(sum)), service("b", Some(0))]));
    }
    let many =
        |count: u32| (0..count).map(|at| service(&format!("s{at}"), Some(if at == 0 { 1000 } else { 0 }))).collect();
    refuses_forward("services", "are 17; give 16 at the most", of(many(17)));
    assert_eq!(forwards(of(many(16))).services.len(), 16);
    assert_eq!(forwards(of(vec![service("a", None)])).services[0].weight, 1000);
}

#[test]
fn stickies() {
    let by = |key| pb::Forward { sticky: Some(pb::Sticky { key }), ..two() };
    refuses_forward("sticky", "give one of header, cookie and client_address", by(None));
    refuses_forward("sticky.header", "\"a b\" is no field name", by(Some(Key::Header("a b".into()))));
    refuses_forward("sticky.header", "is no field name", by(Some(Key::Header("a".repeat(257)))));
    refuses_forward("sticky.cookie", "\"a=b\" is no cookie's name", by(Some(Key::Cookie("a=b".into()))));
    refuses_forward("sticky.cookie", "\"\" is no cookie's name", by(Some(Key::Cookie(String::new()))));
    refuses_forward("sticky.client_address", "is false; say true", by(Some(Key::ClientAddress(false))));
    assert_eq!(forwards(by(Some(Key::Header("X-A".into())))).sticky, Some(Sticky::Header("x-a".into())));
    assert_eq!(forwards(by(Some(Key::Cookie("SID".into())))).sticky, Some(Sticky::Cookie("SID".into())));
    assert_eq!(forwards(by(Some(Key::ClientAddress(true)))).sticky, Some(Sticky::ClientAddress));
}

#[test]
fn mirrors() {
    let to =
        |name: &str, per_mille| pb::Forward { mirror: Some(pb::Mirror { service: name.into(), per_mille }), ..two() };
    refuses_forward("mirror.service", "is empty; use 1 to 63", to("", None));
    refuses_forward("mirror.service", "\"b\" gets a share of the requests already", to("b", None));
    refuses_forward("mirror.per_mille", "0 is too small; use 1 to 1000, or leave the mirror out", to("c", Some(0)));
    refuses_forward("mirror.per_mille", "1001 is too large; use 1 to 1000", to("c", Some(1001)));
    assert_eq!(forwards(to("c", None)).mirror.unwrap().per_mille, 1000);
    let parked = vec![service("a", Some(1000)), service("b", Some(0))];
    assert!(forwards(pb::Forward { services: parked, ..to("b", None) }).mirror.is_some());
}

fn rewritten(path_rewrite: Rewritten) -> Option<Wire> {
    let rewrite = Some(pb::Rewrite { host: String::new(), path_rewrite: Some(path_rewrite) });
    Some(Wire::Forward(pb::Forward { rewrite, ..two() }))
}

#[test]
fn a_prefix_takes_the_place_of_a_prefix() {
    for kind in [Kind::Regex("a".into()), Kind::Template("/{a}".into())] {
        refuses("forward.rewrite.prefix", "the route matches by none", |wire| {
            wire.r#match = path(kind);
            wire.action = rewritten(Rewritten::Prefix("/v2".into()));
        });
    }
    refuses("forward.rewrite.prefix", "the route matches by none", |wire| {
        wire.r#match = None;
        wire.action = rewritten(Rewritten::Prefix("/v2".into()));
    });
    for (bad, words) in [
        ("", "is empty"),
        ("v2", "does not begin with '/'"),
        ("/v2?a", "holds '?'"),
        ("/{id}", "holds a brace; only what replaces the whole path"),
        ("/a/..", "is not in normal form; write \"/\""),
        ("/a%", "has a '%' without two hexadecimal digits"),
        ("//", "ends in \"//\", and a '/' at the end of a prefix means nothing"),
        ("/a//", "ends in \"//\""),
    ] {
        refuses("forward.rewrite.prefix", words, |wire| wire.action = rewritten(Rewritten::Prefix(bad.into())));
    }
    for (text, prefix) in [("/", ""), ("/v2/", "/v2"), ("/v2", "/v2"), ("/*", "/*")] {
        let route = accepts(|wire| wire.action = rewritten(Rewritten::Prefix(text.into())));
        let Action::Forward(forward) = route.action else { panic!() };
        assert_eq!(forward.path, Some(PathRewrite::Prefix(prefix.into())));
    }
    accepts(|wire| {
        wire.r#match = path(Kind::Exact("/a".into()));
        wire.action = rewritten(Rewritten::Prefix("/v2".into()));
    });
}

#[test]
fn a_path_takes_the_place_of_the_whole() {
    for (bad, words) in [
        ("", "is empty"),
        ("users", "does not begin with '/'"),
        ("/{x}", "has {x}, which is no parameter of the template that the route matches"),
        ("/{id", "has a brace that is no parameter"),
        ("/id}", "has a brace that is no parameter"),
        ("/}{id}", "has a brace that is no parameter"),
        ("/{}", "has a brace that is no parameter"),
        ("/{a-b}", "has a brace that is no parameter"),
        ("/{id}x", "has {id} with a letter, a digit or a parameter right behind it"),
        ("/{id}{n}", "has {id} with a letter, a digit or a parameter right behind it"),
        ("/%2{id}", "has a '%' without two hexadecimal digits"),
        ("/%{id}", "has a '%' without two hexadecimal digits"),
    ] {
        refuses("forward.rewrite.path", words, |wire| {
            wire.r#match = path(Kind::Template("/users/{id}/{n}".into()));
            wire.action = rewritten(Rewritten::Path(bad.into()));
        });
    }
    refuses("forward.rewrite.path", "has {id}, which is no parameter", |wire| {
        wire.action = rewritten(Rewritten::Path("/{id}".into()));
    });
    let route = accepts(|wire| {
        wire.r#match = path(Kind::Template("/users/{id}/{n}".into()));
        wire.action = rewritten(Rewritten::Path("/u/{n}-{id}.json%2F".into()));
    });
    let Action::Forward(Forward { path: Some(PathRewrite::Whole(pieces)), .. }) = route.action else { panic!() };
    let literal = |text: &str| Piece::Literal(text.into());
    let parameter = |name: &str| Piece::Parameter(name.into());
    assert_eq!(*pieces, [literal("/u/"), parameter("n"), literal("-"), parameter("id"), literal(".json%2F")]);
    accepts(|wire| {
        wire.r#match = None;
        wire.action = rewritten(Rewritten::Path("/".into()));
    });
}

#[test]
fn a_match_that_is_wrong_is_not_held_against_the_rewrite() {
    refuses("match.path.prefix", "does not begin with '/'", |wire| {
        wire.r#match = path(Kind::Prefix("x".into()));
        wire.action = rewritten(Rewritten::Path("/{id}".into()));
    });
}

#[test]
fn hosts_that_are_sent() {
    let of = |host: &str| pb::Forward { rewrite: Some(pb::Rewrite { host: host.into(), path_rewrite: None }), ..two() };
    for (bad, words) in [("a b", "holds ' '"), ("*.a.test", "holds '*'"), ("a:x", "has a port that is not a number")] {
        refuses_forward("rewrite.host", words, of(bad));
    }
    assert_eq!(forwards(of("Internal.Test.:81")).host.as_deref(), Some("internal.test:81"));
    assert_eq!(forwards(of("")), forwards(two()));
}

#[track_caller]
fn refuses_redirect(field: &str, words: &str, redirect: pb::Redirect) {
    refuses(&format!("redirect{field}"), words, |wire| wire.action = Some(Wire::Redirect(redirect)));
}

#[test]
fn redirects() {
    let to = |host: &str| pb::Redirect { host: host.into(), ..pb::Redirect::default() };
    refuses_redirect("", "leads back to where the client is; give at least one of", pb::Redirect::default());
    refuses_redirect("", "leads back", pb::Redirect { status: 302, ..pb::Redirect::default() });
    for status in [1, 200, 300, 304, 305, 306, 309, 65_844] {
        refuses_redirect(".status", "use 301, 302, 303, 307 or 308", pb::Redirect { status, ..to("a.test") });
    }
    for scheme in ["HTTP", "ftp", "https:"] {
        let redirect = pb::Redirect { scheme: scheme.into(), ..to("") };
        refuses_redirect(".scheme", "use \"http\" or \"https\"", redirect);
    }
    refuses_redirect(".host", "\"a.test:80\" has a port; give it as port", to("a.test:80"));
    refuses_redirect(".host", "\"*.a.test\" is many hosts", to("*.a.test"));
    refuses_redirect(".host", "holds '/'", to("a/b"));
    refuses_redirect(".port", "65536 is too large; use 1 to 65535", pb::Redirect { port: 65_536, ..to("") });
    let prefix = |text: &str| Some(Redirected::Prefix(text.into()));
    refuses_redirect(".prefix", "is empty", pb::Redirect { path_rewrite: prefix(""), ..to("") });
    let whole = |text: &str| Some(Redirected::Path(text.into()));
    refuses_redirect(".path", "is no parameter", pb::Redirect { path_rewrite: whole("/{a}"), ..to("") });

    let wire = pb::Redirect { port: 8443, path_rewrite: prefix("/n"), strip_query: true, ..to("B.test") };
    let route = accepts(|route| route.action = Some(Wire::Redirect(wire)));
    let expected = Redirect {
        status: StatusCode::PERMANENT_REDIRECT,
        scheme: None,
        host: Some("b.test".into()),
        port: Some(8443),
        path: Some(PathRewrite::Prefix("/n".into())),
        strip_query: true,
    };
    assert_eq!(route.action, Action::Redirect(expected));
}

#[test]
fn answers() {
    let with = |status, body: &str| pb::Respond { status, body: body.into(), content_type: String::new() };
    let refuses = |field: &str, words: &str, respond| {
        refuses(&format!("respond.{field}"), words, |wire| wire.action = Some(Wire::Respond(respond)));
    };
    for status in [0, 100, 199, 600, 65_736] {
        refuses("status", "is no status to answer with; use 200 to 599", with(status, ""));
    }
    for status in [204, 205, 304] {
        refuses("body", "has none; leave it out", with(status, "x"));
        accepts(|wire| wire.action = Some(Wire::Respond(with(status, ""))));
    }
    refuses("body", "is 65537 bytes long; give 64 KiB at the most", with(200, &"x".repeat(65_537)));
    for bad in ["text", "/", "a b/c", "text/html\r\nX: y", "text/ü", &format!("text/{}", "x".repeat(252))] {
        refuses("content_type", "is no media type", pb::Respond { content_type: bad.into(), ..with(200, "") });
    }
    let route = accepts(|wire| wire.action = Some(Wire::Respond(with(599, &"x".repeat(65_536)))));
    let Action::Respond(Respond { status, content_type, .. }) = route.action else { panic!() };
    assert_eq!((status.as_u16(), &*content_type), (599, "text/plain; charset=utf-8"));
}
