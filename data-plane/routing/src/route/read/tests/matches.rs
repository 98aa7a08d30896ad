use gateway_proto::registry::v1::{self as pb, condition::Test as Wire, path_match::Kind};

use super::{accepts, path, refuses};
use crate::{PathKind, Test};

#[track_caller]
fn refuses_path(field: &str, words: &str, kind: Kind) {
    refuses(&format!("match.path.{field}"), words, |wire| wire.r#match = path(kind));
}

#[track_caller]
fn refuses_header(field: &str, words: &str, name: &str, test: Option<Wire>) {
    let headers = vec![pb::Condition { name: name.into(), test }];
    refuses(&format!("match.headers[0]{field}"), words, |wire| {
        wire.r#match = Some(pb::RouteMatch { headers, ..pb::RouteMatch::default() });
    });
}

#[track_caller]
fn refuses_query(field: &str, words: &str, name: &str, test: Option<Wire>) {
    let query = vec![pb::Condition { name: name.into(), test }];
    refuses(&format!("match.query[0]{field}"), words, |wire| {
        wire.r#match = Some(pb::RouteMatch { query, ..pb::RouteMatch::default() });
    });
}

#[test]
fn paths() {
    refuses_path("exact", "\"\" is empty", Kind::Exact(String::new()));
    refuses_path("exact", "\"api\" does not begin with '/'", Kind::Exact("api".into()));
    refuses_path("prefix", "\"/%61\" is not in normal form; write \"/a\"", Kind::Prefix("/%61".into()));
    refuses_path("prefix", "has a '*' for a segment; use a prefix", Kind::Prefix("/api/*".into()));
    refuses_path("prefix", "\"/a//\" ends in \"//\"", Kind::Prefix("/a//".into()));
    refuses_path("template", "has no parameter such as {id}", Kind::Template("/a".into()));
    refuses_path("template", "has two parameters {a}", Kind::Template("/{a}/{a}".into()));
    refuses_path("regex", "is no regular expression: unclosed group", Kind::Regex("(".into()));
    refuses_path("exact", "is longer than 1024 bytes", Kind::Exact(format!("/{}", "a".repeat(1024))));
    refuses_path("prefix", "has more than 64 segments", Kind::Prefix("/a".repeat(65)));
    refuses("match.path", "says nothing; give one of exact, prefix, template and regex", |wire| {
        wire.r#match = Some(pb::RouteMatch { path: Some(pb::PathMatch::default()), ..pb::RouteMatch::default() });
    });
    let everything = accepts(|wire| wire.r#match = None);
    assert_eq!(everything.rule.path().kind(), PathKind::Any);
    assert_eq!(accepts(|wire| wire.r#match = Some(pb::RouteMatch::default())), everything);
}

#[test]
fn methods() {
    let only = |methods: &[&str]| {
        let methods = methods.iter().map(ToString::to_string).collect();
        Some(pb::RouteMatch { methods, ..pb::RouteMatch::default() })
    };
    refuses("match.methods[1]", "\"get\", which is no method; write \"GET\"", |wire| {
        wire.r#match = only(&["GET", "get"]);
    });
    refuses("match.methods[0]", "is no method", |wire| wire.r#match = only(&["G T"]));
    refuses("match.methods", "are 33; give 32 at the most", |wire| wire.r#match = only(&["GET"; 33]));
    assert_eq!(accepts(|wire| wire.r#match = only(&["PURGE", "GET"])).rule.methods.to_string(), "GET, PURGE");
}

#[test]
fn conditions() {
    let exact = |text: &str| Some(Wire::Exact(text.into()));
    refuses_header(".name", "is no field name", "", exact("1"));
    refuses_header(".name", "\"a b\" is no field name", "a b", exact("1"));
    refuses_header(".name", "is longer than 1024 bytes", &"a".repeat(1025), exact("1"));
    refuses_header("", "give one of exact, present, prefix and regex", "a", None);
    refuses_header(".present", "is false; say true", "a", Some(Wire::Present(false)));
    refuses_header(".exact", "is longer than 1024 bytes", "a", exact(&"a".repeat(1025)));
    refuses_header(".exact", "holds a control character", "a", exact("a\nb"));
    refuses_header(".exact", "begins with white space", "a", exact(" b"));
    refuses_header(".prefix", "is empty", "a", Some(Wire::Prefix(String::new())));
    refuses_header(".regex", "is no regular expression", "a", Some(Wire::Regex("[".into())));
    refuses_query(".name", "\"\" is empty", "", exact("1"));
    refuses_query(".prefix", "is longer than 1024 bytes", "a", Some(Wire::Prefix("a".repeat(1025))));
    let route = accepts(|wire| {
        let headers = vec![pb::Condition { name: "X-A".into(), test: Some(Wire::Exact(String::new())) }];
        let query = vec![pb::Condition { name: "a b".into(), test: Some(Wire::Exact(" \n".into())) }];
        wire.r#match = Some(pb::RouteMatch { headers, query, ..pb::RouteMatch::default() });
    });
    assert_eq!((route.rule.headers[0].name(), route.rule.headers[0].test()), ("x-a", &Test::Exact("".into())));
    assert_eq!((route.rule.query[0].name(), route.rule.query[0].test()), ("a b", &Test::Exact(" \n".into())));
}

#[test]
fn conditions_are_counted_together() {
    let present = |count: usize| {
        (0..count).map(|at| pb::Condition { name: format!("x{at}"), test: Some(Wire::Present(true)) }).collect()
    };
    let both = |headers, query| {
        Some(pb::RouteMatch { headers: present(headers), query: present(query), ..pb::RouteMatch::default() })
    };
    for (headers, query) in [(16, 17), (33, 0), (0, 33)] {
        refuses("match", "has 33 conditions of headers and query together; give 32", |wire| {
            wire.r#match = both(headers, query);
        });
    }
    let route = accepts(|wire| wire.r#match = both(16, 16));
    assert_eq!((route.rule.headers.len(), route.rule.query.len()), (16, 16));
}
