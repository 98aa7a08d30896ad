use std::sync::Arc;

use gateway_proto::discovery::v1::{ExplainQuery, Explanation, query::Query, query_reply::Reply};
use jiff::Timestamp;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::explain;
use crate::{
    grpc::{ask::WITHIN, queries::Queries},
    snapshot::{
        nodes::{Connected, Nodes},
        session::Node,
    },
};

fn connected(nodes: &Arc<Nodes>, id: &str) -> Connected {
    let node = Node { id: id.into(), build: String::new(), proxy_address: String::new() };
    nodes.connect(node, None, None, None).unwrap()
}

fn query() -> Query {
    Query::Explain(ExplainQuery::default())
}

fn refused(answer: Result<(String, Explanation), Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned())
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_waited_for_only_so_long() {
    let (nodes, queries) = (Nodes::new(Timestamp::now), Arc::<Queries>::default());
    let _connected = connected(&nodes, "edge");
    let begun = Instant::now();
    let (code, message) = refused(explain(&nodes, &queries, "edge", query()).await);
    assert_eq!((code, begun.elapsed()), (Code::Unavailable, WITHIN));
    assert_eq!(message, "data plane \"edge\" takes no questions; wait until it is there, or update it");

    let _silent = queries.enter("edge".into()).unwrap();
    let begun = Instant::now();
    let (code, message) = refused(explain(&nodes, &queries, "", query()).await);
    assert_eq!((code, begun.elapsed()), (Code::Unavailable, WITHIN));
    assert_eq!(message, "data plane \"edge\" has not answered within 5s; try again, or ask another one");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_there_is_not_waited_for() {
    let (nodes, queries) = (Nodes::new(Timestamp::now), Arc::<Queries>::default());
    let begun = Instant::now();
    let nobody = refused(explain(&nodes, &queries, "", query()).await);
    assert_eq!(nobody, (Code::NotFound, "no data plane is connected; start one first".into()));
    drop(connected(&nodes, "left"));
    let left = refused(explain(&nodes, &queries, "left", query()).await);
    assert_eq!(left, (Code::NotFound, "no data plane \"left\" is connected; ask one that is".into()));
    assert_eq!(begun.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_has_just_come_is_asked_as_soon_as_it_takes_questions() {
    let (nodes, queries) = (Nodes::new(Timestamp::now), Arc::<Queries>::default());
    let _connected = connected(&nodes, "edge");
    let asking = Arc::clone(&queries);
    let asked = tokio::spawn(async move { explain(&nodes, &asking, "", query()).await });
    tokio::task::yield_now().await;
    let mut node = queries.enter("edge".into()).unwrap();
    let (number, _) = node.next().await;
    node.answer(number, Some(Reply::Explanation(Explanation { revision: 7, ..Explanation::default() })));
    let (id, explanation) = asked.await.unwrap().unwrap();
    assert_eq!((&*id, explanation.revision), ("edge", 7));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_none_says_why() {
    let (nodes, queries) = (Nodes::new(Timestamp::now), Arc::<Queries>::default());
    let _connected = connected(&nodes, "edge");
    let answered = async |answer| {
        let mut node = queries.enter("edge".into()).unwrap();
        let answers = async {
            let (number, _) = node.next().await;
            node.answer(number, answer);
        };
        let (asked, ()) = tokio::join!(explain(&nodes, &queries, "edge", query()), answers);
        refused(asked)
    };
    let refusal = Some(Reply::Refusal("url is none".into()));
    assert_eq!(answered(refusal).await, (Code::InvalidArgument, "url is none".into()));
    let (code, message) = answered(None).await;
    assert!(code == Code::Unavailable && message.contains("update this control plane"), "{message}");

    let mut node = queries.enter("edge".into()).unwrap();
    let leaves = async {
        node.next().await;
        drop(node);
    };
    let (asked, ()) = tokio::join!(explain(&nodes, &queries, "edge", query()), leaves);
    let (code, message) = refused(asked);
    assert!(code == Code::Unavailable && message.contains("left before it had answered"), "{message}");
}
