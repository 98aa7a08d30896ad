//! Asks every data plane what its cache holds and has done.

use futures_util::future::join_all;
use gateway_proto::{
    admin::v1::{NodeCacheStats, node_cache_stats::Answer},
    discovery::v1::{CacheStatsQuery, query::Query, query_reply::Reply},
};

use super::{
    ask::{ask, not_known},
    queries::Queries,
};
use crate::snapshot::nodes::Nodes;

/// What each data plane that is connected says, in the order of their ids. All are asked at once, so
/// that one that is silent holds up the others for no longer than it is waited for itself.
pub(super) async fn cache_stats(nodes: &Nodes, queries: &Queries) -> Vec<NodeCacheStats> {
    let connected = nodes.list().into_iter().filter(|node| node.connected);
    join_all(connected.map(|node| of_node(queries, node.node.id))).await
}

async fn of_node(queries: &Queries, id: String) -> NodeCacheStats {
    let answer = match ask(queries, &id, Query::CacheStats(CacheStatsQuery {})).await {
        Ok((_, Reply::CacheStats(stats))) => Answer::Stats(stats),
        Ok((_, Reply::Refusal(refusal))) => Answer::Problem(refusal),
        Ok((id, Reply::Explanation(_) | Reply::Limits(_))) => Answer::Problem(not_known(&id).why),
        Err(silence) => Answer::Problem(silence.why),
    };
    NodeCacheStats { node_id: id, answer: Some(answer) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gateway_proto::{
        admin::v1::node_cache_stats::Answer,
        discovery::v1::{CacheStats, query::Query, query_reply::Reply},
    };
    use jiff::Timestamp;
    use tokio::time::Instant;

    use super::cache_stats;
    use crate::{
        grpc::{ask::WITHIN, queries::Queries},
        snapshot::{nodes::Nodes, session::Node},
    };

    #[tokio::test(start_paused = true)]
    async fn who_answers_is_told_beside_who_does_not() {
        let (nodes, queries) = (Nodes::new(Timestamp::now), Arc::<Queries>::default());
        let connect = |id: &str| {
            let node = Node { id: id.into(), build: String::new(), proxy_address: String::new() };
            nodes.connect(node, None, None, None).unwrap()
        };
        let _connected = ["b", "a", "old", "silent"].map(connect);
        drop(connect("left"));
        let _silent = queries.enter("silent".into()).unwrap();
        let answers = |id: &str, reply: Option<Reply>| {
            let mut node = queries.enter(id.into()).unwrap();
            async move {
                let (number, query) = node.next().await;
                assert!(matches!(query, Query::CacheStats(_)), "{query:?}");
                node.answer(number, reply);
            }
        };
        let stats = |entries| CacheStats { entries, ..CacheStats::default() };
        let begun = Instant::now();
        let (told, (), (), ()) = tokio::join!(
            cache_stats(&nodes, &queries),
            answers("b", Some(Reply::CacheStats(stats(2)))),
            answers("a", Some(Reply::CacheStats(stats(1)))),
            answers("old", Some(Reply::Refusal("it does not know this kind of question".into()))),
        );
        assert_eq!(begun.elapsed(), WITHIN);
        let told: Vec<_> = told.into_iter().map(|node| (node.node_id, node.answer.unwrap())).collect();
        let expected = [
            ("a", Answer::Stats(stats(1))),
            ("b", Answer::Stats(stats(2))),
            ("old", Answer::Problem("it does not know this kind of question".into())),
            ("silent", Answer::Problem("has not answered within 5s; try again, or ask another one".into())),
        ];
        assert_eq!(told, expected.map(|(id, answer)| (id.to_owned(), answer)));
    }
}
