//! What a data plane answers to operators, beside its snapshots.

use gateway_proto::{
    discovery::v1::{self as pb, query::Query, query_reply::Reply},
    registry::v1 as registry,
};
use tokio::time::timeout;
use tonic::Status as GrpcStatus;

use super::{
    control_plane::{ControlPlane, Questions, SOON},
    data_plane::DataPlane,
    sample::{delta, digested, full, resource},
};

fn explain(url: &str) -> Option<Query> {
    Some(Query::Explain(pb::ExplainQuery { method: "GET".into(), url: url.into(), headers: vec![] }))
}

/// A route of `a.test` to the service `a`.
fn route() -> pb::Resource {
    let kind = registry::path_match::Kind::Prefix("/api".into());
    let path = Some(registry::PathMatch { kind: Some(kind) });
    let services = vec![registry::WeightedService { name: "a".into(), weight: Some(1000) }];
    let route = registry::Route {
        name: "api".into(),
        hosts: vec!["a.test".into()],
        r#match: Some(registry::RouteMatch { path, ..Default::default() }),
        action: Some(registry::route::Action::Forward(registry::Forward { services, ..Default::default() })),
        ..Default::default()
    };
    digested(pb::Resource { name: "routes/api".into(), digest: 0, body: Some(pb::resource::Body::Route(route)) })
}

async fn asked(questions: &mut Questions, id: u64, query: Option<Query>) -> Reply {
    questions.ask(id, query).await;
    let reply = questions.reply().await.expect("a reply");
    assert_eq!((&*reply.node_id, reply.id), ("", id));
    reply.reply.expect("a kind of reply")
}

#[tokio::test]
async fn it_says_who_it_is_and_answers_from_the_table_that_it_serves() {
    let (mut control_plane, mut streams) = ControlPlane::start_asking().await;
    let _data_plane = DataPlane::start(&[control_plane.uri()], None);
    let (mut stream, _) = control_plane.accept().await;
    let mut questions = timeout(SOON, streams.recv()).await.expect("it can be asked").unwrap();
    let introduction = questions.reply().await;
    assert_eq!(introduction, Some(pb::QueryReply { node_id: "n1".into(), id: 0, reply: None }));

    let Reply::Explanation(none) = asked(&mut questions, 7, explain("http://a.test/")).await else { panic!() };
    assert_eq!((&*none.error, &*none.version), ("not_ready", ""));

    let a = resource("a", &["a.test", "*.a.test"], 81);
    stream.accepted(full(1, std::slice::from_ref(&a))).await;
    let Reply::Explanation(first) = asked(&mut questions, 8, explain("http://X.a.test:80/b?c")).await else { panic!() };
    let target = pb::Target {
        service: "a".into(),
        weight: 1000,
        is_mirror: false,
        endpoints: vec![pb::ExplainedEndpoint { address: "127.0.0.1:81".into(), weight: 1, healthy: true }],
        timeouts: Some(registry::Timeouts {
            connect: Some(prost_types::Duration { seconds: 2, nanos: 0 }),
            response: Some(prost_types::Duration { seconds: 30, nanos: 0 }),
            idle: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
            total: None,
        }),
        limits: None,
        policies: Some(registry::Policies { ambiguous_paths: 1, ..Default::default() }),
    };
    let expected = pb::Explanation {
        version: "0000000000000007-1".into(),
        revision: 1,
        host: "x.a.test".into(),
        host_pattern: "*.a.test".into(),
        path: "/b".into(),
        host_service: "a".into(),
        targets: vec![target],
        location: "/b?c".into(),
        ..Default::default()
    };
    assert_eq!(first, expected);

    stream.accepted(delta(2, &[route()], &[], &[a, route()])).await;
    let query = || explain("http://a.test/x/..//api/%2F");
    let Reply::Explanation(second) = asked(&mut questions, 9, query()).await else { panic!() };
    assert_eq!((second.revision, &*second.path, second.passed_over.len()), (2, "//api/%2F", 1));
    assert_eq!(second.passed_over[0].route, "api");
    assert_eq!(second.passed_over[0].why, "the path does not match prefix /api");
    assert_eq!(second.ambiguity, "the path holds a dot segment");
    let Reply::Explanation(third) = asked(&mut questions, 10, explain("http://a.test/api")).await else { panic!() };
    assert_eq!(third.route.unwrap().name, "api");
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_every_reason() {
    let (mut control_plane, mut streams) = ControlPlane::start_asking().await;
    let _data_plane = DataPlane::start(&[control_plane.uri()], None);
    let _stream = control_plane.accept().await;
    let mut questions = timeout(SOON, streams.recv()).await.expect("it can be asked").unwrap();
    questions.reply().await;
    let Reply::Refusal(refusal) = asked(&mut questions, 1, None).await else { panic!() };
    assert_eq!(refusal, "it does not know this kind of question; update the data plane");
    let field = |name: &str, value: &str| registry::HeaderField { name: name.into(), value: value.into() };
    let headers = vec![field("a b", "1"), field("Host", "b.test"), field("x", "a\r\nb")];
    let query = pb::ExplainQuery { method: "get".into(), url: "http://a.test".into(), headers };
    let Reply::Refusal(refusal) = asked(&mut questions, 2, Some(Query::Explain(query))).await else { panic!() };
    let expected = "method: holds \"get\", which is no method; write \"GET\", in capitals; \
                    headers[0].name: \"a b\" is no field name; use letters, digits and '-'; \
                    headers[1].value: \"b.test\" is not the host of the URL; write that host into the URL; \
                    headers[2].value: \"a\\r\\nb\" holds what no field does; use printable ASCII";
    assert_eq!(refusal, expected);
    let query = explain(&format!("http://a.test/{}", "a".repeat(1024 * 1024)));
    let Reply::Refusal(refusal) = asked(&mut questions, 3, query).await else { panic!() };
    assert_eq!(refusal, "there can be no such request: the request line is too long");
}

#[tokio::test]
async fn snapshots_go_on_whatever_becomes_of_the_questions() {
    // An older one, which has never heard of questions.
    let mut older = ControlPlane::start().await;
    let mut data_plane = DataPlane::start(&[older.uri()], None);
    let (mut stream, _) = older.accept().await;
    let a = resource("a", &["a.test"], 1);
    stream.accepted(full(1, std::slice::from_ref(&a))).await;
    let status = data_plane.status(|status| status.accepted == 1).await;
    assert_eq!((status.streams, status.failures), (1, 0));

    let (mut control_plane, mut streams) = ControlPlane::start_asking().await;
    let mut data_plane = DataPlane::start(&[control_plane.uri()], None);
    let (mut stream, _) = control_plane.accept().await;
    let questions = timeout(SOON, streams.recv()).await.expect("it can be asked").unwrap();
    stream.accepted(full(1, std::slice::from_ref(&a))).await;
    questions.fail(GrpcStatus::internal("no more")).await;
    stream.accepted(delta(2, &[], &["a"], &[])).await;
    let status = data_plane.status(|status| status.accepted == 2).await;
    assert_eq!((status.streams, status.failures), (1, 0));

    // The next connection is the next chance, and each ends with its snapshots.
    stream.fail(GrpcStatus::unavailable("moving")).await;
    let (stream, _) = control_plane.accept().await;
    let mut questions = timeout(SOON, streams.recv()).await.expect("it can be asked again").unwrap();
    assert_eq!(questions.reply().await.map(|reply| reply.node_id), Some("n1".into()));
    stream.fail(GrpcStatus::unavailable("moving")).await;
    assert_eq!(questions.reply().await, None);
}
