//! What is read, written and read again is the same.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations},
};
use proptest::prelude::*;
use prost::Message;

use crate::route::{Route, route as read, wire};

mod good;

fn route(wire: &pb::Route) -> Route {
    let mut violations = Violations::default();
    let route = read(wire, &Path::Root("route"), &mut violations);
    violations.finish(route).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_reads_as_the_same(sent in good::route()) {
        let read = route(&sent);
        let written = wire::route(&read);
        prop_assert_eq!(&route(&written), &read);
        // There is one form: writing it again gives the same bytes.
        prop_assert_eq!(wire::route(&route(&written)).encode_to_vec(), written.encode_to_vec());
        // Whatever was said is still there.
        prop_assert_eq!(written.hosts.len(), sent.hosts.len());
        prop_assert_eq!(written.policies.is_some(), sent.policies.is_some_and(|sent| sent != pb::Policies::default()));
    }
}

proptest! {
    /// With whatever slashes: what is read is read as the same wherever it comes to, or nowhere.
    #[test]
    fn a_prefix_is_the_same_prefix_everywhere(matched in "(/[ab]{0,1}){1,4}", rewritten in "(/[ab]{0,1}){1,4}") {
        let path = pb::PathMatch { kind: Some(pb::path_match::Kind::Prefix(matched)) };
        let rewrite = pb::Rewrite {
            host: String::new(),
            path_rewrite: Some(pb::rewrite::PathRewrite::Prefix(rewritten)),
        };
        let sent = pb::Route {
            name: "a".into(),
            hosts: vec!["a.test".into()],
            r#match: Some(pb::RouteMatch { path: Some(path), ..pb::RouteMatch::default() }),
            action: Some(pb::route::Action::Forward(pb::Forward {
                services: vec![pb::WeightedService { name: "a".into(), weight: None }],
                rewrite: Some(rewrite),
                ..pb::Forward::default()
            })),
            ..pb::Route::default()
        };
        let mut violations = Violations::default();
        let first = read(&sent, &Path::Root("route"), &mut violations);
        if let Ok(first) = violations.finish(first) {
            prop_assert_eq!(route(&wire::route(&first)), first);
        }
    }
}

#[test]
fn defaults_are_written_out() {
    let service = pb::WeightedService { name: "a".into(), weight: None };
    let sent = pb::Route {
        name: "a".into(),
        title: "not kept".into(),
        hosts: vec!["A.test".into()],
        r#match: Some(pb::RouteMatch::default()),
        action: Some(pb::route::Action::Forward(pb::Forward {
            services: vec![service],
            mirror: Some(pb::Mirror { service: "b".into(), per_mille: None }),
            rewrite: Some(pb::Rewrite::default()),
            ..pb::Forward::default()
        })),
        timeouts: Some(pb::Timeouts::default()),
        limits: Some(pb::Limits::default()),
        policies: Some(pb::Policies {
            compression: Some(pb::Compression::default()),
            cors: Some(pb::Cors { allow_origins: vec!["*".into()], ..pb::Cors::default() }),
            cache: Some(pb::Cache::default()),
            ..pb::Policies::default()
        }),
        revision: 7,
        ..pb::Route::default()
    };
    let expected = pb::Route {
        name: "a".into(),
        hosts: vec!["a.test".into()],
        action: Some(pb::route::Action::Forward(pb::Forward {
            services: vec![pb::WeightedService { name: "a".into(), weight: Some(1000) }],
            mirror: Some(pb::Mirror { service: "b".into(), per_mille: Some(1000) }),
            ..pb::Forward::default()
        })),
        policies: Some(pb::Policies {
            compression: Some(pb::Compression {
                enabled: Some(true),
                algorithms: vec![3, 2, 1],
                min_size: Some(1024),
                content_types: vec![],
            }),
            cors: Some(pb::Cors {
                enabled: Some(true),
                allow_origins: vec!["*".into()],
                allow_methods: ["GET", "HEAD", "POST"].map(String::from).into(),
                ..pb::Cors::default()
            }),
            cache: Some(pb::Cache {
                enabled: Some(true),
                default_ttl: Some(prost_types::Duration::default()),
                methods: ["GET", "HEAD"].map(String::from).into(),
                max_object_size: Some(8 << 20),
                client_no_cache: pb::ClientNoCache::Honour.into(),
                set_cookie: pb::CachedSetCookie::Refuse.into(),
                partial: pb::CachedPartial::Store.into(),
                ..pb::Cache::default()
            }),
            ..pb::Policies::default()
        }),
        ..pb::Route::default()
    };
    assert_eq!(wire::route(&route(&sent)), expected);
}
