use gateway_proto::{
    registry::v1::{self as pb, condition::Test, path_match::Kind, redirect::PathRewrite, route::Action},
    violation::{Path, Violations},
};

use super::{accepts, good, path};
use crate::route::check_route;

/// What is refused of a good route with this change where it is new; it can be read.
fn refused(change: impl Fn(&mut pb::Route)) -> Vec<String> {
    accepts(&change);
    let mut wire = good();
    change(&mut wire);
    let mut violations = Violations::default();
    check_route(&wire, &Path::Root("route"), &mut violations);
    match violations.finish(Some(())) {
        Ok(()) => Vec::new(),
        Err(found) => found.iter().map(ToString::to_string).collect(),
    }
}

fn exactly(text: &str) -> Vec<pb::Condition> {
    vec![pb::Condition { name: "x".into(), test: Some(Test::Exact(text.into())) }]
}

#[test]
fn a_value_that_ends_with_white_space_matches_nothing() {
    let with = |text: &str| {
        let headers = exactly(text);
        refused(|wire| {
            wire.r#match = Some(pb::RouteMatch { headers: headers.clone(), ..pb::RouteMatch::default() });
            let cache = pb::Cache {
                bypass: Some(pb::CacheBypass { headers: headers.clone(), ..pb::CacheBypass::default() }),
                ..pb::Cache::default()
            };
            let limit = pb::RateLimit {
                name: "a".into(),
                concurrent: Some(1),
                key: vec![pb::RateLimitKeyPart { part: Some(pb::rate_limit_key_part::Part::Service(true)) }],
                exempt: Some(pb::RateLimitExemption { headers: headers.clone(), ..pb::RateLimitExemption::default() }),
                ..pb::RateLimit::default()
            };
            wire.policies = Some(pb::Policies {
                cache: Some(cache),
                rate_limits: Some(pb::RateLimits { limits: vec![limit] }),
                ..pb::Policies::default()
            });
        })
    };
    for text in ["a ", "a\t"] {
        let found = with(text);
        let fields = [
            "route.match.headers[0].exact: ",
            "route.policies.cache.bypass.headers[0].exact: ",
            "route.policies.rate_limits.limits[0].exempt.headers[0].exact: ",
        ];
        assert_eq!(found.len(), fields.len(), "{found:?}");
        for (line, field) in found.iter().zip(fields) {
            assert!(line.starts_with(field) && line.contains("ends with white space"), "{line}");
        }
    }
    assert_eq!(with("a b"), [""; 0]);
    assert_eq!(with(""), [""; 0]);
}

#[test]
fn a_redirect_leads_away_from_itself() {
    let redirect = |redirect: &pb::Redirect| {
        let redirect = redirect.clone();
        refused(move |wire| wire.action = Some(Action::Redirect(redirect.clone())))
    };
    let strip = pb::Redirect { strip_query: true, ..pb::Redirect::default() };
    let http = pb::Redirect { scheme: "http".into(), ..pb::Redirect::default() };
    for (wire, field, words) in [
        (strip.clone(), "strip_query", "without its query, the request takes this route again"),
        (http.clone(), "scheme", "is http already where the client is"),
        (pb::Redirect { strip_query: true, ..http.clone() }, "strip_query", "takes this route again"),
    ] {
        let found = redirect(&wire);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("route.redirect.{field}: ")) && found[0].contains(words), "{found:?}");
    }
    let elsewhere = |wire: pb::Redirect| {
        let prefix = Some(PathRewrite::Prefix("/n".into()));
        [
            pb::Redirect { scheme: "https".into(), ..wire.clone() },
            pb::Redirect { host: "b.test".into(), ..wire.clone() },
            pb::Redirect { port: 81, ..wire.clone() },
            pb::Redirect { path_rewrite: prefix, ..wire },
        ]
    };
    for wire in elsewhere(strip.clone()).into_iter().chain(elsewhere(http)) {
        assert_eq!(redirect(&wire), [""; 0], "{wire:?}");
    }
    // What was chosen by its query is another request without it.
    let found = refused(|wire| {
        let query = exactly("1");
        wire.r#match = Some(pb::RouteMatch { query, ..path(Kind::Prefix("/a".into())).unwrap() });
        wire.action = Some(Action::Redirect(strip.clone()));
    });
    assert_eq!(found, [""; 0]);
}
