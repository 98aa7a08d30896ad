//! `gatewayctl cache stats`.

use gateway_proto::admin::v1::GetCacheStatsRequest;

use crate::{
    client::admin,
    commands::Context,
    exit::{Exit, Failure},
    output::{
        caches::{CacheStats, stats_table},
        note, text,
    },
};

/// Asks every data plane. Those that do not answer are named, and make it fail once the others are shown.
pub(super) async fn run(mut context: Context) -> Result<(), Failure> {
    let client = &mut context.client;
    let request = GetCacheStatsRequest {};
    let answer = client.call(async |channel| admin(channel).get_cache_stats(request).await).await?;
    let caches: Vec<CacheStats> = answer.nodes.into_iter().map(CacheStats::from).collect();
    if caches.is_empty() {
        note("no data plane is connected; start one with `data-plane`");
    }
    context
        .output
        .print(&caches, |width| if caches.is_empty() { String::new() } else { stats_table(width, &caches) })?;
    let silent = caches.iter().filter_map(|cache| Some((&cache.node, cache.problem.as_ref()?)));
    let details: Vec<_> =
        silent.map(|(node, problem)| format!("{}: {}", text::escape(node), text::escape(problem))).collect();
    if details.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Behind, "not every data plane has told of its cache").details(details))
}
