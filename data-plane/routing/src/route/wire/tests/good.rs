//! Any good route, as it may be sent.

use gateway_proto::registry::v1::{
    self as pb, condition::Test, path_match::Kind, redirect::PathRewrite as Redirected,
    rewrite::PathRewrite as Rewritten, route::Action, sticky::Key,
};
use proptest::{collection::vec, option, prelude::*, sample::subsequence};

mod auth;
mod cache;
mod rate_limit;

pub(super) fn route() -> impl Strategy<Value = pb::Route> {
    let hosts = subsequence(vec!["A.test", "*.a.test", "b.test.", "[0::1]", "192.0.2.1"], 1..=5);
    let head = (name(), hosts, option::of(route_match()), -1000..=1000_i32, action());
    (head, option::of(timeouts()), option::of(limits()), option::of(policies())).prop_map(
        |((name, hosts, r#match, priority, action), timeouts, limits, policies)| {
            let hosts = texts(&hosts);
            let (r#match, action) = fitting(r#match, action);
            pb::Route { name, hosts, r#match, priority, action, timeouts, limits, policies, ..pb::Route::default() }
        },
    )
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?"
}

/// Makes the path that is matched one that the rewrite has use for.
fn fitting(rule: Option<pb::RouteMatch>, action: Action) -> (Option<pb::RouteMatch>, Option<Action>) {
    let rewrite = match &action {
        Action::Forward(pb::Forward { rewrite: Some(pb::Rewrite { path_rewrite: Some(path), .. }), .. }) => {
            match path {
                Rewritten::Prefix(_) => Some(Kind::Prefix("/old/".into())),
                Rewritten::Path(_) => Some(Kind::Template("/{a}/{b}".into())),
            }
        }
        Action::Redirect(pb::Redirect { path_rewrite: Some(path), .. }) => match path {
            Redirected::Prefix(_) => Some(Kind::Exact("/old/".into())),
            Redirected::Path(_) => Some(Kind::Template("/{a}/{b}".into())),
        },
        Action::Forward(_) | Action::Redirect(_) | Action::Respond(_) => None,
    };
    let rule = match rewrite {
        Some(kind) => {
            let path = Some(pb::PathMatch { kind: Some(kind) });
            Some(pb::RouteMatch { path, ..rule.unwrap_or_default() })
        }
        None => rule,
    };
    (rule, Some(action))
}

fn route_match() -> impl Strategy<Value = pb::RouteMatch> {
    let path = option::of(kind().prop_map(|kind| pb::PathMatch { kind: Some(kind) }));
    let methods = vec(prop_oneof!["GET", "POST", "PURGE", "[A-Z]{3,5}"], 0..4);
    (path, methods, vec(condition(), 0..4), vec(condition(), 0..4))
        .prop_map(|(path, methods, headers, query)| pb::RouteMatch { path, methods, headers, query })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        "(/[a-z~]{0,5}){1,4}/{0,3}".prop_map(Kind::Exact),
        prefix().prop_map(Kind::Prefix),
        "(/[a-z]{1,5}){0,2}/\\{[a-z]{1,3}\\}(/%2F)?".prop_map(Kind::Template),
        "\\^?/[a-z]{1,4}(\\.\\*|\\\\d\\+)\\$?".prop_map(Kind::Regex),
    ]
}

fn condition() -> impl Strategy<Value = pb::Condition> {
    let test = prop_oneof![
        "[ -~]{0,8}".prop_map(|text| Test::Exact(text.trim().into())),
        Just(Test::Present(true)),
        "[!-~]{1,8}".prop_map(Test::Prefix),
        "[a-z]{1,8}".prop_map(Test::Regex),
    ];
    ("[A-Za-z-]{1,3}", test).prop_map(|(name, test)| pb::Condition { name, test: Some(test) })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        forward().prop_map(Action::Forward),
        redirect().prop_map(Action::Redirect),
        respond().prop_map(Action::Respond),
    ]
}

fn forward() -> impl Strategy<Value = pb::Forward> {
    let services = prop_oneof![
        Just(vec![("a", None)]),
        (0..=1000_u32).prop_map(|weight| vec![("a", Some(weight)), ("b", Some(1000 - weight))]),
    ];
    let key = prop_oneof![
        "[A-Za-z-]{1,8}".prop_map(Key::Header),
        "[A-Za-z_]{1,8}".prop_map(Key::Cookie),
        Just(Key::ClientAddress(true)),
    ];
    let sticky = option::of(key.prop_map(|key| pb::Sticky { key: Some(key) }));
    let mirror = option::of(option::of(1..=1000_u32))
        .prop_map(|share| share.map(|per_mille| pb::Mirror { service: "shadow".into(), per_mille }));
    (services, sticky, mirror, option::of(rewrite())).prop_map(|(services, sticky, mirror, rewrite)| {
        let service = |(name, weight): (&str, _)| pb::WeightedService { name: name.into(), weight };
        pb::Forward { services: services.into_iter().map(service).collect(), sticky, mirror, rewrite }
    })
}

/// With empty segments, but not at its end.
fn prefix() -> impl Strategy<Value = String> {
    prop_oneof![Just("/".to_owned()), "(/[a-z]{0,5}){0,3}/[a-z]{1,5}/?"]
}

fn whole() -> impl Strategy<Value = String> {
    "(/[a-z]{0,3}(\\{[ab]\\}(\\.[a-z])?)?){0,3}/x(\\{a\\}-\\{b\\})?"
}

fn rewrite() -> impl Strategy<Value = pb::Rewrite> {
    let path = prop_oneof![prefix().prop_map(Rewritten::Prefix), whole().prop_map(Rewritten::Path)];
    (option::of(path), prop_oneof![Just(""), Just("In.test"), Just("in.test:80")])
        .prop_map(|(path_rewrite, host)| pb::Rewrite { host: host.into(), path_rewrite })
}

fn redirect() -> impl Strategy<Value = pb::Redirect> {
    let path = prop_oneof![prefix().prop_map(Redirected::Prefix), whole().prop_map(Redirected::Path)];
    let status = prop_oneof![Just(0), Just(301), Just(303), Just(308)];
    let scheme = prop_oneof![Just(""), Just("http"), Just("https")];
    let host = prop_oneof![Just(""), Just("B.test."), Just("[::1]")];
    (status, scheme, host, 0..=65_535_u32, option::of(path), any::<bool>()).prop_map(
        |(status, scheme, host, port, path_rewrite, strip_query)| {
            let changes = scheme.len() + host.len() > 0 || port > 0 || path_rewrite.is_some();
            let (scheme, host) = (scheme.into(), host.into());
            pb::Redirect { status, scheme, host, port, path_rewrite, strip_query: strip_query || !changes }
        },
    )
}

fn respond() -> impl Strategy<Value = pb::Respond> {
    let status = (200..=599_u32).prop_filter("it may have a body", |status| !matches!(status, 204 | 205 | 304));
    (status, ".{0,9}", prop_oneof![Just(""), Just("text/html; charset=utf-8")])
        .prop_map(|(status, body, media_type)| pb::Respond { status, body, content_type: media_type.into() })
}

fn timeouts() -> impl Strategy<Value = pb::Timeouts> {
    let one = || {
        option::of((0..86_400_i64, 1_000_000..=999_999_999_i32))
            .prop_map(|given| given.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos }))
    };
    (one(), one(), one(), one()).prop_map(|(connect, response, idle, total)| pb::Timeouts {
        connect,
        response,
        idle,
        total,
    })
}

