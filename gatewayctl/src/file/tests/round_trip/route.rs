//! Routes as the control plane stores them.

use gateway_proto::registry::v1::{
    self as pb, condition::Test, path_match, redirect, rewrite, route::Action, sticky::Key,
};
use proptest::{collection::vec, option, prelude::*};

use super::{bytes, duration, policies, stored_policies, text, texts};

/// Not empty: on the wire, empty would mean "not given".
fn name() -> impl Strategy<Value = String> {
    "[a-z0-9]{1,6}|true|1|~|null|a: b"
}

pub(super) fn condition() -> impl Strategy<Value = pb::Condition> {
    let test = prop_oneof![
        text().prop_map(Test::Exact),
        Just(Test::Present(true)),
        text().prop_map(Test::Prefix),
        text().prop_map(Test::Regex),
    ];
    (name(), test).prop_map(|(name, test)| pb::Condition { name, test: Some(test) })
}

prop_compose! {
    fn route_match()(
        path in option::of(prop_oneof![
            text().prop_map(path_match::Kind::Exact),
            text().prop_map(path_match::Kind::Prefix),
            text().prop_map(path_match::Kind::Template),
            text().prop_map(path_match::Kind::Regex),
        ]),
        methods in texts(),
        headers in vec(condition(), 0..3),
        query in vec(condition(), 0..3),
    ) -> Option<pb::RouteMatch> {
        let path = path.map(|kind| pb::PathMatch { kind: Some(kind) });
        Some(pb::RouteMatch { path, methods, headers, query }).filter(|found| *found != pb::RouteMatch::default())
    }
}

prop_compose! {
    fn forward()(
        services in vec((name(), 0..=1000u32), 1..4),
        sticky in option::of(prop_oneof![
            text().prop_map(Key::Header),
            text().prop_map(Key::Cookie),
            Just(Key::ClientAddress(true)),
        ]),
        mirror in option::of((name(), 1..=1000u32)),
        path in option::of(prop_oneof![
            text().prop_map(rewrite::PathRewrite::Prefix),
            text().prop_map(rewrite::PathRewrite::Path),
        ]),
        host in option::of(name()),
    ) -> Action {
        let alone = services.len() == 1;
        let weight = |weight| Some(if alone { 1000 } else { weight });
        let rewrite = pb::Rewrite { path_rewrite: path, host: host.unwrap_or_default() };
        Action::Forward(pb::Forward {
            services: services.into_iter().map(|(name, share)| pb::WeightedService { name, weight: weight(share) }).collect(),
            sticky: sticky.map(|key| pb::Sticky { key: Some(key) }),
            mirror: mirror.map(|(service, share)| pb::Mirror { service, per_mille: Some(share) }),
            rewrite: Some(rewrite).filter(|rewrite| *rewrite != pb::Rewrite::default()),
        })
    }
}

prop_compose! {
    fn redirect()(
        status in 301..=308u32,
        scheme in option::of(name()),
        host in option::of(name()),
        port in 0..=65535u32,
        path_rewrite in option::of(prop_oneof![
            text().prop_map(redirect::PathRewrite::Prefix),
            text().prop_map(redirect::PathRewrite::Path),
        ]),
        strip_query: bool,
    ) -> Action {
        let (scheme, host) = (scheme.unwrap_or_default(), host.unwrap_or_default());
        Action::Redirect(pb::Redirect { status, scheme, host, port, path_rewrite, strip_query })
    }
}

fn respond() -> impl Strategy<Value = Action> {
    let kind = prop_oneof![Just("text/plain; charset=utf-8".to_owned()), name()];
    let parts = (200..=599u32, text(), kind);
    parts.prop_map(|(status, body, content_type)| Action::Respond(pb::Respond { status, body, content_type }))
}

prop_compose! {
    /// A route as the control plane stores it: every default filled in.
    pub(super) fn route()(
        title in text(),
        hosts in texts(),
        matched in route_match(),
        priority in prop_oneof![Just(0), -1000..=1000i32],
        action in prop_oneof![4 => forward(), 1 => redirect(), 1 => respond()],
        response in option::of(duration(1..86_400_000)),
        total in option::of(duration(1..86_400_000)),
        request_body in option::of(bytes()),
        policies in policies(),
    ) -> pb::Route {
        let (response, total) = (response.flatten(), total.flatten());
        let timeouts = pb::Timeouts { connect: None, response, idle: None, total };
        pb::Route {
            name: String::new(),
            title,
            hosts,
            r#match: matched,
            priority,
            action: Some(action),
            timeouts: Some(timeouts).filter(|timeouts| *timeouts != pb::Timeouts::default()),
            limits: request_body.map(|bytes| pb::Limits { request_body: Some(bytes) }),
            policies,
            revision: 7,
            created_at: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
            updated_at: Some(prost_types::Timestamp { seconds: 9, nanos: 0 }),
        }
    }
}

/// Fills in what the control plane would, by route.proto.
pub(super) fn stored_route(mut route: pb::Route) -> pb::Route {
    match &mut route.action {
        Some(Action::Forward(forward)) => {
            if let [only] = &mut *forward.services {
                only.weight = only.weight.or(Some(1000));
            }
            if let Some(mirror) = &mut forward.mirror {
                mirror.per_mille = mirror.per_mille.or(Some(1000));
            }
        }
        Some(Action::Redirect(redirect)) if redirect.status == 0 => redirect.status = 308,
        Some(Action::Respond(respond)) if respond.content_type.is_empty() => {
            respond.content_type = "text/plain; charset=utf-8".into();
        }
        Some(Action::Redirect(_) | Action::Respond(_)) | None => {}
    }
    route.policies = route.policies.map(stored_policies);
    route
}

pub(super) fn route_without_read_only(route: pb::Route) -> pb::Route {
    pb::Route { revision: 0, created_at: None, updated_at: None, ..route }
}
