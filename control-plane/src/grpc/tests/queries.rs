//! Questions of operators, which data planes answer.

use gateway_proto::{
    admin::v1::{self as admin, node_limits::Answer},
    code::Reason,
    discovery::v1::{self as pb, discovery_service_client::DiscoveryServiceClient, query::Query, query_reply::Reply},
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use super::harness::{ControlPlane, DataPlane, LONG, many};

/// Answers as the test says.
struct Answering {
    replies: mpsc::Sender<pb::QueryReply>,
    queries: Streaming<pb::Query>,
}

impl Answering {
    async fn open(control: &ControlPlane, id: &str) -> Self {
        let (replies, receiver) = mpsc::channel(4);
        replies.send(pb::QueryReply { node_id: id.into(), ..Default::default() }).await.unwrap();
        let mut client = DiscoveryServiceClient::new(control.channel.clone());
        let queries = client.answer_queries(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Self { replies, queries }
    }

    /// The number of the next question, which is about limits of this name.
    async fn asked_of_limits(&mut self, name: &str) -> u64 {
        let query = timeout(LONG, self.queries.message()).await.expect("a question").unwrap().unwrap();
        assert_eq!(query.query, Some(Query::Limits(pb::LimitsQuery { name: name.into() })));
        query.id
    }

    /// The next question: its number, and the URL that it is about.
    async fn asked(&mut self) -> (u64, String) {
        let query = timeout(LONG, self.queries.message()).await.expect("a question").unwrap().unwrap();
        let Some(Query::Explain(pb::ExplainQuery { url, .. })) = query.query else { panic!("{query:?}") };
        (query.id, url)
    }

    async fn answer(&self, id: u64, reply: Reply) {
        self.replies.send(pb::QueryReply { node_id: String::new(), id, reply: Some(reply) }).await.unwrap();
    }

    /// How the control plane ends it.
    async fn ended(mut self) -> Status {
        timeout(LONG, self.queries.message()).await.expect("an end").unwrap_err()
    }
}

fn explain(control: &ControlPlane, node_id: &str, url: &str) -> JoinHandle<Result<admin::ExplainResponse, Status>> {
    let mut client = control.admin();
    let query = pb::ExplainQuery { method: "GET".into(), url: url.into(), headers: vec![] };
    let request = admin::ExplainRequest { node_id: node_id.into(), query: Some(query) };
    tokio::spawn(async move { Ok(client.explain(request).await?.into_inner()) })
}

fn about(url: &str) -> Reply {
    Reply::Explanation(pb::Explanation { location: url.into(), ..Default::default() })
}

async fn control() -> ControlPlane {
    let (desired, health) = many(1);
    ControlPlane::start(1, desired, health).await
}

fn reason(status: &Status) -> (Code, Option<Reason>) {
    (status.code(), status.get_details_error_info().and_then(|info| Reason::parse(&info.reason)))
}

#[tokio::test]
async fn each_gets_the_answer_to_its_own_question_from_the_data_plane_it_means() {
    let control = control().await;
    let mut planes = Vec::new();
    for id in ["b", "a"] {
        planes.push(DataPlane::connect(&control, id).await);
        planes.last_mut().unwrap().reach(1).await;
    }
    let (mut b, mut a) = (Answering::open(&control, "b").await, Answering::open(&control, "a").await);
    let one = explain(&control, "b", "http://one.test/");
    let (first, _) = b.asked().await;
    let two = explain(&control, "b", "http://two.test/");
    let (second, url) = b.asked().await;
    b.answer(second, about(&url)).await;
    b.answer(first, about("http://one.test/")).await;
    for (asked, url) in [(one, "http://one.test/"), (two, "http://two.test/")] {
        let admin::ExplainResponse { node_id, explanation } = asked.await.unwrap().unwrap();
        assert_eq!((&*node_id, &*explanation.unwrap().location), ("b", url));
    }
    // Where none is named, it is the first in order of those that can be asked.
    for named in ["a", ""] {
        let asked = explain(&control, named, "http://any.test/");
        let (number, url) = a.asked().await;
        a.answer(number, about(&url)).await;
        assert_eq!(asked.await.unwrap().unwrap().node_id, "a");
    }
}

#[tokio::test]
async fn a_data_plane_says_what_is_wrong_and_who_leaves_is_not_waited_for() {
    let control = control().await;
    let mut plane = DataPlane::connect(&control, "edge").await;
    plane.reach(1).await;
    let mut edge = Answering::open(&control, "edge").await;
    let asked = explain(&control, "", "ftp://a.test/");
    let (number, _) = edge.asked().await;
    edge.answer(number, Reply::Refusal("url: is no http URL".into())).await;
    let status = asked.await.unwrap().unwrap_err();
    assert_eq!(reason(&status), (Code::InvalidArgument, Some(Reason::Invalid)));
    assert_eq!(status.message(), "url: is no http URL");

    let asked = explain(&control, "edge", "http://a.test/");
    edge.asked().await;
    drop(edge);
    let status = asked.await.unwrap().unwrap_err();
    assert_eq!(reason(&status), (Code::Unavailable, Some(Reason::NodeUnavailable)));
    assert!(status.message().starts_with("data plane \"edge\" left before it had answered"), "{status}");

    let status = explain(&control, "nobody", "http://a.test/").await.unwrap().unwrap_err();
    assert_eq!(reason(&status), (Code::NotFound, Some(Reason::NodeNotFound)));
    let status = control.admin().explain(admin::ExplainRequest::default()).await.unwrap_err();
    assert_eq!(reason(&status), (Code::InvalidArgument, Some(Reason::Invalid)));
}

#[tokio::test]
async fn a_stream_for_answers_says_whose_it_is_and_ends_when_it_is_replaced_or_all_stops() {
    let control = control().await;
    for id in ["", &"x".repeat(1025)] {
        let status = Answering::open(&control, id).await.ended().await;
        assert_eq!(reason(&status), (Code::InvalidArgument, Some(Reason::Invalid)), "{status}");
    }
    let mut plane = DataPlane::connect(&control, "edge").await;
    plane.reach(1).await;
    let mut old = Answering::open(&control, "edge").await;
    let asked = explain(&control, "edge", "http://a.test/");
    old.asked().await;
    let new = Answering::open(&control, "edge").await;
    assert_eq!(old.ended().await.code(), Code::Aborted);
    assert_eq!(asked.await.unwrap().unwrap_err().code(), Code::Unavailable);
    control.stop.cancel();
    assert_eq!(reason(&new.ended().await), (Code::Unavailable, Some(Reason::ShuttingDown)));
}

#[tokio::test]
async fn every_data_plane_is_asked_for_its_limits_and_who_does_not_answer_is_named() {
    let control = control().await;
    let (mut planes, mut answering) = (Vec::new(), Vec::new());
    for id in ["c", "b", "a"] {
        planes.push(DataPlane::connect(&control, id).await);
        planes.last_mut().unwrap().reach(1).await;
        answering.push(Answering::open(&control, id).await);
    }
    let mut client = control.admin();
    let shown = tokio::spawn(async move { client.show_limits(admin::ShowLimitsRequest { name: "x".into() }).await });
    let [mut c, mut b, mut a] = <[_; 3]>::try_from(answering).unwrap_or_else(|_| panic!("three"));
    let report = pb::LimitsReport { nodes: 3, ..Default::default() };
    let (of_a, of_b, _) = (a.asked_of_limits("x").await, b.asked_of_limits("x").await, c.asked_of_limits("x").await);
    b.answer(of_b, Reply::Limits(report.clone())).await;
    a.answer(of_a, Reply::Refusal("it does not know this kind of question; update the data plane".into())).await;
    drop(c);
    let admin::ShowLimitsResponse { nodes, others } = shown.await.unwrap().unwrap().into_inner();
    let told: Vec<_> = nodes.into_iter().map(|node| (node.node_id, node.answer.unwrap())).collect();
    let expected = [
        ("a", Answer::Problem("it does not know this kind of question; update the data plane".into())),
        ("b", Answer::Report(report)),
        ("c", Answer::Problem("left before it had answered; try again, or ask another one".into())),
    ];
    assert_eq!((told, others), (expected.map(|(id, answer)| (id.to_owned(), answer)).to_vec(), 0));
}