fn limits() -> impl Strategy<Value = pb::Limits> {
    option::of(0..=1_u64 << 40).prop_map(|request_body| pb::Limits { request_body })
}

fn policies() -> impl Strategy<Value = pb::Policies> {
    let headers = (option::of(rules()), option::of(rules()));
    // Strategies in strategies take much of a stack, unless they are boxed.
    let limits = option::of(rate_limit::limits().boxed());
    let others = (0..=2_i32, option::of(cache::cache().boxed()), limits, option::of(auth::auth().boxed()));
    (option::of(cors()), option::of(compression()), headers, others).prop_map(
        |(cors, compression, (request_headers, response_headers), (ambiguous_paths, cache, rate_limits, auth))| {
            pb::Policies {
                cors,
                compression,
                request_headers,
                response_headers,
                ambiguous_paths,
                cache,
                rate_limits,
                auth,
            }
        },
    )
}

fn cors() -> impl Strategy<Value = pb::Cors> {
    let origins = prop_oneof![
        Just(vec!["*"]),
        subsequence(vec!["HTTPS://A.test:443", "http://*.a.test:81", "app://x", "http://[::1]"], 1..=4),
    ];
    let methods = prop_oneof![Just(vec!["*"]), subsequence(vec!["GET", "PUT", "PURGE"], 0..=3)];
    let fields = || prop_oneof![Just(vec!["*"]), subsequence(vec!["X-A", "x-b", "Authorization"], 0..=3)];
    let max_age = option::of((0..=86_400_i64).prop_map(|seconds| prost_types::Duration { seconds, nanos: 0 }));
    let on = (option::of(Just(true)), origins, methods, fields(), fields(), any::<bool>(), max_age).prop_map(
        |(enabled, origins, methods, allowed, exposed, credentials, max_age)| {
            let is_open = [&origins, &methods, &allowed, &exposed].iter().any(|items| **items == ["*"]);
            pb::Cors {
                enabled,
                allow_origins: texts(&origins),
                allow_methods: texts(&methods),
                allow_headers: texts(&allowed),
                expose_headers: texts(&exposed),
                allow_credentials: credentials && !is_open,
                max_age,
            }
        },
    );
    prop_oneof![4 => on, 1 => Just(pb::Cors { enabled: Some(false), ..pb::Cors::default() })]
}

fn compression() -> impl Strategy<Value = pb::Compression> {
    let types = subsequence(vec!["text/*", "*/*", "Text/HTML"], 0..=3);
    let on = (option::of(Just(true)), subsequence(vec![1, 2, 3], 0..=3), option::of(0..=1_u64 << 20), types).prop_map(
        |(enabled, algorithms, min_size, types)| pb::Compression {
            enabled,
            algorithms,
            min_size,
            content_types: texts(&types),
        },
    );
    prop_oneof![4 => on, 1 => Just(pb::Compression { enabled: Some(false), ..pb::Compression::default() })]
}

fn rules() -> impl Strategy<Value = pb::HeaderRules> {
    let field = |name: &str, value| pb::HeaderField { name: name.into(), value };
    let names = || subsequence(vec!["X-A", "x-b", "Cache-Control"], 0..=3);
    (names(), names(), names(), "[ -~]{0,8}").prop_map(move |(set, add, remove, value)| pb::HeaderRules {
        set: set.into_iter().map(|name| field(name, value.clone())).collect(),
        add: add.into_iter().map(|name| field(name, value.clone())).collect(),
        remove: texts(&remove),
    })
}
